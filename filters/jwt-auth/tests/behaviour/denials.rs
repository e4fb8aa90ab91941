//! What a client gets that is denied.

use crate::common::{
    is_denied, passes, present, protected_by, provider, provider_with, reasons, start, token, with,
};
use crate::keys::{EC, tampered};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Exchange, Proxy};

fn challenge(exchange: &Exchange) -> Option<String> {
    exchange.response().header("www-authenticate")
}

#[tollgate_testkit::test(JwtAuth)]
fn a_missing_token_is_asked_for_without_an_error(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let exchange = proxy.get("/a/path").send();
    is_denied(&exchange, reasons::MISSING);
    assert_eq!(challenge(&exchange).unwrap(), r#"Bearer realm="http://example.com/a/path""#);
    let response = exchange.response();
    assert_eq!(response.header("content-type").as_deref(), Some("text/plain"));
    assert_eq!(response.header("content-length").as_deref(), Some("14"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_bad_token_is_told_to_be_invalid_and_only_a_wrong_audience_is_forbidden(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["other"] })));
    let expected = r#"Bearer realm="http://example.com/", error="invalid_token""#;
    for (token, status) in [
        (tampered(&token(json!({ "aud": "other" }))), 401),
        (token(json!({ "exp": 1 })), 401),
        (token(json!({})), 403),
        ("x".to_owned(), 401),
    ] {
        let exchange = present(proxy, &token);
        assert_eq!(exchange.status(), status);
        assert_eq!(challenge(&exchange).as_deref(), Some(expected));
    }

    let exchange = present(proxy, &token(json!({})));
    assert_eq!(exchange.status(), 403);
    let details = "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}";
    assert_eq!(exchange.details(), details);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_access_log_tells_the_reason(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    proxy.get("/").send();
    present(proxy, &token(json!({ "exp": 5 })));
    present(proxy, &token(json!({})));
    let log = proxy.access_log();
    let told: Vec<_> = log.iter().map(|entry| (entry.status, entry.details.as_str())).collect();
    assert_eq!(
        told,
        [
            (401, "jwt_authn_access_denied{Jwt_is_missing}"),
            (401, "jwt_authn_access_denied{Jwt_is_expired}"),
            (200, "via_upstream"),
        ]
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn the_realm_is_the_address_that_the_client_knows_without_what_could_break_out_of_it(
    proxy: &mut Proxy,
) {
    start(proxy, provider_with(json!({})));
    // A query may hold a token.
    for path in ["/a?password=hunter2", "/a#hunter2", "/a?#"] {
        let realm = r#"Bearer realm="http://example.com/a""#;
        assert_eq!(challenge(&proxy.get(path).send()).as_deref(), Some(realm), "{path}");
    }
    let exchange = proxy.get("/a?access_token=x.y.z").send();
    let realm = r#"Bearer realm="http://example.com/a", error="invalid_token""#;
    assert_eq!(challenge(&exchange).as_deref(), Some(realm));

    let exchange = proxy.get("/a\",error=\"x\\\u{e9}").send();
    let realm = r#"Bearer realm="http://example.com/a%22,error=%22x%5C%C3%A9""#;
    assert_eq!(challenge(&exchange).as_deref(), Some(realm));

    let path = format!("/{}", "a".repeat(300));
    let realm = format!("Bearer realm=\"http://example.com/{}\"", "a".repeat(255));
    assert_eq!(challenge(&proxy.get(&path).send()), Some(realm));

    let exchange = proxy.get("/rewritten").header("x-envoy-original-path", "/original?x").send();
    let realm = r#"Bearer realm="http://example.com/original""#;
    assert_eq!(challenge(&exchange).as_deref(), Some(realm));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_stripped_failure_says_nothing_but_its_status(proxy: &mut Proxy) {
    let provider = provider_with(json!({ "audiences": ["api.example"] }));
    let stripped = with(protected_by(provider), json!({ "strip_failure_response": true }));
    crate::common::configure(proxy, stripped);
    for (exchange, status, details) in [
        (proxy.get("/").send(), 401, "jwt_authn_access_denied{Jwt_is_missing}"),
        (
            present(proxy, &token(json!({ "aud": "x" }))),
            403,
            "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}",
        ),
    ] {
        let response = exchange.response();
        assert_eq!((response.status, response.body.as_slice()), (status, &b""[..]));
        assert_eq!(challenge(&exchange), None);
        // The operator learns it still.
        assert_eq!(response.details, details);
    }
    passes(&present(proxy, &token(json!({}))));
}

#[tollgate_testkit::test(JwtAuth)]
fn grpc_and_head_are_answered_in_their_own_form(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let exchange = proxy.post("/service/Method").grpc("message").send();
    let response = exchange.response();
    assert_eq!(response.status, 200);
    // 16 is UNAUTHENTICATED.
    assert_eq!(response.header("grpc-status").as_deref(), Some("16"));
    assert_eq!(response.header("grpc-message").as_deref(), Some("Jwt is missing"));
    assert!(exchange.try_upstream_request().is_none());

    let response = proxy.request("HEAD", "/").send().response();
    assert_eq!((response.status, response.body.len()), (401, 0));
    assert!(response.header("www-authenticate").is_some());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_denied_request_and_its_body_never_reach_the_upstream(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let exchange = proxy.post("/").begin();
    is_denied(&exchange, reasons::MISSING);
    exchange.chunk("late");
    exchange.end();
    assert!(proxy.requests("upstream").is_empty());

    let denied = [
        proxy.post("/").body("secret").send(),
        proxy.post("/").chunk("a").chunk("b").send(),
        proxy.post("/").http2().chunk("a").trailers([("x", "y")]).send(),
    ];
    for exchange in &denied {
        is_denied(exchange, reasons::MISSING);
    }
    assert!(proxy.requests("upstream").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_client_that_leaves_while_it_is_served_does_no_harm(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    proxy.post("/").begin().leave();
    let upload = proxy.post("/").header("authorization", format!("Bearer {}", token(json!({}))));
    upload.begin().leave();
    passes(&present(proxy, &token(json!({}))));
    assert!(proxy.traps().is_empty());
}
