//! What a requirement asks beyond a good token.

use crate::common::{ISSUER, assert_denied, get, provider, sign, start, start_with};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Exchange, Proxy};

fn bearer(claims: Value) -> String {
    let mut all = json!({ "iss": ISSUER, "sub": "alice" });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    format!("Bearer {}", sign(&all))
}

fn send(proxy: &Proxy, claims: Value) -> Exchange {
    get(proxy, "/api?x", &[("authorization", &bearer(claims))])
}

/// Starts a proxy in which every request needs a token of the provider `main`, and this.
fn start_asking(proxy: &mut Proxy, conditions: Value) {
    let mut requires = json!({ "provider_name": "main" });
    requires.as_object_mut().unwrap().extend(conditions.as_object().unwrap().clone());
    start_with(proxy, provider(json!({})), requires);
}

#[track_caller]
fn assert_challenged(exchange: &Exchange, end: &str) {
    let challenge = exchange.response().header("www-authenticate");
    let challenge = challenge.as_deref().unwrap_or_default();
    assert!(challenge.starts_with("Bearer realm=\"http://"), "{challenge}");
    assert!(challenge.ends_with(&format!("/api\"{end}")), "{challenge}");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_claim_that_is_not_as_the_rule_asks_is_forbidden_each_time(proxy: &mut Proxy) {
    let claims = json!([
        { "claim": "realm.roles", "any_of": ["admin", "owner"] },
        { "claim": "level", "gte": 2, "lte": 4 },
        { "claim": "suspended", "exact": true, "invert": true },
        { "claim_path": [{ "key": "https://example.com/plan" }], "regex": "gold|silver" },
    ]);
    start_asking(proxy, json!({ "claims": claims }));
    let with = |change: fn(&mut Value)| {
        let mut claims = json!({
            "realm": { "roles": ["user", "owner"] },
            "level": 3,
            "suspended": false,
            "https://example.com/plan": "gold",
        });
        change(&mut claims);
        claims
    };
    for _ in 0..2 {
        let passed = send(proxy, with(|_| {})).upstream_request();
        assert_eq!(passed.header("x-sub").as_deref(), Some("alice"));
        for claims in [
            with(|it| it["realm"] = json!({ "roles": ["user"] })),
            with(|it| it["level"] = json!(5)),
            with(|it| it["level"] = json!("3")),
            with(|it| it["suspended"] = json!(true)),
            with(|it| it["suspended"] = Value::Null),
            with(|it| it["https://example.com/plan"] = json!("golden")),
        ] {
            let exchange = send(proxy, claims);
            assert_denied(&exchange, 403, "Claims in Jwt are not allowed");
            assert_challenged(&exchange, ", error=\"insufficient_scope\"");
        }
    }
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied_claims_not_allowed"), 12);
    assert_eq!(proxy.counter("tollgate.jwt_auth.jwt_cache_hit"), 7);
}

#[tollgate_testkit::test(JwtAuth)]
fn all_scopes_are_needed_and_named(proxy: &mut Proxy) {
    start_asking(proxy, json!({ "scopes": ["read", "write:cart"] }));
    for claims in [json!({ "scope": "write:cart read" }), json!({ "scp": ["read", "write:cart"] })]
    {
        assert_eq!(send(proxy, claims).status(), 200);
    }
    for claims in [json!({}), json!({ "scope": "read" }), json!({ "scope": "read write:cartoon" })]
    {
        let exchange = send(proxy, claims);
        assert_denied(&exchange, 403, "Scopes in Jwt are not sufficient");
        let expected = ", error=\"insufficient_scope\", scope=\"read write:cart\"";
        assert_challenged(&exchange, expected);
    }
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied_scopes_not_sufficient"), 3);
}

/// What Envoy tells of the client's certificate.
fn show_certificate(proxy: &mut Proxy, valid: Option<bool>, uri: &str, dns: &str) {
    proxy.attribute(&["connection", "mtls"], [1]);
    if let Some(valid) = valid {
        proxy.attribute(&["connection", "peer_certificate_valid"], [u8::from(valid)]);
    }
    proxy.attribute(&["connection", "uri_san_peer_certificate"], uri);
    proxy.attribute(&["connection", "dns_san_peer_certificate"], dns);
}

const SHOP: &str = "spiffe://cluster.local/ns/shop/sa/cart";

fn peers() -> Value {
    json!({ "peer": [
        { "uri": { "prefix": "spiffe://cluster.local/ns/shop/" } },
        { "dns": { "exact": "audit.example" } },
    ] })
}

#[tollgate_testkit::test(JwtAuth)]
fn a_client_may_call_by_one_of_its_names(proxy: &mut Proxy) {
    for (uri, dns, status) in [
        (SHOP, "", 200),
        ("spiffe://cluster.local/ns/other/sa/x", "audit.example", 200),
        ("spiffe://cluster.local/ns/other/sa/x", "other.example", 403),
        ("audit.example", SHOP, 403),
        ("", "", 403),
    ] {
        show_certificate(proxy, Some(true), uri, dns);
        start_asking(proxy, peers());
        assert_eq!(send(proxy, json!({})).status(), status, "{uri} {dns}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_client_without_a_certificate_that_was_verified_is_nobody(proxy: &mut Proxy) {
    start_asking(proxy, peers());
    let exchange = send(proxy, json!({}));
    assert_denied(&exchange, 403, "Peer is not allowed");
    assert_eq!(exchange.response().header("www-authenticate"), None);
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied_peer_not_allowed"), 1);
    show_certificate(proxy, Some(false), SHOP, "audit.example");
    start_asking(proxy, peers());
    assert_denied(&send(proxy, json!({})), 403, "Peer is not allowed");
}

#[tollgate_testkit::test(JwtAuth)]
fn an_envoy_that_does_not_tell_what_it_has_verified_is_asked_for_a_certificate(proxy: &mut Proxy) {
    show_certificate(proxy, None, SHOP, "");
    start_asking(proxy, peers());
    assert_eq!(send(proxy, json!({})).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_client_that_the_host_cannot_describe_does_not_pass(proxy: &mut Proxy) {
    proxy.attribute(&["connection", "peer_certificate_valid"], [7]);
    start_asking(proxy, peers());
    let exchange = send(proxy, json!({}));
    assert_eq!(exchange.status(), 503);
    assert!(exchange.try_upstream_request().is_none());
}

const CERTIFICATE: [u8; 32] = [0xab; 32];

fn bound() -> Value {
    json!({ "cnf": { "x5t#S256": crate::common::base64url(CERTIFICATE) } })
}

fn present(proxy: &mut Proxy, digest: &str) {
    proxy.attribute(&["connection", "sha256_peer_certificate_digest"], digest.repeat(32));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_bound_token_is_for_the_holder_of_its_certificate(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let refusal = "Jwt is not bound to the client certificate";
    let exchange = send(proxy, bound());
    assert_denied(&exchange, 401, refusal);
    assert_challenged(&exchange, ", error=\"invalid_token\"");
    assert_eq!(send(proxy, json!({})).status(), 200);
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied_certificate_mismatch"), 1);
    present(proxy, "ab");
    start(proxy, provider(json!({})));
    for _ in 0..2 {
        assert_eq!(send(proxy, bound()).status(), 200);
    }
    present(proxy, "cd");
    start(proxy, provider(json!({})));
    for _ in 0..2 {
        assert_denied(&send(proxy, bound()), 401, refusal);
        assert_eq!(send(proxy, json!({})).status(), 200);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn every_token_can_be_required_to_be_bound(proxy: &mut Proxy) {
    present(proxy, "ab");
    start(proxy, provider(json!({ "certificate_bound": "required" })));
    assert_eq!(send(proxy, bound()).status(), 200);
    let other = json!({ "cnf": { "jkt": "x" } });
    for claims in [json!({}), other] {
        let refusal = "Jwt is not bound to the client certificate";
        assert_denied(&send(proxy, claims), 401, refusal);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_binding_that_cannot_be_understood_is_refused_unless_it_is_off(proxy: &mut Proxy) {
    let strange = || json!({ "cnf": { "x5t#S256": "short" } });
    present(proxy, "ab");
    start(proxy, provider(json!({ "certificate_bound": "if_present" })));
    let refusal = "Jwt payload [cnf] field is not the thumbprint of a certificate";
    assert_denied(&send(proxy, strange()), 401, refusal);
    start(proxy, provider(json!({ "certificate_bound": "off" })));
    assert_eq!(send(proxy, strange()).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn in_any_the_tokens_of_the_parts_that_are_not_needed_stay_in_the_request(proxy: &mut Proxy) {
    let place = |name: &str| json!({ "from_headers": [{ "name": name }] });
    let configuration = json!({
        "providers": { "a": provider(place("x-a")), "b": provider(place("x-b")) },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
            { "provider_name": "a" }, { "provider_name": "b" },
        ] } } }],
    });
    crate::common::configure(proxy, configuration);
    let (good, other) = (crate::common::token_of("alice"), crate::common::expired());
    let request = get(proxy, "/", &[("x-a", &good), ("x-b", &other)]).upstream_request();
    assert_eq!((request.header("x-a"), request.header("x-b")), (None, Some(other)));
}
