//! Reading a JSON Web Token: a JWS in compact form (RFC 7515, 7.1) whose payload is a set of claims
//! (RFC 7519). Nothing here says that the token is genuine.
//!
//! Checks come in the order of Envoy's `source/common/jwt/jwt.cc`, so that a token with several
//! faults is refused for the same one. Stricter than Envoy, on purpose: no empty sections, no
//! padding and no stray bits in base64url, JSON as in RFC 8259 without duplicate members, no
//! `crit`, no `b64` but `true`, no `zip`, and a limit for the length.

use crate::status::Failure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use std::str::FromStr;
use tollgate::json;

/// The longest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// The deepest nesting of a header or payload; the root object is level 1.
const MAX_JSON_DEPTH: usize = 32;

/// 2^64, the first number too large for a NumericDate.
const OUT_OF_RANGE: f64 = 18_446_744_073_709_551_616.0;

/// The members of a JSON object.
pub type Claims = Map<String, Value>;

/// A well-formed token that is not verified.
///
/// It has no `Debug`: what it holds must not reach a log.
pub struct Token<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Claims,
    not_before: u64,
    expires: Option<u64>,
    signed: &'a [u8],
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Reads a token in compact form.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(token: &'a [u8]) -> Result<Self, Failure> {
        let sections = Sections::split(token)?;
        let header = object(sections.header, Failure::HeaderBadBase64, Failure::HeaderBadJson)?;
        let (algorithm, kid) = check_header(&header)?;
        let claims = object(sections.payload, Failure::PayloadBadBase64, Failure::PayloadBadJson)?;
        let dates = check_claims(&claims)?;
        base64url(sections.signature).ok_or(Failure::SignatureBadBase64)?;
        Ok(Self {
            algorithm,
            kid,
            claims,
            not_before: dates.not_before,
            expires: dates.expires,
            signed: sections.signed,
            payload: text(sections.payload).ok_or(Failure::PayloadBadBase64)?,
            signature: text(sections.signature).ok_or(Failure::SignatureBadBase64)?,
        })
    }

    /// The algorithm that the header names.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that the header names; an empty `kid` names none, as in Envoy.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The `iss` claim; empty if there is none, as in Envoy.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.claims.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// The `aud` claim: none, one or several.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let audiences = match self.claims.get("aud") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        audiences.iter().filter_map(Value::as_str)
    }

    /// The `nbf` claim in Unix seconds; 0 if there is none.
    #[must_use]
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The `exp` claim in Unix seconds. An `exp` that is 0 or a fraction of one counts as none, as
    /// in Envoy.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// What is signed: header and payload as they came, with the dot between them.
    #[must_use]
    pub fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// The payload as it came, in base64url without padding.
    #[must_use]
    pub fn payload(&self) -> &'a str {
        self.payload
    }

    /// The signature as it came, in base64url without padding.
    #[must_use]
    pub fn signature(&self) -> &'a str {
        self.signature
    }
}

/// The three parts of a compact JWS, none of them empty.
struct Sections<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    signed: &'a [u8],
}

impl<'a> Sections<'a> {
    fn split(token: &'a [u8]) -> Result<Self, Failure> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Failure::BadFormat);
        }
        let mut sections = token.split(|byte| *byte == b'.');
        let mut next = || sections.next().filter(|section| !section.is_empty());
        match (next(), next(), next(), sections.next()) {
            (Some(header), Some(payload), Some(signature), None) => {
                let end = token.len().saturating_sub(signature.len()).saturating_sub(1);
                let signed = token.get(..end).ok_or(Failure::BadFormat)?;
                Ok(Self { header, payload, signature, signed })
            }
            _ => Err(Failure::BadFormat),
        }
    }
}

/// Decodes base64url (RFC 4648, 5) without padding and in its one canonical form.
fn base64url(section: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(section).ok()
}

fn text(section: &[u8]) -> Option<&str> {
    std::str::from_utf8(section).ok()
}

/// The JSON object inside a section.
fn object(section: &[u8], bad_base64: Failure, bad_json: Failure) -> Result<Claims, Failure> {
    let bytes = base64url(section).ok_or(bad_base64)?;
    match json::parse(&bytes, MAX_JSON_DEPTH) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(bad_json),
    }
}

