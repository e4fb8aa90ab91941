//! Signatures: the host first, the module where the host cannot.
//!
//! Envoy's `verify_signature` is 13 to 60 times faster than the same in WebAssembly. It is put
//! behind the [`CryptoProvider`] of `jsonwebtoken`. Where the host lacks the function, or fails, the
//! module verifies by itself ([`crate::fallback`]); a failure is never taken for a yes.
//!
//! The provider is not installed as the default of the process: `jsonwebtoken` falls back to its own
//! default silently, and that one would bring everything that signs into the module.

use crate::der;
use crate::fallback;
use crate::token::Token;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use std::borrow::Cow;
use tollgate::host::signature::{Hash, PublicKey};

/// Asks the host first. Verifies only: it signs nothing and makes no thumbprints.
static HOST_FIRST: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: host_first,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Whether `key` made the signature of `token`.
#[must_use]
pub fn verify(token: &Token<'_>, key: &DecodingKey) -> bool {
    match (HOST_FIRST.verifier_factory)(&token.algorithm(), key) {
        Ok(verifier) => verifier.verify(token.signed(), &token.signature_bytes().to_vec()).is_ok(),
        Err(_) => false,
    }
}

/// What the host says about a signature (of an ECDSA one: r‖s); `None` if it has nothing to say: it
/// does not know the algorithm, lacks the function, or failed.
#[must_use]
pub fn verify_by_host(
    algorithm: Algorithm,
    key: &DecodingKey,
    signature: &[u8],
    message: &[u8],
) -> Option<bool> {
    let hash = match algorithm {
        Algorithm::RS256 | Algorithm::ES256 => Hash::Sha256,
        Algorithm::RS384 | Algorithm::ES384 => Hash::Sha384,
        Algorithm::RS512 => Hash::Sha512,
        _ => return None,
    };
    let (key_info, signature) = match (algorithm.family(), key.kind()) {
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            (der::rsa_public_key_info(n, e), Cow::Borrowed(signature))
        }
        (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            let (signature, info) = match algorithm {
                Algorithm::ES256 => {
                    (der::p256_signature(signature), der::p256_public_key_info(point))
                }
                _ => (der::p384_signature(signature), der::p384_public_key_info(point)),
            };
            match signature {
                Some(signature) => (info, Cow::Owned(signature)),
                None => return Some(false),
            }
        }
        _ => return None,
    };
    tollgate::host::signature::verify(hash, PublicKey::Der(&key_info), &signature, message).ok()
}

/// A verifier of one signature.
struct HostFirst {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for HostFirst {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let Self { algorithm, key } = self;
        let genuine = verify_by_host(*algorithm, key, signature, message)
            .unwrap_or_else(|| fallback::verify(*algorithm, key, signature, message));
        if genuine { Ok(()) } else { Err(signature::Error::new()) }
    }
}

impl JwtVerifier for HostFirst {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn host_first(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(HostFirst { algorithm: *algorithm, key: key.clone() }))
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::testing::{Signer, b64, ec_jwk, rsa_jwk};
    use serde_json::{Value, json};

    /// Whether a token is genuine to the installed provider, with the one key of `jwk`.
    fn genuine(token: &str, jwk: Value) -> bool {
        let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let token = Token::parse(token.as_bytes()).ok().unwrap();
        set.matching(token.algorithm(), None).any(|key| verify(&token, key))
    }

    /// The same token with another signature.
    fn with_signature(token: &str, signature: &[u8]) -> String {
        format!("{}.{}", token.rsplit_once('.').unwrap().0, b64(signature))
    }

    /// The same signature over another payload.
    fn tampered(token: &str) -> String {
        let mut sections: Vec<_> = token.split('.').collect();
        let payload = b64(r#"{"sub":"mallory"}"#);
        sections[1] = &payload;
        sections.join(".")
    }

    fn any_jwk(mut jwk: Value) -> Value {
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    }

    const ALL: [Signer; 4] = [Signer::Rs256, Signer::Rs384, Signer::Rs512, Signer::Es256];

    fn jwk_of(signer: Signer) -> Value {
        if signer == Signer::Es256 { ec_jwk() } else { any_jwk(rsa_jwk()) }
    }

    #[test]
    fn without_a_host_the_module_verifies() {
        for signer in ALL {
            let token = signer.token(&json!({"sub": "alice"}));
            assert!(genuine(&token, jwk_of(signer)), "{signer:?}");
            assert!(!genuine(&tampered(&token), jwk_of(signer)), "{signer:?}");
        }
    }

    #[test]
    fn a_truncated_or_longer_rsa_signature_is_refused() {
        let token = Signer::Rs256.token(&json!({}));
        for length in [1, 255, 257, 512] {
            assert!(!genuine(&with_signature(&token, &vec![1; length]), rsa_jwk()), "{length}");
        }
    }

    #[test]
    fn a_key_of_another_family_makes_no_verifier() {
        let secret = DecodingKey::from_secret(b"not a secret");
        for algorithm in [Algorithm::RS256, Algorithm::ES256] {
            assert!(host_first(&algorithm, &secret).is_err());
        }
    }

    /// A host answers natively only.
    #[cfg(not(target_arch = "wasm32"))]
    mod by_a_host {
        use super::*;
        use crate::testing::FakeHost;

        #[test]
        fn with_a_host_the_host_verifies() {
            for signer in ALL {
                let host = FakeHost::install();
                let token = signer.token(&json!({"sub": "alice"}));
                assert!(genuine(&token, jwk_of(signer)), "{signer:?}");
                assert!(!genuine(&tampered(&token), jwk_of(signer)), "{signer:?}");
                assert_eq!(host.verified.get(), 2, "{signer:?}");
            }
        }

        #[test]
        fn the_host_has_the_last_word_where_it_speaks() {
            let host = FakeHost::install();
            host.always_says.set(Some(false));
            let token = Signer::Rs256.token(&json!({}));
            assert!(!genuine(&token, rsa_jwk()));
        }

        #[test]
        fn a_host_that_fails_is_no_yes() {
            let host = FakeHost::install();
            host.fails.set(true);
            for signer in ALL {
                let token = signer.token(&json!({"sub": "alice"}));
                assert!(genuine(&token, jwk_of(signer)), "{signer:?}");
                assert!(!genuine(&tampered(&token), jwk_of(signer)), "{signer:?}");
            }
        }

        #[test]
        fn an_ecdsa_signature_out_of_form_never_reaches_the_host() {
            let host = FakeHost::install();
            host.always_says.set(Some(true));
            let token = Signer::Es256.token(&json!({}));
            let order = der::P256_ORDER;
            let one = [&[0; 31][..], &[1]].concat();
            for signature in [
                vec![1; 63],
                vec![1; 65],
                vec![1; 96],
                [vec![0; 32], one.clone()].concat(),
                [one.clone(), vec![0; 32]].concat(),
                [order.to_vec(), one.clone()].concat(),
                [one, order.to_vec()].concat(),
                Signer::es256_der(&token),
            ] {
                assert!(!genuine(&with_signature(&token, &signature), ec_jwk()));
            }
            assert_eq!(host.verified.get(), 0);
        }
    }
}
