use super::*;
use crate::algorithms;
use crate::testing::rsa_key;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use rsa::traits::PublicKeyParts;

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Whether a signature is right, and no other one is.
fn is_right(algorithm: Algorithm, key: &VerifyingKey, signature: &[u8], message: &[u8]) -> bool {
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

fn rsa_public() -> VerifyingKey {
    let key = rsa_key();
    VerifyingKey::rsa(&key.n().to_bytes_be(), &key.e().to_bytes_be()).unwrap()
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
    let key = VerifyingKey::ed25519(&decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    let signature = decode(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert!(is_right(Algorithm::EdDSA, &key.unwrap(), &signature, message));
}

#[test]
fn an_ed25519_signature_has_one_form_only() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = VerifyingKey::ed25519(key.verifying_key().as_bytes()).unwrap();
    let signature = key.sign(b"x").to_bytes();
    assert!(is_right(Algorithm::EdDSA, &public, &signature, b"x"));
    // s plus the order of the group (RFC 8032, 5.1.7).
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
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
    let message = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4\
        MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let key = VerifyingKey::secret(secret).unwrap();
    assert!(is_right(Algorithm::HS256, &key, &signature, message));
    assert!(!verify(Algorithm::HS384, &key, &signature, message));
}

#[test]
fn a_key_of_another_family_verifies_nothing() {
    let secret = VerifyingKey::secret(vec![7; 64]).unwrap();
    for algorithm in algorithms::DEFAULT {
        assert!(!verify(*algorithm, &secret, &[7; 64], b"x"), "{algorithm:?}");
    }
    assert!(!verify(Algorithm::HS256, &rsa_public(), &[7; 32], b"x"));
}
