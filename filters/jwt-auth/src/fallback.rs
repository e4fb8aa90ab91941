//! Signatures verified by the module itself: slow, but independent of the host.
//!
//! The verifiers of `jsonwebtoken` are not used, though they are the same crates: they would bring
//! P-384 along, which is as large as all of the others together. Tokens with ES384 are for hosts that
//! verify.

use ed25519_dalek::VerifyingKey;
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use p256::ecdsa::signature::Verifier;
use rsa::traits::SignatureScheme;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Whether `key` made `signature` (of ECDSA: r‖s) over `message`. RSA keys of more than 4096 bits, and
/// ES384, are for the host alone: never.
#[must_use]
pub fn verify(algorithm: Algorithm, key: &DecodingKey, signature: &[u8], message: &[u8]) -> bool {
    if algorithm.family() != key.family() {
        return false;
    }
    let (sha256, sha384, sha512) = (
        || Sha256::digest(message).to_vec(),
        || Sha384::digest(message).to_vec(),
        || Sha512::digest(message).to_vec(),
    );
    match (algorithm, key.kind()) {
        (Algorithm::RS256, key) => rsa(Pkcs1v15Sign::new::<Sha256>(), key, signature, &sha256()),
        (Algorithm::RS384, key) => rsa(Pkcs1v15Sign::new::<Sha384>(), key, signature, &sha384()),
        (Algorithm::RS512, key) => rsa(Pkcs1v15Sign::new::<Sha512>(), key, signature, &sha512()),
        (Algorithm::PS256, key) => rsa(Pss::new::<Sha256>(), key, signature, &sha256()),
        (Algorithm::PS384, key) => rsa(Pss::new::<Sha384>(), key, signature, &sha384()),
        (Algorithm::PS512, key) => rsa(Pss::new::<Sha512>(), key, signature, &sha512()),
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => p256(point, signature, message),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
            ed25519(point, signature, message)
        }
        (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => {
            hmac(Hmac::<Sha256>::new_from_slice(secret), signature, message)
        }
        (Algorithm::HS384, DecodingKeyKind::SecretOrDer(secret)) => {
            hmac(Hmac::<Sha384>::new_from_slice(secret), signature, message)
        }
        (Algorithm::HS512, DecodingKeyKind::SecretOrDer(secret)) => {
            hmac(Hmac::<Sha512>::new_from_slice(secret), signature, message)
        }
        _ => false,
    }
}

/// Whether the module verifies signatures of this algorithm.
#[must_use]
pub fn knows(algorithm: Algorithm) -> bool {
    algorithm.family() != AlgorithmFamily::Ec || algorithm == Algorithm::ES256
}

