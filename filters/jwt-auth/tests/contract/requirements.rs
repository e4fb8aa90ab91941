//! What requests need.

use crate::common::{
    assert_denied, configure, expired, get, jwks, provider, sign, start_with, token_of,
};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(JwtAuth)]
fn a_token_may_be_missing_but_not_bad(proxy: &mut Proxy) {
    let requires = json!({ "requires_any": { "requirements": [
        { "provider_name": "main" }, { "allow_missing": {} },
    ] } });
    start_with(proxy, provider(json!({})), requires);
    let spoofed = get(proxy, "/", &[("x-sub", "admin")]).upstream_request();
    assert_eq!(spoofed.header("x-sub"), None);
    let bad = format!("Bearer {}", expired());
    assert_denied(&get(proxy, "/", &[("authorization", &bad)]), 401, "Jwt is expired");
    assert_eq!(proxy.counter("tollgate.jwt_auth.allowed"), 1);
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_bad_token_that_is_allowed_becomes_nothing(proxy: &mut Proxy) {
    start_with(proxy, provider(json!({})), json!({ "allow_missing_or_failed": {} }));
    let bad = format!("Bearer {}", expired());
    let request =
        get(proxy, "/", &[("authorization", &bad), ("x-sub", "admin")]).upstream_request();
    assert_eq!((request.header("x-sub"), request.header("authorization")), (None, Some(bad)));
}

#[tollgate_testkit::test(JwtAuth)]
fn what_is_only_extracted_is_marked_and_the_mark_cannot_be_forged(proxy: &mut Proxy) {
    start_with(proxy, provider(json!({})), json!({ "extract_only_without_validation": {} }));
    let forged = format!("Bearer {}AAAA", token_of("mallory"));
    let mark = ("x-jwt-signature-verified", "true");
    let request = get(proxy, "/", &[("authorization", &forged), mark]).upstream_request();
    assert_eq!(request.header("x-sub").as_deref(), Some("mallory"));
    assert_eq!(request.header_values("x-jwt-signature-verified"), ["false"]);
    let request = get(proxy, "/", &[mark]).upstream_request();
    assert_eq!(request.header("x-jwt-signature-verified"), None);
}

#[tollgate_testkit::test(JwtAuth)]
fn two_providers_can_both_be_needed(proxy: &mut Proxy) {
    let user = provider(json!({}));
    let client = json!({
        "issuer": "clients",
        "local_jwks": jwks(),
        "from_headers": [{ "name": "x-client" }],
        "claim_to_headers": [{ "header_name": "x-client-id", "claim_name": "sub" }],
    });
    let requires = json!({ "requires_all": { "requirements": [
        { "provider_name": "user" }, { "provider_name": "client" },
    ] } });
    configure(
        proxy,
        json!({
            "providers": { "user": user, "client": client },
            "requirement_map": { "both": requires },
            "rules": [{ "match": { "prefix": "/" }, "requirement_name": "both" }],
        }),
    );
    let user = format!("Bearer {}", token_of("alice"));
    let client = sign(&json!({ "iss": "clients", "sub": "app" }));
    let both = [("authorization", user.as_str()), ("x-client", client.as_str())];
    let request = get(proxy, "/", &both).upstream_request();
    assert_eq!(request.header("x-sub").as_deref(), Some("alice"));
    assert_eq!(request.header("x-client-id").as_deref(), Some("app"));
    assert_denied(&get(proxy, "/", &both[..1]), 401, "Jwt is missing");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_filter_before_this_one_can_say_what_is_needed(proxy: &mut Proxy) {
    proxy.attribute(&["filter_state", "wasm.tenant"], "strict");
    configure(
        proxy,
        json!({
            "providers": { "main": provider(json!({})) },
            "filter_state_rules": {
                "name": "wasm.tenant",
                "requires": { "strict": { "provider_name": "main" } },
            },
        }),
    );
    assert_denied(&get(proxy, "/", &[]), 401, "Jwt is missing");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_that_two_parts_need_becomes_headers_once(proxy: &mut Proxy) {
    let requires = json!({ "requires_all": { "requirements": [
        { "provider_name": "main" }, { "allow_missing": {} },
    ] } });
    start_with(proxy, provider(json!({})), requires);
    let token = format!("Bearer {}", token_of("alice"));
    let request = get(proxy, "/", &[("authorization", &token)]).upstream_request();
    assert_eq!(request.header_values("x-sub"), ["alice"]);
}
