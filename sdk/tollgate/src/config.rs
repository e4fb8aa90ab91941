//! What operators write: from JSON to typed configuration, with errors that can be acted on.
//!
//! A filter's configuration is a plain serde struct. [`from_slice`] reads it from what Envoy hands
//! over: a `StringValue` with JSON, or a `Struct`, whose numbers are all doubles (`503.0` is as
//! good as `503`). A [`ConfigError`] says in one line which field is wrong, what was found there
//! and what is allowed.
//!
//! ```
//! use serde::Deserialize;
//! use tollgate::config::{self, Duration};
//!
//! #[derive(Debug, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     limit: u8,
//!     #[serde(alias = "maxAge")]
//!     max_age: Duration,
//! }
//!
//! let config: Config = config::from_slice(br#"{"limit": 2.0, "maxAge": "1h30m"}"#).unwrap();
//! assert_eq!((config.limit, config.max_age.get().as_secs()), (2, 5400));
//!
//! let error = config::from_slice::<Config>(br#"{"limit": -5}"#).unwrap_err();
//! assert_eq!(error.to_string(), "`limit`: found -5, allowed: a whole number from 0 to 255");
//! ```
//!
//! A type with rules of its own implements `Deserialize` and refuses with
//! [`serde::de::Error::invalid_value`], which carries both what was found and what is allowed;
//! `Error::custom` carries only a sentence.

mod deserializer;
mod duration;
mod error;
mod names;
mod percent;

pub use duration::Duration;
pub use error::{ConfigError, quoted};
pub use names::{CookieName, HeaderName};
pub use percent::{Denominator, Percent};

use serde::de::DeserializeOwned;

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
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let value = json::parse(bytes, MAX_DEPTH)
        .or_else(|error| protobuf::object(bytes).map_err(|_| error))?;
    deserializer::from_value(value)
}

#[cfg(test)]
mod tests;
