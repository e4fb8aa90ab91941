//! What clients get from an issuer that does not answer, or badly.

use crate::common::*;
use crate::keys::{EC, jwks};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Answer, Proxy};

/// Answers that bring no keys, and what the operator is told.
fn bad_answers() -> Vec<(Answer, &'static str)> {
    let huge = format!("{{\"keys\": []{}}}", " ".repeat(1024 * 1024));
    let many = jwks(&vec![EC.jwk(); 1001]);
    vec![
        (Answer::reset(), "the cluster cannot be reached"),
        (Answer::status(500), "the answer has status 500"),
        (Answer::status(404).body("{}"), "the answer has status 404"),
        (
            Answer::status(302).header("location", "https://evil.example"),
            "the answer has status 302 (redirects are not followed)",
        ),
        (Answer::status(304), "the answer has status 304"),
        (Answer::status(200), "Jwks is an invalid JSON"),
        (Answer::status(200).body("<html>hunter2</html>"), "Jwks is an invalid JSON"),
        (Answer::status(200).body("[]"), "Jwks is an invalid JSON; not an object"),
        (Answer::status(200).body("{}"), "Jwks does not have [keys] field"),
        (Answer::status(200).body(r#"{"keys":[]}"#), "Jwks doesn't have any valid public key"),
        (Answer::status(200).body(huge), "the answer has 1048588 bytes, allowed are 1048576"),
        (Answer::status(200).body(many), "Jwks has 1001 keys, allowed are 1000"),
    ]
}

#[tollgate_testkit::test(JwtAuth)]
fn before_the_first_set_clients_get_503_and_are_told_when_to_come_again(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    start(proxy, provider(json!({})));
    for (answer, said) in bad_answers() {
        issuer.answers(answer);
        proxy.advance(seconds(2));
        let exchange = present(proxy, OLD);
        is_denied(&exchange, 503, FETCH_FAILED);
        assert_eq!(exchange.response().header("retry-after").as_deref(), Some("1"));
        assert_eq!(exchange.response().header("www-authenticate"), None);
        let details = "jwt_authn_access_denied{Jwks_remote_fetch_is_failed}";
        assert_eq!(exchange.details(), details);
        let line = format!("cannot fetch keys from https://issuer.example/keys?v=1: {said}");
        assert!(has_logged(proxy, &line), "{line}\n{:?}", proxy.log().last());
    }
    assert!(!has_logged(proxy, "hunter2"));
    let count = bad_answers().len() as u64;
    assert_eq!(stat(proxy, "jwks_fetch_failed"), count);
    assert_eq!(stat(proxy, "denied_keys_unavailable"), count);
    issuer.has(&[OLD]);
    proxy.advance(seconds(2));
    assert_eq!(present(proxy, OLD).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_set_that_is_there_serves_on_whatever_comes_later(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    proxy.advance(seconds(301));
    for (answer, said) in bad_answers() {
        issuer.answers(answer);
        proxy.advance(seconds(2));
        assert_eq!(present(proxy, OLD).status(), 200, "{said}");
        assert!(has_logged(proxy, said), "{said}");
    }
    assert!(stat(proxy, "jwks_served_stale") > 0);
    issuer.has(&[OLD, NEW]);
    proxy.advance(seconds(2));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!(present(proxy, NEW).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_content_type_does_not_matter(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).header("content-type", "text/html"));
    start(proxy, provider(json!({})));
    assert_eq!(present(proxy, OLD).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn while_fetches_fail_at_most_one_is_made_a_second_and_nobody_waits(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    start(proxy, provider(json!({})));
    for tenth in 0..30 {
        is_denied(&present(proxy, OLD), 503, FETCH_FAILED);
        assert_eq!(fetches(proxy), 1 + tenth / 10);
        proxy.advance(millis(100));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_slow_issuer_is_waited_for_as_long_as_a_fetch_may_take(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::never());
    start(proxy, provider(json!({})));
    let exchange = present(proxy, OLD);
    proxy.advance(millis(1990));
    assert!(exchange.is_pending());
    proxy.advance(millis(20));
    is_denied(&exchange, 503, FETCH_FAILED);
    assert!(has_logged(proxy, "no answer"));
    // In between they are told at once.
    is_denied(&present(proxy, OLD), 503, FETCH_FAILED);
    assert_eq!(fetches(proxy), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn once_it_is_known_that_fetches_fail_nobody_waits_for_them(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    issuer.answers(Answer::never());
    proxy.advance(seconds(301));
    let first = present(proxy, OLD);
    assert!(first.is_pending());
    proxy.advance(seconds(2));
    assert_eq!(first.status(), 200);
    for _ in 0..20 {
        assert_eq!(present(proxy, OLD).status(), 200);
        proxy.advance(seconds(1));
    }
    assert!(fetches(proxy) > 5);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_cluster_that_is_not_there_yet_is_a_failed_fetch(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "async_fetch": {} })));
    is_denied(&present(proxy, OLD), 503, FETCH_FAILED);
    assert!(has_logged(proxy, "the host refused the call"));
    Issuer::with(proxy, &[OLD]);
    proxy.advance(seconds(2));
    assert_eq!(present(proxy, OLD).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn with_deny_401_the_answer_is_envoys(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    start(proxy, provider(json!({ "on_keys_unavailable": "deny_401" })));
    let exchange = present(proxy, OLD);
    is_denied(&exchange, 401, FETCH_FAILED);
    assert_eq!(exchange.response().header("retry-after"), None);
    let challenge = "Bearer realm=\"http://example.com/\", error=\"invalid_token\"";
    assert_eq!(exchange.response().header("www-authenticate").as_deref(), Some(challenge));
}

#[tollgate_testkit::test(JwtAuth)]
fn an_operator_may_write_the_answer_and_its_retry_after(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    let answer = json!({
        "body": "come back",
        "headers": [{ "name": "retry-after", "value": "30" }],
    });
    let mut configuration = protected_by(provider(json!({})));
    configuration["denied_response"] = json!({ "unavailable": answer });
    proxy.verify_signatures();
    proxy.configure(configuration);
    let exchange = present(proxy, OLD);
    is_denied(&exchange, 503, "come back");
    assert_eq!(exchange.response().headers.get_all("retry-after").count(), 1);
    assert_eq!(exchange.response().header("retry-after").as_deref(), Some("30"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_report_denies_nobody_while_keys_are_not_there(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    let mut configuration = protected_by(provider(json!({})));
    configuration["mode"] = json!("report");
    proxy.verify_signatures();
    proxy.configure(configuration);
    let upstream = present(proxy, OLD).upstream_request();
    assert_eq!(upstream.header("x-jwt-auth-denied").as_deref(), Some("keys_unavailable"));
}

#[tollgate_testkit::test(JwtAuth)]
fn with_allow_a_token_counts_as_not_there_and_the_request_passes(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    start(proxy, provider(json!({ "on_keys_unavailable": "allow" })));
    let exchange = present(proxy, OLD);
    assert_eq!(exchange.status(), 200);
    let upstream = exchange.upstream_request();
    assert_eq!((upstream.header("x-sub"), upstream.header("authorization")), (None, None));
    assert_eq!(stat(proxy, "keys_unavailable_allowed"), 1);
    // A request needs a token still, and one that could be good.
    assert_eq!(proxy.get("/").send().status(), 401);
    assert_eq!(send(proxy, &OLD.sign(&json!({ "iss": ISSUER, "exp": 1 }))).status(), 401);
    // Nothing of it is remembered.
    issuer.has(&[NEW]);
    proxy.advance(seconds(2));
    is_denied(&present(proxy, OLD), 401, NO_KEY);
}

#[tollgate_testkit::test(JwtAuth)]
fn when_a_set_is_too_old_clients_are_denied_also_with_allow(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    let fields = json!({ "on_keys_unavailable": "allow", "stale_if_error": "60s" });
    start(proxy, provider(fields));
    present(proxy, OLD);
    issuer.answers(Answer::status(500));
    proxy.advance(seconds(359));
    assert_eq!(present(proxy, OLD).status(), 200);
    proxy.advance(seconds(2));
    is_denied(&present(proxy, OLD), 503, FETCH_FAILED);
    issuer.has(&[OLD]);
    proxy.advance(seconds(2));
    assert_eq!(present(proxy, OLD).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_issuer_that_is_down_does_not_keep_the_tokens_of_another_out(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(Answer::status(500));
    proxy.verify_signatures();
    let local = json!({
        "issuer": "https://local.example",
        "local_jwks": { "inline_string": jwks(&[NEW.jwk()]) },
    });
    let any =
        json!({ "requirements": [{ "provider_name": "main" }, { "provider_name": "local" }] });
    proxy.configure(json!({
        "providers": { "main": provider(json!({})), "local": local },
        "rules": [
            { "match": { "prefix": "/lax" }, "requires": { "allow_missing_or_failed": {} } },
            { "match": { "prefix": "/" }, "requires": { "requires_any": any } },
        ],
    }));
    assert_eq!(send(proxy, &NEW.sign(&json!({ "iss": "https://local.example" }))).status(), 200);
    assert_eq!(fetches(proxy), 0);
    is_denied(&present(proxy, OLD), 503, FETCH_FAILED);
    let lax = proxy.get("/lax").header("authorization", format!("Bearer {}", token(OLD))).send();
    assert_eq!(lax.status(), 200);
}