/// The algorithm and the key id, if the header asks for nothing that is not supported.
fn check_header(header: &Claims) -> Result<(Algorithm, Option<String>), Failure> {
    let Some(Value::String(name)) = header.get("alg") else {
        return Err(Failure::HeaderBadAlg);
    };
    let algorithm = Algorithm::from_str(name).map_err(|_| Failure::AlgNotSupported)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid).filter(|kid| !kid.is_empty()).cloned(),
        Some(_) => return Err(Failure::HeaderBadKid),
    };
    if header.contains_key("crit") {
        return Err(Failure::CritNotSupported);
    }
    if header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
        return Err(Failure::B64NotSupported);
    }
    if header.contains_key("zip") {
        return Err(Failure::ZipNotSupported);
    }
    Ok((algorithm, kid))
}

/// The times between which a token is valid, in Unix seconds.
struct Dates {
    not_before: u64,
    expires: Option<u64>,
}

/// The dates, if every registered claim (RFC 7519, 4.1) has the type it must have.
fn check_claims(claims: &Claims) -> Result<Dates, Failure> {
    check_string(claims, "iss", Failure::IssNotString)?;
    check_string(claims, "sub", Failure::SubNotString)?;
    numeric_date(claims, "iat", Failure::IatNotInteger, Failure::IatOutOfRange)?;
    let nbf = numeric_date(claims, "nbf", Failure::NbfNotInteger, Failure::NbfOutOfRange)?;
    let exp = numeric_date(claims, "exp", Failure::ExpNotInteger, Failure::ExpOutOfRange)?;
    check_string(claims, "jti", Failure::JtiNotString)?;
    match claims.get("aud") {
        None | Some(Value::String(_)) => {}
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {}
        Some(_) => return Err(Failure::AudNotStrings),
    }
    Ok(Dates { not_before: nbf.unwrap_or(0), expires: exp.filter(|exp| *exp != 0) })
}

fn check_string(claims: &Claims, name: &str, failure: Failure) -> Result<(), Failure> {
    match claims.get(name) {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(failure),
    }
}

