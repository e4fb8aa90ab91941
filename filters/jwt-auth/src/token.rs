//! Reading a JSON Web Token: a JWS in compact form (RFC 7515, 7.1) whose payload is a set of claims
//! (RFC 7519). Nothing here says that the token is genuine.
//!
//! Checks come in the order of Envoy's `source/common/jwt/jwt.cc`, so that a token with several
//! faults is refused for the same one. Stricter than Envoy, on purpose: no empty sections, no
//! padding and no stray bits in base64url, JSON as in RFC 8259 without duplicate members, no
//! `crit`, no `b64` but `true`, no `zip`, and a limit for the length.

use crate::algorithms::{self, Algorithm};
use crate::status::Failure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tollgate::json;

/// The longest token that is read unless a provider says something else, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// The deepest nesting of a header or payload; the root object is level 1.
const MAX_JSON_DEPTH: usize = 32;

/// 2^64, the first number too large for a NumericDate.
const OUT_OF_RANGE: f64 = 18_446_744_073_709_551_616.0;

/// The members of a JSON object.
pub type Claims = Map<String, Value>;

/// The times of a token, in Unix seconds (RFC 7519, 4.1.4 to 4.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// `nbf`; 0 if there is none.
    pub not_before: u64,
    /// `exp`. One that is 0 or a fraction of one counts as none, as in Envoy.
    pub expires: Option<u64>,
    /// `iat`.
    pub issued_at: Option<u64>,
}

/// A well-formed token that is not verified.
///
/// It has no `Debug`: what it holds must not reach a log.
pub struct Token<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    header: Claims,
    claims: Claims,
    dates: Dates,
    signed: &'a [u8],
    payload: &'a str,
    signature: &'a str,
    signature_bytes: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Reads a token in compact form, of at most [`MAX_TOKEN_BYTES`].
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(token: &'a [u8]) -> Result<Self, Failure> {
        Self::parse_up_to(MAX_TOKEN_BYTES, token)
    }

    /// Reads a token in compact form, of at most so many bytes.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse_up_to(max_bytes: usize, token: &'a [u8]) -> Result<Self, Failure> {
        if token.len() > max_bytes {
            return Err(Failure::BadFormat);
        }
        let sections = Sections::split(token)?;
        let header = object(sections.header, Failure::HeaderBadBase64, Failure::HeaderBadJson)?;
        let (algorithm, kid) = check_header(&header)?;
        let claims = object(sections.payload, Failure::PayloadBadBase64, Failure::PayloadBadJson)?;
        let dates = check_claims(&claims)?;
        let signature_bytes = base64url(sections.signature).ok_or(Failure::SignatureBadBase64)?;
        Ok(Self {
            algorithm,
            kid,
            header,
            claims,
            dates,
            signed: sections.signed,
            payload: text(sections.payload).ok_or(Failure::PayloadBadBase64)?,
            signature: text(sections.signature).ok_or(Failure::SignatureBadBase64)?,
            signature_bytes,
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

    /// All claims, for who keeps them.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }

    /// All members of the header.
    #[must_use]
    pub fn header(&self) -> &Claims {
        &self.header
    }

    /// The `iss` claim; empty if there is none, as in Envoy.
    #[must_use]
    pub fn issuer(&self) -> &str {
        text_claim(&self.claims, "iss")
    }

    /// The times.
    #[must_use]
    pub fn dates(&self) -> Dates {
        self.dates
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

    /// The same, decoded.
    #[must_use]
    pub fn signature_bytes(&self) -> &[u8] {
        &self.signature_bytes
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
        let cut = || {
            let (header, rest) = split_at_dot(token)?;
            let (payload, signature) = split_at_dot(rest)?;
            let signed = token.get(..token.len().checked_sub(signature.len())?.checked_sub(1)?)?;
            let is_whole = !(header.is_empty() || payload.is_empty() || signature.is_empty());
            let ends = is_whole && !signature.contains(&b'.');
            ends.then_some(Self { header, payload, signature, signed })
        };
        cut().ok_or(Failure::BadFormat)
    }
}

/// What stands before and behind the first dot. Eight bytes without one are passed over at once.
fn split_at_dot(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let words = bytes.as_chunks::<8>().0.iter();
    let start = words.take_while(|word| !has_dot(**word)).count().saturating_mul(8);
    let at = bytes.get(start..)?.iter().position(|byte| *byte == b'.')?.saturating_add(start);
    Some((bytes.get(..at)?, bytes.get(at.saturating_add(1)..)?))
}

fn has_dot(word: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let zero_for_dot = u64::from_le_bytes(word) ^ u64::from_le_bytes([b'.'; 8]);
    zero_for_dot.wrapping_sub(ONES) & !zero_for_dot & (ONES << 7) != 0
}

/// Decodes base64url (RFC 4648, 5) without padding and in its one canonical form.
pub(crate) fn base64url(section: &[u8]) -> Option<Vec<u8>> {
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
    let algorithm = algorithms::parse(name).ok_or(Failure::AlgNotSupported)?;
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

/// A claim that is a text; empty if there is none.
#[must_use]
pub fn text_claim<'a>(claims: &'a Claims, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The `aud` claim: none, one or several.
pub fn audiences(claims: &Claims) -> impl Iterator<Item = &str> {
    let audiences = match claims.get("aud") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    audiences.iter().filter_map(Value::as_str)
}

/// The dates, if every registered claim (RFC 7519, 4.1) has the type it must have.
fn check_claims(claims: &Claims) -> Result<Dates, Failure> {
    check_string(claims, "iss", Failure::IssNotString)?;
    check_string(claims, "sub", Failure::SubNotString)?;
    let iat = numeric_date(claims, "iat", Failure::IatNotInteger, Failure::IatOutOfRange)?;
    let nbf = numeric_date(claims, "nbf", Failure::NbfNotInteger, Failure::NbfOutOfRange)?;
    let exp = numeric_date(claims, "exp", Failure::ExpNotInteger, Failure::ExpOutOfRange)?;
    check_string(claims, "jti", Failure::JtiNotString)?;
    match claims.get("aud") {
        None | Some(Value::String(_)) => {}
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {}
        Some(_) => return Err(Failure::AudNotStrings),
    }
    Ok(Dates { not_before: nbf.unwrap_or(0), expires: exp.filter(|exp| *exp != 0), issued_at: iat })
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
mod tests;
