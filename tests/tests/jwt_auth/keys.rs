//! Keys of every kind, the same in every run, and the tokens they sign: right ones and wrong ones.

use std::sync::LazyLock;

use hmac::{Hmac, Mac};
use rsa::pkcs1v15;
use rsa::pss;
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use tollgate_e2e::tokens::base64url;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes of the HMAC key.
pub(crate) const SECRET: [u8; 64] = [7; 64];

/// The key of RFC 7520, section 3.4.
static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let jwk = include_str!("../../../filters/jwt-auth/src/testing/rsa_key.json");
    let jwk: Value = serde_json::from_str(jwk).expect("a JWK");
    let number = |name: &str| {
        let text = jwk[name].as_str().expect("a string");
        BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(text).expect("base64url"))
    };
    let primes = vec![number("p"), number("q")];
    RsaPrivateKey::from_components(number("n"), number("e"), number("d"), primes).expect("a key")
});

fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[1; 32]).expect("a key")
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[1; 48]).expect("a key")
}

fn p521() -> p521::ecdsa::SigningKey {
    // The number must be below the order, which has 521 bits.
    let number = [&[0; 33][..], &[1; 33]].concat();
    p521::ecdsa::SigningKey::from_slice(&number).expect("a key")
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[3; 32])
}

/// The public halves, without `kid` and `alg`.
pub(crate) mod jwks {
    use super::*;

    pub(crate) fn rsa() -> Value {
        let [n, e] = [RSA.n(), RSA.e()].map(|number| base64url(number.to_bytes_be()));
        json!({ "kty": "RSA", "n": n, "e": e })
    }

    pub(crate) fn p256() -> Value {
        let point = super::p256().verifying_key().to_encoded_point(false);
        let [x, y] = [point.x(), point.y()].map(|it| base64url(it.expect("a coordinate")));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    pub(crate) fn p384() -> Value {
        let point = super::p384().verifying_key().to_encoded_point(false);
        let [x, y] = [point.x(), point.y()].map(|it| base64url(it.expect("a coordinate")));
        json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y })
    }

    pub(crate) fn p521() -> Value {
        let point = p521::ecdsa::VerifyingKey::from(&super::p521()).to_encoded_point(false);
        let [x, y] = [point.x(), point.y()].map(|it| base64url(it.expect("a coordinate")));
        json!({ "kty": "EC", "crv": "P-521", "x": x, "y": y })
    }

    pub(crate) fn ed25519() -> Value {
        let x = base64url(super::ed25519().verifying_key().as_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
    }

    pub(crate) fn secret() -> Value {
        json!({ "kty": "oct", "k": base64url(SECRET) })
    }

    /// A set of keys, as the configuration has it.
    pub(crate) fn set(keys: &[Value]) -> Value {
        json!({ "inline_string": json!({ "keys": keys }).to_string() })
    }
}

/// The signature of a message by the key for an algorithm.
pub(crate) fn signature(algorithm: &str, message: &[u8]) -> Vec<u8> {
    let rsa = || RSA.clone();
    let mut random = rand::thread_rng();
    match algorithm {
        "RS256" => pkcs1v15::SigningKey::<Sha256>::new(rsa()).sign(message).to_vec(),
        "RS384" => pkcs1v15::SigningKey::<Sha384>::new(rsa()).sign(message).to_vec(),
        "RS512" => pkcs1v15::SigningKey::<Sha512>::new(rsa()).sign(message).to_vec(),
        "PS256" => {
            pss::SigningKey::<Sha256>::new(rsa()).sign_with_rng(&mut random, message).to_vec()
        }
        "PS384" => {
            pss::SigningKey::<Sha384>::new(rsa()).sign_with_rng(&mut random, message).to_vec()
        }
        "PS512" => {
            pss::SigningKey::<Sha512>::new(rsa()).sign_with_rng(&mut random, message).to_vec()
        }
        "ES256" => {
            let signature: p256::ecdsa::Signature = p256().sign(message);
            signature.to_vec()
        }
        "ES384" => {
            let signature: p384::ecdsa::Signature = p384().sign(message);
            signature.to_vec()
        }
        "ES512" => {
            let signature: p521::ecdsa::Signature = p521().sign_with_rng(&mut random, message);
            signature.to_vec()
        }
        "EdDSA" | "Ed25519" => ed25519_dalek::Signer::sign(&ed25519(), message).to_vec(),
        "HS256" => hmac::<Hmac<Sha256>>(message),
        "HS384" => hmac::<Hmac<Sha384>>(message),
        "HS512" => hmac::<Hmac<Sha512>>(message),
        other => panic!("no key for {other}"),
    }
}

fn hmac<M: Mac + hmac::digest::KeyInit>(message: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(&SECRET).expect("any length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// A token with these claims whose header names nothing but the algorithm.
pub(crate) fn sign(algorithm: &str, claims: &Value) -> String {
    sign_with(algorithm, &json!({ "alg": algorithm }), claims)
}

/// A token with any header, signed by the key for an algorithm whatever that says.
pub(crate) fn sign_with(algorithm: &str, header: &Value, claims: &Value) -> String {
    sign_bytes(algorithm, header.to_string(), claims.to_string())
}

/// A token whose header and payload need not even be JSON.
pub(crate) fn sign_bytes(
    algorithm: &str,
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> String {
    sign_sections(algorithm, &format!("{}.{}", base64url(header), base64url(payload)))
}

/// A token of two sections as they are.
pub(crate) fn sign_sections(algorithm: &str, signed: &str) -> String {
    format!("{signed}.{}", base64url(signature(algorithm, signed.as_bytes())))
}

/// The same token with another signature.
pub(crate) fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    let (signed, _) = token.rsplit_once('.').expect("a token has dots");
    format!("{signed}.{}", base64url(signature))
}

/// The signature of a token.
pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    let (_, signature) = token.rsplit_once('.').expect("a token has dots");
    URL_SAFE_NO_PAD.decode(signature).expect("base64url")
}

/// An ECDSA signature on P-256 in DER, as it must not be in a JWS.
pub(crate) fn in_der(token: &str) -> Vec<u8> {
    let signature = p256::ecdsa::Signature::from_slice(&signature_of(token)).expect("a signature");
    signature.to_der().as_bytes().to_vec()
}
