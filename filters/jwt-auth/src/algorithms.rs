//! The signature algorithms (RFC 7518, 3.1; RFC 8037; RFC 9864) that tokens may name.

use jsonwebtoken::Algorithm;
use std::str::FromStr;
use tollgate::config::{ConfigError, quoted};

/// What may verify a token unless a provider says something else: all but HMAC, whose keys are
/// secrets that whoever verifies could sign with.
pub const DEFAULT: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

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
        "Ed25519" => Some(Algorithm::EdDSA),
        name => Algorithm::from_str(name).ok(),
    }
}

/// The algorithms that a provider allows; [`DEFAULT`] if it names none.
///
/// # Errors
///
/// A name of no algorithm, or none at all.
pub fn allowed(names: Option<&[String]>) -> Result<Vec<Algorithm>, ConfigError> {
    const ALLOWED: &str = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, \
         HS384, HS512";
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
