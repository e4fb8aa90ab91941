//! A known answer for both ways to verify, before any token depends on them.
//!
//! The keys were made once for this purpose, and their private halves thrown away. The message is
//! not a token.

use crate::crypto::verify_by_host;
use crate::fallback;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use tollgate::config::ConfigError;

const SELF_TEST_MESSAGE: &[u8] = b"tollgate signature self-test";
/// What was not signed.
const SELF_TEST_OTHER_MESSAGE: &[u8] = b"tollgate signature self-tesT";

const SELF_TEST_RSA_MODULUS: &str = "\
    5CtC1Gzf-HdzvV9n0tbGglfE36JVbeoK14HY911_PdB9Gl4Ipndlt_w_Sq5i3K3vqiDqBbF9XJUQdf6dkREuAKiDlMtu\
    LzcZQDPhJiEFbmAjBLXKYnyTlrrOmJlPK07Nyw8JOyIEpkhiMRdHe366qus-ohpbUckaBRRh7QYgVt63CCuq3tYB-itN\
    4xxJl5eEdxMAdTRCF5t2oEZ-AL5A4EZoOR-5Gopqk6mhfFM6PMxLoxoA99wFsVZdk5n_J4rqYfYpnkYAdIfRxlSrKgFX\
    jS3DhMyuIwb4hbwS4DxS7Jo609P8iys6gVmSqJ1wZvaRX0YLvCttFJyHXek0qCtFSQ";
const SELF_TEST_RSA_EXPONENT: &str = "AQAB";
const SELF_TEST_RS256_SIGNATURE: &str = "\
    KHjdJQo9cDJRCg_6JkkbrMpwSyu8f-Y-keQ5YmwrKxqoHPvyzKuS3x353ffh-_3gI6q9z2Bmw8u2Rp3eZCeRDBRMZw7a\
    YDuyCTlFVMLHYSH_oJ6fowfYqklE14WGDHBo8HXXAMUJZCpLhhbcIRuG-CaWjtZEGW4zS1HIFFJjWngWUxhQhI7pT9E4\
    Ja9MFoFDnYILflKcMl6IIkHqUfVHly9ga8zL4tJhbmoJUfGbeWRSlzRu7bNzxIddIVoCoJ8Z2PLvk7mSYz9Jja5-0Kqg\
    qMCT6gpnC-RpFMNbinDpdxB98DHZWrZPoOyyevPbAxGMVdyA2AEFtmf6Ogn9brL2Kw";

const SELF_TEST_P256_X: &str = "6ObjXtvt9_DW23HvaXxuRsQ4qroJGy_IlivL4N1J1O4";
const SELF_TEST_P256_Y: &str = "mwzc2Ypv7WhcklCFGpcRkGYPq6mPNh1fc-3O65PDtGA";
const SELF_TEST_ES256_SIGNATURE: &str =
    "8Ot_nFn_NiumXirGaWmJ_ldum1UcflDB8u5qDQpmrOdVVYKfz8p0HFCBZFMuG4yMWTRMtM2SlE4lEF3o29oupQ";

/// Who verifies the signatures of a family of algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// The host, and the module should the host fail.
    Host,
    /// The module alone.
    Module,
}

/// Verifies the known answer of a family of algorithms in the module and, where it can, by the host;
/// says whether it could.
///
/// # Errors
///
/// When either is wrong.
pub fn run(family: AlgorithmFamily) -> Result<Verifier, ConfigError> {
    let (algorithm, key, signature) = match family {
        AlgorithmFamily::Rsa => (
            Algorithm::RS256,
            DecodingKey::from_rsa_components(SELF_TEST_RSA_MODULUS, SELF_TEST_RSA_EXPONENT),
            SELF_TEST_RS256_SIGNATURE,
        ),
        AlgorithmFamily::Ec => (
            Algorithm::ES256,
            DecodingKey::from_ec_components(SELF_TEST_P256_X, SELF_TEST_P256_Y),
            SELF_TEST_ES256_SIGNATURE,
        ),
        _ => return Ok(Verifier::Module),
    };
    let wrong = |who: &str| {
        let found = format!("{who} that gets the known answer for {algorithm:?} wrong");
        ConfigError::new("(self-test)", found, "one that verifies signatures")
    };
    let (Ok(key), Ok(signature)) = (key, URL_SAFE_NO_PAD.decode(signature)) else {
        return Err(wrong("a module"));
    };
    let mut verifier = Verifier::Host;
    for (message, expected) in [(SELF_TEST_MESSAGE, true), (SELF_TEST_OTHER_MESSAGE, false)] {
        if fallback::verify(algorithm, &key, &signature, message) != expected {
            return Err(wrong("a module"));
        }
        match verify_by_host(algorithm, &key, &signature, message) {
            None => verifier = Verifier::Module,
            Some(answer) if answer == expected => {}
            Some(_) => return Err(wrong("a host")),
        }
    }
    Ok(verifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [AlgorithmFamily; 2] = [AlgorithmFamily::Rsa, AlgorithmFamily::Ec];

    #[test]
    fn the_known_answers_are_right_in_the_module() {
        for family in FAMILIES {
            assert_eq!(run(family), Ok(Verifier::Module));
        }
    }

    /// A host answers natively only.
    #[cfg(not(target_arch = "wasm32"))]
    mod by_a_host {
        use super::*;
        use crate::testing::FakeHost;

        #[test]
        fn the_known_answers_are_right_by_a_host_that_verifies() {
            for family in FAMILIES {
                let host = FakeHost::install();
                assert_eq!(run(family), Ok(Verifier::Host));
                assert_eq!(host.verified.get(), 2);
            }
        }

        #[test]
        fn a_host_that_fails_is_left_aside() {
            FakeHost::install().fails.set(true);
            for family in FAMILIES {
                assert_eq!(run(family), Ok(Verifier::Module));
            }
        }

        #[test]
        fn a_host_that_disagrees_is_refused() {
            let host = FakeHost::install();
            for answer in [true, false] {
                host.always_says.set(Some(answer));
                for family in FAMILIES {
                    let error = run(family).unwrap_err().to_string();
                    assert!(error.contains("a host that gets the known answer"), "{error}");
                }
            }
        }
    }
}
