//! Envoy's foreign function `verify_signature`, by the crates that tests have anyway.

use p256::ecdsa;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use tollgate_testkit::simulated::SignatureCheck;

/// Whether a signature over a SHA-256 hash is right; RSA with PKCS#1 v1.5, or P-256.
pub(super) fn verify(check: &SignatureCheck) -> bool {
    if check.hash_function != "sha256" {
        return false;
    }
    if let Ok(key) = RsaPublicKey::from_public_key_der(&check.public_key) {
        let hash = Sha256::digest(&check.text);
        return key.verify(Pkcs1v15Sign::new::<Sha256>(), &hash, &check.signature).is_ok();
    }
    let key = ecdsa::VerifyingKey::from_public_key_der(&check.public_key);
    let signature = ecdsa::Signature::from_der(&check.signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(&check.text, &signature).is_ok())
}
