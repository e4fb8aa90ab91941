//! Issuer, audience and times; the clock is the simulated one.

use crate::common::{
    NOW, SKEW, is_denied, is_denied_in, passes, present, provider_with, reasons, start, token,
};
use crate::keys::EC;
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

fn seconds(proxy: &Proxy, seconds: u64) {
    proxy.advance(Duration::from_secs(seconds));
}

/// Every one of these claims is denied for this reason.
#[track_caller]
fn claims_are_denied(proxy: &Proxy, reason: &str, claims: &[Value]) {
    for claims in claims {
        is_denied_in(&present(proxy, &token(claims.clone())), reason, &claims.to_string());
    }
}

#[track_caller]
fn claims_pass(proxy: &Proxy, claims: &[Value]) {
    for claims in claims {
        let exchange = present(proxy, &token(claims.clone()));
        assert_eq!(exchange.status(), 200, "{claims}: {}", exchange.response().text());
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn the_issuer_must_be_the_configured_one_to_the_letter(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let others = [
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": "https://issuer.example/" }),
        json!({ "iss": "https://ISSUER.example" }),
        json!({ "iss": "issuer.example" }),
        json!({ "iss": "" }),
        json!({ "iss": null }),
    ];
    claims_are_denied(proxy, reasons::ISSUER, &others);
}

#[tollgate_testkit::test(JwtAuth)]
fn without_a_configured_issuer_any_will_do(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "issuer": "" })));
    claims_pass(
        proxy,
        &[json!({}), json!({ "iss": "https://other.example" }), json!({ "iss": null })],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn one_of_the_audiences_must_be_in_the_token(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["api", "web"] })));
    let good = [json!("api"), json!("web"), json!(["web"]), json!(["other", "api"])];
    claims_pass(proxy, &good.map(|aud| json!({ "aud": aud })));
    let other =
        [json!("other"), json!("API"), json!(""), json!("ap"), json!(["api ", "we"]), json!([])];
    claims_are_denied(proxy, reasons::AUDIENCE, &other.map(|aud| json!({ "aud": aud })));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_without_an_audience_is_denied_where_one_is_wanted(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["api"] })));
    claims_are_denied(proxy, reasons::AUDIENCE, &[json!({ "aud": null })]);
}

#[tollgate_testkit::test(JwtAuth)]
fn without_configured_audiences_any_will_do(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": [] })));
    let audiences = [json!("any"), json!(["a", "b"]), json!([]), json!(null)];
    claims_pass(proxy, &audiences.map(|aud| json!({ "aud": aud })));
}

/// As in Envoy (`source/common/jwt/check_audience.cc`).
#[tollgate_testkit::test(JwtAuth)]
fn scheme_and_one_trailing_slash_of_an_audience_do_not_count(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["https://api.example/", "web.example"] })));
    let same = ["https://api.example/", "http://api.example", "api.example", "api.example/"];
    claims_pass(proxy, &same.map(|aud| json!({ "aud": aud })));
    claims_pass(proxy, &[json!({ "aud": "https://web.example/" })]);
    let other =
        ["ftp://api.example", "api.example//", "http://https://api.example", "HTTP://api.example"];
    claims_are_denied(proxy, reasons::AUDIENCE, &other.map(|aud| json!({ "aud": aud })));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_expires_when_its_time_and_the_skew_are_over(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let token = token(json!({ "exp": NOW + 10 }));
    passes(&present(proxy, &token));
    seconds(proxy, 10 + SKEW);
    passes(&present(proxy, &token));
    seconds(proxy, 1);
    is_denied(&present(proxy, &token), reasons::EXPIRED);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_becomes_valid_when_its_time_comes_the_skew_before(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let token = token(json!({ "nbf": NOW + SKEW + 10, "exp": null }));
    is_denied(&present(proxy, &token), reasons::NOT_YET_VALID);
    seconds(proxy, 9);
    is_denied(&present(proxy, &token), reasons::NOT_YET_VALID);
    seconds(proxy, 1);
    passes(&present(proxy, &token));
}

#[tollgate_testkit::test(JwtAuth)]
fn the_skew_can_be_configured(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "clock_skew_seconds": 5 })));
    claims_pass(proxy, &[json!({ "exp": NOW - 5 }), json!({ "nbf": NOW + 5 })]);
    claims_are_denied(proxy, reasons::EXPIRED, &[json!({ "exp": NOW - 6 })]);
    claims_are_denied(proxy, reasons::NOT_YET_VALID, &[json!({ "nbf": NOW + 6 })]);
}

