//! A set of public keys, read once, and which of them may verify a given token.
//!
//! It comes in one of three forms: a JWK set (RFC 7517, 5; `jwk`), Google's object of certificates by
//! their key ids, or one public key in PEM (`pem`).
//!
//! Keys that cannot be used are left out, each with a reason: a set may hold keys for encryption or
//! of kinds this filter does not know. Stricter than Envoy, on purpose: RSA from 2048 bits, points
//! that are on their curve, and a token verified only by keys whose `kty`, `crv`, `alg`, `use` and
//! `key_ops` all fit its algorithm.

mod jwk;
mod pem;

use crate::algorithms::{self, Algorithm};
use crate::verifying_key::VerifyingKey;
use serde_json::{Map, Value};
use std::fmt;
use tollgate::json::{self, JsonError};

/// The most keys of a set: bounds what it costs to read one.
const MAX_KEYS: usize = 1000;

/// The deepest nesting of a key set.
const MAX_JSON_DEPTH: usize = 32;

/// The usable keys of a set, at least one, and why the others are not.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
}

/// A key, and for which tokens it is.
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: VerifyingKey,
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
    /// Its place in the set, from 0; of certificates in the order of their names.
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
    /// There is no member `keys`, nor only certificates.
    NoKeys,
    /// `keys` is not a list.
    KeysNotList,
    /// Text in PEM that is no public key, or one that cannot be used; why.
    BadPem(&'static str),
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
            Self::BadPem(reason) => write!(f, "PEM pubkey parse fails; {reason}"),
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
    /// Reads a set whose keys may verify the algorithms that are allowed by default.
    ///
    /// # Errors
    ///
    /// When it is none, or holds no key that can be used.
    pub fn parse(keys: &[u8]) -> Result<Self, KeySetError> {
        Self::parse_for(algorithms::DEFAULT, keys)
    }

    /// Reads a set whose keys may verify some algorithms, and no others.
    ///
    /// # Errors
    ///
    /// When it is none, or holds no key that can be used.
    pub fn parse_for(allowed: &[Algorithm], keys: &[u8]) -> Result<Self, KeySetError> {
        if let Some(text) = pem::text(keys) {
            let key = pem::public_key(text).and_then(|key| Key::new(key, None, None, allowed));
            return match key {
                Ok(key) => Ok(Self { keys: vec![key], skipped: Vec::new() }),
                Err(reason) => Err(KeySetError::BadPem(reason)),
            };
        }
        let Value::Object(set) = json::parse(keys, MAX_JSON_DEPTH).map_err(KeySetError::NotJson)?
        else {
            return Err(KeySetError::NotObject);
        };
        match set.get("keys") {
            Some(Value::Array(list)) => {
                Self::of(list.len(), list.iter().map(|jwk| Key::of_jwk(jwk, allowed)))
            }
            Some(_) => Err(KeySetError::KeysNotList),
            None => {
                let certificates = certificates(&set).ok_or(KeySetError::NoKeys)?;
                let key = |(kid, text)| Key::of_certificate(kid, text, allowed);
                Self::of(set.len(), certificates.map(key))
            }
        }
    }

    fn of(
        count: usize,
        all: impl Iterator<Item = Result<Key, &'static str>>,
    ) -> Result<Self, KeySetError> {
        if count > MAX_KEYS {
            return Err(KeySetError::TooMany(count));
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, key) in all.enumerate() {
            match key {
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
    ) -> impl Iterator<Item = &VerifyingKey> {
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
        self.key == other.key && self.kid == other.kid && self.algorithms == other.algorithms
    }

    /// A key for the algorithms that are allowed, or for the one of its own `alg` alone.
    fn new(
        key: VerifyingKey,
        alg: Option<&str>,
        kid: Option<&str>,
        allowed: &[Algorithm],
    ) -> Result<Self, &'static str> {
        let mut algorithms = key.algorithms().to_vec();
        if let Some(alg) = alg {
            let alg = algorithms::parse(alg);
            algorithms.retain(|algorithm| Some(*algorithm) == alg);
            if algorithms.is_empty() {
                return Err("[alg] is not supported for this kind of key");
            }
        }
        algorithms.retain(|algorithm| allowed.contains(algorithm));
        if algorithms.is_empty() {
            return Err("the provider does not allow its algorithms");
        }
        // An empty id is none, as in Envoy.
        let kid = kid.filter(|kid| !kid.is_empty()).map(str::to_owned);
        Ok(Self { kid, algorithms, key })
    }

    fn of_jwk(jwk: &Value, allowed: &[Algorithm]) -> Result<Self, &'static str> {
        let jwk = jwk.as_object().ok_or("not an object")?;
        let key = jwk::key(jwk)?;
        Self::new(key, jwk::text(jwk, "alg")?, jwk::text(jwk, "kid")?, allowed)
    }

    fn of_certificate(kid: &str, text: &str, allowed: &[Algorithm]) -> Result<Self, &'static str> {
        Self::new(pem::certificate(text)?, None, Some(kid), allowed)
    }
}

/// Certificates by their key ids, if an object holds nothing else.
fn certificates(set: &Map<String, Value>) -> Option<impl Iterator<Item = (&str, &str)>> {
    let texts = || set.iter().map(|(kid, text)| (kid.as_str(), text.as_str().unwrap_or_default()));
    let is_one = |(kid, text): (&str, &str)| !kid.is_empty() && pem::is_certificate(text);
    (!set.is_empty() && texts().all(is_one)).then(texts)
}

#[cfg(test)]
mod tests;
