//! Public keys in PEM (RFC 7468), alone or in certificates.
//!
//! As in Envoy (`source/common/jwt/jwks.cc`), the first block with the right label counts and what
//! stands around it does not, so a certificate may bring its chain along; and of a certificate only its
//! key is looked at, not who signed it nor until when: the set it stands in is what is trusted.

use crate::curve::Curve;
use crate::verifying_key::VerifyingKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1;
use rsa::pkcs8::der::{self, Decode, Reader, SliceReader};
use rsa::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// id-ecPublicKey (RFC 5480, 2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// RFC 8410, 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The text of bytes that are to be a key in PEM, and no JSON.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii_start();
    text.starts_with("-----BEGIN ").then_some(text)
}

/// Whether a text is to be a certificate.
pub(super) fn is_certificate(text: &str) -> bool {
    text.trim_ascii_start().starts_with("-----BEGIN CERTIFICATE-----")
}

/// The public key in a text: a SubjectPublicKeyInfo, or the RSAPublicKey of PKCS#1.
pub(super) fn public_key(text: &str) -> Result<VerifyingKey, &'static str> {
    if let Some(info) = block(text, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")? {
        let info =
            SubjectPublicKeyInfoRef::from_der(&info).map_err(|_| "not a public key in DER")?;
        return key_of(info);
    }
    match block(text, "-----BEGIN RSA PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----")? {
        Some(key) => rsa_key(&key),
        None => Err("there is no PUBLIC KEY"),
    }
}

/// The key that a certificate in a text is about.
pub(super) fn certificate(text: &str) -> Result<VerifyingKey, &'static str> {
    let certificate = block(text, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")?;
    let certificate = certificate.ok_or("there is no CERTIFICATE")?;
    key_of(subject_public_key_info(&certificate).map_err(|_| "not a certificate in DER")?)
}

/// The DER in the first block between two lines.
fn block(text: &str, begin: &str, end: &str) -> Result<Option<Vec<u8>>, &'static str> {
    let Some((_, rest)) = text.split_once(begin) else { return Ok(None) };
    let (body, _) = rest.split_once(end).ok_or("its END line is missing")?;
    let base64: Vec<_> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(base64).map(Some).map_err(|_| "an invalid Base64")
}

/// Finds the key in a certificate (RFC 5280, 4.1).
fn subject_public_key_info(certificate: &[u8]) -> der::Result<SubjectPublicKeyInfoRef<'_>> {
    let mut reader = SliceReader::new(certificate)?;
    let info = reader.sequence(|certificate| {
        let info = certificate.sequence(|to_be_signed| {
            // A version 1 does not show itself.
            if to_be_signed.peek_tag()?.is_context_specific() {
                to_be_signed.tlv_bytes()?;
            }
            for _before in ["serialNumber", "signature", "issuer", "validity", "subject"] {
                to_be_signed.tlv_bytes()?;
            }
            let info = SubjectPublicKeyInfoRef::decode(to_be_signed)?;
            skip_the_rest(to_be_signed)?;
            Ok(info)
        })?;
        skip_the_rest(certificate)?;
        Ok(info)
    })?;
    reader.finish(info)
}

fn skip_the_rest<'a>(reader: &mut impl Reader<'a>) -> der::Result<()> {
    while !reader.is_finished() {
        reader.tlv_bytes()?;
    }
    Ok(())
}

/// The key of a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
fn key_of(info: SubjectPublicKeyInfoRef<'_>) -> Result<VerifyingKey, &'static str> {
    let key = info.subject_public_key.as_bytes().ok_or("a key that is no number of bytes")?;
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID => rsa_key(key),
        EC => {
            let curve = match info.algorithm.parameters_oid() {
                Ok(P256) => Curve::P256,
                Ok(P384) => Curve::P384,
                Ok(P521) => Curve::P521,
                _ => return Err("[crv] is not supported"),
            };
            VerifyingKey::ec(curve, key.to_vec())
        }
        ED25519 => VerifyingKey::ed25519(key),
        _ => Err("[kty] is not supported"),
    }
}

/// An RSAPublicKey (RFC 8017, A.1.1).
fn rsa_key(key: &[u8]) -> Result<VerifyingKey, &'static str> {
    let key = pkcs1::RsaPublicKey::from_der(key).map_err(|_| "not an RSA key in DER")?;
    VerifyingKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

#[cfg(test)]
mod tests;
