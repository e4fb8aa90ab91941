//! Metadata: of parts of the configuration, and of the request.

use super::attribute::Attribute;
use crate::Result;
use crate::protobuf::{Malformed, bytes_field, map_entry, value_at};
use serde_json::Value;

/// Metadata (`envoy.config.core.v3.Metadata`), by namespaces; by convention a filter's namespace is
/// its name in reverse-DNS style.
///
/// The host hands it over in one call; what is looked up is decoded then, and nothing else.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// // route_config: { ..., metadata: { filter_metadata: { com.example.shop: { team: { name: core }}}}}
/// if let Some(metadata) = request.properties().xds().route_metadata()? {
///     let team = metadata.value("com.example.shop", &["team", "name"])?;
///     assert_eq!(team.as_ref().and_then(|team| team.as_str()), Some("core"));
/// }
/// # Ok(())
/// # }
/// ```
///
/// Where it is large (some filters leave kilobytes in the request's), the host can follow the path
/// itself, and give the bytes of one value. It does not tell of which kind that is: a text as it is, a
/// number as an `f64` in eight bytes little-endian, `true` as one byte.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let path = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "payload", "sub"];
/// let subject = request.properties().text(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata(Vec<u8>);

/// A message of another protobuf type, packed (`google.protobuf.Any`).
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// const TYPE: &[u8] = b"type.googleapis.com/google.protobuf.StringValue";
/// if let Some(metadata) = request.properties().metadata()?
///     && let Some(packed) = metadata.typed("com.example.shop")?
///     && packed.type_url == TYPE
/// {
///     tollgate::debug!("{} bytes to decode", packed.value.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    /// The type, such as `type.googleapis.com/google.protobuf.StringValue`.
    pub type_url: &'a [u8],
    /// The message on the wire.
    pub value: &'a [u8],
}

/// `Metadata { map<string, Struct> filter_metadata = 1; map<string, Any> typed_filter_metadata = 2; }`.
const FILTER_METADATA: u64 = 1;
const TYPED_FILTER_METADATA: u64 = 2;

impl Metadata {
    /// What `filter_metadata` has in a namespace at `path`: names of members, and positions (`"0"`) in
    /// lists; all of the namespace for an empty path. Every number is a double.
    ///
    /// # Errors
    ///
    /// When what the host gave makes no sense.
    pub fn value(&self, namespace: &str, path: &[&str]) -> Result<Option<Value>> {
        let value = match map_entry(&self.0, FILTER_METADATA, namespace) {
            Ok(Some(structure)) => value_at(structure, path),
            Ok(None) => Ok(None),
            Err(malformed) => Err(malformed),
        };
        value.map_err(|malformed| malformed.of("metadata"))
    }

    /// What `typed_filter_metadata` has in a namespace.
    ///
    /// # Errors
    ///
    /// When what the host gave makes no sense.
    pub fn typed(&self, namespace: &str) -> Result<Option<Packed<'_>>> {
        let packed = map_entry(&self.0, TYPED_FILTER_METADATA, namespace)
            .and_then(|entry| entry.map(Packed::decode).transpose());
        packed.map_err(|malformed| malformed.of("metadata"))
    }
}

impl<'a> Packed<'a> {
    /// `Any { string type_url = 1; bytes value = 2; }`.
    fn decode(any: &'a [u8]) -> Result<Self, Malformed> {
        let field = |field| bytes_field(any, field).map(Option::unwrap_or_default);
        Ok(Self { type_url: field(1)?, value: field(2)? })
    }
}

impl Attribute for Metadata {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(Some(Self(bytes)).filter(|metadata| !metadata.0.is_empty()))
    }
}

#[cfg(test)]
mod tests;
