//! Tokens that are bound to the certificate of a client (RFC 8705, 3): `cnf` names it by its SHA-256.
//!
//! What counts is that the client holds the key of the certificate, which TLS has shown; who vouches for
//! the certificate is no concern of the token's (RFC 8705, 6.2).

use crate::config::CertificateBound;
use crate::requirement::{Refusal, Surroundings};
use crate::status::Failure;
use crate::token::{Claims, base64url};
use serde_json::Value;

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The certificate that claims name; none if they have no `cnf`, or one that is about something else.
    ///
    /// # Errors
    ///
    /// A `cnf` that cannot be understood.
    pub fn of(claims: &Claims) -> Result<Option<Self>, Failure> {
        let confirmation = match claims.get("cnf") {
            None => return Ok(None),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Failure::CnfNotThumbprint),
        };
        let Some(value) = confirmation.get("x5t#S256") else { return Ok(None) };
        let bytes = value.as_str().and_then(|text| base64url(text.as_bytes()));
        match bytes.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => Ok(Some(Self(bytes))),
            None => Err(Failure::CnfNotThumbprint),
        }
    }

    /// Whether this is what hexadecimal digits say.
    #[must_use]
    pub fn is(&self, digits: &[u8]) -> bool {
        let (pairs, rest) = digits.as_chunks::<2>();
        let byte = |[high, low]: &[u8; 2]| Some((hex(*high)?, hex(*low)?));
        rest.is_empty()
            && pairs.len() == self.0.len()
            && pairs.iter().zip(self.0).all(|(pair, it)| byte(pair) == Some((it >> 4, it & 15)))
    }
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

impl CertificateBound {
    /// The certificate to ask for, of a token with these claims.
    ///
    /// # Errors
    ///
    /// As [`Thumbprint::of`].
    pub fn read(self, claims: &Claims) -> Result<Option<Thumbprint>, Failure> {
        match self {
            Self::Off => Ok(None),
            Self::IfPresent | Self::Required => Thumbprint::of(claims),
        }
    }

