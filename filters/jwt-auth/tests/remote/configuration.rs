//! What is refused, and how.

use crate::common::*;
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

fn discovery(issuer: &str, issuer_uri: &str) -> Value {
    json!({ "issuer": issuer, "discovery": { "issuer_uri": issuer_uri, "cluster": "c" } })
}

#[tollgate_testkit::test(JwtAuth)]
fn what_cannot_work_is_refused_by_name(proxy: &mut Proxy) {
    let uri = |uri: &str| provider_with(json!({ "http_uri": { "uri": uri, "cluster": "c" } }));
    let local = json!({ "inline_string": "{}" });
    let cluster = json!({ "http_uri": { "uri": "http://a/", "cluster": "" } });
    let back_off = json!({ "base_interval": "2s", "max_interval": "1s" });
    for (provider, said) in [
        (json!({}), "`providers.main`: found none of them"),
        (provider(json!({ "local_jwks": local })), "exactly one of `local_jwks`, `remote_jwks`"),
        (uri("issuer.example/keys"), "`providers.main.remote_jwks.http_uri.uri`"),
        (uri("ftp://issuer.example/"), "`providers.main.remote_jwks.http_uri.uri`"),
        (uri("https:///keys"), "`providers.main.remote_jwks.http_uri.uri`"),
        (uri("https://a b/"), "`providers.main.remote_jwks.http_uri.uri`"),
        (uri("https://user@issuer.example/"), "`providers.main.remote_jwks.http_uri.uri`"),
        (provider_with(cluster), "`providers.main.remote_jwks.http_uri.cluster`"),
        (
            provider_with(json!({ "cache_duration": "0s" })),
            "`providers.main.remote_jwks.cache_duration`",
        ),
        (
            provider_with(json!({ "retry_policy": { "retry_back_off": back_off } })),
            "`providers.main.remote_jwks.retry_policy.retry_back_off.max_interval`",
        ),
        (
            provider(json!({ "on_keys_unavailable": "pass" })),
            "`providers.main.on_keys_unavailable`",
        ),
        (
            discovery("https://b.example", "https://a.example"),
            "`providers.main.issuer`: found \"https://b.example\", \
             allowed: the same as `discovery.issuer_uri`, or nothing",
        ),
        (discovery("", "https://a.example/?x"), "`providers.main.discovery.issuer_uri`"),
    ] {
        let refusal = proxy.try_configure(protected_by(provider)).unwrap_err();
        assert!(refusal.contains(said), "{said}\n{refusal}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn fields_about_fetching_need_keys_that_are_fetched(proxy: &mut Proxy) {
    let jwks = crate::keys::jwks(&[OLD.jwk()]);
    for (field, value) in [
        ("unknown_kid_refetch", json!({})),
        ("on_keys_unavailable", json!("allow")),
        ("stale_if_error", json!("1h")),
    ] {
        let mut provider = json!({ "local_jwks": { "inline_string": jwks } });
        provider[field] = value;
        let refusal = proxy.try_configure(protected_by(provider)).unwrap_err();
        let said = format!("`providers.main.{field}`: found `local_jwks` beside it");
        assert!(refusal.contains(&said), "{refusal}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn both_spellings_and_envoys_own_example_are_taken(proxy: &mut Proxy) {
    proxy.verify_signatures();
    proxy.configure(protected_by(json!({
        "issuer": ISSUER,
        "remoteJwks": {
            "httpUri": { "uri": "https://issuer.example/keys", "cluster": "issuer", "timeout": "5s" },
            "cacheDuration": "300s",
            "asyncFetch": { "fastListener": true, "failedRefetchDuration": "2s" },
            "retryPolicy": { "numRetries": 2, "retryBackOff": { "baseInterval": "0.01s" } },
        },
        "onKeysUnavailable": "deny_401",
    })));
}
