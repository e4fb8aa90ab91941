//! Where tokens are found, and removed.

use crate::common::{assert_denied, expired, get, provider, start, token_of};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(JwtAuth)]
fn a_token_in_the_query_lets_a_request_pass_and_is_removed(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let exchange = get(proxy, &format!("/a?x=%2f&access_token={}&y", token_of("a")), &[]);
    let request = exchange.upstream_request();
    assert_eq!(request.path(), "/a?x=%2f&y");
    assert_eq!(request.header("x-sub").as_deref(), Some("a"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_that_is_forwarded_stays_where_it_was(proxy: &mut Proxy) {
    let places =
        json!({ "forward": true, "from_params": ["t"], "from_headers": [{"name": "x-t"}] });
    start(proxy, provider(places));
    let (path, token) = (format!("/?t={}", token_of("a")), token_of("b"));
    let request = get(proxy, &path, &[("x-t", &token)]).upstream_request();
    assert_eq!((request.path(), request.header("x-t")), (path, Some(token)));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_with_a_token_is_removed_whole(proxy: &mut Proxy) {
    let from = json!([{ "name": "X-Token", "value_prefix": "jwt=" }]);
    start(proxy, provider(json!({ "from_headers": from })));
    let value = format!("v=1 jwt={}", token_of("a"));
    let request = get(proxy, "/", &[("x-token", &value)]).upstream_request();
    assert_eq!(request.header("x-token"), None);
    assert_eq!(request.header("x-sub").as_deref(), Some("a"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_cookie_with_a_token_stays(proxy: &mut Proxy) {
    start(proxy, provider(json!({ "from_cookies": ["session"] })));
    let cookie = format!("theme=dark; session={}", token_of("a"));
    let request = get(proxy, "/", &[("cookie", &cookie)]).upstream_request();
    assert_eq!(request.header("cookie"), Some(cookie));
    assert_eq!(request.header("x-sub").as_deref(), Some("a"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_bad_token_in_any_place_denies_a_request_with_a_good_one(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let (good, bad) = (token_of("a"), expired());
    let header = |token: &str| format!("Bearer {token}");
    for (query, authorization) in [(&good, header(&bad)), (&bad, header(&good))] {
        let path = format!("/?access_token={query}");
        let exchange = get(proxy, &path, &[("authorization", &authorization)]);
        assert_denied(&exchange, 401, "Jwt is expired");
    }
    let twice = format!("/?access_token={good}&access_token={bad}");
    assert_denied(&get(proxy, &twice, &[]), 401, "Jwt is expired");
}

#[tollgate_testkit::test(JwtAuth)]
fn the_challenge_does_not_repeat_a_token_of_the_query(proxy: &mut Proxy) {
    start(proxy, provider(json!({})));
    let exchange = get(proxy, &format!("/a?access_token={}", expired()), &[]);
    let challenge = exchange.response().header("www-authenticate").unwrap();
    assert!(challenge.contains("/a\","), "{challenge}");
    assert!(!challenge.contains("eyJ") && !challenge.contains('?'), "{challenge}");
}
