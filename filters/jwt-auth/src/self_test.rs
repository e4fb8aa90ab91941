//! A known answer for both ways to verify, before any token depends on them.
//!
//! The keys were made once for this purpose, and their private halves thrown away. The message is
//! not a token.

use crate::algorithms::Algorithm;
use crate::crypto::verify_by_host;
use crate::curve::Curve;
use crate::fallback;
use crate::verifying_key::VerifyingKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

const SELF_TEST_PSS_MODULUS: &str = "\
    1dHtH_oVpBgNBKRt-hXj2N9TmSOG4b9DMatXk5k-pVRqesHVmPshSpusRHDjtgUCVARJZSytv210RT_7lU7a4JZccrNX\
    aKDLZY2ZoZNmaALiHdXav4cJ5b9rvO-twBbDcQZSCIPKxNtydlXLssqKNRUMEP7e6I_9wZQMWSARQbnVkuBqKJ5tYElw\
    4Vo8wsOQoucjtwj3OQffPGc3To5WoOM4b8hsD3YXwke90UuLKdiyv_CVvSdPj-onARER0572H_ZLGiWCXn0vu2YLbyhu\
    elRRM-8H0Jxrg1U6feFJKVytkVjXUZBxtazaoWKSBH_gGvGTkZ2I74ODBcKOetcP_Q";
const SELF_TEST_PS256_SIGNATURE: &str = "\
    GCRHNC3IxF8TCewkFPoCj7i_zAH5Zh_0oquUiKgJPjLQ8pFdwyYbRAuMYNJsVUxRkshRM8B8bbIBonxLZ00PocKuyIcI\
    s3_kLqebgCFXXMv4YBaD1CCTaXRKh54iea3cykXYiyA6cwrWUAtihKyFl2RUM_mfBE1hNlYt0zxDE10f7ZXVpaQRhzoi\
    y3deW0oMpDMgW-yxzV5WT801eicYTBj6omW2-u8LkjKqdcOPluQs7FgYpQS6EkkPb0i9HpfLFvxTtZqQjZNDm0qPNq4e\
    0sM7XChX9AlA229iIfwYVstWcp04tDYqcLwMhKGGNiKpv5O1Esszgq6VVSi8DzUZJQ";

const SELF_TEST_P384_X: &str = "TEoNx4YUTiXdWj-Syzd6I44rZ7VljOncaSgFrjlMvzZugPt3ifm5K6nsSSLyA8pg";
const SELF_TEST_P384_Y: &str = "uh6lSYnv0MoU0IKSiVPx1RKsvxijHzegGg3iQaWB7ZwFbT8U2BmEn3B2ibmYJQuY";
const SELF_TEST_ES384_SIGNATURE: &str = "\
    guTR8xX5yM8SjUxWf57i43YE3P1Pplfl6wf86n0Qn5XEIJ4X3uuMqzT5EujWZtek8fqV43Q9Uve1AnIU2BtKwa0hKbCW\
    tSHWuQkizqdjr94rDlm_aOBn42aFYNYaqbBo";

const SELF_TEST_P521_X: &str =
    "ALen_Iwujn31AKbdxkiYTUnIoTvj38dA1heqRQg-ppDMNMv2FXo1m9ZvImVWiuWHZZW0WCtFEtRa_M-xOQq9YVun";
const SELF_TEST_P521_Y: &str =
    "AQF56zxxvP7iGw05exrYLTXhdNWfV-A1b0QaKcaSvi-DleBcvs2DAnaQFMwCBWZJBdugYJtDGcm3UZVJPAUjQpG4";
const SELF_TEST_ES512_SIGNATURE: &str = "\
    Ac5gno7NnplJRxPXNDBFNpiMXjI-aYig4XcJTF0p8f_id62zjwPwGac_pYli7Jjxuaar0J6jXYe0M3dOFWsskXY9AThD\
    57EbdvgmbQep6BONt8bzsRk7qhVAsoUTc-1NObda6bMsdpXCbeAWN6IcgzAt4brCJswviaEk7lZs3nNhV4rS";

const SELF_TEST_ED25519_X: &str = "U33dK7IzMZLk84ZH0otCez8vd_0A0HUpZU0ePX5MYQc";
const SELF_TEST_EDDSA_SIGNATURE: &str = "\
    HNhFYcHxUMl6hqTtQRoUDTVwa2KB5CcDeX4Aqm9DgfP-ihAnnQh7HSrPczRJfYUX5KgM_aXFiRKU4pWdvJcyAg";

