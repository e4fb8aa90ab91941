//! Signatures verified by the module itself: slow, but independent of the host.

use crate::algorithms::Algorithm;
use crate::curve::Curve;
use crate::ecdsa;
use crate::verifying_key::{EcKey, RSA_BITS, RsaKey, VerifyingKey};
use ed25519_dalek::VerifyingKey as Ed25519Key;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::Verifier;
use rsa::traits::SignatureScheme;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Whether `key` made `signature` (of ECDSA: r‖s) over `message`.
#[must_use]
pub fn verify(algorithm: Algorithm, key: &VerifyingKey, signature: &[u8], message: &[u8]) -> bool {
    match key {
        VerifyingKey::Rsa(key) => match algorithm {
            Algorithm::RS256 => {
                rsa(Pkcs1v15Sign::new::<Sha256>(), key, signature, &sha256(message))
            }
            Algorithm::RS384 => {
                rsa(Pkcs1v15Sign::new::<Sha384>(), key, signature, &sha384(message))
            }
            Algorithm::RS512 => {
                rsa(Pkcs1v15Sign::new::<Sha512>(), key, signature, &sha512(message))
            }
            Algorithm::PS256 => rsa(Pss::new::<Sha256>(), key, signature, &sha256(message)),
            Algorithm::PS384 => rsa(Pss::new::<Sha384>(), key, signature, &sha384(message)),
            Algorithm::PS512 => rsa(Pss::new::<Sha512>(), key, signature, &sha512(message)),
            _ => false,
        },
        VerifyingKey::Ec(key) => {
            key.curve().algorithm() == algorithm && ec(key, signature, message)
        }
        VerifyingKey::Ed25519(point) => {
            algorithm == Algorithm::EdDSA && ed25519(point, signature, message)
        }
        VerifyingKey::Secret(secret) => match algorithm {
            Algorithm::HS256 => hmac(Hmac::<Sha256>::new_from_slice(secret), signature, message),
            Algorithm::HS384 => hmac(Hmac::<Sha384>::new_from_slice(secret), signature, message),
            Algorithm::HS512 => hmac(Hmac::<Sha512>::new_from_slice(secret), signature, message),
            _ => false,
        },
    }
}

/// Whether bytes are a point on P-256 (SEC 1, 2.3.4), uncompressed.
#[must_use]
pub fn is_p256_point(bytes: &[u8]) -> bool {
    bytes.first() == Some(&4) && p256::PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// Whether bytes are a point of Ed25519 (RFC 8032, 5.1.3) that is not of small order.
#[must_use]
pub fn is_ed25519_point(bytes: &[u8; 32]) -> bool {
    Ed25519Key::from_bytes(bytes).is_ok_and(|key| !key.is_weak())
}

#[inline(never)]
fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

#[inline(never)]
fn sha384(message: &[u8]) -> Vec<u8> {
    Sha384::digest(message).to_vec()
}

#[inline(never)]
fn sha512(message: &[u8]) -> Vec<u8> {
    Sha512::digest(message).to_vec()
}

fn rsa(scheme: impl SignatureScheme, key: &RsaKey, signature: &[u8], hash: &[u8]) -> bool {
    let modulus = BigUint::from_bytes_be(key.modulus());
    // RFC 8017, 5.2.2; the `rsa` crate forgets it for PSS.
    if BigUint::from_bytes_be(signature) >= modulus {
        return false;
    }
    let exponent = BigUint::from_bytes_be(key.exponent());
    RsaPublicKey::new_with_max_size(modulus, exponent, *RSA_BITS.end())
        .is_ok_and(|key| key.verify(scheme, hash, signature).is_ok())
}

fn ec(key: &EcKey, signature: &[u8], message: &[u8]) -> bool {
    match key.curve() {
        Curve::P256 => p256(key.point(), signature, message),
        Curve::P384 => ecdsa::P384.verify(key.point(), signature, &sha384(message)),
        Curve::P521 => ecdsa::P521.verify(key.point(), signature, &sha512(message)),
    }
}

fn p256(point: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p256::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
}

fn ed25519(point: &[u8; 32], signature: &[u8], message: &[u8]) -> bool {
    let key = Ed25519Key::from_bytes(point);
    let signature = ed25519_dalek::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_strict(message, &signature).is_ok())
}

/// In a time that does not depend on where the two differ.
fn hmac<M: Mac, E>(mac: Result<M, E>, signature: &[u8], message: &[u8]) -> bool {
    mac.is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests;
