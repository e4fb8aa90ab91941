//! What is left for the filters behind, and in stats.

use crate::common::{expired, get, provider, start, start_with, token_of};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(JwtAuth)]
fn stats_have_the_prefix_of_the_configuration(proxy: &mut Proxy) {
    let configuration = json!({
        "providers": { "main": provider(json!({})) },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
        "stat_prefix": "edge",
    });
    crate::common::configure(proxy, configuration);
    get(proxy, "/", &[]);
    assert_eq!(proxy.counter("tollgate.jwt_auth.stat_prefix=edge.denied"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_list_becomes_a_joined_header(proxy: &mut Proxy) {
    let claims = json!([{ "header_name": "x-aud", "claim_name": "aud", "join": " " }]);
    start(proxy, provider(json!({ "claim_to_headers": claims })));
    let token = crate::common::sign(&json!({ "iss": crate::common::ISSUER, "aud": ["a", "b"] }));
    let request = get(proxy, "/", &[("authorization", &format!("Bearer {token}"))]);
    assert_eq!(request.upstream_request().header("x-aud").as_deref(), Some("a b"));
}

#[tollgate_testkit::test(JwtAuth)]
fn the_values_of_several_tokens_are_all_there(proxy: &mut Proxy) {
    let places = json!({ "from_headers": [{ "name": "x-a" }, { "name": "x-b" }] });
    start(proxy, provider(places));
    let (a, b) = (token_of("a"), token_of("b"));
    let request = get(proxy, "/", &[("x-a", &a), ("x-b", &b)]).upstream_request();
    assert_eq!(request.header_values("x-sub"), ["b", "a"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn leaving_payload_and_failure_in_the_filter_state_fails_no_request(proxy: &mut Proxy) {
    proxy.host(|host| host.set_foreign_function("declare_property", |_| Ok(Vec::new())));
    let fields = json!({
        "payload_in_metadata": "jwt_payload", "failed_status_in_metadata": "jwt_failure",
    });
    let lenient = json!({ "requires_any": { "requirements": [
        { "provider_name": "main" }, { "allow_missing_or_failed": {} },
    ] } });
    start_with(proxy, provider(fields), lenient);
    for token in [token_of("alice"), expired()] {
        let exchange = get(proxy, "/", &[("authorization", &format!("Bearer {token}"))]);
        assert_eq!(exchange.status(), 200);
    }
}
