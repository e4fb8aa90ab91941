//! What operators write: from JSON to typed configuration, with errors that can be acted on.
//!
//! A filter's configuration is a plain serde struct. [`from_slice`] reads it from what Envoy hands
//! over: a `StringValue` with JSON, or a `Struct`, whose numbers are all doubles (`503.0` is as
//! good as `503`). A [`ConfigError`] says in one line which field is wrong, what was found there
//! and what is allowed.
//!
//! ```
//! use tollgate::config::{self, Duration};
//! use tollgate::prelude::*;
//!
//! #[derive(Debug, Deserialize, JsonSchema)]
//! struct Config {
//!     /// How many may wait.
//!     limit: u8,
//!     /// How long they may wait.
//!     max_age: Duration,
//! }
//!
//! let config: Config = config::from_slice(br#"{"limit": 2.0, "maxAge": "1h30m"}"#).unwrap();
//! assert_eq!((config.limit, config.max_age.get().as_secs()), (2, 5400));
//!
//! let error = config::from_slice::<Config>(br#"{"limit": -5}"#).unwrap_err();
//! assert_eq!(error.to_string(), "`limit`: found -5, allowed: a whole number from 0 to 255");
//!
//! let error = config::from_slice::<Config>(br#"{"limits": 5}"#).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "`limits`: found an unknown field, allowed: `limit`, `max_age`; did you mean `limit`?",
//! );
//! ```
//!
//! Two things hold for every struct and enum, and need no attribute: names are accepted in both
//! spellings of protobuf JSON (`max_age` and `maxAge`), and unknown ones are refused. For that the
//! names must be known, which serde does not tell with `#[serde(flatten)]`, `#[serde(untagged)]` and
//! `#[serde(tag)]`: avoid them.
//!
//! # Types for fields
//!
//! | type | for |
//! |---|---|
//! | [`Duration`], [`PositiveDuration`] | lengths of time |
//! | [`Percent`] | shares, in Envoy's and Istio's form |
//! | [`Whole`], [`AtLeastOne`], [`HttpStatus`] | whole numbers within bounds |
//! | [`ByteSize`](crate::byte_size::ByteSize) | numbers of bytes |
//! | [`StatusSet`](crate::status::StatusSet), [`grpc::Status`](crate::grpc::Status) | what responses say |
//! | [`HeaderName`], [`HeaderValue`], [`CookieName`] | what stands in headers |
//! | [`Cidr`](crate::cidr::Cidr) | addresses |
//! | [`Match`](crate::matching::Match), [`ValueMatch`](crate::matching::ValueMatch) | conditions on requests and on values |
//! | [`DataSource`], [`Secret`] | what may come from an environment variable, or must not be seen |
//!
//! A type with rules of its own implements `Deserialize` and refuses with
//! [`serde::de::Error::invalid_value`], which carries both what was found and what is allowed;
//! `Error::custom` carries only a sentence. A rule between fields is checked in
//! [`HttpFilter::configure`](crate::HttpFilter::configure); [`exactly_one`] is the most frequent.
//!
//! # Schema and reference
//!
//! `#[derive(JsonSchema)]` turns types and doc comments into a JSON Schema, which editors use, and a
//! table for the README: see [`Reference`]. It adds nothing to the module.

#[doc(hidden)]
pub mod derived;
mod deserializer;
mod duration;
mod environment;
mod error;
mod names;
mod percent;
#[cfg(not(target_arch = "wasm32"))]
mod reference;
mod source;
mod spelling;
mod whole;

pub use duration::{Duration, PositiveDuration};
#[cfg(any(not(target_arch = "wasm32"), test))]
pub use environment::with_environment;
pub use error::{ConfigError, exactly_one, quoted};
pub use names::{CookieName, HeaderName, HeaderValue};
pub use percent::{Denominator, Percent};
#[cfg(not(target_arch = "wasm32"))]
pub use reference::Reference;
/// The crate that `JsonSchema` is of, to implement it by hand.
pub use schemars;
pub use serde::de::Deserialize;
pub use source::{DataSource, Secret};
pub use tollgate_macros::Deserialize;
pub use whole::{AtLeastOne, HttpStatus, Whole};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{json, protobuf};

/// The deepest nesting of a configuration.
const MAX_DEPTH: usize = 64;

/// Reads a configuration: JSON, or a `google.protobuf.Struct` on the wire. Nothing at all counts as
/// `{}`.
///
/// # Errors
///
/// When it is neither strict JSON (see [`json::parse`]) nor a `Struct`, or not a `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ConfigError> {
    from_value(parse(bytes)?)
}

/// Reads the form of a configuration.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ConfigError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    json::parse(bytes, MAX_DEPTH)
        .or_else(|error| protobuf::object(bytes).map_err(|_| error))
        .map_err(ConfigError::from)
}

/// Reads a configuration, or a part of one, whose form is known.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ConfigError> {
    deserializer::from_value(value)
}

#[cfg(test)]
mod tests;
