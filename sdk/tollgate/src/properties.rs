//! Envoy's attributes: what it knows of a request beside its headers, typed.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>
//!
//! A getter is called as its attribute: `source.address` is
//! [`properties()`](crate::Request::properties)`.source().address()`.
//!
//! ```
//! use tollgate::prelude::*;
//!
//! # fn example(request: &Request) -> Result<()> {
//! let properties = request.properties();
//! let client = properties.source().address()?;
//! let certificate = properties.connection().sha256_peer_certificate_digest()?;
//! let cluster = properties.xds().cluster_name()?;
//! # Ok(())
//! # }
//! ```
//!
//! What is absent is `Ok(None)`: it is not there yet, there is none, or this Envoy does not know the
//! attribute. An empty text, an empty map and empty metadata are absent too, since the host gives
//! these where it has nothing. An answer that makes no sense is an error with
//! [`Status::Malformed`](crate::abi::Status::Malformed).
//!
//! # When
//!
//! Each getter says from when on it has something to say:
//!
//! | words | from |
//! |---|---|
//! | any time | `configure` on |
//! | from the request on | the headers of the request |
//! | in the request phase | the headers of the request, until those of the response |
//! | from the response on | the headers of the response |
//! | at the end | the end of the stream |
//!
//! # Cost
//!
//! Each is one host call: 0.9 µs for a value, 0.2 µs for none (Envoy 1.40). The exceptions say so.
//! Where `capability_restriction_config` is used, it has to allow `proxy_get_property`.

mod address;
mod attribute;
mod connection;
mod filter_state;
mod flags;
mod metadata;
mod request;
mod response;
mod text;
mod tls;
mod upstream;
mod xds;

pub use address::Address;
pub use connection::{Connection, Destination, Source};
pub use filter_state::FilterState;
pub use flags::{ResponseFlag, ResponseFlags};
pub use metadata::{Metadata, Packed};
pub use request::RequestProperties;
pub use response::ResponseProperties;
pub use text::Text;
pub use upstream::{Locality, Upstream};
pub use xds::{Node, TrafficDirection, Xds};

use crate::abi::{self, Result};

/// The attributes of the request that is being handled; without one only those of the process.
#[derive(Clone, Copy, Debug)]
pub struct Properties;

impl Properties {
    /// `request.*`.
    #[must_use]
    pub fn request(self) -> RequestProperties {
        RequestProperties
    }

    /// `response.*`.
    #[must_use]
    pub fn response(self) -> ResponseProperties {
        ResponseProperties
    }

    /// `connection.*`: the client's connection and its certificate.
    #[must_use]
    pub fn connection(self) -> Connection {
        Connection
    }

    /// `source.*`: where the client's connection comes from.
    #[must_use]
    pub fn source(self) -> Source {
        Source
    }

    /// `destination.*`: where the client's connection leads to.
    #[must_use]
    pub fn destination(self) -> Destination {
        Destination
    }

    /// `upstream.*`: the connection to the upstream.
    #[must_use]
    pub fn upstream(self) -> Upstream {
        Upstream
    }

    /// `xds.*`: names and metadata of route, cluster, listener, node.
    #[must_use]
    pub fn xds(self) -> Xds {
        Xds
    }

    /// `filter_state`: what filters have left for each other. From the request on.
    #[must_use]
    pub fn filter_state(self) -> FilterState {
        FilterState { root: "filter_state" }
    }

    /// `upstream_filter_state`: as [`filter_state`](Self::filter_state), of the connection to the
    /// upstream. From the response on.
    #[must_use]
    pub fn upstream_filter_state(self) -> FilterState {
        FilterState { root: "upstream_filter_state" }
    }

    /// `metadata`: the request's dynamic metadata, which native filters write; a module cannot. From the
    /// request on.
    ///
    /// # Errors
    ///
    /// When the host cannot answer.
    pub fn metadata(self) -> Result<Option<Metadata>> {
        attribute::get("metadata", "metadata")
    }

    /// `plugin_name`: the `name` of this plugin in Envoy's configuration. Any time.
    ///
    /// # Errors
    ///
    /// When the host cannot answer.
    pub fn plugin_name(self) -> Result<Option<Text>> {
        attribute::get("plugin_name", "plugin_name")
    }

    /// `plugin_root_id`: the `root_id` of this plugin in Envoy's configuration. Any time.
    ///
    /// # Errors
    ///
    /// When the host cannot answer.
    pub fn plugin_root_id(self) -> Result<Option<Text>> {
        attribute::get("plugin_root_id", "plugin_root_id")
    }

    /// `plugin_vm_id`: the `vm_id` of this plugin in Envoy's configuration. Any time.
    ///
    /// # Errors
    ///
    /// When the host cannot answer.
    pub fn plugin_vm_id(self) -> Result<Option<Text>> {
        attribute::get("plugin_vm_id", "plugin_vm_id")
    }

    /// Any attribute by its path, as the host encodes it (`serializeValue` in Envoy's
    /// `source/extensions/common/wasm/context.cc`): text as it is, numbers in eight bytes little-endian,
    /// `bool` in one, times in nanoseconds, maps as [`HeaderMap::from_buffer`] takes them, messages in
    /// protobuf. Of a message and of a map, the path leads on to a member.
    ///
    /// ```
    /// use tollgate::prelude::*;
    ///
    /// # fn example(request: &Request) -> Result<()> {
    /// let region = request.properties().bytes(&["upstream", "locality", "region"])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the host cannot answer or the value cannot be encoded (a null, an object that holds one), or
    /// the path is empty, ends with an empty part, or has a zero byte. An absent attribute is `Ok(None)`.
    ///
    /// [`HeaderMap::from_buffer`]: crate::headers::HeaderMap::from_buffer
    pub fn bytes(self, path: &[&str]) -> Result<Option<Vec<u8>>> {
        self.at(&attribute::path(path)?)
    }

    /// As [`bytes`](Self::bytes), for an attribute that is a text.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes).
    pub fn text(self, path: &[&str]) -> Result<Option<Text>> {
        Ok(self.bytes(path)?.map(Text::from).filter(|text| !text.is_empty()))
    }

    fn at(self, path: &str) -> Result<Option<Vec<u8>>> {
        abi::property(path.as_bytes())
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
