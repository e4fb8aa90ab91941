//! Where a token is found: in `authorization`, behind `Bearer `, and nowhere else.

use crate::common::{
    authorized, is_denied, is_denied_in, passes, provider_with, reasons, start, token,
};
use crate::keys::base64url;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(JwtAuth)]
fn a_token_stands_behind_bearer_in_authorization(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let value = format!("Bearer {}", token(json!({})));
    passes(&authorized(proxy, &[value.as_bytes()]));
    passes(&proxy.get("/").header("Authorization", &value).send());
    passes(&proxy.get("/").header("AUTHORIZATION", &value).http2().send());
}

#[tollgate_testkit::test(JwtAuth)]
fn without_authorization_the_token_is_missing(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    is_denied(&proxy.get("/").send(), reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn with_another_scheme_the_token_is_missing_and_the_case_of_bearer_counts(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let token = token(json!({}));
    let schemes = ["", "Basic YTpi", "Digest a=b, c=d", "Negotiate YTpi", "Bearer", &token];
    for value in schemes {
        is_denied_in(&authorized(proxy, &[value.as_bytes()]), reasons::MISSING, value);
    }

    for scheme in ["bearer", "BEARER", "bEARER"] {
        let value = format!("{scheme} {token}");
        is_denied_in(&authorized(proxy, &[value.as_bytes()]), reasons::MISSING, scheme);
    }
}

/// As in Envoy (`source/extensions/filters/http/jwt_authn/extractor.cc`).
#[tollgate_testkit::test(JwtAuth)]
fn bearer_may_stand_anywhere_and_what_cannot_begin_a_token_is_skipped_behind_it(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let token = token(json!({}));
    for before in ["xBearer ", "Basic YTpi Bearer ", "\u{fc}Bearer ", "Bearer    "] {
        passes(&authorized(proxy, &[format!("{before}{token}").as_bytes()]));
    }
    for between in ["!$", "\"", "=", "\t "] {
        passes(&authorized(proxy, &[format!("Bearer {between}{token}").as_bytes()]));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_reaches_to_the_end_of_the_value(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for behind in [" x", ";", "\""] {
        let value = format!("Bearer {}{behind}", token(json!({})));
        is_denied_in(&authorized(proxy, &[value.as_bytes()]), reasons::SIGNATURE_BASE64, behind);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn bearer_with_nothing_like_a_token_is_none_of_three_sections(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for value in ["Bearer !!!", "Bearer Bearer Bearer"] {
        is_denied_in(&authorized(proxy, &[value.as_bytes()]), reasons::FORM, value);
    }
}

/// Which of them would the upstream believe?
#[tollgate_testkit::test(JwtAuth)]
fn more_than_one_authorization_is_refused_on_lines_of_their_own_and_joined(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = format!("Bearer {}", token(json!({})));
    let line = good.as_bytes();
    for values in [[line, line], [line, b"Basic YTpi"], [b"Basic YTpi", line], [b"", line]] {
        is_denied(&authorized(proxy, &values), reasons::FORM);
    }

    // So Envoy hands repeated ones on.
    for value in [format!("{good},{good}"), format!("Basic YTpi, {good}"), format!("{good}, x")] {
        is_denied(&authorized(proxy, &[value.as_bytes()]), reasons::FORM);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_anywhere_else_is_not_looked_at(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for name in ["Access_Token", "token", "jwt", "authorization"] {
        let path = format!("/?{name}={}", token(json!({})));
        is_denied_in(&proxy.get(&path).send(), reasons::MISSING, name);
    }

    let cookie = format!("access_token={0}; authorization=Bearer {0}", token(json!({})));
    is_denied(&proxy.get("/").header("cookie", cookie).send(), reasons::MISSING);

    let value = format!("Bearer {}", token(json!({})));
    for name in ["proxy-authorization", "x-authorization", "authorization2", "x-jwt-assertion"] {
        is_denied_in(&proxy.get("/").header(name, &value).send(), reasons::MISSING, name);
    }

    let request = proxy.post("/").header("content-type", "application/x-www-form-urlencoded");
    let exchange = request.body(format!("access_token={}", token(json!({})))).send();
    is_denied(&exchange, reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn any_bytes_in_authorization_get_an_answer_and_the_next_request_is_served(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let header = base64url(r#"{"alg":"ES256"}"#);
    let long = format!("Bearer {}", "a.".repeat(30_000));
    let huge = format!("Bearer {header}.e30.{}", "A".repeat(60_000));
    let values: [&[u8]; 9] = [
        b"\xff\xfe\x80",
        b"Bearer \xff.\xff.\xff",
        b"\x80Bearer \xfea.b.c\xfd",
        b"\xc3\xa9\xf0\x9f\x92\xa9",
        b"Bearer ...",
        b"Bearer ........",
        b"\t \t",
        long.as_bytes(),
        huge.as_bytes(),
    ];
    for value in values {
        assert_eq!(authorized(proxy, &[value]).status(), 401, "{}", value.escape_ascii());
        passes(&authorized(proxy, &[format!("Bearer {}", token(json!({}))).as_bytes()]));
    }
    assert!(proxy.traps().is_empty());
}
