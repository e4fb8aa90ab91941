//! Envoy's attributes of the current request.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>

use crate::abi::{self, Result};

/// Reads attributes of the request that is being handled. Each costs a host call of 1 to 3 µs.
#[derive(Clone, Copy, Debug)]
pub struct Properties;

impl Properties {
    /// `xds.cluster_name`: the cluster that the route leads to. After
    /// [`clear_route_cache`](crate::Request::clear_route_cache) it is the old route's, until a native
    /// filter or the router has asked for the new one.
    ///
    /// # Errors
    ///
    /// When the host cannot answer. No route is `Ok(None)`.
    pub fn cluster_name(self) -> Result<Option<Vec<u8>>> {
        self.bytes(&["xds", "cluster_name"])
    }

    /// `response.code_details`: who made the response and why; `via_upstream` for what the upstream
    /// sent.
    ///
    /// # Errors
    ///
    /// When the host cannot answer. None yet is `Ok(None)`.
    pub fn response_code_details(self) -> Result<Option<Vec<u8>>> {
        self.bytes(&["response", "code_details"])
    }

    /// An attribute by its path, as the host encodes it: text as it is, numbers in eight bytes
    /// little-endian, messages in protobuf.
    ///
    /// # Errors
    ///
    /// When the host cannot answer. An absent attribute is `Ok(None)`.
    pub fn bytes(self, path: &[&str]) -> Result<Option<Vec<u8>>> {
        abi::property(path.join("\0").as_bytes())
    }
}
