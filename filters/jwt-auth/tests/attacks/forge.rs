//! Tokens that the keys of `behaviour/keys.rs` do not sign, and key sets.

use crate::common::{ISSUER, claims, provider, with};
use crate::keys::{base64url, from_base64url, jwks};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, Mac};
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rsa::{BigUint, RsaPrivateKey, pss};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const SECRET: [u8; 32] = [7; 32];

/// Header and claims, ready to be signed.
pub(crate) fn unsigned(header: &Value) -> String {
    format!("{}.{}", base64url(header.to_string()), base64url(claims(json!({})).to_string()))
}

/// A good token but for its signature, which is this.
pub(crate) fn signed(header: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let unsigned = unsigned(header);
    let signature = sign(unsigned.as_bytes());
    format!("{unsigned}.{}", base64url(signature))
}

pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

pub(crate) fn secret_jwk(secret: &[u8]) -> Value {
    json!({ "kty": "oct", "k": base64url(secret) })
}

fn ed25519_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[3; 32])
}

pub(crate) fn ed25519(message: &[u8]) -> Vec<u8> {
    ed25519_key().sign(message).to_bytes().to_vec()
}

pub(crate) fn ed25519_jwk() -> Value {
    ed25519_jwk_of(ed25519_key().verifying_key().as_bytes())
}

pub(crate) fn ed25519_jwk_of(point: &[u8]) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(point) })
}

/// The generator of P-384 (FIPS 186-4, D.1.2.4), whose private number is 1.
pub(crate) fn p384_jwk() -> Value {
    let x = "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3";
    let y = "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f";
    json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y })
}

/// RSASSA-PSS with SHA-256, by the RSA key of all tests.
pub(crate) fn ps256(message: &[u8]) -> Vec<u8> {
    let jwk = include_str!("../../src/testing/rsa_key.json");
    let jwk: Value = serde_json::from_str(jwk).unwrap();
    let number = |name: &str| BigUint::from_bytes_be(&from_base64url(jwk[name].as_str().unwrap()));
    let primes = vec![number("p"), number("q")];
    let key =
        RsaPrivateKey::from_components(number("n"), number("e"), number("d"), primes).unwrap();
    let key = pss::SigningKey::<Sha256>::new(key);
    key.sign_with_rng(&mut rand::rngs::OsRng, message).to_vec()
}

/// A provider with these keys, and some fields more.
pub(crate) fn provider_of(keys: &[Value], fields: Value) -> Value {
    let keys = json!({ "local_jwks": { "inline_string": jwks(keys) } });
    with(with(provider(&[]), keys), with(json!({ "issuer": ISSUER }), fields))
}
