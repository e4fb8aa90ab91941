use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tollgate::json;
use tollgate_jwt_auth::token::{self, MAX_TOKEN_BYTES, Token};

/// A token in compact form, from any bytes: one that is accepted has three sections in the one canonical
/// form of base64url, and says what is in them.
pub fn jwt_token(data: &[u8]) {
    let Ok(token) = Token::parse(data) else { return };
    assert!(data.len() <= MAX_TOKEN_BYTES);
    let signed = [token.signed(), b".", token.signature().as_bytes()].concat();
    assert_eq!(signed, data, "sections are lost");
    let sections: Vec<_> = data.split(|byte| *byte == b'.').collect();
    assert_eq!(sections.len(), 3);
    for section in &sections {
        let bytes = URL_SAFE_NO_PAD.decode(section).expect("base64url");
        assert!(!section.is_empty());
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes).as_bytes(), *section, "another form is accepted");
    }
    assert_eq!(token.payload().as_bytes(), sections[1]);
    let [header, claims] = [sections[0], sections[1]].map(|section| {
        let bytes = URL_SAFE_NO_PAD.decode(section).expect("base64url");
        serde_json::from_slice::<Map<String, Value>>(&bytes).expect("an object")
    });
    assert!(fits_header(&header), "{header:?}");
    check_claims(&token, &claims);
}

/// A token whose header is the first line and whose payload is the rest: it is accepted if and only if
/// both are as they must be.
pub fn jwt_claims(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (header, payload) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let [encoded_header, encoded_payload] = [header, payload].map(|it| URL_SAFE_NO_PAD.encode(it));
    let token = format!("{encoded_header}.{encoded_payload}.AAAA");
    let parsed = Token::parse(token.as_bytes());

    let [header, claims] = [header, payload].map(|text| match json::parse(text, 32) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    });
    let fits = token.len() <= MAX_TOKEN_BYTES
        && header.as_ref().is_some_and(fits_header)
        && claims.as_ref().is_some_and(fits_payload);
    assert_eq!(parsed.is_ok(), fits);
    let (Ok(token), Some(claims)) = (parsed, claims) else { return };
    check_claims(&token, &claims);
    assert_eq!(token.into_claims(), claims);
}

const ALGORITHMS: [&str; 13] = [
    "HS256", "HS384", "HS512", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384",
    "PS512", "EdDSA", "Ed25519",
];

/// The algorithm is a known one, never `none`, and nothing is asked for that is not supported.
fn fits_header(header: &Map<String, Value>) -> bool {
    header.get("alg").and_then(Value::as_str).is_some_and(|name| ALGORITHMS.contains(&name))
        && header.get("kid").is_none_or(Value::is_string)
        && !header.contains_key("crit")
        && !header.contains_key("zip")
        && header.get("b64").is_none_or(|b64| *b64 == true)
}

fn fits_payload(claims: &Map<String, Value>) -> bool {
    let date = |name| claims.get(name).is_none_or(|date| seconds(date).is_some());
    let strings = |list: &Value| list.as_array().is_some_and(|it| it.iter().all(Value::is_string));
    ["iss", "sub", "jti"].iter().all(|name| claims.get(*name).is_none_or(Value::is_string))
        && ["iat", "nbf", "exp"].into_iter().all(date)
        && claims.get("aud").is_none_or(|aud| aud.is_string() || strings(aud))
}

/// Whole seconds below 2^64; fractions are cut.
fn seconds(date: &Value) -> Option<u64> {
    let in_range =
        |number: &f64| (0.0..=u64::MAX as f64).contains(number) && *number < u64::MAX as f64;
    date.as_u64().or_else(|| date.as_f64().filter(in_range).map(|number| number as u64))
}

fn check_claims(token: &Token<'_>, claims: &Map<String, Value>) {
    assert!(fits_payload(claims));
    assert_eq!(token.claims(), claims);
    let text = |name| claims.get(name).and_then(Value::as_str);
    let date = |name| claims.get(name).and_then(seconds);
    assert_eq!(token.issuer(), text("iss").unwrap_or_default());
    assert_eq!(token.dates().not_before, date("nbf").unwrap_or_default());
    assert_eq!(token.dates().expires, date("exp").filter(|date| *date > 0));
    let audiences: Vec<_> = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => text("aud").into_iter().collect(),
    };
    assert!(token::audiences(token.claims()).eq(audiences));
}
