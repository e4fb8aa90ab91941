//! The signature algorithms (RFC 7518, 3.1; RFC 8037; RFC 9864) that tokens may name.

use std::fmt;
use tollgate::config::{ConfigError, quoted};

/// A signature algorithm, under its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256, and a salt as long as the hash.
    PS256,
    /// RSASSA-PSS with SHA-384, likewise.
    PS384,
    /// RSASSA-PSS with SHA-512, likewise.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519, also under that name.
    EdDSA,
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

use Algorithm::{
    ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};

/// What may verify a token unless a provider says something else: all but HMAC, whose keys are
/// secrets that whoever verifies could sign with.
pub const DEFAULT: &[Algorithm] =
    &[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA];

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[
        RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512,
    ];

    /// Its name in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RS256 => "RS256",
            RS384 => "RS384",
            RS512 => "RS512",
            PS256 => "PS256",
            PS384 => "PS384",
            PS512 => "PS512",
            ES256 => "ES256",
            ES384 => "ES384",
            ES512 => "ES512",
            EdDSA => "EdDSA",
            HS256 => "HS256",
            HS384 => "HS384",
            HS512 => "HS512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithm of a name; `Ed25519` is the newer name of `EdDSA`.
///
/// ```
/// use tollgate_jwt_auth::algorithms::parse;
///
/// assert_eq!(parse("Ed25519"), parse("EdDSA"));
/// assert_eq!(parse("none"), None);
/// ```
#[must_use]
pub fn parse(name: &str) -> Option<Algorithm> {
    match name {
        "Ed25519" => Some(EdDSA),
        name => Algorithm::ALL.iter().copied().find(|algorithm| algorithm.name() == name),
    }
}

/// The algorithms that a provider allows; [`DEFAULT`] if it names none.
///
/// # Errors
///
/// A name of no algorithm, or none at all.
pub fn allowed(names: Option<&[String]>) -> Result<Vec<Algorithm>, ConfigError> {
    const ALLOWED: &str = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, \
         HS256, HS384, HS512";
    let Some(names) = names else { return Ok(DEFAULT.to_vec()) };
    if names.is_empty() {
        return Err(ConfigError::new("", "an empty list", ALLOWED));
    }
    let mut allowed = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let refuse = || ConfigError::new(format!("[{index}]"), quoted(name), ALLOWED);
        allowed.push(parse(name).ok_or_else(refuse)?);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name_and_no_other() {
        for algorithm in Algorithm::ALL {
            assert_eq!(parse(algorithm.name()), Some(*algorithm));
            assert_eq!(parse(&algorithm.name().to_lowercase()), None);
            assert_eq!(format!("{algorithm:?}"), algorithm.name());
        }
        for name in ["", "none", "ES256K", "ES521", "Ed448", "RSA1_5", "HS1"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn only_secrets_are_not_allowed_by_default() {
        for algorithm in Algorithm::ALL {
            assert_eq!(DEFAULT.contains(algorithm), !algorithm.name().starts_with("HS"));
        }
    }
}
