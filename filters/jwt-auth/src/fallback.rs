//! Signatures verified by the module itself, with `jsonwebtoken`'s RustCrypto provider: slow, but
//! independent of the host.

use jsonwebtoken::crypto::{JwtVerifier, rust_crypto};
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey};

/// Makes a verifier for an algorithm and a key.
pub type VerifierFactory = fn(&Algorithm, &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error>;

/// The verifiers of the module; none for a key that is invalid or does not fit the algorithm.
///
/// A constant, so that the rest of that provider, which signs and reads private keys, does not get
/// into the module.
pub const VERIFIER: VerifierFactory = rust_crypto::DEFAULT_PROVIDER.verifier_factory;

/// Whether `key` made `signature` (of ECDSA: r‖s) over `message`.
#[must_use]
pub fn verify(algorithm: Algorithm, key: &DecodingKey, signature: &[u8], message: &[u8]) -> bool {
    match VERIFIER(&algorithm, key) {
        Ok(verifier) => verifier.verify(message, &signature.to_vec()).is_ok(),
        Err(_) => false,
    }
}
