//! What the upstream learns, and what a client claims that it had learnt.

use serde_json::{Value, json};
use tollgate_e2e::oracle::Pair;
use tollgate_e2e::tokens::base64url;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{by_path, claims, expired, provider, reasons, token, with};
use crate::keys::{sign, sign_bytes};

pub(crate) fn theme() -> Theme {
    let claim = |header: &str, name: &str| json!({ "header_name": header, "claim_name": name });
    let path = |header: &str, names: &[&str]| {
        let keys: Vec<_> = names.iter().map(|name| json!({ "key": name })).collect();
        json!({ "header_name": header, "claim_path": keys })
    };
    let configuration = by_path([
        (
            "claims",
            provider(json!({ "claim_to_headers": [
            claim("x-sub", "sub"), claim("X-Again", "sub"), claim("x-n", "n"), claim("x-groups", "realm.groups"),
            claim("x-deep", "a.b.c"),
        ] })),
        ),
        (
            "paths",
            provider(json!({ "claim_to_headers": [
            path("x-dotted", &["https://example.com/role"]), path("x-inner", &["realm", "a.b"]),
            path("x-n", &["n"]),
        ] })),
        ),
        (
            "payload",
            provider(json!({ "forward_payload_header": "X-Payload", "claim_to_headers": null })),
        ),
        (
            "padded",
            provider(json!({
                "forward_payload_header": "x-payload", "pad_forward_payload_header": true,
            })),
        ),
        (
            "unpadded",
            provider(json!({
                "forward_payload_header": "x-payload", "pad_forward_payload_header": false, "forward": true,
            })),
        ),
    ]);
    let cases = [values(), paths(), payloads(), spoofed()].into_iter().flatten().collect();
    Theme { pair: Pair::new("output", configuration), cases }
}

/// What becomes of a claim.
fn claim(n: Value) -> Case {
    case(format!("n is {n}"), "/claims").bearer(token(json!({ "n": n })))
}

