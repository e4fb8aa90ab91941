//! Tokens that were verified before.

use crate::common::{ISSUER, assert_denied, get, provider, sign, start, token_of};
use serde_json::json;
use std::time::Duration;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(JwtAuth)]
fn a_token_is_verified_once_and_counted(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let authorization = format!("Bearer {}", token_of("alice"));
    for _ in 0..3 {
        let request = get(proxy, "/", &[("authorization", &authorization)]).upstream_request();
        assert_eq!(request.header("x-sub").as_deref(), Some("alice"));
        assert_eq!(request.header("authorization"), None);
    }
    assert_eq!(proxy.counter("tollgate.jwt_auth.jwt_cache_miss"), 1);
    assert_eq!(proxy.counter("tollgate.jwt_auth.jwt_cache_hit"), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_that_was_verified_expires_all_the_same(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let exp = proxy.unix_time().as_secs() + 100;
    let token = sign(&json!({ "iss": ISSUER, "sub": "a", "exp": exp }));
    let authorization = format!("Bearer {token}");
    assert_eq!(get(proxy, "/", &[("authorization", &authorization)]).status(), 200);
    proxy.advance(Duration::from_secs(160));
    assert_eq!(get(proxy, "/", &[("authorization", &authorization)]).status(), 200);
    proxy.advance(Duration::from_secs(1));
    let exchange = get(proxy, "/", &[("authorization", &authorization)]);
    assert_denied(&exchange, 401, "Jwt is expired");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_known_token_with_another_signature_is_unknown(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let token = token_of("alice");
    assert_eq!(get(proxy, "/", &[("authorization", &format!("Bearer {token}"))]).status(), 200);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (payload, end) = (signed.replace('e', "f"), signature);
    for forged in [format!("{signed}.AAAA{}", &end[4..]), format!("{payload}.{end}")] {
        let exchange = get(proxy, "/", &[("authorization", &format!("Bearer {forged}"))]);
        assert_eq!(exchange.status(), 401, "{forged}");
    }
}
