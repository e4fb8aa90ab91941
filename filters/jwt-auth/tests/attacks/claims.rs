//! Claims that two readers read differently: types, numbers, texts.

use crate::common::{
    ISSUER, NOW, claims, is_denied, is_denied_in, passes, present, provider_with, reasons, start,
    token, token_with_header, upstream_values,
};
use crate::keys::EC;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Exchange, Proxy};

/// A token with a claim as it is written, more or in place of the usual one.
fn written(name: &str, value: &str) -> String {
    let others = claims(json!({ name: null })).to_string();
    let text = others.replacen('{', &format!("{{\"{name}\":{value},"), 1);
    EC.sign_bytes(r#"{"alg":"ES256"}"#, text)
}

fn present_written(proxy: &Proxy, name: &str, value: &str) -> Exchange {
    present(proxy, &written(name, value))
}

#[tollgate_testkit::test(JwtAuth)]
fn a_registered_claim_has_its_type(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let others = ["null", "true", "[]", "{}", "[\"x\"]"];
    for name in ["iss", "sub", "jti"] {
        for value in others.iter().chain(&["7", "1.5"]) {
            let reason = format!("Jwt payload [{name}] field is not a string");
            is_denied_in(&present_written(proxy, name, value), &reason, value);
        }
    }
    for name in ["exp", "nbf", "iat"] {
        for value in others.iter().chain(&["\"9999999999\"", "\"\"", "\"1e9\""]) {
            let reason = format!("Jwt payload [{name}] field is not an integer");
            is_denied_in(&present_written(proxy, name, value), &reason, value);
        }
    }
    for value in ["null", "true", "7", "{}", "[7]", "[null]", "[[\"x\"]]", "[\"x\",7]"] {
        is_denied_in(&present_written(proxy, "aud", value), reasons::AUD, value);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_time_is_a_number_that_has_a_value(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for name in ["exp", "nbf", "iat"] {
        let reason = format!("Jwt payload [{name}] field is not a positive 64 bit integer");
        for value in [
            "-1",
            "-0.5",
            "18446744073709551616",
            "1e20",
            "1e308",
            "-1e308",
            "-9223372036854775808",
        ] {
            is_denied_in(&present_written(proxy, name, value), &reason, value);
        }
        // Numbers that JSON does not have.
        for value in [
            "1e400",
            "-1e400",
            "NaN",
            "Infinity",
            "-Infinity",
            "0x7fffffff",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1_000",
            "--1",
        ] {
            is_denied_in(&present_written(proxy, name, value), reasons::PAYLOAD_JSON, value);
        }
    }
    for value in ["1", "1e3", "1.5", "0.0001e7"] {
        is_denied_in(&present_written(proxy, "exp", value), reasons::EXPIRED, value);
    }
    for value in ["18446744073709551615", "1.8e19", "9007199254740993"] {
        passes(&present_written(proxy, "exp", value));
        is_denied_in(&present_written(proxy, "nbf", value), reasons::NOT_YET_VALID, value);
    }
}

/// As in Envoy, 0 is no time; `require_expiration` wants one.
#[tollgate_testkit::test(JwtAuth)]
fn a_time_of_0_is_none_however_it_is_written(proxy: &mut Proxy) {
    let zeros = ["0", "-0", "0.0", "-0.0", "0e9", "0.9", "1e-9"];
    start(proxy, provider_with(json!({})));
    for value in zeros {
        passes(&present_written(proxy, "exp", value));
    }
    start(proxy, provider_with(json!({ "require_expiration": true })));
    for value in zeros {
        is_denied_in(&present_written(proxy, "exp", value), reasons::WRONG, value);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_payload_that_says_two_things_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for twice in [
        r#""exp":1,"exp":9999999999"#,
        r#""exp":9999999999,"exp":1"#,
        r#""iss":"https://evil.example","iss":"https://issuer.example""#,
        r#""aud":"a","aud":"b""#,
        r#""sub":"root","\u0073ub":"alice""#,
        r#""x":[{"a":1,"a":1}]"#,
    ] {
        let text = format!("{{{twice},\"iss2\":1}}");
        let token = EC.sign_bytes(r#"{"alg":"ES256"}"#, text);
        is_denied_in(&present(proxy, &token), reasons::PAYLOAD_JSON, twice);
    }
    // Names that differ in their case are two.
    let claims = format!(r#"{{"iss":"{ISSUER}","Iss":"https://evil.example","EXP":1}}"#);
    passes(&present(proxy, &EC.sign_bytes(r#"{"alg":"ES256"}"#, claims)));
}

#[tollgate_testkit::test(JwtAuth)]
fn an_issuer_that_only_looks_like_it_is_another(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for issuer in [
        "https://\u{456}ssuer.example",
        "https://issuer\u{3002}example",
        "https://issuer.ex\u{430}mple",
        "https://issuer.example\u{200b}",
        "https://issuer.example\0",
        "\u{feff}https://issuer.example",
        "https://issuer.example ",
        "https://issuer.example/",
        "https://issuer.example.evil.example",
        "https://issuer.example@evil.example",
        "https://issuer.exampl",
        "HTTPS://issuer.example",
        "https://issuer.example#",
        "https%3A%2F%2Fissuer.example",
        "",
    ] {
        is_denied_in(&present(proxy, &token(json!({ "iss": issuer }))), reasons::ISSUER, issuer);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_escape_is_the_character_that_it_stands_for(proxy: &mut Proxy) {
    let headers = json!([{ "header_name": "x-user", "claim_name": "sub" }]);
    start(proxy, provider_with(json!({ "claim_to_headers": headers })));
    passes(&present_written(proxy, "iss", r#""https:\/\/\u0069ssuer.example""#));
    let exchange = present_written(proxy, "sub", r#""\u0061lice""#);
    assert_eq!(upstream_values(&exchange, "x-user"), ["alice"]);
    let escaped =
        EC.sign_bytes(r#"{"alg":"ES\u003256","kid":"\u0065c-1"}"#, claims(json!({})).to_string());
    passes(&present(proxy, &escaped));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_text_that_is_no_unicode_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud83dx""#,
        r#""\u12""#,
    ] {
        is_denied_in(&present_written(proxy, "sub", text), reasons::PAYLOAD_JSON, text);
        let header = format!(r#"{{"alg":"ES256","kid":{text}}}"#);
        let token = EC.sign_bytes(header, claims(json!({})).to_string());
        is_denied_in(&present(proxy, &token), reasons::HEADER_JSON, text);
    }
    // Overlong, of surrogates, above the last character, cut off, and plainly wrong.
    let bytes: [&[u8]; 6] =
        [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xff"];
    for bytes in bytes {
        let payload = [b"{\"sub\":\"", bytes, b"\"}"].concat();
        let token = EC.sign_bytes(r#"{"alg":"ES256"}"#, payload);
        is_denied(&present(proxy, &token), reasons::PAYLOAD_JSON);
        let header = [b"{\"alg\":\"ES256\",\"kid\":\"", bytes, b"\"}"].concat();
        is_denied(&present(proxy, &EC.sign_bytes(header, "{}")), reasons::HEADER_JSON);
    }
    let marked = format!("\u{feff}{}", claims(json!({})));
    is_denied(&present(proxy, &EC.sign_bytes(r#"{"alg":"ES256"}"#, marked)), reasons::PAYLOAD_JSON);
}

#[tollgate_testkit::test(JwtAuth)]
fn nul_and_line_ends_in_a_claim_reach_no_header(proxy: &mut Proxy) {
    let headers = json!([{ "header_name": "x-user", "claim_name": "sub" }]);
    start(proxy, provider_with(json!({ "claim_to_headers": headers })));
    for sub in ["\0", "alice\0", "alice\r\nx-role: admin", "alice\n", "\u{7f}"] {
        let exchange = present(proxy, &token(json!({ "sub": sub })));
        passes(&exchange);
        assert!(upstream_values(&exchange, "x-user").is_empty(), "{sub:?}");
        assert!(upstream_values(&exchange, "x-role").is_empty(), "{sub:?}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nesting_and_length_are_bounded(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        passes(&present_written(proxy, "x", &nested(open, close, 31)));
        for levels in [32, 100, 900] {
            let exchange = present_written(proxy, "x", &nested(open, close, levels));
            is_denied(&exchange, reasons::PAYLOAD_JSON);
        }
    }
    let header = json!({ "alg": "ES256", "x": "x".repeat(7000) });
    is_denied(&present(proxy, &token_with_header(header)), reasons::FORM);
    is_denied(&present(proxy, &token(json!({ "x": "x".repeat(50_000) }))), reasons::FORM);
    is_denied(&present(proxy, &".".repeat(60_000)), reasons::FORM);
    passes(&present(proxy, &token(json!({ "iat": NOW }))));
}