/// The same with a number as it is written.
fn number(n: &str) -> Case {
    let claims = claims(json!({ "n": "@" })).to_string().replace("\"@\"", n);
    case(format!("n is {n}"), "/claims").bearer(sign_bytes("ES256", r#"{"alg":"ES256"}"#, claims))
}

fn values() -> Vec<Case> {
    let n = |value: Value, text: &str| claim(value).same(200).says("upstream x-n", text);
    vec![
        n(json!("text"), "text"),
        n(json!("with blanks"), "with blanks"),
        n(json!("a,b;c=\"d\""), "a,b;c=\"d\""),
        n(json!("\u{e9}\u{1f600}"), "\u{e9}\u{1f600}"),
        n(json!(""), ""),
        n(json!(0), "0"),
        n(json!(42), "42"),
        n(json!(1e15), "1000000000000000"),
        number("4294967296").same(200).says("upstream x-n", "4294967296"),
        number("9007199254740992").same(200).says("upstream x-n", "9007199254740992"),
        number("9007199254740993").differs(&WHOLE_NUMBERS).with(
            "upstream x-n",
            "9007199254740993",
            "9007199254740992",
        ),
        number("42.0").same(200).says("upstream x-n", "42"),
        number("1e3").same(200).says("upstream x-n", "1000"),
        number("-0").same(200),
        number("-5").differs(&WHOLE_NUMBERS).with("upstream x-n", "-5", "-5.000000"),
        number("1e300").same(200),
        number("18446744073709551616").same(200),
        n(json!(1.5), "1.500000"),
        n(json!(0.1), "0.100000"),
        n(json!(-1.5), "-1.500000"),
        n(json!(0.000_000_1), "0.000000"),
        n(json!(true), "true"),
        n(json!(false), "false"),
        claim(Value::Null).same(200).says("upstream x-n", ""),
        number("null").same(200).says("upstream x-n", ""),
        n(json!([]), "W10="),
        n(json!(["a", "b"]), "WyJhIiwiYiJd"),
        claim(json!([1, 2.5, true, null])).same(200),
        n(json!({}), "e30="),
        n(json!({ "a": 1 }), "eyJhIjoxfQ=="),
        claim(json!(["\u{e9}", "<&>", "/"])).differs(&JSON_TEXT),
        claim(json!(" a ")).differs(&TRIMMED),
        claim(json!("a\tb")).same(200),
        claim(json!("a\nb")).differs(&UNWRITABLE),
        claim(json!("a\u{0}b")).differs(&UNWRITABLE),
        claim(json!("a\u{7f}b")).differs(&UNWRITABLE),
    ]
}

fn paths() -> Vec<Case> {
    let at = |path: &str, changes: Value| {
        case(format!("{path} {changes}"), path).bearer(token(changes)).same(200)
    };
    vec![
        at("/claims", json!({ "realm": { "groups": "staff" } })).says("upstream x-groups", "staff"),
        at("/claims", json!({ "realm": { "groups": ["a", "b"] } }))
            .says("upstream x-groups", "WyJhIiwiYiJd"),
        at("/claims", json!({ "realm.groups": "dotted" })).says("upstream x-groups", ""),
        at("/claims", json!({ "realm": "text" })).says("upstream x-groups", ""),
        at("/claims", json!({ "realm": ["groups"] })).says("upstream x-groups", ""),
        at("/claims", json!({ "a": { "b": { "c": 7 } } })).says("upstream x-deep", "7"),
        at("/claims", json!({ "a": { "b": 7 } })).says("upstream x-deep", ""),
        at("/claims", json!({ "sub": "twice" })).says("upstream x-again", "twice"),
        at("/claims", json!({ "sub": null })).says("upstream x-sub", ""),
        at("/paths", json!({ "https://example.com/role": "admin" }))
            .says("upstream x-dotted", "admin"),
        at("/paths", json!({ "realm": { "a.b": "inner" } })).says("upstream x-inner", "inner"),
        at("/paths", json!({ "realm": { "a": { "b": "x" } } })).says("upstream x-inner", ""),
        at("/paths", json!({ "n": 7 })).says("upstream x-n", "7"),
    ]
}

fn payloads() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["a", "al", "ali", "alic"] {
        let token = token(json!({ "sub": name }));
        let payload = token.split('.').nth(1).unwrap_or_default().to_owned();
        let padded = format!("{payload}{}", &"==="[..(4 - payload.len() % 4) % 4]);
        cases.push(
            case(format!("payload of {name}"), "/payload")
                .bearer(&token)
                .same(200)
                .says("upstream x-payload", &payload),
        );
        cases.push(
            case(format!("padded payload of {name}"), "/padded")
                .bearer(&token)
                .same(200)
                .says("upstream x-payload", &padded),
        );
        cases.push(
            case(format!("unpadded payload of {name}"), "/unpadded")
                .bearer(&token)
                .same(200)
                .says("upstream x-payload", &payload)
                .says("upstream authorization", format!("Bearer {token}")),
        );
    }
    let blanks = sign_bytes("ES256", r#"{"alg":"ES256"}"#, format!(" {} ", claims(json!({}))));
    cases.push(case("a payload as it came", "/payload").bearer(blanks).same(200));
    cases
}

fn spoofed() -> Vec<Case> {
    let forge = |request: Case| {
        ["x-sub", "X-Sub", "x-again", "x-n", "X-GROUPS", "x-payload", "x-dotted"]
            .iter()
            .fold(request, |request, name| request.header(name, "forged"))
    };
    let good = sign("ES256", &with(claims(json!({})), json!({ "sub": "alice" })));
    vec![
        forge(case("forged where nothing is needed", "/open"))
            .same(200)
            .says("upstream x-sub", "")
            .says("upstream x-payload", ""),
        forge(case("forged and a good token", "/claims"))
            .bearer(&good)
            .same(200)
            .says("upstream x-sub", "alice")
            .says("upstream x-n", "")
            .says("upstream x-groups", ""),
        forge(case("forged and a good token of another provider", "/payload"))
            .bearer(&good)
            .same(200)
            .says("upstream x-sub", "")
            .says("upstream x-payload", base64url(claims(json!({})).to_string())),
        forge(case("forged and a bad token", "/claims")).bearer(expired()).denied(reasons::EXPIRED),
        forge(case("forged and a token where nobody looks", "/open"))
            .bearer(&good)
            .same(200)
            .says("upstream x-sub", ""),
        case("with an underscore", "/open").header("x_sub", "forged").same(200),
    ]
}
