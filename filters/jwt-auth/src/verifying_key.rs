//! A key that verifies signatures, checked and in the forms that host and module want it.

use crate::algorithms::Algorithm;
use crate::curve::Curve;
use crate::der;
use crate::fallback;

/// The sizes of an RSA modulus in bits: the least is that of RFC 7518, 3.3; the most bounds what one
/// request can cost.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What an RSA key may verify.
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A key that verifies signatures. It has no `Debug`: it may be a secret.
#[derive(PartialEq, Eq)]
pub enum VerifyingKey {
    /// For RS* and PS*.
    Rsa(RsaKey),
    /// For the algorithm of its curve.
    Ec(EcKey),
    /// For EdDSA: a point (RFC 8032, 5.1.3).
    Ed25519([u8; 32]),
    /// For HS*.
    Secret(Vec<u8>),
}

/// An RSA public key.
#[derive(PartialEq, Eq)]
pub struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    info: Vec<u8>,
}

/// A point on a curve of NIST.
#[derive(PartialEq, Eq)]
pub struct EcKey {
    curve: Curve,
    point: Vec<u8>,
    info: Vec<u8>,
}

impl VerifyingKey {
    /// An RSA key; modulus and exponent big-endian.
    ///
    /// # Errors
    ///
    /// Why it must not be used.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, &'static str> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        if !RSA_BITS.contains(&bit_length(modulus)) {
            return Err("[n] has less than 2048 or more than 8192 bits");
        }
        if modulus.last().is_none_or(|byte| byte % 2 == 0) {
            return Err("[n] is even");
        }
        if !matches!(exponent, [3] | [1, 0, 1]) {
            return Err("[e] is neither 3 nor 65537");
        }
        Ok(Self::Rsa(RsaKey {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
            info: der::rsa_public_key_info(modulus, exponent),
        }))
    }

    /// A point on a curve, as in SEC 1, 2.3.3, uncompressed: `04`, x, y.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn ec(curve: Curve, point: Vec<u8>) -> Result<Self, &'static str> {
        if !curve.has(&point) {
            return Err("[x] and [y] are not on the curve");
        }
        let info = der::ec_public_key_info(curve, &point);
        Ok(Self::Ec(EcKey { curve, point, info }))
    }

    /// A point of Ed25519 (RFC 8032, 5.1.3).
    ///
    /// # Errors
    ///
    /// When it is none, or of small order: one signature would fit many messages.
    pub fn ed25519(point: &[u8]) -> Result<Self, &'static str> {
        match <[u8; 32]>::try_from(point) {
            Ok(point) if fallback::is_ed25519_point(&point) => Ok(Self::Ed25519(point)),
            _ => Err("[x] is not a point of Ed25519"),
        }
    }

    /// A secret of HMAC.
    ///
    /// # Errors
    ///
    /// When it is shorter than the shortest hash (RFC 7518, 3.2).
    pub fn secret(secret: Vec<u8>) -> Result<Self, &'static str> {
        match secret.len() {
            32.. => Ok(Self::Secret(secret)),
            _ => Err("[k] has less than 32 bytes"),
        }
    }

    /// What it may verify, if nobody says something narrower. A secret is for the hashes that are no
    /// longer than it is.
    #[must_use]
    pub fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Rsa(_) => RSA,
            Self::Ec(key) => match key.curve {
                Curve::P256 => &[Algorithm::ES256],
                Curve::P384 => &[Algorithm::ES384],
                Curve::P521 => &[Algorithm::ES512],
            },
            Self::Ed25519(_) => &[Algorithm::EdDSA],
            Self::Secret(secret) => match secret.len() {
                64.. => &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512],
                48.. => &[Algorithm::HS256, Algorithm::HS384],
                _ => &[Algorithm::HS256],
            },
        }
    }
}

impl RsaKey {
    /// The modulus n, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent e, likewise: 3 or 65537.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The key as the host wants it: a SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }
}

impl EcKey {
    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point: `04`, x, y.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// The key as the host wants it: a SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The bits of a number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(unused)
}
