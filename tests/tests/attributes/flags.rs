//! `response.flags`, with Envoy's own access log as the oracle.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, native_filter};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

use crate::probe::{self, Seen};

const HTTP_PROTOCOL_OPTIONS: &str =
    "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const LIMIT: Duration = Duration::from_secs(10);

/// A path for each mishap, and the flag that it leaves.
const MISHAPS: [(&str, &str); 14] = [
    ("/no-route", "NR"),
    ("/no-cluster", "NC"),
    ("/no-host", "UH"),
    ("/refused", "UF"),
    ("/timeout", "UT"),
    ("/too-long", "UMSDR"),
    ("/closed", "UC"),
    ("/retries", "URX"),
    ("/full", "UO"),
    ("/nonsense", "UPE"),
    ("/dropped", "UDO"),
    ("/delayed", "DI"),
    ("/aborted", "FI"),
    ("/limited", "RL"),
];

fn empty(name: &str) -> Cluster {
    let nobody = Cluster::new(name, ([127, 0, 0, 1], 1).into());
    nobody.with(json!({ "load_assignment": { "cluster_name": name, "endpoints": [] } }))
}

/// Native filters behind the probe: they answer in the place of the router.
fn fault(prefix: &str, config: Value) -> Value {
    let message = "envoy.extensions.filters.http.fault.v3.HTTPFault";
    let mut config = config;
    config["headers"] = json!([{ "name": ":path", "string_match": { "exact": prefix } }]);
    native_filter("envoy.filters.http.fault", message, config)
}

fn rate_limit() -> Value {
    let message = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
    let never = json!({ "max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s" });
    let on = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let limited = json!({
        "entries": [{ "key": "path", "value": "/limited" }],
        "token_bucket": never,
    });
    let by_path = json!({ "request_headers": {
        "header_name": ":path",
        "descriptor_key": "path",
    } });
    native_filter(
        "envoy.filters.http.local_ratelimit",
        message,
        json!({
            "stat_prefix": "limited",
            "token_bucket": { "max_tokens": 1000, "fill_interval": "1s" },
            "filter_enabled": on,
            "filter_enforced": on,
            "descriptors": [limited],
            "rate_limits": [{ "actions": [by_path] }],
        }),
    )
}

/// Answers every connection with what is not HTTP.
async fn nonsense() -> Result<std::net::SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"this is no HTTP\r\n\r\n").await;
        }
    });
    Ok(address)
}

async fn start(upstream: &Upstream) -> Result<Process> {
    let percentage = json!({ "numerator": 100 });
    let app = |path: &str| Route::prefix(path).to("app");
    let retry = json!({ "route": { "retry_policy": { "retry_on": "5xx", "num_retries": 1 } } });
    let longest = json!({ "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": HTTP_PROTOCOL_OPTIONS,
            "explicit_http_config": { "http_protocol_options": {} },
            "common_http_protocol_options": { "max_stream_duration": "0.05s" },
        },
    } });
    let listener = Listener::new("edge")
        .filter(probe::filter(json!({}))?)
        .filter(fault(
            "/delayed",
            json!({ "delay": { "fixed_delay": "0.01s", "percentage": percentage } }),
        ))
        .filter(fault(
            "/aborted",
            json!({ "abort": { "http_status": 418, "percentage": percentage } }),
        ))
        .filter(rate_limit())
        .route(
            Route::prefix("/no-cluster")
                .with(json!({ "route": { "cluster_header": "x-cluster" } })),
        )
        .route(Route::prefix("/no-host").to("empty"))
        .route(Route::prefix("/refused").to("refused"))
        .route(app("/timeout").timeout(Duration::from_millis(50)))
        .route(Route::prefix("/too-long").to("short"))
        .route(app("/retries").with(retry))
        .route(Route::prefix("/full").to("full"))
        .route(Route::prefix("/nonsense").to("nonsense"))
        .route(Route::prefix("/dropped").to("dropped"))
        .route(app("/limited"))
        .route(app("/closed"))
        .route(app("/delayed"))
        .route(app("/aborted"))
        .route(app("/fine"));
    let none = json!({ "circuit_breakers": { "thresholds": [{ "max_requests": 0, "max_pending_requests": 0 }] } });
    let dropped = json!({ "load_assignment": { "policy": { "drop_overloads": [
        { "category": "all", "drop_percentage": { "numerator": 100 } },
    ] } } });
    let config = Bootstrap::new()
        .listener(listener)
        .cluster(Cluster::new("app", upstream.address()))
        .cluster(Cluster::new("short", upstream.address()).with(longest))
        .cluster(empty("empty"))
        .cluster(Cluster::new("refused", ([127, 0, 0, 1], 1).into()))
        .cluster(Cluster::new("full", upstream.address()).with(none))
        .cluster(Cluster::new("nonsense", nonsense().await?))
        .cluster(Cluster::new("dropped", upstream.address()).with(dropped))
        .build();
    Process::start(&config, 1).await
}

fn as_set(flags: &str) -> BTreeSet<&str> {
    flags.split(',').collect()
}

#[tokio::test]
async fn response_flags_are_those_of_envoys_access_log() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.respond(|request| match request.path.as_str() {
        "/timeout" | "/too-long" => Answer::status(200).after(Duration::from_secs(5)),
        "/closed" => Answer::reset(),
        "/retries" => Answer::status(500),
        _ => Answer::status(200),
    });
    let envoy = start(&upstream).await?;
    let address = envoy.address("edge")?;
    client::get(address, "/limited").send().await?; // takes the one token
    let mut seen = Vec::new();
    for (path, flag) in [("/fine", "-")].iter().chain(&MISHAPS) {
        let request = client::get(address, path).header("x-cluster", "no-such-cluster");
        let answer = request.send().await?;
        let flags = Seen::in_response(&answer)?.attribute("response.flags").clone();
        seen.push((*path, *flag, flags.as_str().context("no flags")?.to_owned()));
    }
    let logged = async || envoy.access_log().is_ok_and(|log| log.len() == seen.len() + 1);
    wait::until("all are in the access log", LIMIT, logged).await?;
    let log = envoy.access_log()?;
    for (path, flag, flags) in &seen {
        assert!(as_set(flags).contains(flag), "{path}: {flags}");
        let logged = log.iter().rev().find(|entry| entry["path"] == *path).context("not logged")?;
        let logged = logged["flags"].as_str().context("no flags are logged")?;
        assert_eq!(as_set(flags), as_set(logged), "{path}");
    }
    Ok(())
}
