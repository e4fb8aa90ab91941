//! `xds.*`: the configuration that a request meets.

use super::attribute::{Attribute, attributes};
use super::{Locality, Metadata, Text};
use crate::Result;
use crate::protobuf::{Malformed, bytes_field, value_at};
use serde_json::Value;

/// The attributes `xds.*`: names and metadata of the configuration that a request meets.
///
/// What comes from the route is the route's that was chosen last: after
/// [`Request::clear_route_cache`](crate::Request::clear_route_cache) still the old one's, until a native
/// filter or the router has asked for the new one.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let xds = request.properties().xds();
/// if let Some(cluster) = xds.cluster_name()? {
///     tollgate::debug!("leads to {cluster}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Xds;

attributes! { [xds] Xds:
    /// The cluster that the route leads to. From the request on.
    cluster_name -> Text;
    /// The metadata of that cluster. From the request on.
    cluster_metadata -> Metadata;
    /// The name of the route; none where it has no name. From the request on.
    route_name -> Text;
    /// The metadata of the route: what a filter can be told for one route. From the request on.
    route_metadata -> Metadata;
    /// The name of the virtual host. From the request on.
    virtual_host_name -> Text;
    /// The metadata of the virtual host. From the request on.
    virtual_host_metadata -> Metadata;
    /// The metadata of the upstream host that was chosen. From the response on.
    upstream_host_metadata -> Metadata;
    /// The metadata of that host's locality. From the response on.
    upstream_host_locality_metadata -> Metadata;
    /// The name of the listener's filter chain. From the request on.
    filter_chain_name -> Text;
    /// The metadata of the listener. From the request on.
    listener_metadata -> Metadata;
    /// Which way the listener's traffic goes. From the request on.
    listener_direction -> TrafficDirection;
}

impl Xds {
    /// Envoy's description of itself. Any time, also in
    /// [`HttpFilter::configure`](crate::HttpFilter::configure), where it is read best.
    #[must_use]
    pub fn node(self) -> Node {
        Node
    }
}

/// Which way a listener's traffic goes (`envoy.config.core.v3.TrafficDirection`).
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::properties::TrafficDirection;
///
/// # fn example(request: &Request) -> Result<()> {
/// let direction = request.properties().xds().listener_direction()?;
/// let inbound = direction == Some(TrafficDirection::Inbound);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrafficDirection {
    /// The listener does not say.
    Unspecified,
    /// To the service that this Envoy stands in front of.
    Inbound,
    /// From the service to others.
    Outbound,
}

impl Attribute for TrafficDirection {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        i64::decode(bytes)?
            .map(|number| match number {
                0 => Ok(Self::Unspecified),
                1 => Ok(Self::Inbound),
                2 => Ok(Self::Outbound),
                _ => Err(Malformed),
            })
            .transpose()
    }
}

/// The attributes `xds.node.*`: Envoy's description of itself, as its bootstrap or command line gives
/// it.
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::properties::Properties;
///
/// # fn example() -> Result<()> {
/// let node = Properties.xds().node();
/// tollgate::info!("{:?} of {:?}", node.id()?, node.cluster()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Node;

attributes! { [xds node] Node:
    /// The name of this Envoy.
    id -> Text;
    /// The name of the service that this Envoy belongs to.
    cluster -> Text;
    /// Where this Envoy is.
    locality -> Locality;
    /// The program: `envoy`.
    user_agent_name -> Text;
}

impl Node {
    /// What the node's metadata has at `path`: names of members, and positions (`"0"`) in lists; all of
    /// it for an empty path.
    ///
    /// The host hands over its whole description, 60 KB in 30 µs, since only that tells a text from a
    /// number: for [`configure`](crate::HttpFilter::configure), not for requests.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or its answer makes no sense.
    pub fn metadata(self, path: &[&str]) -> Result<Option<Value>> {
        let node = super::attribute::get::<Message>("xds.node", "xds\0node")?;
        let value = node.map(|Message(node)| match bytes_field(&node, METADATA)? {
            Some(metadata) => value_at(metadata, path),
            None => Ok(None),
        });
        Ok(value.transpose().map_err(|malformed| malformed.of("xds.node"))?.flatten())
    }
}

/// `Node { google.protobuf.Struct metadata = 3; }`.
const METADATA: u64 = 3;

/// A message on the wire.
struct Message(Vec<u8>);

impl Attribute for Message {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(Some(Self(bytes)))
    }
}

#[cfg(test)]
mod tests;