/// The bytes from 0 to 31.
const SELF_TEST_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const SELF_TEST_HS256_SIGNATURE: &str = "Ng0CWXzdf4JflYFdEkwlZYzfSyKtA6dlBhp3XgcjI1o";

/// Who verifies signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// The host, and the module should the host fail.
    Host,
    /// The module alone.
    Module,
}

/// The algorithms with a known answer, each with those that are verified in the same way.
pub const GROUPS: &[&[Algorithm]] = &[
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512],
    &[Algorithm::PS256, Algorithm::PS384, Algorithm::PS512],
    &[Algorithm::ES256],
    &[Algorithm::ES384],
    &[Algorithm::ES512],
    &[Algorithm::EdDSA],
    &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512],
];

/// Verifies the known answer of the group that an algorithm is the first of, in the module and, where
/// it can, by the host; says whether it could.
///
/// # Errors
///
/// When either is wrong.
pub fn run(algorithm: Algorithm) -> Result<Verifier, ConfigError> {
    let wrong = |who: &str| {
        let found = format!("{who} that gets the known answer for {algorithm} wrong");
        ConfigError::new("(self-test)", found, "one that verifies signatures")
    };
    let Some((key, signature)) = known_answer(algorithm) else { return Err(wrong("a module")) };
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

/// A key, and its signature of the message.
fn known_answer(algorithm: Algorithm) -> Option<(VerifyingKey, Vec<u8>)> {
    let (key, signature) = match algorithm {
        Algorithm::RS256 => (rsa(SELF_TEST_RSA_MODULUS)?, SELF_TEST_RS256_SIGNATURE),
        Algorithm::PS256 => (rsa(SELF_TEST_PSS_MODULUS)?, SELF_TEST_PS256_SIGNATURE),
        Algorithm::ES256 => {
            (ec(Curve::P256, SELF_TEST_P256_X, SELF_TEST_P256_Y)?, SELF_TEST_ES256_SIGNATURE)
        }
        Algorithm::ES384 => {
            (ec(Curve::P384, SELF_TEST_P384_X, SELF_TEST_P384_Y)?, SELF_TEST_ES384_SIGNATURE)
        }
        Algorithm::ES512 => {
            (ec(Curve::P521, SELF_TEST_P521_X, SELF_TEST_P521_Y)?, SELF_TEST_ES512_SIGNATURE)
        }
        Algorithm::EdDSA => {
            (VerifyingKey::ed25519(&decode(SELF_TEST_ED25519_X)?).ok()?, SELF_TEST_EDDSA_SIGNATURE)
        }
        Algorithm::HS256 => {
            (VerifyingKey::secret(decode(SELF_TEST_SECRET)?).ok()?, SELF_TEST_HS256_SIGNATURE)
        }
        _ => return None,
    };
    Some((key, decode(signature)?))
}

fn rsa(modulus: &str) -> Option<VerifyingKey> {
    VerifyingKey::rsa(&decode(modulus)?, &decode(SELF_TEST_RSA_EXPONENT)?).ok()
}

fn ec(curve: Curve, x: &str, y: &str) -> Option<VerifyingKey> {
    VerifyingKey::ec(curve, [&[4][..], &decode(x)?, &decode(y)?].concat()).ok()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fake host knows, and the module, too.
    const BOTH: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

    #[test]
    fn the_known_answers_are_right_in_the_module() {
        for group in GROUPS {
            assert_eq!(run(group[0]), Ok(Verifier::Module), "{group:?}");
        }
    }

    /// A host answers natively only.
    #[cfg(not(target_arch = "wasm32"))]
    mod by_a_host {
        use super::*;
        use crate::testing::FakeHost;

        #[test]
        fn the_known_answers_are_right_by_a_host_that_verifies() {
            for algorithm in BOTH {
                let host = FakeHost::install();
                assert_eq!(run(algorithm), Ok(Verifier::Host));
                assert_eq!(host.verified.get(), 2);
            }
        }

        #[test]
        fn a_host_that_fails_is_left_aside() {
            FakeHost::install().fails.set(true);
            for algorithm in BOTH {
                assert_eq!(run(algorithm), Ok(Verifier::Module));
            }
        }

        #[test]
        fn a_host_that_disagrees_is_refused() {
            let host = FakeHost::install();
            for answer in [true, false] {
                host.always_says.set(Some(answer));
                for algorithm in BOTH {
                    let error = run(algorithm).unwrap_err().to_string();
                    assert!(error.contains("a host that gets the known answer"), "{error}");
                }
            }
        }
    }
}
