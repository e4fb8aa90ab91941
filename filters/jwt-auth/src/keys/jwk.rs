//! A JSON Web Key (RFC 7517, 4) that is for signatures.

use crate::curve::Curve;
use crate::verifying_key::VerifyingKey;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// Base64url as key sets have it; RFC 7515 wants no padding, some issuers write it.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key in a JWK.
pub(super) fn key(jwk: &Map<String, Value>) -> Result<VerifyingKey, &'static str> {
    check_purpose(jwk)?;
    match text(jwk, "kty")? {
        Some("RSA") => VerifyingKey::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
        Some("EC") => ec(jwk),
        Some("OKP") => match text(jwk, "crv")? {
            Some("Ed25519") => VerifyingKey::ed25519(&bytes(jwk, "x")?),
            _ => Err("[crv] is not supported"),
        },
        Some("oct") => VerifyingKey::secret(bytes(jwk, "k")?),
        Some(_) => Err("[kty] is not supported"),
        None => Err("[kty] is missing"),
    }
}

/// Refuses a key that its owner made for something else (RFC 7517, 4.2 and 4.3).
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("[use] is not sig");
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err("[key_ops] does not have verify"),
    }
}

/// An EC public key (RFC 7518, 6.2.1).
fn ec(jwk: &Map<String, Value>) -> Result<VerifyingKey, &'static str> {
    // Without `crv` it is that of `alg`, else P-256, as in Envoy.
    let curve = match (text(jwk, "crv")?, text(jwk, "alg")?) {
        (Some(crv), _) => Curve::named(crv).ok_or("[crv] is not supported")?,
        (None, Some("ES384")) => Curve::P384,
        (None, Some("ES512")) => Curve::P521,
        (None, _) => Curve::P256,
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    let length = curve.order().len();
    if x.len() != length || y.len() != length {
        return Err(match curve {
            Curve::P256 => "[x] or [y] does not have 32 bytes",
            Curve::P384 => "[x] or [y] does not have 48 bytes",
            Curve::P521 => "[x] or [y] does not have 66 bytes",
        });
    }
    VerifyingKey::ec(curve, [&[4], x.as_slice(), y.as_slice()].concat())
}

/// A member that is a text.
pub(super) fn text<'a>(
    jwk: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, &'static str> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that must be a string is not"),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let text = text(jwk, name)?.ok_or("a member of the key is missing")?;
    KEY_BASE64.decode(text).map_err(|_| "a member of the key is an invalid Base64url encoded")
}
