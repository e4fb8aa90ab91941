use super::*;
use crate::host::Host;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use std::sync::LazyLock;

const TEXT: &[u8] = b"text";
const HASHES: [&str; 5] = ["sha1", "sha224", "sha256", "sha384", "sha512"];

/// The whole numbers from 1 are keys enough for curves.
fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[[0; 31].as_slice(), &[7]].concat()).unwrap()
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[[0; 47].as_slice(), &[7]].concat()).unwrap()
}

/// A public RSA key and a signature, made without a private key: with s³ - m as the modulus and 3 as the
/// exponent, s is the signature of m.
fn rsa(hash: &str, bits: usize) -> (RsaPublicKey, Vec<u8>) {
    let Hash { digest, scheme } = Hash::of(hash, TEXT).unwrap();
    let tail = [&scheme.prefix[..], &digest].concat();
    let length = bits / 8;
    let padding = vec![0xff; length - tail.len() - 3];
    let message = BigUint::from_bytes_be(&[&[0, 1][..], &padding, &[0], &tail].concat());
    // Its cube has so many bits if they are one less than a multiple of three; the difference is odd.
    let mut s = BigUint::from(0xb5_u8) << (bits / 3 - 7);
    let is_odd = |number: &BigUint| number.to_bytes_be().last().unwrap() % 2 == 1;
    if is_odd(&message) == is_odd(&s) {
        s += 1_u8;
    }
    let modulus = &s * &s * &s - message;
    assert_eq!(modulus.bits(), bits);
    let key = RsaPublicKey::new_with_max_size(modulus, BigUint::from(3_u8), MAX_RSA_BITS).unwrap();
    let signature = s.to_bytes_be();
    (key, [vec![0; length - signature.len()], signature].concat())
}

static RSA: LazyLock<(RsaPublicKey, Vec<u8>)> = LazyLock::new(|| rsa("sha256", 2048));

fn check(key: &impl EncodePublicKey, hash: &str, signature: &[u8]) -> SignatureCheck {
    SignatureCheck {
        hash_function: hash.to_owned(),
        public_key: key.to_public_key_der().unwrap().into_vec(),
        signature: signature.to_vec(),
        text: TEXT.to_vec(),
        public_key_pem: String::new(),
    }
}

fn in_pem(key: &impl EncodePublicKey, check: &SignatureCheck) -> SignatureCheck {
    let public_key_pem = key.to_public_key_pem(LineEnding::LF).unwrap();
    SignatureCheck { public_key: Vec::new(), public_key_pem, ..check.clone() }
}

/// What the host answers.
fn answer(check: &SignatureCheck) -> Result<(bool, String)> {
    let mut host = SimulatedHost::new();
    host.verify_signatures();
    let answer = host.call_foreign_function(b"verify_signature", &check.encode_to_vec())?;
    let answer = SignatureResult::decode(&answer[..]).unwrap();
    Ok((answer.result, answer.error))
}

const WRONG: &str = "Failed to verify digest. Error code: 0";
const NO_KEY: &str = "Failed to initialize digest verify.";

fn is_right_only_for_its_text(key: &impl EncodePublicKey, right: &SignatureCheck) {
    assert_eq!(answer(right), Ok((true, String::new())), "{right:?}");
    assert_eq!(answer(&in_pem(key, right)), Ok((true, String::new())), "{right:?}");
    let other = SignatureCheck { text: b"another".to_vec(), ..right.clone() };
    assert_eq!(answer(&other), Ok((false, WRONG.into())), "{right:?}");
}

#[test]
fn rsa_signatures_are_verified_with_every_hash() {
    for hash in HASHES {
        let (key, signature) = rsa(hash, 2048);
        is_right_only_for_its_text(&key, &check(&key, hash, &signature));
    }
}

#[test]
fn rsa_keys_may_be_larger_than_these_crates_take_by_default() {
    let (key, signature) = rsa("sha256", 8192);
    is_right_only_for_its_text(&key, &check(&key, "sha256", &signature));
}

#[test]
fn ecdsa_signatures_are_verified_on_both_curves_with_every_hash() {
    for hash in HASHES {
        let of = |length| Hash::of(hash, TEXT).unwrap().padded(length);
        let signature: p256::ecdsa::Signature = p256().sign_prehash(&of(32)).unwrap();
        let key = *p256().verifying_key();
        is_right_only_for_its_text(&key, &check(&key, hash, signature.to_der().as_bytes()));

        let signature: p384::ecdsa::Signature = p384().sign_prehash(&of(48)).unwrap();
        let key = *p384().verifying_key();
        is_right_only_for_its_text(&key, &check(&key, hash, signature.to_der().as_bytes()));
    }
}

/// As a JWS has it.
#[test]
fn an_ecdsa_signature_that_is_not_in_der_is_wrong() {
    let signature: p256::ecdsa::Signature =
        p256().sign_prehash(&Hash::of("sha256", TEXT).unwrap().digest).unwrap();
    let check = check(p256().verifying_key(), "sha256", &signature.to_bytes());
    assert_eq!(answer(&check), Ok((false, WRONG.into())));
}

#[test]
fn hash_functions_are_known_in_any_case_and_others_are_said_to_be_unknown() {
    let (key, signature) = &*RSA;
    assert_eq!(answer(&check(key, "SHA256", signature)), Ok((true, String::new())));
    for hash in ["", "md5", "sha-256"] {
        let expected = format!("{hash} is not supported.");
        assert_eq!(answer(&check(key, hash, signature)), Ok((false, expected)));
    }
}

#[test]
fn a_key_that_is_none_is_said_to_be_unusable() {
    let right = check(&RSA.0, "sha256", &RSA.1);
    let garbage = SignatureCheck { public_key: b"garbage".to_vec(), ..right.clone() };
    let pem = SignatureCheck {
        public_key: Vec::new(),
        public_key_pem: "-----BEGIN GARBAGE-----".into(),
        ..right
    };
    for check in [garbage, pem] {
        assert_eq!(answer(&check), Ok((false, NO_KEY.into())), "{check:?}");
    }
}

#[test]
fn what_follows_a_key_does_not_matter() {
    let mut check = check(&RSA.0, "sha256", &RSA.1);
    check.public_key.extend(b"more");
    assert_eq!(answer(&check), Ok((true, String::new())));
}

#[test]
fn no_key_and_a_key_in_two_forms_are_bad_arguments() {
    let right = check(&RSA.0, "sha256", &RSA.1);
    let both =
        SignatureCheck { public_key_pem: in_pem(&RSA.0, &right).public_key_pem, ..right.clone() };
    let none = SignatureCheck { public_key: Vec::new(), ..right };
    for check in [both, none] {
        assert_eq!(answer(&check), Err(Status::BAD_ARGUMENT), "{check:?}");
    }
    let mut host = SimulatedHost::new();
    host.verify_signatures();
    let no_message = host.call_foreign_function(b"verify_signature", b"\xff");
    assert_eq!(no_message, Err(Status::BAD_ARGUMENT));
}
