//! A set of public keys (RFC 7517), read once, and which of them may verify a given token.
//!
//! Keys that cannot be used are left out, each with a reason: a set may hold keys for encryption or
//! of kinds this filter does not know. Stricter than Envoy, on purpose: RSA from 2048 bits, points
//! that are on their curve, and a token verified only by keys whose `kty`, `crv`, `alg`, `use` and
//! `key_ops` all fit its algorithm.

use crate::algorithms;
use crate::fallback;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::{Map, Value};
use std::fmt;
use tollgate::json::{self, JsonError};

/// What an RSA key without `alg` may verify.
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
/// What a P-256 key may verify.
const P256: &[Algorithm] = &[Algorithm::ES256];
/// What a P-384 key may verify.
const P384: &[Algorithm] = &[Algorithm::ES384];
/// What an Ed25519 key may verify.
const ED25519: &[Algorithm] = &[Algorithm::EdDSA];
/// What a secret may verify, and the fewest bytes that it must have: those of the hash (RFC 7518, 3.2).
const HMAC: &[(Algorithm, usize)] =
    &[(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];

/// The sizes of an RSA modulus in bits: the least is that of RFC 7518, 3.3; the most bounds what one
/// request can cost.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Octets of a coordinate of P-256 and P-384 (RFC 7518, 6.2.1.2).
const P256_COORDINATE: usize = 32;
const P384_COORDINATE: usize = 48;

/// The most keys of a set: bounds what it costs to read one.
const MAX_KEYS: usize = 1000;

/// The deepest nesting of a key set.
const MAX_JSON_DEPTH: usize = 32;

/// Base64url as key sets have it; RFC 7515 wants no padding, some issuers write it.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The usable keys of a set, at least one, and why the others are not.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
}

/// A key that verifies signatures.
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Shows no key, which may be a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithms", &self.algorithms).finish()
    }
}

/// A key that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}]: {}", self.index, self.reason)
    }
}

/// Why a key set is refused. The texts are Envoy's (`source/common/jwt/status.cc`), with more detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// Not strict JSON; why.
    NotJson(JsonError),
    /// Not an object.
    NotObject,
    /// There is no member `keys`.
    NoKeys,
    /// `keys` is not a list.
    KeysNotList,
    /// It has more keys than are read; how many.
    TooMany(usize),
    /// No key can be used; why.
    NoneUsable(Vec<Skipped>),
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(f, "Jwks is an invalid JSON; {error}"),
            Self::NotObject => f.write_str("Jwks is an invalid JSON; not an object"),
            Self::NoKeys => f.write_str("Jwks does not have [keys] field"),
            Self::KeysNotList => f.write_str("[keys] in Jwks is not an array"),
            Self::TooMany(count) => {
                write!(f, "Jwks has {count} keys, allowed are {MAX_KEYS}")
            }
            Self::NoneUsable(skipped) => {
                f.write_str("Jwks doesn't have any valid public key")?;
                skipped.iter().try_for_each(|skipped| write!(f, "; {skipped}"))
            }
        }
    }
}

impl std::error::Error for KeySetError {}

