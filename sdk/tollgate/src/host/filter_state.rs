//! Envoy's `set_envoy_filter_state`: what native filters and the router read.

use crate::abi::{HostError, Result, Status};
use crate::protobuf::Message;

/// How long an object in the filter state lives.
///
/// ```
/// use tollgate::host::{Declaration, Kind, LifeSpan};
///
/// let of_the_connection = Declaration::new(Kind::Text).life_span(LifeSpan::Connection);
/// ```
///
/// Of two life spans for one key the first counts: Envoy ignores the other value, and logs that as a
/// bug of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LifeSpan {
    /// As long as the filter chain: the request, until an internal redirect starts it anew.
    #[default]
    FilterChain = 0,
    /// As long as the client's request, internal redirects included.
    Request = 1,
    /// As long as the client's connection: its later requests find it.
    Connection = 2,
}

/// Writes an object into the filter state that native filters, the router or a cluster read.
///
/// `key` is the name of a type of object that this Envoy knows (see [`well_known`]), and `value` what
/// that type is made from.
///
/// After waiting it works since Envoy 1.37 ([the page on host functions](super)).
///
/// # Errors
///
/// *Not found* when the host does not know the key, or there is no request; *bad argument* when the
/// value is not one for that key. A host that lacks the function is
/// [unsupported](HostError::is_unsupported).
///
/// ```
/// use tollgate::host::{self, LifeSpan, well_known};
///
/// # fn example() -> tollgate::Result<()> {
/// // The name that the TLS connection to the upstream asks for (SNI).
/// host::set_filter_state(well_known::UPSTREAM_SERVER_NAME, "shop.internal", LifeSpan::Request)?;
/// # Ok(())
/// # }
/// ```
pub fn set_filter_state(key: &str, value: &str, life_span: LifeSpan) -> Result<()> {
    const FUNCTION: &str = "set_envoy_filter_state";
    /// No protobuf: a host that has the function says so.
    const NO_ARGUMENTS: &[u8] = &[0xff];
    let arguments = Message::default()
        .bytes(1, key.as_bytes())
        .bytes(2, value.as_bytes())
        .number(3, life_span as u64)
        .finish();
    match super::call_raw(FUNCTION, &arguments) {
        Err(error) if error.status() == Status::NotFound => {
            match super::call_raw(FUNCTION, NO_ARGUMENTS) {
                Err(other) if other.status() == Status::NotFound => {
                    Err(HostError::new(FUNCTION, Status::Unimplemented))
                }
                _ => Err(error),
            }
        }
        result => result.map(drop),
    }
}

/// Keys that stock Envoy knows, and what reads them
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state>).
pub mod well_known {
    /// Any text, for matchers, access logs and later filters.
    pub const STRING: &str = "envoy.string";
    /// Any text that takes part in the choice of an upstream connection. Envoy 1.39 or later.
    pub const HASHABLE_STRING: &str = "envoy.hashable_string";
    /// The name to ask the upstream for in TLS (SNI): a host name.
    pub const UPSTREAM_SERVER_NAME: &str = "envoy.network.upstream_server_name";
    /// Names one of which the upstream's certificate must have: separated by commas.
    pub const UPSTREAM_SUBJECT_ALT_NAMES: &str = "envoy.network.upstream_subject_alt_names";
    /// The protocols to offer the upstream in TLS (ALPN): separated by commas.
    pub const APPLICATION_PROTOCOLS: &str = "envoy.network.application_protocols";
    /// Where an original-destination cluster connects to: an IP address with a port.
    pub const ORIGINAL_DST_ADDRESS: &str = "envoy.network.transport_socket.original_dst_address";
    /// The destination that an internal listener sees: an IP address with a port.
    pub const ORIGINAL_DST_LOCAL_IP: &str = "envoy.filters.listener.original_dst.local_ip";
    /// The source that an internal listener sees: an IP address with a port.
    pub const ORIGINAL_DST_REMOTE_IP: &str = "envoy.filters.listener.original_dst.remote_ip";
    /// The IP address of a client, for what matches on it: an IP address.
    pub const IP: &str = "envoy.network.ip";
    /// The network namespace to connect from, on Linux: a path. Envoy 1.37 or later.
    pub const NETWORK_NAMESPACE: &str = "envoy.network.network_namespace";
    /// The host that a dynamic forward proxy connects to.
    pub const DYNAMIC_HOST: &str = "envoy.upstream.dynamic_host";
    /// The port that a dynamic forward proxy connects to.
    pub const DYNAMIC_PORT: &str = "envoy.upstream.dynamic_port";
    /// How much the request counts for a rate limit: a whole number.
    pub const RATE_LIMIT_HITS_ADDEND: &str = "envoy.ratelimit.hits_addend";
    /// The cluster that the TCP proxy leads to.
    pub const TCP_PROXY_CLUSTER: &str = "envoy.tcp_proxy.cluster";
    /// Whether the TCP proxy leaves its HTTP tunnel out: `true` or `false`.
    pub const TCP_PROXY_DISABLE_TUNNELING: &str = "envoy.tcp_proxy.disable_tunneling";
    /// After how many idle milliseconds the TCP proxy closes the connection: a whole number.
    pub const TCP_PROXY_IDLE_TIMEOUT_MS: &str = "envoy.tcp_proxy.per_connection_idle_timeout_ms";
}

#[cfg(test)]
mod tests;
