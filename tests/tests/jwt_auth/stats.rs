//! What is counted, and with which names.

use anyhow::Result;
use serde_json::json;
use tollgate_e2e::client;
use tollgate_e2e::oracle::{Side, SideBySide};

use crate::ENVOYS_OWN;
use crate::fixtures::{expired, provider, token};

/// The stats that both have; ours counts in `wasmcustom.tollgate.jwt_auth.`.
const NAMES: [&str; 5] =
    ["allowed", "denied", "cors_preflight_bypassed", "jwt_cache_hit", "jwt_cache_miss"];

#[tokio::test]
async fn the_stats_that_both_have_count_the_same() -> Result<()> {
    let cache = json!({ "jwt_cache_size": 10, "jwt_max_token_size": 1000 });
    let configuration = json!({
        "providers": { "main": provider(json!({ "jwt_cache_config": cache })) },
        "rules": [
            { "match": { "path": "/open" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "main" } },
        ],
        "bypass_cors_preflight": true,
        "stat_prefix": "edge",
    });
    let world = SideBySide::start("jwt-auth", ENVOYS_OWN, configuration, 1).await?;
    let good = token(json!({}));
    let long = token(json!({ "x": "x".repeat(1500) }));
    let stale = expired();
    let requests: &[(&str, Option<&str>)] = &[
        ("/", None),
        ("/open", None),
        ("/open", Some(&good)),
        ("/", Some(&good)),
        ("/", Some(&good)),
        ("/", Some(&good)),
        ("/", Some(&stale)),
        ("/", Some(&stale)),
        ("/", Some("x")),
        ("/", Some(&long)),
        ("/", Some(&long)),
    ];
    for side in Side::BOTH {
        let address = world.envoy.address(&side.listener(""))?;
        for (path, token) in requests {
            let request = client::get(address, path);
            token.iter().fold(request, |request, token| request.bearer(token)).send().await?;
        }
        let preflight = client::request(hyper::Method::OPTIONS, address, "/");
        preflight
            .header("origin", "x")
            .header("access-control-request-method", "GET")
            .send()
            .await?;
    }
    let stats = world.envoy.stats().await?;
    for name in NAMES {
        let ours = stats.get(&format!("wasmcustom.tollgate.jwt_auth.stat_prefix=edge.{name}"))?;
        let native = stats.get(&format!("http.native.jwt_authn.edge.{name}"))?;
        assert_eq!(ours, native, "{name}");
        assert!(ours > 0, "{name}");
    }
    Ok(())
}
