//! Every algorithm and every form of key in stock Envoy: what is right passes, what was changed does not, and
//! Envoy's own filter says the same where it takes such keys.

#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared with the filter's own tests"
)]
#[path = "../../filters/jwt-auth/tests/behaviour/keys.rs"]
mod keys;

use anyhow::Result;
use keys::{EC, Key, PUBLIC, RSA_KEY, SECRET, certificate, jwks, pem, tampered};
use serde_json::{Map, Value, json};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{
    Bootstrap, Cluster, Listener, Process, Route, WasmFilter, native_filter,
};
use tollgate_e2e::upstream::Upstream;

const ISSUER: &str = "https://issuer.example";
/// One of each kind that is public.
const KINDS: [Key; 5] = [RSA_KEY, EC, Key::Es384, Key::Es512, Key::EdDsa];

fn provider(keys: String) -> Value {
    json!({ "issuer": ISSUER, "local_jwks": { "inline_string": keys } })
}

/// Each provider at the path of its name.
fn configuration(providers: Map<String, Value>) -> Value {
    let rule = |name: &String| json!({ "match": { "path": format!("/{name}") }, "requires": { "provider_name": name } });
    let rules: Vec<_> = providers.keys().map(rule).collect();
    json!({ "providers": providers, "rules": rules })
}

fn certificates(kinds: &[Key]) -> String {
    let one = |key: &Key| (key.kid(), json!(certificate(&key.public_key_info())));
    Value::Object(kinds.iter().map(one).collect()).to_string()
}

/// The providers of both filters: with JWKs, with a secret, with certificates.
fn common() -> Map<String, Value> {
    let all: Vec<_> = KINDS.iter().map(|key| key.jwk()).collect();
    let mut providers = Map::new();
    providers.insert("jwks".into(), provider(jwks(&all)));
    providers.insert("secret".into(), provider(jwks(&[Key::Hs256.jwk()])));
    // Envoy's own filter takes certificates with RSA keys only.
    providers.insert("certificates".into(), provider(certificates(&[RSA_KEY])));
    providers
}

fn ours() -> Value {
    let mut providers = common();
    providers["secret"]["algorithms"] = json!(["HS256", "HS384", "HS512"]);
    providers["certificates"] = provider(certificates(&KINDS));
    for kind in KINDS {
        let key = pem("PUBLIC KEY", &kind.public_key_info());
        providers.insert(kind.kid(), provider(key));
    }
    configuration(providers)
}

async fn status(envoy: &Process, listener: &str, path: &str, token: &str) -> Result<u16> {
    let request = client::get(envoy.address(listener)?, path);
    Ok(request.header("authorization", format!("Bearer {token}")).send().await?.status)
}

/// What becomes of a good token of a key, of one with another signature, and of one with other claims.
async fn statuses(envoy: &Process, listener: &str, name: &str, key: Key) -> Result<[u16; 3]> {
    let path = format!("/{name}");
    let good = key.sign(&json!({ "iss": ISSUER, "sub": "alice" }));
    let other = key.sign(&json!({ "iss": ISSUER, "sub": "mallory" }));
    Ok([
        status(envoy, listener, &path, &good).await?,
        status(envoy, listener, &path, &tampered(&good)).await?,
        status(envoy, listener, &path, &keys::with_claims_of(&good, &other)).await?,
    ])
}

#[tokio::test]
async fn every_algorithm_is_verified_with_every_form_of_key() -> Result<()> {
    const RIGHT: [u16; 3] = [200, 401, 401];
    let upstream = Upstream::start().await?;
    let route = || Route::prefix("/").to("backend");
    let native = native_filter(
        "envoy.filters.http.jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        configuration(common()),
    );
    let config = Bootstrap::new()
        .listener(Listener::new("ours").filter(WasmFilter::new("jwt-auth", ours())?).route(route()))
        .listener(Listener::new("native").filter(native).route(route()))
        .cluster(Cluster::new("backend", upstream.address()))
        .build();
    let envoy = Process::start(&config, 1).await?;
    for key in PUBLIC {
        let case = key.algorithm();
        for name in ["jwks", "certificates", &key.kid()] {
            assert_eq!(statuses(&envoy, "ours", name, key).await?, RIGHT, "{case}, {name}");
        }
        assert_eq!(statuses(&envoy, "native", "jwks", key).await?, RIGHT, "{case}, native");
        if key.kid() == RSA_KEY.kid() {
            let seen = statuses(&envoy, "native", "certificates", key).await?;
            assert_eq!(seen, RIGHT, "{case}, native with certificates");
        }
    }
    for key in SECRET {
        for listener in ["ours", "native"] {
            let seen = statuses(&envoy, listener, "secret", key).await?;
            assert_eq!(seen, RIGHT, "{}, {listener}", key.algorithm());
        }
    }
    // Otherwise the module has warned that it must verify itself.
    assert!(!envoy.logs()?.contains("does not verify"));
    Ok(())
}
