//! What is a token at all.

use serde_json::json;
use tollgate_e2e::oracle::Pair;
use tollgate_e2e::tokens::base64url;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{by_path, claims, provider, reasons, token};
use crate::keys::{sign_bytes, sign_sections, sign_with};

pub(crate) fn theme() -> Theme {
    let configuration = by_path([("form", provider(json!({})))]);
    let cases = [sections(), base64(), json_texts(), headers()].into_iter().flatten().collect();
    Theme { pair: Pair::new("form", configuration), cases }
}

fn presented(name: impl Into<String>, token: impl AsRef<str>) -> Case {
    case(name, "/form").bearer(token)
}

fn sections() -> Vec<Case> {
    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three sections")
    };
    vec![
        presented("good", &good).same(200).says("upstream x-sub", "alice"),
        presented("good again", &good).same(200),
        case("nothing", "/form").denied(reasons::MISSING),
        presented("only the scheme", "").denied(reasons::MISSING),
        presented("no dot", "abc").denied(reasons::FORM),
        presented("one dot", "a.b").denied(reasons::FORM),
        presented("three dots", format!("{good}.x")).denied(reasons::FORM),
        presented("a JWE of five sections", "a.b.c.d.e").denied(reasons::FORM),
        presented("only dots", "..").denied(reasons::FORM),
        presented("no signature", format!("{header}.{payload}.")).denied(reasons::FORM),
        presented("no signature and no dot", format!("{header}.{payload}")).denied(reasons::FORM),
        presented("no header", format!(".{payload}.{signature}")).denied(reasons::FORM),
        presented("no payload", format!("{header}..{signature}")).denied(reasons::FORM),
        presented("an empty section more", format!("{header}..{payload}.{signature}"))
            .differs(&EMPTY_SECTION),
        presented("a dot at the end", format!("{good}.")).differs(&EMPTY_SECTION),
        presented("a dot at the beginning", format!(".{good}")).differs(&EMPTY_SECTION),
        presented("a long token", token(json!({ "x": "x".repeat(5000) }))).same(200),
        presented("a very long token", token(json!({ "x": "x".repeat(8000) })))
            .differs(&LONG_TOKEN),
    ]
}

fn base64() -> Vec<Case> {
    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three sections")
    };
    let (start, last) = good.split_at(good.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let signed = |sections: String| sign_sections("ES256", &sections);
    let mut cases = vec![
        presented("another last bit", format!("{start}{next}")).differs(&LAST_BITS),
        presented("padding of the signature", format!("{good}==")).differs(&PADDING),
        presented("too much padding of the signature", format!("{good}===")).same(401),
        presented("padding of the header", signed(format!("{header}==.{payload}"))).same(401),
        presented("padding of the payload", signed(format!("{header}.{payload}="))).same(401),
        presented("a blank in the signature", format!("{header}.{payload}. {signature}"))
            .differs(&BLANK_IN_SIGNATURE),
        presented("a blank and more behind the token", format!("{good} x"))
            .differs(&BLANK_IN_SIGNATURE),
        presented("a tab in the payload", signed(format!("{header}.\t{payload}")))
            .differs(&BLANK_IN_PAYLOAD),
        presented("no base64", "!!!.???.+++").same(401),
        presented("a signature of one character", format!("{header}.{payload}.A")).same(401),
        presented("a header of one character", format!("A.{payload}.{signature}")).same(401),
    ];
    for strange in ["+", "/", "!", "%3D", "*", "~"] {
        cases.extend([
            presented(
                format!("{strange} in the header"),
                format!("e{strange}{header}.{payload}.{signature}"),
            )
            .denied(reasons::HEADER_BASE64),
            presented(
                format!("{strange} in the payload"),
                signed(format!("{header}.{strange}{payload}")),
            )
            .denied(reasons::PAYLOAD_BASE64),
            presented(
                format!("{strange} in the signature"),
                format!("{header}.{payload}.{strange}{signature}"),
            )
            .denied(reasons::SIGNATURE_BASE64),
        ]);
    }
    cases
}

