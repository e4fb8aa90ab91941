//! Good tokens for somebody else, of somebody else, for something else (RFC 8725, 2.6 to 2.8).

use crate::common::{
    claims, configure, is_denied, is_denied_in, passes, present, present_at, protected_by,
    provider, provider_with, reasons, start, token, with,
};
use crate::keys::{EC, FOREIGN};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

const TYP: &str = "Jwt header [typ] is not accepted";

/// An ID token, a logout token or a security event is not an access token (RFC 8725, 3.11).
#[tollgate_testkit::test(JwtAuth)]
fn a_token_of_another_type_is_refused_where_one_is_required(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "required_type": "at+jwt" })));
    let of = |typ: serde_json::Value| {
        EC.sign_with(&json!({ "alg": "ES256", "typ": typ }), &claims(json!({})))
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        passes(&present(proxy, &of(json!(typ))));
    }
    for typ in [
        "JWT",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "at+jwt2",
        "at",
        "",
        " at+jwt",
        "text/at+jwt",
    ] {
        is_denied_in(&present(proxy, &of(json!(typ))), TYP, typ);
    }
    for typ in [json!(7), json!(["at+jwt"]), json!(null)] {
        is_denied_in(&present(proxy, &of(typ.clone())), TYP, &typ.to_string());
    }
    is_denied(&present(proxy, &EC.sign_with(&json!({ "alg": "ES256" }), &claims(json!({})))), TYP);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_for_another_audience_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["https://api.example/v1"] })));
    for aud in [
        "https://api.example",
        "https://api.example/v1/x",
        "https://api.example/v1//",
        "https://api.example/v1?x",
        "https://api.example/V1",
        "https://api.example.evil.example/v1",
        "https://evil.example/https://api.example/v1",
        "wss://api.example/v1",
        "//api.example/v1",
        "*",
        "",
    ] {
        let exchange = present(proxy, &token(json!({ "aud": aud })));
        is_denied_in(&exchange, reasons::AUDIENCE, aud);
        let list = present(proxy, &token(json!({ "aud": [aud, "other"] })));
        is_denied_in(&list, reasons::AUDIENCE, aud);
    }
    // As in Envoy, scheme and one slash at the end do not count.
    for aud in ["https://api.example/v1", "http://api.example/v1/", "api.example/v1"] {
        passes(&present(proxy, &token(json!({ "aud": aud }))));
    }
    is_denied(&present(proxy, &token(json!({ "aud": null }))), reasons::AUDIENCE);
    is_denied(&present(proxy, &token(json!({ "aud": [] }))), reasons::AUDIENCE);
}

/// An issuer's key is good for its own tokens.
#[tollgate_testkit::test(JwtAuth)]
fn an_issuer_signs_for_no_other(proxy: &mut Proxy) {
    let of = |issuer: &str, key| with(provider(&[key]), json!({ "issuer": issuer }));
    configure(
        proxy,
        with(
            protected_by(provider(&[EC])),
            json!({
                "providers": { "a": of("https://a.example", EC), "b": of("https://b.example", FOREIGN) },
                "rules": [
                    { "match": { "prefix": "/a" }, "requires": { "provider_name": "a" } },
                    { "match": { "prefix": "/either" }, "requires": { "requires_any": { "requirements": [
                        { "provider_name": "a" }, { "provider_name": "b" },
                    ] } } },
                    { "match": { "prefix": "/" }, "requires": { "allow_missing": {} } },
                ],
            }),
        ),
    );
    let header = json!({ "alg": "ES256" });
    let forged = FOREIGN.sign_with(&header, &claims(json!({ "iss": "https://a.example" })));
    for path in ["/a", "/either", "/"] {
        is_denied_in(&present_at(proxy, path, &forged), reasons::WRONG, path);
    }
    let own = FOREIGN.sign_with(&header, &claims(json!({ "iss": "https://b.example" })));
    passes(&present_at(proxy, "/either", &own));
    is_denied(&present_at(proxy, "/a", &own), reasons::ISSUER);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_subject_matches_as_a_whole(proxy: &mut Proxy) {
    let regex = |regex: &str| json!({ "subjects": { "safe_regex": { "regex": regex } } });
    for (expression, good, others) in [
        (
            "alice",
            &["alice"][..],
            &["malice", "alice2", "alice\n", "\nalice", "x\nalice\nx", "Alice", ""][..],
        ),
        ("alice|bob", &["alice", "bob"], &["alicex", "xbob", "alice|bob"]),
        ("a.*", &["a", "alice"], &["ba"]),
        (
            "[a-z]+@a\\.example",
            &["x@a.example"],
            &["x@a.example.evil", "x@axexample", "@a.example"],
        ),
    ] {
        start(proxy, provider_with(regex(expression)));
        for sub in good {
            passes(&present(proxy, &token(json!({ "sub": sub }))));
        }
        for sub in others {
            is_denied_in(&present(proxy, &token(json!({ "sub": sub }))), reasons::WRONG, sub);
        }
        is_denied(&present(proxy, &token(json!({ "sub": null }))), reasons::WRONG);
    }
}

/// What was good for one rule is not for another.
#[tollgate_testkit::test(JwtAuth)]
fn a_token_that_is_known_is_looked_at_again(proxy: &mut Proxy) {
    let only = |audience: &str| {
        json!({ "provider_and_audiences": {
        "provider_name": "main", "audiences": [audience],
    } })
    };
    configure(
        proxy,
        with(
            protected_by(provider(&[EC])),
            json!({ "rules": [
        { "match": { "prefix": "/a" }, "requires": only("a") },
        { "match": { "prefix": "/b" }, "requires": only("b") },
    ] }),
        ),
    );
    let token = token(json!({ "aud": "a" }));
    for _ in 0..2 {
        passes(&present_at(proxy, "/a", &token));
        is_denied(&present_at(proxy, "/b", &token), reasons::AUDIENCE);
    }
    proxy.advance(std::time::Duration::from_secs(10_000));
    is_denied(&present_at(proxy, "/a", &token), reasons::EXPIRED);
}
