//! What a client sends under the names of output headers never arrives, whatever becomes of the request.

use crate::common::{
    claims, configure, is_denied, passes, present_at, protected_by, provider, provider_with,
    reasons, token, upstream_values, with,
};
use crate::keys::{EC, FOREIGN, base64url};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Exchange, Proxy, Request};

const NAMES: [&str; 4] = ["x-user", "x-role", "x-payload", "x-other-provider"];

/// Two providers, one of which has no rule, with the headers [`NAMES`]; more fields of the filter.
fn with_fields(fields: Value) -> Value {
    let headers = json!([
        { "header_name": "X-User", "claim_name": "sub" },
        { "header_name": "x-role", "claim_name": "role" },
    ]);
    let main = provider_with(
        json!({ "claim_to_headers": headers, "forward_payload_header": "x-payload" }),
    );
    let headers = json!([{ "header_name": "x-other-provider", "claim_name": "sub" }]);
    let other = with(provider(&[FOREIGN]), json!({ "claim_to_headers": headers }));
    let providers = json!({ "main": main, "other": other });
    let fields = with(json!({ "providers": providers }), fields);
    with(protected_by(provider(&[EC])), fields)
}

/// A request with forged headers, each of them twice and in different cases.
fn forged(request: Request) -> Request {
    NAMES.iter().fold(request, |request, name| {
        request.header(name, "forged").header(name.to_uppercase(), "forged too")
    })
}

#[track_caller]
fn none_arrived(exchange: &Exchange) {
    passes(exchange);
    for name in NAMES {
        assert!(upstream_values(exchange, name).is_empty(), "{name}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn with_a_good_token_only_its_claims_arrive(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({})));
    let bearer = format!("Bearer {}", token(json!({})));
    let exchange = forged(proxy.get("/")).header("authorization", bearer).send();
    passes(&exchange);
    assert_eq!(upstream_values(&exchange, "x-user"), ["alice"]);
    let payload = base64url(claims(json!({})).to_string());
    assert_eq!(upstream_values(&exchange, "x-payload"), [payload]);
    // The token has no such claim, and nobody has asked the other provider.
    for name in ["x-role", "x-other-provider"] {
        assert!(upstream_values(&exchange, name).is_empty(), "{name}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn where_a_claim_cannot_be_written_nothing_forged_arrives(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({})));
    let bearer = format!("Bearer {}", token(json!({ "sub": "admin ", "role": "\n" })));
    let exchange = forged(proxy.get("/")).header("authorization", bearer).send();
    passes(&exchange);
    for name in ["x-user", "x-role"] {
        assert!(upstream_values(&exchange, name).is_empty(), "{name}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn where_a_rule_requires_nothing_none_arrives(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({})));
    none_arrived(&forged(proxy.get("/open")).send());
    none_arrived(&forged(proxy.get("/open").http2()).send());
    none_arrived(&forged(proxy.get("/open").header("authorization", "Bearer x")).send());
    // Nor where a token would be good, but nobody has looked.
    let bearer = format!("Bearer {}", token(json!({})));
    none_arrived(&forged(proxy.get("/open").header("authorization", bearer)).send());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_denied_request_does_not_arrive_at_all(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({})));
    is_denied(&forged(proxy.get("/")).send(), reasons::MISSING);
    assert!(proxy.requests("upstream").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn where_no_rule_matches_none_arrives(proxy: &mut Proxy) {
    let rule = json!({ "match": { "path": "/p" }, "requires": { "provider_name": "main" } });
    configure(proxy, with_fields(json!({ "rules": [rule] })));
    none_arrived(&forged(proxy.get("/other")).send());
}

#[tollgate_testkit::test(JwtAuth)]
fn where_there_are_no_rules_none_arrives(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({ "rules": [] })));
    none_arrived(&forged(proxy.get("/")).send());
}

#[tollgate_testkit::test(JwtAuth)]
fn with_a_cors_preflight_none_arrives(proxy: &mut Proxy) {
    configure(proxy, with_fields(json!({ "bypass_cors_preflight": true })));
    let preflight = proxy
        .request("OPTIONS", "/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");
    none_arrived(&forged(preflight).send());
}

/// The forged header does not lead a request elsewhere, either: the route is chosen anew without it.
#[tollgate_testkit::test(JwtAuth)]
fn a_forged_header_chooses_no_route(proxy: &mut Proxy) {
    use tollgate_testkit::{Answer, Route};
    proxy.upstream("admin", |_| Answer::status(200));
    proxy.route(Route::to("admin").header("x-role", "admin")).route(Route::to("upstream"));
    configure(proxy, with_fields(json!({})));
    let forged = proxy.get("/open").header("x-role", "admin").send();
    assert_eq!(forged.upstream_request().cluster, "upstream");
    let real = present_at(proxy, "/", &token(json!({ "role": "admin" })));
    assert_eq!(real.upstream_request().cluster, "admin");
}
