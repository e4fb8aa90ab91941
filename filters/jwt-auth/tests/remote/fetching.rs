//! When keys are fetched, and who waits for them.

use crate::common::*;
use crate::keys::tampered;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Answer, Proxy};

#[tollgate_testkit::test(JwtAuth)]
fn the_first_request_that_needs_keys_fetches_them_and_the_next_ones_do_not(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    assert_eq!(fetches(proxy), 0);
    for _ in 0..3 {
        let exchange = present(proxy, OLD);
        assert_eq!(exchange.status(), 200);
        assert_eq!(exchange.upstream_request().header("x-sub").as_deref(), Some("alice"));
    }
    let requests = proxy.requests("issuer");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header(":method").as_deref(), Some("GET"));
    assert_eq!(requests[0].header(":authority").as_deref(), Some("issuer.example"));
    assert_eq!(requests[0].path(), "/keys?v=1");
    assert_eq!(stat(proxy, "jwks_fetch_success"), 1);
    assert_eq!(stat(proxy, "jwks_fetch_failed"), 0);
    assert_eq!(stat(proxy, "jwt_cache_hit"), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_thousand_requests_that_wait_cause_one_fetch(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).after(millis(500)));
    start(proxy, provider(json!({})));
    let waiting: Vec<_> = (0..1000).map(|_| present(proxy, OLD)).collect();
    proxy.advance(millis(499));
    assert!(waiting.iter().all(|exchange| exchange.is_pending()));
    proxy.advance(seconds(1));
    assert!(waiting.iter().all(|exchange| exchange.status() == 200));
    assert_eq!(fetches(proxy), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_no_key_could_make_good_causes_no_fetch(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({ "audiences": ["api"] })));
    let claims = json!({ "iss": ISSUER, "aud": "api" });
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        OLD.sign(&claims)
    };
    for token in [
        "a.b.c".to_owned(),
        with("iss", json!("https://other.example")),
        with("aud", json!("web")),
        with("exp", json!(1)),
        with("nbf", json!(4_000_000_000_u64)),
        OLD.sign_with(&json!({ "alg": "HS256" }), &claims),
    ] {
        assert!(matches!(send(proxy, &token).status(), 401 | 403), "{token}");
    }
    assert_eq!(proxy.get("/").send().status(), 401);
    assert_eq!(fetches(proxy), 0);
    assert_eq!(send(proxy, &tampered(&OLD.sign(&claims))).status(), 401);
    assert_eq!(fetches(proxy), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn headers_that_a_client_claims_are_gone_before_the_wait(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).after(millis(10)));
    start(proxy, provider(json!({})));
    let token = OLD.sign(&json!({ "iss": ISSUER }));
    let request = proxy.get("/").header("authorization", format!("Bearer {token}"));
    let exchange = request.header("x-sub", "root").send();
    proxy.advance(millis(20));
    assert_eq!(exchange.upstream_request().header("x-sub"), None);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_client_that_leaves_takes_the_fetch_not_with_it(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).after(millis(100)));
    start(proxy, provider(json!({})));
    present(proxy, OLD).leave();
    proxy.advance(millis(200));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(fetches(proxy), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_expired_set_is_fetched_again_by_the_request_that_needs_it(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    proxy.advance(millis(299_900));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(fetches(proxy), 1);
    proxy.advance(millis(200));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(fetches(proxy), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn with_async_fetch_no_request_ever_waits(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider_with(json!({ "async_fetch": {} })));
    proxy.advance(millis(1));
    assert_eq!(fetches(proxy), 1);
    proxy.advance(millis(294_900));
    assert_eq!(fetches(proxy), 1);
    // 5 s before the end of its 300 s.
    proxy.advance(millis(200));
    assert_eq!(fetches(proxy), 2);
    assert_eq!(present(proxy, OLD).status(), 200);
    proxy.advance(seconds(3000));
    assert_eq!(fetches(proxy), 12);
}

#[tollgate_testkit::test(JwtAuth)]
fn with_async_fetch_a_failed_fetch_is_made_again_after_a_second_or_as_configured(
    proxy: &mut Proxy,
) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    let fetch =
        json!({ "async_fetch": { "failed_refetch_duration": "3s", "fast_listener": true } });
    start(proxy, provider_with(fetch));
    proxy.advance(millis(2990));
    assert_eq!(fetches(proxy), 1);
    proxy.advance(millis(20));
    assert_eq!(fetches(proxy), 2);
    issuer.has(&[OLD]);
    proxy.advance(seconds(4));
    assert_eq!(fetches(proxy), 3);
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(stat(proxy, "jwks_fetch_failed"), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn cache_control_is_honoured_within_bounds(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    for (line, lifetime) in [
        ("max-age=120", 120),
        ("max-age=1", 60),
        ("no-store", 60),
        ("max-age=7200", 7200),
        ("max-age=1000000", 86_400),
    ] {
        issuer.answers(set(&[OLD]).header("cache-control", line));
        proxy.advance(seconds(86_400));
        assert_eq!(present(proxy, OLD).status(), 200);
        let before = fetches(proxy);
        proxy.advance(seconds(lifetime - 1));
        present(proxy, OLD);
        assert_eq!(fetches(proxy), before, "{line}");
        proxy.advance(seconds(2));
        present(proxy, OLD);
        assert_eq!(fetches(proxy), before + 1, "{line}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_set_that_has_not_changed_is_not_sent_again(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).header("etag", "\"v1\""));
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    issuer.answers(Answer::status(304));
    proxy.advance(seconds(301));
    assert_eq!(present(proxy, OLD).status(), 200);
    let requests = proxy.requests("issuer");
    assert_eq!(requests[0].header("if-none-match"), None);
    assert_eq!(requests[1].header("if-none-match").as_deref(), Some("\"v1\""));
    proxy.advance(seconds(200));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(fetches(proxy), 2);
    assert_eq!(stat(proxy, "jwks_fetch_success"), 2);
    // The token was not verified again.
    assert_eq!(stat(proxy, "jwt_cache_miss"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_fetch_that_fails_is_tried_again_at_once_by_the_retry_policy(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(503).header("x-envoy-upstream-service-time", "1"));
    let back_off = json!({ "base_interval": "0.1s", "max_interval": "0.2s" });
    let retry = json!({ "retry_policy": { "num_retries": 3, "retry_back_off": back_off } });
    start(proxy, provider_with(retry));
    let exchange = present(proxy, OLD);
    proxy.advance(seconds(1));
    is_denied(&exchange, 503, FETCH_FAILED);
    assert_eq!(fetches(proxy), 4);
    assert_eq!(stat(proxy, "jwks_fetch_failed"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_new_configuration_takes_over_what_was_fetched(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    proxy.configure(protected_by(provider(json!({ "stale_if_error": "1h" }))));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(fetches(proxy), 1);
}