fn json_texts() -> Vec<Case> {
    let head = |text: &str| sign_bytes("ES256", text, claims(json!({})).to_string());
    let payload = |text: &str| {
        let text = text.replacen('{', "{\"iss\":\"https://issuer.example\",", 1);
        sign_bytes("ES256", r#"{"alg":"ES256"}"#, text)
    };
    let plain = |text: &[u8]| sign_bytes("ES256", r#"{"alg":"ES256"}"#, text);
    let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let mut cases = Vec::new();
    for text in ["nonsense", "[]", "null", "7", "\"ES256\"", "{", "{}{}", "", " "] {
        if text == "null" {
            cases.push(presented("header null", head(text)).differs(&NULL_HEADER));
            cases.push(presented("payload null", plain(b"null")).differs(&NULL_PAYLOAD));
        } else if !text.is_empty() {
            cases.push(
                presented(format!("header {text:?}"), head(text)).denied(reasons::HEADER_JSON),
            );
            cases.push(
                presented(format!("payload {text:?}"), plain(text.as_bytes()))
                    .denied(reasons::PAYLOAD_JSON),
            );
        }
    }
    cases.extend([
        presented("no claims", plain(b"{}")).denied(reasons::ISSUER),
        presented("a header in quotes of another kind", head("{'alg':'ES256'}"))
            .differs(&LAX_HEADER),
        presented("a header with a comma at its end", head(r#"{"alg":"ES256",}"#))
            .differs(&LAX_HEADER),
        presented("a header with a comment", head(r#"{"alg":"ES256"/**/}"#))
            .denied(reasons::HEADER_JSON),
        presented("a byte order mark", head("\u{feff}{\"alg\":\"ES256\"}"))
            .denied(reasons::HEADER_JSON),
        presented("a member without quotes", head(r#"{alg:"ES256"}"#)).differs(&LAX_HEADER),
        presented("a header twice", head(r#"{"alg":"ES256","alg":"ES256"}"#))
            .denied(reasons::HEADER_JSON),
        presented("a header with blanks", head(" { \"alg\" : \"ES256\" }\r\n ")).same(200),
        presented("an escaped name", head(r#"{"\u0061lg":"ES256"}"#)).same(200),
        presented("a payload in quotes of another kind", payload("{'sub':'a'}"))
            .differs(&LAX_PAYLOAD),
        presented("a payload with a comma at its end", payload(r#"{"sub":"a",}"#))
            .differs(&LAX_PAYLOAD),
        presented("a raw control character", payload("{\"sub\":\"a\tb\"}")).differs(&LAX_PAYLOAD),
        presented("an unknown escape", payload(r#"{"x":"\x"}"#)).denied(reasons::PAYLOAD_JSON),
        presented("a number with a plus", payload(r#"{"x":+1}"#)).denied(reasons::PAYLOAD_JSON),
        presented("a number with a zero in front", payload(r#"{"x":01}"#))
            .denied(reasons::PAYLOAD_JSON),
        presented("a number without digits behind its point", payload(r#"{"x":1.}"#)).same(401),
        presented("NaN", payload(r#"{"x":NaN}"#)).denied(reasons::PAYLOAD_JSON),
        presented("a number that is too large", payload(r#"{"x":1e400}"#)).same(401),
        presented("a lone surrogate", payload(r#"{"x":"\ud800"}"#)).denied(reasons::PAYLOAD_JSON),
        presented("a pair of surrogates", payload(r#"{"sub":"\ud83d\ude00"}"#)).same(200),
        presented(
            "bytes that are no UTF-8",
            plain(b"{\"iss\":\"https://issuer.example\",\"x\":\"\xff\"}"),
        )
        .denied(reasons::PAYLOAD_JSON),
        presented(
            "an overlong form",
            plain(b"{\"iss\":\"https://issuer.example\",\"x\":\"\xc0\xaf\"}"),
        )
        .denied(reasons::PAYLOAD_JSON),
        presented("a member twice", payload(r#"{"sub":"a","sub":"b"}"#))
            .denied(reasons::PAYLOAD_JSON),
        presented("a member twice inside", payload(r#"{"a":{"b":1,"b":2}}"#))
            .denied(reasons::PAYLOAD_JSON),
        presented("NUL in a claim that is no header", payload(r#"{"x":"\u0000"}"#)).same(200),
        presented("31 levels", payload(&nested(30))).same(200),
        presented("40 levels", payload(&nested(39))).differs(&DEEP),
        presented("2000 levels", payload(&nested(1900))).denied(reasons::PAYLOAD_JSON),
    ]);
    cases
}

fn headers() -> Vec<Case> {
    let headed = |header| sign_with("ES256", &header, &claims(json!({})));
    vec![
        presented("no alg", headed(json!({ "typ": "JWT" }))).denied(reasons::NO_ALG),
        presented("alg no string", headed(json!({ "alg": 5 }))).denied(reasons::NO_ALG),
        presented("alg null", headed(json!({ "alg": null }))).denied(reasons::NO_ALG),
        presented("alg in another case", headed(json!({ "alg": "es256" })))
            .denied(reasons::UNKNOWN_ALG),
        presented("alg none", headed(json!({ "alg": "none" }))).denied(reasons::UNKNOWN_ALG),
        presented("alg None", headed(json!({ "alg": "None" }))).denied(reasons::UNKNOWN_ALG),
        presented("alg of no kind", headed(json!({ "alg": "XS256" }))).denied(reasons::UNKNOWN_ALG),
        presented("alg ES256K", headed(json!({ "alg": "ES256K" }))).denied(reasons::UNKNOWN_ALG),
        presented("alg empty", headed(json!({ "alg": "" }))).denied(reasons::UNKNOWN_ALG),
        presented("kid no string", headed(json!({ "alg": "ES256", "kid": 7 })))
            .denied(reasons::KID),
        presented("kid null", headed(json!({ "alg": "ES256", "kid": null }))).denied(reasons::KID),
        presented("kid empty", headed(json!({ "alg": "ES256", "kid": "" }))).same(200),
        presented("typ", headed(json!({ "alg": "ES256", "typ": "at+jwt" }))).same(200),
        presented("typ no string", headed(json!({ "alg": "ES256", "typ": 7 }))).same(200),
        presented("cty", headed(json!({ "alg": "ES256", "cty": "JWT" }))).same(200),
        presented("crit", headed(json!({ "alg": "ES256", "crit": ["exp"], "exp": 1 })))
            .differs(&CRIT),
        presented("crit empty", headed(json!({ "alg": "ES256", "crit": [] }))).differs(&CRIT),
        presented("b64 true", headed(json!({ "alg": "ES256", "b64": true }))).same(200),
        presented("b64 false", headed(json!({ "alg": "ES256", "b64": false }))).differs(&B64),
        presented("zip", headed(json!({ "alg": "ES256", "zip": "DEF" }))).differs(&ZIP),
        presented("jwk", headed(json!({ "alg": "ES256", "jwk": { "kty": "EC" } }))).same(200),
        presented("jku", headed(json!({ "alg": "ES256", "jku": "https://evil.example" })))
            .same(200),
        presented(
            "x5c",
            headed(json!({ "alg": "ES256", "x5c": ["MIIB"], "x5u": "https://evil.example" })),
        )
        .same(200),
        presented("several faults: the header first", format!("x!.!.{}", base64url("x")))
            .denied(reasons::HEADER_BASE64),
        presented("several faults: alg before the payload", format!("{}.!.!", base64url("{}")))
            .denied(reasons::NO_ALG),
        presented(
            "several faults: the payload before the signature",
            format!("{}.!.!", base64url(r#"{"alg":"ES256"}"#)),
        )
        .denied(reasons::PAYLOAD_BASE64),
        presented(
            "several faults: claims before the signature",
            format!("{}.{}.!", base64url(r#"{"alg":"ES256"}"#), base64url(r#"{"aud":7}"#)),
        )
        .denied(reasons::AUD),
    ]
}