/// A NumericDate (RFC 7519, 2) in whole seconds; fractions are cut.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn numeric_date(
    claims: &Claims,
    name: &str,
    not_a_number: Failure,
    out_of_range: Failure,
) -> Result<Option<u64>, Failure> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(not_a_number),
    };
    if let Some(seconds) = number.as_u64() {
        return Ok(Some(seconds));
    }
    match number.as_f64() {
        Some(seconds) if (0.0..OUT_OF_RANGE).contains(&seconds) => Ok(Some(seconds as u64)),
        _ => Err(out_of_range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;
    use proptest::prelude::*;

    const HEADER: &str = r#"{"alg":"RS256"}"#;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn compact(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", encode(header), encode(payload), encode("signature"))
    }

    fn failure_of(token: impl AsRef<[u8]>) -> Option<Failure> {
        Token::parse(token.as_ref()).err()
    }

    fn failure_of_header(header: &str) -> Option<Failure> {
        failure_of(compact(header, "{}"))
    }

    fn failure_of_payload(payload: &str) -> Option<Failure> {
        failure_of(compact(HEADER, payload))
    }

    #[test]
    fn a_token_is_read_into_its_parts() {
        let token = compact(
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"iss":"i","aud":["a","b"],"nbf":5,"exp":7.9}"#,
        );
        let parsed = Token::parse(token.as_bytes()).ok().unwrap();
        assert_eq!(parsed.algorithm(), Algorithm::ES256);
        assert_eq!(parsed.kid(), Some("k"));
        assert_eq!(parsed.issuer(), "i");
        assert_eq!(parsed.audiences().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((parsed.not_before(), parsed.expires()), (5, Some(7)));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(parsed.signed(), signed.as_bytes());
        assert_eq!(parsed.signature(), signature);
        assert_eq!(parsed.payload(), signed.split_once('.').unwrap().1);
    }

    #[test]
    fn only_two_dots_make_a_token() {
        let section = encode("{}");
        for dots in (0..=9).filter(|dots| *dots != 2) {
            let token = vec![section.as_str(); dots + 1].join(".");
            assert_eq!(failure_of(&token), Some(Failure::BadFormat), "{dots} dots");
            assert_eq!(failure_of(".".repeat(dots)), Some(Failure::BadFormat), "{dots} bare dots");
        }
    }

    #[test]
    fn an_empty_section_is_refused() {
        let (header, payload) = (encode(HEADER), encode("{}"));
        for token in [
            format!("{header}..c2ln"),
            format!(".{payload}.c2ln"),
            format!("{header}.{payload}."),
            format!("{header}..{payload}.c2ln"),
            format!(".{header}.{payload}.c2ln"),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(failure_of(&token), Some(Failure::BadFormat), "{token}");
        }
    }

    #[test]
    fn a_token_may_have_8192_bytes_and_not_one_more() {
        let frame = compact(HEADER, r#"{"x":""}"#).len();
        // Three characters of claim become four of base64url.
        let filler = (MAX_TOKEN_BYTES - frame) / 4 * 3;
        let longest = (filler - 3..filler + 6)
            .map(|length| compact(HEADER, &format!(r#"{{"x":"{}"}}"#, "a".repeat(length))))
            .filter(|token| token.len() <= MAX_TOKEN_BYTES)
            .max_by_key(String::len)
            .unwrap();
        assert!(longest.len() > MAX_TOKEN_BYTES - 2);
        assert_eq!(failure_of(&longest), None);
        let padding = "A".repeat(MAX_TOKEN_BYTES + 1 - longest.len());
        assert_eq!(failure_of(format!("{longest}{padding}")), Some(Failure::BadFormat));
    }

    #[test]
    fn base64url_has_one_form_only() {
        let (header, payload) = (encode(HEADER), encode("{}"));
        let cases = [
            (format!("{header}=.{payload}.c2ln"), Failure::HeaderBadBase64),
            (format!("{header}.{}.c2ln", URL_SAFE.encode("{}")), Failure::PayloadBadBase64),
            (format!("{header}.{payload}.c2k="), Failure::SignatureBadBase64),
            // The last character carries bits that no byte holds.
            (format!("{header}.{payload}.c2l"), Failure::SignatureBadBase64),
            (format!("{header}.e31.c2ln"), Failure::PayloadBadBase64),
            (format!("{header}.{payload}.a+/b"), Failure::SignatureBadBase64),
            (format!("{header}.{payload}.c2 ln"), Failure::SignatureBadBase64),
            (format!("{header}.{payload}.c2ln\t"), Failure::SignatureBadBase64),
            (format!("{header}.{payload}.c"), Failure::SignatureBadBase64),
            (format!(" {header}.{payload}.c2ln"), Failure::HeaderBadBase64),
        ];
        for (token, expected) in cases {
            assert_eq!(failure_of(&token), Some(expected), "{token}");
        }
    }

    #[test]
    fn bytes_outside_utf_8_are_refused() {
        assert_eq!(failure_of(b"\xff\xfe.\xff.\xff"), Some(Failure::HeaderBadBase64));
        let header = URL_SAFE_NO_PAD.encode(b"{\"alg\":\"\xff\"}");
        assert_eq!(failure_of(format!("{header}.e30.c2ln")), Some(Failure::HeaderBadJson));
    }

    #[test]
    fn json_is_that_of_rfc_8259() {
        for payload in [
            " ",
            "[]",
            "null",
            "{'iss':'i'}",
            r#"{"iss":"i",}"#,
            "{\"iss\":\"a\nb\"}",
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":1} x"#,
            r#"{"exp":1e400}"#,
        ] {
            assert_eq!(failure_of_payload(payload), Some(Failure::PayloadBadJson), "{payload}");
        }
        assert_eq!(
            failure_of_header(r#"{"alg":"RS256","alg":"RS256"}"#),
            Some(Failure::HeaderBadJson)
        );
    }

    #[test]
    fn json_nests_32_levels_and_not_one_more() {
        let nested = |levels: usize| {
            format!(r#"{{"a":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert_eq!(failure_of_payload(&nested(32)), None);
        assert_eq!(failure_of_payload(&nested(33)), Some(Failure::PayloadBadJson));
        assert_eq!(failure_of_payload(&nested(2000)), Some(Failure::PayloadBadJson));
    }

    #[test]
    fn the_algorithm_must_be_a_known_name() {
        for header in ["{}", r#"{"alg":5}"#, r#"{"alg":null}"#, r#"{"ALG":"RS256"}"#] {
            assert_eq!(failure_of_header(header), Some(Failure::HeaderBadAlg), "{header}");
        }
        for alg in ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS1", "ES512"] {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(failure_of_header(&header), Some(Failure::AlgNotSupported), "{alg}");
        }
    }

    #[test]
    fn the_key_id_must_be_a_string() {
        let failure = failure_of_header(r#"{"alg":"RS256","kid":7}"#);
        assert_eq!(failure, Some(Failure::HeaderBadKid));
        let token = compact(r#"{"alg":"RS256","kid":""}"#, "{}");
        assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().kid(), None);
    }

    #[test]
    fn a_header_that_asks_for_an_extension_is_refused() {
        for (member, expected) in [
            (r#""crit":[]"#, Failure::CritNotSupported),
            (r#""crit":["exp"]"#, Failure::CritNotSupported),
            (r#""crit":null"#, Failure::CritNotSupported),
            (r#""b64":false"#, Failure::B64NotSupported),
            (r#""b64":"true""#, Failure::B64NotSupported),
            (r#""zip":"DEF""#, Failure::ZipNotSupported),
        ] {
            let header = format!(r#"{{"alg":"RS256",{member}}}"#);
            assert_eq!(failure_of_header(&header), Some(expected), "{member}");
        }
        assert_eq!(failure_of_header(r#"{"alg":"RS256","b64":true}"#), None);
    }

    #[test]
    fn keys_that_come_with_the_token_are_ignored() {
        let header = r#"{"alg":"RS256","jwk":{},"jku":"http://x","x5u":"y","x5c":["z"]}"#;
        assert_eq!(failure_of_header(header), None);
    }

    #[test]
    fn registered_claims_must_have_their_type() {
        for (payload, expected) in [
            (r#"{"iss":1}"#, Failure::IssNotString),
            (r#"{"iss":null}"#, Failure::IssNotString),
            (r#"{"sub":[]}"#, Failure::SubNotString),
            (r#"{"jti":{}}"#, Failure::JtiNotString),
            (r#"{"aud":1}"#, Failure::AudNotStrings),
            (r#"{"aud":["a",1]}"#, Failure::AudNotStrings),
            (r#"{"iat":"1"}"#, Failure::IatNotInteger),
            (r#"{"nbf":true}"#, Failure::NbfNotInteger),
            (r#"{"exp":null}"#, Failure::ExpNotInteger),
            (r#"{"iat":-1}"#, Failure::IatOutOfRange),
            (r#"{"nbf":-0.5}"#, Failure::NbfOutOfRange),
            (r#"{"exp":18446744073709551616}"#, Failure::ExpOutOfRange),
            (r#"{"exp":1e300}"#, Failure::ExpOutOfRange),
        ] {
            assert_eq!(failure_of_payload(payload), Some(expected), "{payload}");
        }
    }

    #[test]
    fn the_largest_date_is_read_exactly() {
        let token = compact(HEADER, r#"{"exp":18446744073709551615}"#);
        assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().expires(), Some(u64::MAX));
    }

    #[test]
    fn an_expiration_of_zero_is_none() {
        for payload in [r#"{"exp":0}"#, r#"{"exp":-0.0}"#, r#"{"exp":0.5}"#, "{}"] {
            let token = compact(HEADER, payload);
            assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().expires(), None, "{payload}");
        }
    }

    #[test]
    fn of_several_faults_the_first_in_envoys_order_counts() {
        let token = compact(r#"{"alg":"RS256","kid":5}"#, "{");
        assert_eq!(failure_of(token), Some(Failure::HeaderBadKid));
        assert_eq!(failure_of_payload(r#"{"jti":1,"exp":"x"}"#), Some(Failure::ExpNotInteger));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(token: Vec<u8>) {
            let _ = Token::parse(&token);
        }

        #[test]
        fn any_sections_are_read_or_refused(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
            let [header, payload, signature] =
                [header, payload, signature].map(|section| URL_SAFE_NO_PAD.encode(section));
            let _ = Token::parse(format!("{header}.{payload}.{signature}").as_bytes());
        }

        #[test]
        fn any_claims_are_read_or_refused(
            name in "iss|sub|aud|exp|nbf|iat|jti",
            value in r#"-?[0-9]{1,25}(\.[0-9]{1,3})?(e[0-9]{1,3})?|"[a-z]*"|null|true|\[\]|\{\}"#,
        ) {
            let _ = Token::parse(compact(HEADER, &format!(r#"{{"{name}":{value}}}"#)).as_bytes());
        }
    }
}