/// Whether bytes are a point on P-256 (SEC 1, 2.3.4), uncompressed.
#[must_use]
pub fn is_p256_point(bytes: &[u8]) -> bool {
    p256::PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// Whether bytes are a point of Ed25519 (RFC 8032, 5.1.3) that is not of small order.
#[must_use]
pub fn is_ed25519_point(bytes: &[u8]) -> bool {
    ed25519_key(bytes).is_some_and(|key| !key.is_weak())
}

fn rsa(scheme: impl SignatureScheme, key: &DecodingKeyKind, signature: &[u8], hash: &[u8]) -> bool {
    let DecodingKeyKind::RsaModulusExponent { n, e } = key else { return false };
    RsaPublicKey::new(BigUint::from_bytes_be(n), BigUint::from_bytes_be(e))
        .is_ok_and(|key| key.verify(scheme, hash, signature).is_ok())
}

fn p256(point: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p256::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
}

fn ed25519(point: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let (Some(key), Ok(signature)) =
        (ed25519_key(point), ed25519_dalek::Signature::from_slice(signature))
    else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

fn ed25519_key(bytes: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()
}

/// In a time that does not depend on where the two differ.
fn hmac<M: Mac, E>(mac: Result<M, E>, signature: &[u8], message: &[u8]) -> bool {
    mac.is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rsa_key;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::Signer;
    use rsa::traits::PublicKeyParts;

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Whether a signature is right, and no other one is.
    fn is_right(algorithm: Algorithm, key: &DecodingKey, signature: &[u8], message: &[u8]) -> bool {
        for index in 0..signature.len() {
            let mut other = signature.to_vec();
            other[index] ^= 1;
            assert!(!verify(algorithm, key, &other, message), "{algorithm:?}");
        }
        let longer = [signature, &[0]].concat();
        assert!(!verify(algorithm, key, &signature[1..], message));
        assert!(!verify(algorithm, key, &longer, message));
        assert!(!verify(algorithm, key, &[], message));
        verify(algorithm, key, signature, message)
    }

    fn rsa_public() -> DecodingKey {
        let key = rsa_key();
        DecodingKey::from_rsa_raw_components(&key.n().to_bytes_be(), &key.e().to_bytes_be())
    }

    #[test]
    fn pss_takes_the_salt_of_rfc_7518_and_no_other() {
        fn sign<H>(salt: usize, hash: &[u8]) -> Vec<u8>
        where
            H: 'static + Digest + rsa::signature::digest::DynDigest + Send + Sync,
        {
            let scheme = Pss::new_with_salt::<H>(salt);
            rsa_key().sign_with_rng(&mut rand::rngs::OsRng, scheme, hash).unwrap()
        }
        let (key, message) = (rsa_public(), b"x");
        let cases = [
            (Algorithm::PS256, sign::<Sha256>(32, &Sha256::digest(message))),
            (Algorithm::PS384, sign::<Sha384>(48, &Sha384::digest(message))),
            (Algorithm::PS512, sign::<Sha512>(64, &Sha512::digest(message))),
        ];
        for (algorithm, signature) in cases {
            assert!(verify(algorithm, &key, &signature, message), "{algorithm:?}");
            assert!(!verify(algorithm, &key, &signature, b"y"), "{algorithm:?}");
            for other in [Algorithm::RS256, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512] {
                assert_eq!(verify(other, &key, &signature, message), other == algorithm);
            }
        }
        let short = sign::<Sha256>(20, &Sha256::digest(message));
        assert!(!verify(Algorithm::PS256, &key, &short, message));
    }

    /// RFC 8037, A.4.
    #[test]
    fn ed25519_verifies_the_example_of_rfc_8037() {
        let key = DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let signature = decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert!(is_right(Algorithm::EdDSA, &key.unwrap(), &signature, message));
    }

    #[test]
    fn an_ed25519_signature_has_one_form_only() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = DecodingKey::from_ed_der(key.verifying_key().as_bytes());
        let signature = key.sign(b"x").to_bytes();
        assert!(is_right(Algorithm::EdDSA, &public, &signature, b"x"));
        // s plus the order of the group (RFC 8032, 5.1.7).
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let (mut malleable, mut carry) = (signature, 0u16);
        for (byte, digit) in malleable[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + digit;
            *byte = carry as u8;
            carry >>= 8;
        }
        assert!(!verify(Algorithm::EdDSA, &public, &malleable, b"x"));
    }

    /// RFC 7515, A.1.
    #[test]
    fn hmac_verifies_the_example_of_rfc_7515() {
        let secret = decode(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        );
        let message =
            b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4\
            MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let key = DecodingKey::from_secret(&secret);
        assert!(is_right(Algorithm::HS256, &key, &signature, message));
        assert!(!verify(Algorithm::HS384, &key, &signature, message));
    }

    #[test]
    fn a_key_of_another_family_verifies_nothing() {
        let secret = DecodingKey::from_secret(&[7; 64]);
        for algorithm in crate::algorithms::DEFAULT {
            assert!(!verify(*algorithm, &secret, &[7; 64], b"x"), "{algorithm:?}");
        }
        assert!(!verify(Algorithm::HS256, &rsa_public(), &[7; 32], b"x"));
    }
}
