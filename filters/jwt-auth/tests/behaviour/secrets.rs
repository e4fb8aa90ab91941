//! No part of a token but its key id is ever said, whatever becomes of the request.

use crate::common::{
    claims, configure, present, protected_by, provider, reasons, start, token, with,
};
use crate::keys::{EC, FOREIGN, RSA_KEY, jwks, tampered};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::abi::LogLevel;
use tollgate_testkit::{Exchange, Proxy};

const MARKER: &str = "marker-of-a-secret";

/// A token of each kind that is denied, and one that passes; each has the marker in it.
fn tokens() -> Vec<String> {
    let marked = |changes: Value| with(claims(json!({ "marker": MARKER })), changes);
    let good = EC.sign(&marked(json!({})));
    let mut tokens = vec![
        tampered(&good),
        EC.sign_with(&json!({ "alg": MARKER }), &marked(json!({}))),
        EC.sign_with(
            &json!({ "alg": "ES256", "typ": MARKER, "crit": [MARKER] }),
            &marked(json!({})),
        ),
        EC.sign(&marked(json!({ "exp": 1 }))),
        EC.sign(&marked(json!({ "iss": MARKER }))),
        EC.sign(&marked(json!({ "aud": MARKER }))),
        EC.sign(&marked(json!({ "sub": { MARKER: 1 } }))),
        EC.sign_bytes(r#"{"alg":"ES256"}"#, MARKER),
        EC.sign_bytes(MARKER, "{}"),
        FOREIGN.sign(&marked(json!({}))),
        format!("{MARKER}.{MARKER}"),
        format!("{good}.{MARKER}"),
    ];
    tokens.push(good);
    tokens
}

/// Everything that the client gets.
fn answer(exchange: &Exchange) -> String {
    let response = exchange.response();
    let headers = response.headers.iter().map(|(name, value)| [name, b":", value].concat());
    let headers = headers.collect::<Vec<_>>().concat();
    let parts = [&headers[..], &response.body, response.details.as_bytes()].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

#[track_caller]
fn says_nothing_of(said: &str, token: &str) {
    let sections = token.split('.').filter(|section| section.len() > 3);
    for part in sections.chain([MARKER]) {
        assert!(!said.contains(part), "{part} in {said}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nothing_of_a_token_is_in_an_answer(proxy: &mut Proxy) {
    start(proxy, with(provider(&[EC]), json!({ "audiences": ["api.example"] })));
    for token in tokens() {
        says_nothing_of(&answer(&present(proxy, &token)), &token);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nothing_of_a_token_is_in_an_answer_when_it_stands_elsewhere(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    for token in tokens() {
        let exchange = proxy
            .get(&format!("/?access_token={token}#{token}"))
            .header("cookie", format!("jwt={token}"))
            .header("x-token", &token)
            .send();
        says_nothing_of(&answer(&exchange), &token);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nothing_of_a_token_is_in_the_log_at_any_level(proxy: &mut Proxy) {
    proxy.log_level(LogLevel::Trace);
    start(proxy, with(provider(&[EC]), json!({ "audiences": ["api.example"] })));
    for token in tokens() {
        present(proxy, &token);
        let log: Vec<_> = proxy.log().into_iter().map(|line| line.message).collect();
        says_nothing_of(&log.concat(), &token);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn requests_log_nothing_above_the_level_debug(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    for token in tokens() {
        present(proxy, &token);
    }
    proxy.get("/").send();
    assert!(proxy.log().is_empty(), "{:?}", proxy.log());
}

/// What was said at the level debug of a token with this key id.
fn said_of(proxy: &Proxy, kid: &str) -> String {
    let before = proxy.log().len();
    let token = EC.sign_with(&json!({ "alg": "ES256", "kid": kid }), &claims(json!({})));
    crate::common::is_denied(&present(proxy, &token), reasons::NO_KEY);
    let lines: Vec<_> = proxy.log().into_iter().skip(before).map(|line| line.message).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.concat()
}

#[tollgate_testkit::test(JwtAuth)]
fn the_key_id_of_a_token_that_could_not_be_verified_is_logged_escaped_and_cut(proxy: &mut Proxy) {
    proxy.log_level(LogLevel::Debug);
    start(proxy, provider(&[EC]));
    let said = said_of(proxy, "a-kid");
    assert!(said.ends_with(&format!("{}, kid a-kid", reasons::NO_KEY)), "{said}");

    let said = said_of(proxy, "a\n[critical] forged \u{1b}[31m\u{e9}\"");
    let expected = r#"kid a\n[critical] forged \u{1b}[31m\u{e9}\""#;
    assert!(said.ends_with(expected), "{said}");

    let said = said_of(proxy, &"k".repeat(1000));
    assert!(said.ends_with(&format!("kid {}", "k".repeat(64))), "{said}");
    let said = said_of(proxy, &"\n".repeat(1000));
    assert!(said.ends_with(&format!("kid {}", "\\n".repeat(32))), "{said}");
}

#[tollgate_testkit::test(JwtAuth)]
fn no_key_id_is_in_an_answer(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let token = EC.sign_with(&json!({ "alg": "ES256", "kid": MARKER }), &claims(json!({})));
    let exchange = present(proxy, &token);
    crate::common::is_denied(&exchange, reasons::NO_KEY);
    assert!(!answer(&exchange).contains(MARKER));
}

/// A key set that stands in a variable may be meant for nobody's eyes.
#[tollgate_testkit::test(JwtAuth)]
fn a_refusal_says_nothing_of_the_key_set(proxy: &mut Proxy) {
    for set in [
        jwks(&[with(EC.jwk(), json!({ "use": MARKER }))]),
        jwks(&[with(RSA_KEY.jwk(), json!({ "n": MARKER, "kid": MARKER }))]),
        jwks(&[json!({ "kty": MARKER }), json!(MARKER)]),
        format!("[\"{MARKER}\"]"),
        MARKER.to_owned(),
        format!("{{\"keys\": \"{MARKER}\""),
    ] {
        let configuration = json!({ "local_jwks": { "inline_string": set } });
        let refusal = proxy.try_configure(protected_by(configuration)).unwrap_err();
        assert!(refusal.contains("local_jwks.inline_string"), "{refusal}");
        assert!(!refusal.contains(MARKER), "{refusal}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn the_claims_of_one_request_do_not_reach_the_next(proxy: &mut Proxy) {
    let headers = json!([{ "header_name": "x-secret", "claim_name": "secret" }]);
    configure(proxy, protected_by(with(provider(&[EC]), json!({ "claim_to_headers": headers }))));
    let first = present(proxy, &token(json!({ "secret": MARKER })));
    assert_eq!(crate::common::upstream_values(&first, "x-secret"), [MARKER]);
    for exchange in [present(proxy, &token(json!({}))), proxy.get("/open").send()] {
        assert!(crate::common::upstream_values(&exchange, "x-secret").is_empty());
    }
}
