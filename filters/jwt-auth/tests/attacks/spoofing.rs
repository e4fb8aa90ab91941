//! Headers that pass for the filter's.

use crate::common::{
    configure, is_denied, passes, protected_by, provider_with, reasons, token, upstream_values,
    with,
};
use crate::keys::tampered;
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Exchange, Proxy, Request};

const NAMES: [&str; 2] = ["x-user", "x-payload"];

fn provider() -> Value {
    provider_with(json!({
        "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
        "forward_payload_header": "x-payload",
    }))
}

fn forged(request: Request) -> Request {
    NAMES.iter().fold(request, |request, name| {
        request.header(name, "root").header(name.to_uppercase(), "root").header("X-User", "")
    })
}

#[track_caller]
fn nothing_arrived(exchange: &Exchange) {
    passes(exchange);
    for name in NAMES {
        assert!(upstream_values(exchange, name).is_empty(), "{name}");
    }
}

/// With every requirement that lets a request without a good token pass.
#[tollgate_testkit::test(JwtAuth)]
fn forged_headers_arrive_on_no_lenient_path(proxy: &mut Proxy) {
    let missing = json!({ "allow_missing": {} });
    let failed = json!({ "allow_missing_or_failed": {} });
    let main = json!({ "provider_name": "main" });
    let any = |other: &Value| json!({ "requires_any": { "requirements": [main, other] } });
    let extract = json!({ "extract_only_without_validation": {} });
    for requires in [missing.clone(), failed.clone(), any(&missing), any(&failed), extract] {
        let rule = json!({ "match": { "prefix": "/" }, "requires": requires });
        configure(proxy, with(protected_by(provider()), json!({ "rules": [rule] })));
        nothing_arrived(&forged(proxy.get("/")).send());
        nothing_arrived(&forged(proxy.get("/").http2()).send());
    }
    for requires in [failed.clone(), any(&failed)] {
        let rule = json!({ "match": { "prefix": "/" }, "requires": requires });
        configure(proxy, with(protected_by(provider()), json!({ "rules": [rule] })));
        for bad in [tampered(&token(json!({}))), token(json!({ "exp": 1 })), "x".to_owned()] {
            let request = proxy.get("/").header("authorization", format!("Bearer {bad}"));
            nothing_arrived(&forged(request).send());
        }
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn forged_headers_do_not_stand_beside_the_real_ones(proxy: &mut Proxy) {
    configure(proxy, protected_by(provider()));
    let good = token(json!({}));
    let exchange = forged(proxy.get("/").header("authorization", format!("Bearer {good}"))).send();
    assert_eq!(upstream_values(&exchange, "x-user"), ["alice"]);
    assert_eq!(upstream_values(&exchange, "x-payload"), [good.split('.').nth(1).unwrap()]);
    is_denied(&forged(proxy.get("/")).send(), reasons::MISSING);
    nothing_arrived(&forged(proxy.get("/open")).send());
}

/// To Envoy and to this filter `x_user` is another header. An upstream that takes it for the same needs
/// `headers_with_underscores_action: REJECT_REQUEST`.
#[tollgate_testkit::test(JwtAuth)]
fn a_name_with_an_underscore_is_another_name(proxy: &mut Proxy) {
    configure(proxy, protected_by(provider()));
    let exchange = proxy.get("/open").header("x_user", "root").header("x-user", "root").send();
    assert_eq!(upstream_values(&exchange, "x_user"), ["root"]);
    assert!(upstream_values(&exchange, "x-user").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn the_mark_of_what_nobody_has_verified_cannot_be_forged(proxy: &mut Proxy) {
    let rule = json!({ "match": { "prefix": "/" }, "requires": { "extract_only_without_validation": {} } });
    configure(proxy, with(protected_by(provider()), json!({ "rules": [rule] })));
    let mark = "x-jwt-signature-verified";
    for value in ["true", "false", ""] {
        let exchange = proxy.get("/").header(mark, value).send();
        assert!(upstream_values(&exchange, mark).is_empty());
        let bad = format!("Bearer {}", tampered(&token(json!({}))));
        let exchange = proxy.get("/").header(mark, value).header("authorization", bad).send();
        assert_eq!(upstream_values(&exchange, mark), ["false"]);
    }
}
