//! Issuer, audiences, subjects, times: what a provider wants of the claims.

use serde_json::{Value, json};
use tollgate_e2e::oracle::Pair;
use tollgate_e2e::tokens;

use crate::comparison::{Case, Theme, case};
use crate::differences::ISSUED_IN_THE_FUTURE;
use crate::fixtures::{SKEW, by_path, claims, provider, reasons, token};
use crate::keys::{sign_bytes, signature_of, with_signature};

pub(crate) fn theme() -> Theme {
    let configuration = by_path([
        ("plain", provider(json!({}))),
        ("any-issuer", provider(json!({ "issuer": null }))),
        ("audiences", provider(json!({ "audiences": ["api", "https://other.example/"] }))),
        ("skew", provider(json!({ "clock_skew_seconds": 5 }))),
        ("no-skew", provider(json!({ "clock_skew_seconds": 0 }))),
        ("expiring", provider(json!({ "require_expiration": true }))),
        ("short", provider(json!({ "max_lifetime": "300s" }))),
        ("exact", provider(json!({ "subjects": { "exact": "alice" } }))),
        ("prefix", provider(json!({ "subjects": { "prefix": "spiffe://a.example/" } }))),
        ("suffix", provider(json!({ "subjects": { "suffix": "@a.example" } }))),
        ("contains", provider(json!({ "subjects": { "contains": "lic" } }))),
        ("regex", provider(json!({ "subjects": { "safe_regex": { "regex": "[a-z]+[0-9]?" } } }))),
        ("any-case", provider(json!({ "subjects": { "exact": "ALICE", "ignore_case": true } }))),
    ]);
    let cases = [types(), issuers(), audiences(), times(), lifetimes(), subjects(), order()];
    Theme { pair: Pair::new("claims", configuration), cases: cases.into_iter().flatten().collect() }
}

/// A token with these claims, below a path.
fn at(path: &str, changes: Value) -> Case {
    case(format!("{path} {changes}"), path).bearer(token(changes))
}

fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["iss", "sub", "jti"] {
        for value in [json!(7), json!(["a"])] {
            let reason = format!("Jwt payload [{name}] field is not a string");
            cases.push(at("/plain", json!({ name: value })).denied(&reason));
        }
    }
    for name in ["iat", "nbf", "exp"] {
        for value in [json!("1767225600"), json!(true), json!([1]), json!({})] {
            let reason = format!("Jwt payload [{name}] field is not an integer");
            cases.push(at("/plain", json!({ name: value })).denied(&reason));
        }
        for value in [json!(-1), json!(1e20), json!(18_446_744_073_709_551_616.0)] {
            let reason = format!("Jwt payload [{name}] field is not a positive 64 bit integer");
            cases.push(at("/plain", json!({ name: value })).denied(&reason));
        }
        cases.push(at("/plain", json!({ name: -0.5 })).same(401));
    }
    for aud in [json!(5), json!({}), json!([5]), json!(["a", 5])] {
        cases.push(at("/plain", json!({ "aud": aud })).denied(reasons::AUD));
    }
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        let mut claims = claims(json!({}));
        claims[name] = Value::Null;
        let null = sign_bytes("ES256", r#"{"alg":"ES256"}"#, claims.to_string());
        cases.push(case(format!("{name} null"), "/plain").bearer(null).same(401));
    }
    cases
}

fn issuers() -> Vec<Case> {
    vec![
        at("/plain", json!({ "iss": "https://evil.example" })).denied(reasons::ISSUER),
        at("/plain", json!({ "iss": "https://issuer.example/" })).denied(reasons::ISSUER),
        at("/plain", json!({ "iss": "https://issuer.example.evil.example" }))
            .denied(reasons::ISSUER),
        at("/plain", json!({ "iss": "https://ISSUER.example" })).denied(reasons::ISSUER),
        at("/plain", json!({ "iss": "" })).denied(reasons::ISSUER),
        at("/plain", json!({ "iss": null })).denied(reasons::ISSUER),
        at("/any-issuer", json!({ "iss": "https://evil.example" })).same(200),
        at("/any-issuer", json!({ "iss": null })).same(200),
    ]
}

fn audiences() -> Vec<Case> {
    let mut cases = Vec::new();
    for good in [
        json!("api"),
        json!(["web", "api"]),
        json!("https://other.example/"),
        json!("http://other.example"),
        json!("other.example"),
        json!("api/"),
        json!("https://api"),
    ] {
        cases.push(at("/audiences", json!({ "aud": good })).same(200));
    }
    for other in [
        json!("web"),
        json!(["web"]),
        json!([]),
        json!(""),
        json!("API"),
        json!("api "),
        json!("ap"),
        json!("apis"),
        json!("ftp://other.example"),
        json!("other.example//"),
        json!("http://https://other.example"),
        json!("HTTP://other.example"),
        json!(null),
    ] {
        cases.push(at("/audiences", json!({ "aud": other })).denied(reasons::AUDIENCE));
    }
    cases.push(at("/plain", json!({ "aud": "anybody" })).same(200));
    cases.push(at("/plain", json!({ "aud": null })).same(200));
    cases
}

