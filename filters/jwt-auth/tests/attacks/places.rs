//! Tokens where an upstream looks and the filter does not, or the other way round.

use crate::common::{
    authorized, is_denied, is_denied_in, passes, provider_with, reasons, start, token,
    upstream_values,
};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

fn places() -> serde_json::Value {
    json!({
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }, { "name": "x-token" }],
        "from_params": ["access_token", "t"],
        "from_cookies": ["session"],
        "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
    })
}

#[tollgate_testkit::test(JwtAuth)]
fn a_second_authorization_is_refused_wherever_it_stands(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = format!("Bearer {}", token(json!({})));
    for other in [&good, "Bearer x", "Basic YTpi", "", "bearer x", "Negotiate AA"] {
        for values in [[good.as_bytes(), other.as_bytes()], [other.as_bytes(), good.as_bytes()]] {
            is_denied_in(&authorized(proxy, &values), reasons::FORM, other);
        }
    }
    let mixed = proxy.get("/").header("Authorization", &good).header("AUTHORIZATION", &good);
    is_denied(&mixed.send(), reasons::FORM);
}

/// One good token does not make up for a bad one beside it.
#[tollgate_testkit::test(JwtAuth)]
fn every_place_must_hold_a_good_token_or_none(proxy: &mut Proxy) {
    start(proxy, provider_with(places()));
    let good = token(json!({}));
    let request = |path: &str| proxy.get(path).header("authorization", format!("Bearer {good}"));
    let cases = [
        request("/?t=x"),
        request("/?access_token="),
        request("/?access_token=x&access_token=y"),
        request(&format!("/?t={good}&t=x")),
        request(&format!("/?t=x&t={good}")),
        request("/").header("x-token", "x"),
        request("/").header("x-token", &good).header("x-token", "x"),
        request("/").header("cookie", "session=x"),
        request("/").header("cookie", format!("session={good}; session=x")),
        request("/").header("cookie", format!("session=x; session={good}")),
        request("/").header("cookie", format!("session={good}")).header("cookie", "session=x"),
    ];
    for (index, case) in cases.into_iter().enumerate() {
        is_denied_in(&case.send(), reasons::FORM, &format!("case {index}"));
    }
    passes(&request(&format!("/?t={good}")).header("cookie", format!("session={good}")).send());
}

/// More tokens than a request can need each cost the check of a signature.
#[tollgate_testkit::test(JwtAuth)]
fn a_flood_of_tokens_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(places()));
    let flood = |count| {
        (0..count)
            .fold(proxy.get("/"), |request, n| request.header("x-token", token(json!({ "n": n }))))
    };
    passes(&flood(8).send());
    is_denied(&flood(9).send(), reasons::FORM);
    is_denied(&flood(50).send(), reasons::FORM);
    let cookies =
        (0..500).fold(proxy.get("/"), |request, n| request.header("cookie", format!("c{n}=1")));
    is_denied(
        &cookies.header("cookie", format!("session={}", token(json!({})))).send(),
        reasons::FORM,
    );
}

/// In whatever spelling it was found.
#[tollgate_testkit::test(JwtAuth)]
fn no_token_of_a_query_reaches_the_upstream(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    for (path, left) in [
        (format!("/?access_token={good}"), "/"),
        (format!("/a?x=1&access_token={good}&y=2"), "/a?x=1&y=2"),
        (format!("/?access_token={good}&access_token={good}"), "/"),
        (format!("/?%61ccess_token={good}"), "/"),
        (format!("/?access%5Ftoken={}&x=%41", good.replace('.', "%2e")), "/?x=%41"),
    ] {
        let exchange = proxy.get(&path).send();
        passes(&exchange);
        assert_eq!(exchange.upstream_request().path(), left, "{path}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn no_header_with_a_token_reaches_the_upstream(proxy: &mut Proxy) {
    start(proxy, provider_with(places()));
    let good = token(json!({}));
    let request = proxy.get("/").header("authorization", format!("Bearer {good}"));
    let exchange = request.header("X-Token", &good).header("x-token", &good).send();
    passes(&exchange);
    for name in ["authorization", "x-token"] {
        assert!(upstream_values(&exchange, name).is_empty(), "{name}");
    }
}