/// As in Envoy.
#[tollgate_testkit::test(JwtAuth)]
fn a_skew_of_0_is_the_default(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "clock_skew_seconds": 0 })));
    claims_pass(proxy, &[json!({ "exp": NOW - SKEW }), json!({ "nbf": NOW + SKEW })]);
    claims_are_denied(proxy, reasons::EXPIRED, &[json!({ "exp": NOW - SKEW - 1 })]);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_largest_skew_does_not_overflow(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "clock_skew_seconds": u32::MAX })));
    claims_pass(proxy, &[json!({ "exp": u64::MAX }), json!({ "exp": 1 })]);
    claims_are_denied(proxy, reasons::NOT_YET_VALID, &[json!({ "nbf": u64::MAX })]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_without_an_expiration_passes_for_ever(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let token = token(json!({ "exp": null }));
    passes(&present(proxy, &token));
    seconds(proxy, 100 * 365 * 86_400);
    passes(&present(proxy, &token));
}

#[tollgate_testkit::test(JwtAuth)]
fn an_expiration_can_be_required(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "require_expiration": true })));
    claims_pass(proxy, &[json!({})]);
    claims_are_denied(proxy, reasons::WRONG, &[json!({ "exp": null }), json!({ "exp": 0 })]);
}

/// As in Envoy.
#[tollgate_testkit::test(JwtAuth)]
fn an_expiration_of_0_is_none_and_fractions_of_seconds_are_cut(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    claims_pass(proxy, &[json!({ "exp": 0 }), json!({ "exp": 0.9 })]);
    claims_are_denied(proxy, reasons::EXPIRED, &[json!({ "exp": 1 })]);

    let now = NOW as f64;
    claims_pass(
        proxy,
        &[json!({ "exp": now + 0.5 }), json!({ "nbf": now + 60.9 }), json!({ "exp": 2e9 })],
    );
    claims_are_denied(proxy, reasons::EXPIRED, &[json!({ "exp": now - 60.5 })]);

    // As in Envoy without `max_lifetime`.
    claims_pass(
        proxy,
        &[json!({ "iat": NOW + 86_400 }), json!({ "iat": 0 }), json!({ "iat": 1.5 })],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn registered_claims_of_another_type_are_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for name in ["iss", "sub", "jti"] {
        let reason = format!("Jwt payload [{name}] field is not a string");
        for value in [json!(7), json!(true), json!(["a"]), json!({})] {
            claims_are_denied(proxy, &reason, &[json!({ name: value })]);
        }
    }

    let audiences = [json!(7), json!({}), json!([7]), json!(["a", null]), json!([["a"]])];
    claims_are_denied(proxy, reasons::AUD, &audiences.map(|aud| json!({ "aud": aud })));

    for name in ["iat", "nbf", "exp"] {
        let reason = format!("Jwt payload [{name}] field is not an integer");
        for value in [json!("1767225600"), json!(true), json!([1]), json!({})] {
            claims_are_denied(proxy, &reason, &[json!({ name: value })]);
        }
    }
    let null = EC.sign_bytes(r#"{"alg":"ES256"}"#, r#"{"exp":null}"#);
    is_denied(&present(proxy, &null), "Jwt payload [exp] field is not an integer");

    for name in ["iat", "nbf", "exp"] {
        let reason = format!("Jwt payload [{name}] field is not a positive 64 bit integer");
        for value in [json!(-1), json!(-0.5), json!(1e20), json!(18_446_744_073_709_551_616.0)] {
            claims_are_denied(proxy, &reason, &[json!({ name: value })]);
        }
    }
}

/// In the order of Envoy: issuer, `nbf`, `exp`, audience, signature.
#[tollgate_testkit::test(JwtAuth)]
fn the_first_claim_that_is_wrong_is_the_reason(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["api"], "require_expiration": true })));
    let mut wrong = json!({ "iss": "x", "nbf": NOW + 100, "exp": 5, "aud": "x" });
    for (reason, mend) in [
        (reasons::ISSUER, json!({ "iss": crate::common::ISSUER })),
        (reasons::NOT_YET_VALID, json!({ "nbf": NOW })),
        (reasons::EXPIRED, json!({ "exp": 0 })),
        (reasons::AUDIENCE, json!({ "aud": "api" })),
        (reasons::WRONG, json!({ "exp": NOW })),
    ] {
        let token = crate::keys::tampered(&token(wrong.clone()));
        is_denied(&present(proxy, &token), reason);
        wrong = crate::common::with(wrong, mend);
    }
    is_denied(&present(proxy, &crate::keys::tampered(&token(wrong.clone()))), reasons::WRONG);
    passes(&present(proxy, &token(wrong)));
}