fn times() -> Vec<Case> {
    let now = tokens::now();
    let half = now as f64 + 600.5;
    vec![
        at("/plain", json!({ "exp": now - SKEW - 5 })).denied(reasons::EXPIRED),
        at("/plain", json!({ "exp": now - SKEW / 2 })).same(200),
        at("/plain", json!({ "exp": 1 })).denied(reasons::EXPIRED),
        at("/plain", json!({ "exp": 0 })).same(200),
        at("/plain", json!({ "exp": null })).same(200),
        at("/plain", json!({ "exp": half })).same(200),
        at("/plain", json!({ "exp": 2e9 })).same(200),
        at("/plain", json!({ "exp": 18_446_744_073_709_549_568_u64 })).same(200),
        at("/plain", json!({ "exp": 0.9 })).same(200),
        at("/plain", json!({ "nbf": now + SKEW + 40 })).denied(reasons::NOT_YET_VALID),
        at("/plain", json!({ "nbf": now + SKEW / 2 })).same(200),
        at("/plain", json!({ "nbf": 0 })).same(200),
        at("/plain", json!({ "nbf": 18_446_744_073_709_549_568_u64 }))
            .denied(reasons::NOT_YET_VALID),
        at("/plain", json!({ "iat": now + 86_400 })).same(200),
        at("/plain", json!({ "iat": 1.5 })).same(200),
        at("/skew", json!({ "exp": now - 30 })).denied(reasons::EXPIRED),
        at("/skew", json!({ "nbf": now + 40 })).denied(reasons::NOT_YET_VALID),
        at("/no-skew", json!({ "exp": now - SKEW / 2 })).same(200),
        at("/no-skew", json!({ "exp": now - SKEW - 5 })).denied(reasons::EXPIRED),
        at("/no-skew", json!({ "nbf": now + SKEW / 2 })).same(200),
    ]
}

fn lifetimes() -> Vec<Case> {
    let now = tokens::now();
    vec![
        at("/expiring", json!({})).same(200),
        at("/expiring", json!({ "exp": null })).denied(reasons::WRONG),
        at("/expiring", json!({ "exp": 0 })).denied(reasons::WRONG),
        at("/expiring", json!({ "exp": now - SKEW / 2 })).same(200),
        at("/short", json!({ "exp": now + 200 })).same(200),
        at("/short", json!({ "exp": now + 400 })).denied(reasons::WRONG),
        at("/short", json!({ "exp": null })).denied(reasons::WRONG),
        at("/short", json!({ "exp": 0 })).denied(reasons::WRONG),
        at("/short", json!({ "exp": now + 200, "iat": now - 10_000 })).same(200),
        at("/short", json!({ "exp": now - SKEW / 2 })).same(200),
        at("/short", json!({ "exp": now + 200, "iat": now + 100 })).differs(&ISSUED_IN_THE_FUTURE),
    ]
}

fn subjects() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, good, bad) in [
        ("/exact", &["alice"][..], &["Alice", "alice2", "", "malice"][..]),
        (
            "/prefix",
            &["spiffe://a.example/", "spiffe://a.example/x"],
            &["spiffe://a.example.evil/x", "x"],
        ),
        ("/suffix", &["bob@a.example"], &["bob@a.example.evil", "@A.example"]),
        ("/contains", &["alice", "lic"], &["LIC", "li", "al ice"]),
        ("/regex", &["alice", "alice7"], &["alice77", "Alice", "7", "alice\n", ""]),
        ("/any-case", &["alice", "Alice", "ALICE"], &["alices", ""]),
    ] {
        cases.extend(good.iter().map(|sub| {
            // A control character cannot be a header.
            at(path, json!({ "sub": sub })).same(200)
        }));
        cases.extend(bad.iter().map(|sub| at(path, json!({ "sub": sub })).denied(reasons::WRONG)));
        cases.push(at(path, json!({ "sub": null })).denied(reasons::WRONG));
    }
    cases
}

fn order() -> Vec<Case> {
    let now = tokens::now();
    let tampered = |changes: Value| {
        let good = token(changes);
        let mut signature = signature_of(&good);
        signature[9] ^= 1;
        with_signature(&good, signature)
    };
    let wrong = |name: &str, path: &str, changes: Value| case(name, path).bearer(tampered(changes));
    vec![
        wrong(
            "issuer first",
            "/audiences",
            json!({ "iss": "x", "nbf": now + 999, "exp": 5, "aud": "x" }),
        )
        .denied(reasons::ISSUER),
        wrong("then nbf", "/audiences", json!({ "nbf": now + 999, "exp": 5, "aud": "x" }))
            .denied(reasons::NOT_YET_VALID),
        wrong("then exp", "/audiences", json!({ "exp": 5, "aud": "x" })).denied(reasons::EXPIRED),
        wrong("then the audience", "/audiences", json!({ "aud": "x" })).denied(reasons::AUDIENCE),
        wrong("then the signature", "/audiences", json!({})).denied(reasons::WRONG),
    ]
}
