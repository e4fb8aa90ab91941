//! An issuer of tokens.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

pub(super) const ISSUER: &str = "https://accounts.example.com";
pub(super) const NOT_BEFORE: u64 = 1_767_222_000;
pub(super) const EXPIRES: u64 = 1_767_308_400;

/// Made for this test; it protects nothing.
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_slice(&[7; 32]).expect("a key of P-256"));

pub(super) fn jwk() -> Value {
    let point = KEY.verifying_key().to_encoded_point(false);
    let coordinate =
        |bytes: Option<&p256::FieldBytes>| URL_SAFE_NO_PAD.encode(bytes.expect("a point"));
    json!({ "kty": "EC", "crv": "P-256", "kid": "es", "x": coordinate(point.x()), "y": coordinate(point.y()) })
}

pub(super) fn signed(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    // Deterministic (RFC 6979).
    let signature: Signature = KEY.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

pub(super) fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
