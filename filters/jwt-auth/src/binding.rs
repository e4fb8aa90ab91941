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