impl KeySet {
    /// Reads a JWK set whose keys may verify the algorithms that are allowed by default.
    ///
    /// # Errors
    ///
    /// When it is none, or holds no key that can be used.
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_for(algorithms::DEFAULT, jwks)
    }

    /// Reads a JWK set whose keys may verify some algorithms, and no others.
    ///
    /// # Errors
    ///
    /// When it is none, or holds no key that can be used.
    pub fn parse_for(allowed: &[Algorithm], jwks: &[u8]) -> Result<Self, KeySetError> {
        let Value::Object(set) = json::parse(jwks, MAX_JSON_DEPTH).map_err(KeySetError::NotJson)?
        else {
            return Err(KeySetError::NotObject);
        };
        let list = match set.get("keys") {
            Some(Value::Array(list)) => list,
            Some(_) => return Err(KeySetError::KeysNotList),
            None => return Err(KeySetError::NoKeys),
        };
        if list.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(list.len()));
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, jwk) in list.iter().enumerate() {
            match Key::parse(jwk, allowed) {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push(Skipped { index, reason }),
            }
        }
        if keys.is_empty() {
            Err(KeySetError::NoneUsable(skipped))
        } else {
            Ok(Self { keys, skipped })
        }
    }

    /// The keys that may verify a token with this algorithm and key id. A key or a token without an
    /// id fits every id, as in Envoy.
    pub fn matching(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> impl Iterator<Item = &DecodingKey> {
        self.keys
            .iter()
            .filter(move |key| key.algorithms.contains(&algorithm))
            .filter(move |key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid)
            .map(|key| &key.key)
    }

    /// Whether a key in the set may verify this algorithm.
    #[must_use]
    pub fn has(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.algorithms.contains(&algorithm))
    }

    /// Whether a key has this id.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether all keys of another set are in this one.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.keys.iter().all(|key| self.keys.iter().any(|it| it.is(key)))
    }

    /// The keys that were left out.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl Key {
    /// Whether it is the same key, with the same id and for the same algorithms.
    fn is(&self, other: &Self) -> bool {
        let is_same = match (self.key.kind(), other.key.kind()) {
            (DecodingKeyKind::SecretOrDer(a), DecodingKeyKind::SecretOrDer(b)) => a == b,
            (
                DecodingKeyKind::RsaModulusExponent { n, e },
                DecodingKeyKind::RsaModulusExponent { n: other_n, e: other_e },
            ) => n == other_n && e == other_e,
            _ => false,
        };
        is_same && self.kid == other.kid && self.algorithms == other.algorithms
    }

    fn parse(jwk: &Value, allowed: &[Algorithm]) -> Result<Self, &'static str> {
        let jwk = jwk.as_object().ok_or("not an object")?;
        check_purpose(jwk)?;
        let (key, family) = match text(jwk, "kty")? {
            Some("RSA") => (rsa_key(jwk)?, RSA.to_vec()),
            Some("EC") => ec_key(jwk)?,
            Some("OKP") => (ed25519_key(jwk)?, ED25519.to_vec()),
            Some("oct") => secret(jwk)?,
            Some(_) => return Err("[kty] is not supported"),
            None => return Err("[kty] is missing"),
        };
        let fitting = match text(jwk, "alg")? {
            Some(name) => {
                let algorithm = algorithms::parse(name).filter(|it| family.contains(it));
                vec![algorithm.ok_or("[alg] is not supported for this kind of key")?]
            }
            None => family,
        };
        let algorithms: Vec<_> = fitting.into_iter().filter(|it| allowed.contains(it)).collect();
        if algorithms.is_empty() {
            return Err("the provider does not allow its algorithms");
        }
        // An empty id is none, as in Envoy.
        let kid = text(jwk, "kid")?.filter(|kid| !kid.is_empty()).map(str::to_owned);
        Ok(Self { kid, algorithms, key })
    }
}

/// Refuses a key that its owner made for something else (RFC 7517, 4.2 and 4.3).
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("[use] is not sig");
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err("[key_ops] does not have verify"),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that must be a string is not"),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let text = text(jwk, name)?.ok_or("a member of the key is missing")?;
    KEY_BASE64.decode(text).map_err(|_| "a member of the key is an invalid Base64url encoded")
}

/// An RSA public key (RFC 7518, 6.3.1).
fn rsa_key(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (modulus, exponent) = (without_zeros(&modulus), without_zeros(&exponent));
    if !RSA_BITS.contains(&bit_length(modulus)) {
        return Err("[n] has less than 2048 or more than 8192 bits");
    }
    if modulus.last().is_none_or(|byte| byte % 2 == 0) {
        return Err("[n] is even");
    }
    if !matches!(exponent, [3] | [1, 0, 1]) {
        return Err("[e] is neither 3 nor 65537");
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

/// An EC public key on P-256 or P-384 (RFC 7518, 6.2.1), and what it may verify.
fn ec_key(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<Algorithm>), &'static str> {
    // P-256 is Envoy's default.
    let (length, other_length, algorithms) = match text(jwk, "crv")? {
        None | Some("P-256") => (P256_COORDINATE, "[x] or [y] does not have 32 bytes", P256),
        Some("P-384") => (P384_COORDINATE, "[x] or [y] does not have 48 bytes", P384),
        Some(_) => return Err("[crv] is not supported"),
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(other_length);
    }
    // The uncompressed form of SEC 1, 2.3.3.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    // The host looks at a point on P-384 when it verifies.
    if length == P256_COORDINATE && !fallback::is_p256_point(&point) {
        return Err("[x] and [y] are not on the curve");
    }
    Ok((DecodingKey::from_ec_der(&point), algorithms.to_vec()))
}

/// An Ed25519 public key (RFC 8037, 2).
fn ed25519_key(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    if text(jwk, "crv")? != Some("Ed25519") {
        return Err("[crv] is not supported");
    }
    let point = bytes(jwk, "x")?;
    if !fallback::is_ed25519_point(&point) {
        return Err("[x] is not a point of Ed25519");
    }
    Ok(DecodingKey::from_ed_der(&point))
}

/// A secret (RFC 7518, 6.4.1), and what it may verify.
fn secret(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<Algorithm>), &'static str> {
    let secret = bytes(jwk, "k")?;
    let long_enough = HMAC.iter().filter(|(_, least)| secret.len() >= *least);
    let algorithms: Vec<_> = long_enough.map(|(algorithm, _)| *algorithm).collect();
    match algorithms.is_empty() {
        true => Err("[k] has less than 32 bytes"),
        false => Ok((DecodingKey::from_secret(&secret), algorithms)),
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

#[cfg(test)]
mod tests;
