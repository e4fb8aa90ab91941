//! Signatures: the host first, the module where the host cannot.
//!
//! Envoy's `verify_signature` is at least 13 times faster than the same in WebAssembly. Where the host
//! lacks the function, or fails, the module verifies by itself ([`crate::fallback`]); a failure is
//! never taken for a yes.
//!
//! There is no `jsonwebtoken` here. It has no ES512, its claims are checked in another order and less
//! strictly than Envoy's, and what would be left of it, to choose a verifier by an enum, is this file.

use crate::algorithms::Algorithm;
use crate::der;
use crate::fallback;
use crate::token::Token;
use crate::verifying_key::VerifyingKey;
use tollgate::host::signature::{self, Hash, PublicKey};

/// Whether `key` made the signature of `token`.
#[must_use]
pub fn verify(token: &Token<'_>, key: &VerifyingKey) -> bool {
    let (algorithm, message, signature) =
        (token.algorithm(), token.signed(), token.signature_bytes());
    verify_by_host(algorithm, key, signature, message)
        .unwrap_or_else(|| fallback::verify(algorithm, key, signature, message))
}

/// What the host says about a signature (of an ECDSA one: r‖s); `None` if it has nothing to say: it
/// does not know the algorithm, lacks the function, or failed.
#[must_use]
pub fn verify_by_host(
    algorithm: Algorithm,
    key: &VerifyingKey,
    signature: &[u8],
    message: &[u8],
) -> Option<bool> {
    let hash = host_hash(algorithm)?;
    let ask = |info: &[u8], signature: &[u8]| {
        signature::verify(hash, PublicKey::Der(info), signature, message).ok()
    };
    match (key, algorithm) {
        (VerifyingKey::Rsa(key), Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) => {
            ask(key.info(), signature)
        }
        (VerifyingKey::Ec(key), _) if key.curve().algorithm() == algorithm => {
            match der::ecdsa_signature(key.curve(), signature) {
                Some(signature) => ask(key.info(), &signature),
                None => Some(false),
            }
        }
        // A key of another kind, which the module refuses.
        _ => None,
    }
}

/// Whether hosts may verify signatures of this algorithm.
#[must_use]
pub fn host_may_know(algorithm: Algorithm) -> bool {
    host_hash(algorithm).is_some()
}

fn host_hash(algorithm: Algorithm) -> Option<Hash> {
    match algorithm {
        Algorithm::RS256 | Algorithm::ES256 => Some(Hash::Sha256),
        Algorithm::RS384 | Algorithm::ES384 => Some(Hash::Sha384),
        Algorithm::RS512 | Algorithm::ES512 => Some(Hash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::testing::{Signer, b64, ec_jwk, rsa_jwk};
    use serde_json::{Value, json};

    /// Whether a token is genuine with the one key of `jwk`.
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
    fn a_key_of_another_kind_verifies_nothing() {
        let secret = VerifyingKey::secret(vec![7; 64]).unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::ES256] {
            assert_eq!(verify_by_host(algorithm, &secret, &[7; 64], b"x"), None);
        }
    }

    /// A host answers natively only.
    #[cfg(not(target_arch = "wasm32"))]
    mod by_a_host {
        use super::*;
        use crate::curve::Curve;
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
            let order = Curve::P256.order();
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