    /// Whether the client is the one that a token is bound to. The host is asked only for a token that
    /// is.
    ///
    /// # Errors
    ///
    /// That it is not, or that the host does not say.
    pub fn check(
        self,
        bound_to: Option<&Thumbprint>,
        around: &dyn Surroundings,
    ) -> Result<(), Refusal> {
        let is_good = match bound_to {
            None => self != Self::Required,
            Some(thumbprint) => {
                around.certificate_digest()?.is_some_and(|digits| thumbprint.is(&digits))
            }
        };
        if is_good { Ok(()) } else { Err(Failure::CertificateMismatch.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, b64};
    use proptest::prelude::*;
    use serde_json::json;
    use tollgate::HostError;
    use tollgate::abi::Status;

    const CERTIFICATE: [u8; 32] = [0xa7; 32];

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn thumbprint(cnf: Value) -> Result<Option<Thumbprint>, Failure> {
        Thumbprint::of(json!({ "cnf": cnf }).as_object().unwrap())
    }

    /// Whether a token passes, and how often the host was asked.
    fn check(
        mode: CertificateBound,
        bound_to: Option<&Thumbprint>,
        certificate: Option<&[u8]>,
    ) -> (bool, u32) {
        let world = World { certificate_digest: certificate.map(hexadecimal), ..World::default() };
        match mode.check(bound_to, &world) {
            Ok(()) => (true, world.asked.get()),
            Err(Refusal::Denied(denial)) => {
                assert_eq!(denial.failure, Failure::CertificateMismatch);
                (false, world.asked.get())
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The example of RFC 8705, 3.1.
    #[test]
    fn the_thumbprint_of_rfc_8705_is_read() {
        let cnf = json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"});
        // Its last character has bits that no octet has: it is not canonical, and so none.
        assert_eq!(thumbprint(cnf), Err(Failure::CnfNotThumbprint));
        let cnf = json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"});
        let expected = "6f070ad1eb1cdc0082dc3076639fe5112b1713ca3d96d734e4ef3d8dd37e760d";
        assert!(thumbprint(cnf).unwrap().unwrap().is(expected.as_bytes()));
    }

    #[test]
    fn a_confirmation_that_cannot_be_understood_is_refused() {
        let good = b64(CERTIFICATE);
        for cnf in [
            json!(null),
            json!("x"),
            json!([]),
            json!({"x5t#S256": null}),
            json!({"x5t#S256": 5}),
            json!({"x5t#S256": ""}),
            json!({"x5t#S256": [good]}),
            json!({"x5t#S256": format!("{good}=")}),
            json!({"x5t#S256": b64([1; 31])}),
            json!({"x5t#S256": b64([1; 33])}),
            json!({"x5t#S256": hexadecimal(&CERTIFICATE)}),
        ] {
            assert_eq!(thumbprint(cnf.clone()), Err(Failure::CnfNotThumbprint), "{cnf}");
        }
        assert_eq!(thumbprint(json!({"jkt": "x"})), Ok(None));
        assert_eq!(Thumbprint::of(&Claims::new()), Ok(None));
    }

    #[test]
    fn a_token_that_is_bound_needs_its_certificate() {
        let bound = thumbprint(json!({ "x5t#S256": b64(CERTIFICATE) })).unwrap();
        for mode in [CertificateBound::IfPresent, CertificateBound::Required] {
            assert_eq!(check(mode, bound.as_ref(), Some(&CERTIFICATE)), (true, 1), "{mode:?}");
            assert_eq!(check(mode, bound.as_ref(), Some(&[1; 32])), (false, 1), "{mode:?}");
            assert_eq!(check(mode, bound.as_ref(), None), (false, 1), "{mode:?}");
        }
    }

    #[test]
    fn a_token_that_is_not_bound_passes_unless_all_must_be_and_nothing_is_asked() {
        for certificate in [None, Some(&CERTIFICATE[..])] {
            assert_eq!(check(CertificateBound::IfPresent, None, certificate), (true, 0));
            assert_eq!(check(CertificateBound::Off, None, certificate), (true, 0));
            assert_eq!(check(CertificateBound::Required, None, certificate), (false, 0));
        }
    }

    #[test]
    fn where_it_is_off_a_confirmation_is_not_read() {
        let claims = json!({ "cnf": 5 });
        let claims = claims.as_object().unwrap();
        assert_eq!(CertificateBound::Off.read(claims), Ok(None));
        assert_eq!(CertificateBound::IfPresent.read(claims), Err(Failure::CnfNotThumbprint));
    }

    #[test]
    fn a_certificate_that_the_host_does_not_tell_of_does_not_pass() {
        let error = HostError::new("connection", Status::InternalFailure);
        let world = World { fails: Some(error), ..World::default() };
        let bound = Thumbprint(CERTIFICATE);
        let refusal = CertificateBound::IfPresent.check(Some(&bound), &world);
        assert!(matches!(refusal, Err(Refusal::Host(_))));
    }

    proptest! {
        #[test]
        fn a_thumbprint_is_its_own_digits_and_no_others(bytes: [u8; 32], digits in "[0-9a-fA-F]{62,66}") {
            let own = hexadecimal(&bytes);
            prop_assert!(Thumbprint(bytes).is(own.as_bytes()));
            prop_assert!(Thumbprint(bytes).is(own.to_uppercase().as_bytes()));
            let same = digits.eq_ignore_ascii_case(&own);
            prop_assert_eq!(Thumbprint(bytes).is(digits.as_bytes()), same);
        }

        #[test]
        fn no_digits_are_a_reason_to_panic(bytes: Vec<u8>) {
            prop_assert!(!Thumbprint(CERTIFICATE).is(&bytes));
        }
    }
}
