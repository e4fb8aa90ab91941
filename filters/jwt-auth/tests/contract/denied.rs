//! Denials in the operator's words, and denials that are only reported.

use crate::common::{assert_denied, configure, expired, get, provider, token_of};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// Starts a proxy in which every request but those to `/open` needs a token, with some fields more.
fn start(proxy: &mut Proxy, fields: Value) {
    let mut configuration = json!({
        "providers": { "main": provider(json!({})) },
        "rules": [
            { "match": { "prefix": "/open" } },
            { "match": { "prefix": "/admin" }, "requires": {
                "provider_name": "main", "scopes": ["admin"],
            } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "main" } },
        ],
    });
    configuration.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    configure(proxy, configuration);
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tollgate_testkit::test(JwtAuth)]
fn each_class_of_denials_has_its_own_answer(proxy: &mut Proxy) {
    start(
        proxy,
        json!({ "denied_response": {
            "missing": { "redirect": "https://login.example/?back={original_url}" },
            "invalid": {
                "body": "{\"error\": \"{reason}\", \"status\": {status}, \"at\": \"{path}\"}",
                "content_type": "application/json",
                "headers": [
                    { "name": "cache-control", "value": "no-store" },
                    { "name": "x-reason", "value": "{message}" },
                ],
            },
            "forbidden": { "status": 404, "body": "there is nothing at {path}" },
        } }),
    );
    let missing = get(proxy, "/cart?a=%20b&access_token=", &[]);
    assert_eq!(missing.status(), 401, "an empty token is a bad one");

    let missing = get(proxy, "/cart?a=%20b", &[]);
    assert_denied(&missing, 302, "");
    let location = missing.response().header("location").unwrap();
    assert!(location.starts_with("https://login.example/?back=http%3A%2F%2F"), "{location}");
    assert!(location.ends_with("%2Fcart%3Fa%3D%2520b"), "{location}");
    assert_eq!(missing.response().header("www-authenticate"), None);

    let invalid = get(proxy, "/\"x\"", &[("authorization", &bearer(&expired()))]);
    let body = r#"{"error": "expired", "status": 401, "at": "/%22x%22"}"#;
    assert_denied(&invalid, 401, body);
    let header = |name: &str| invalid.response().header(name);
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(header("x-reason").as_deref(), Some("Jwt is expired"));
    assert!(header("www-authenticate").unwrap().contains("invalid_token"));

    let forbidden = get(proxy, "/admin", &[("authorization", &bearer(&token_of("alice")))]);
    assert_denied(&forbidden, 404, "there is nothing at /admin");
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied"), 4);
}

#[tollgate_testkit::test(JwtAuth)]
fn nothing_of_a_token_is_in_an_answer(proxy: &mut Proxy) {
    let all = "{original_url} {realm} {path} {reason} {message}";
    start(
        proxy,
        json!({ "denied_response": { "default": {
            "body": all, "headers": [{ "name": "x-all", "value": all }],
        } } }),
    );
    let token = expired();
    let exchange = get(proxy, &format!("/a?x=1&access_token={token}&%61ccess_token={token}"), &[]);
    assert_eq!(exchange.status(), 401);
    let answer = format!("{:?} {}", exchange.response().headers, exchange.response().text());
    for part in token.split('.') {
        assert!(!answer.contains(part), "{answer}");
    }
    assert!(exchange.response().text().contains("/a?x=1 "), "{answer}");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_grpc_caller_is_answered_as_envoy_answers_it(proxy: &mut Proxy) {
    start(proxy, json!({ "denied_response": { "default": { "redirect": "/login" } } }));
    let exchange = get(proxy, "/a", &[("content-type", "application/grpc")]);
    assert_eq!(exchange.status(), 200);
    assert_eq!(exchange.response().header("grpc-status").as_deref(), Some("16"));
    assert_eq!(exchange.response().header("location"), None);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_answer_that_cannot_be_meant_is_refused(proxy: &mut Proxy) {
    let mut refused = |answer: Value| {
        let configuration = json!({
            "providers": { "main": provider(json!({})) },
            "denied_response": { "missing": answer },
        });
        proxy.try_configure(configuration).unwrap_err()
    };
    let error = refused(json!({ "body": "{claim}" }));
    assert!(error.contains("`denied_response.missing.body`: found \"{claim}\""), "{error}");
    let error = refused(json!({ "redirect": "https://{realm}" }));
    assert!(error.contains("`denied_response.missing.redirect`"), "{error}");
    let error = refused(json!({ "status": 200, "redirect": "/" }));
    assert!(error.contains("allowed: 301, 302, 303, 307 or 308"), "{error}");
}

#[tollgate_testkit::test(JwtAuth)]
fn what_would_be_denied_can_be_reported_and_passes(proxy: &mut Proxy) {
    start(proxy, json!({ "mode": "report" }));
    let (good, bad) = (bearer(&token_of("alice")), bearer(&expired()));
    for (path, token, mark, subject) in [
        ("/", Some(&bad), Some("expired"), None),
        ("/", None, Some("missing"), None),
        ("/admin", Some(&good), Some("scopes_not_sufficient"), None),
        ("/", Some(&good), None, Some("alice")),
        ("/open", Some(&bad), None, None),
    ] {
        let spoofed = [("x-sub", "root"), ("x-jwt-auth-denied", "no")];
        let mut headers = spoofed.to_vec();
        headers.extend(token.map(|token| ("authorization", token.as_str())));
        let request = get(proxy, path, &headers).upstream_request();
        assert_eq!(request.header("x-jwt-auth-denied").as_deref(), mark, "{path}");
        assert_eq!(request.header("x-sub").as_deref(), subject, "{path}");
    }
    let counter = |name: &str| proxy.counter(&format!("tollgate.jwt_auth.{name}"));
    let reasons = ["reported_expired", "reported_missing", "reported_scopes_not_sufficient"];
    assert_eq!(reasons.map(counter), [1, 1, 1]);
    assert_eq!((counter("reported"), counter("denied"), counter("allowed")), (3, 0, 2));
}

#[tollgate_testkit::test(JwtAuth)]
fn the_mark_of_what_was_reported_cannot_be_forged_in_any_mode(proxy: &mut Proxy) {
    for (mode, name) in [("enforce", "x-jwt-auth-denied"), ("report", "x-why")] {
        start(proxy, json!({ "mode": mode, "report_header": name.to_uppercase() }));
        let request = get(proxy, "/open", &[(name, "expired")]).upstream_request();
        assert_eq!(request.header(name), None, "{mode}");
    }
    let request = get(proxy, "/", &[("x-why", "forged")]).upstream_request();
    assert_eq!(request.header_values("x-why"), ["missing"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_cannot_be_decided_is_reported_too(proxy: &mut Proxy) {
    let requires = json!({ "provider_name": "main", "peer": [{ "uri": { "exact": "u" } }] });
    proxy.attribute(&["connection", "peer_certificate_valid"], [7]);
    start(
        proxy,
        json!({ "mode": "report", "rules": [{ "match": { "prefix": "/" }, "requires": requires }] }),
    );
    let request = get(proxy, "/", &[("authorization", &bearer(&token_of("alice")))]);
    let request = request.upstream_request();
    assert_eq!(request.header("x-jwt-auth-denied").as_deref(), Some("host_failed"));
    assert_eq!(request.header("x-sub"), None);
    assert_eq!(proxy.counter("tollgate.jwt_auth.reported"), 1);
}
