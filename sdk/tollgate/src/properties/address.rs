//! The ends of connections.

use super::Text;
use super::attribute::Attribute;
use crate::protobuf::Malformed;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a connection begins or ends.
///
/// ```
/// use tollgate::properties::Address;
///
/// let address = Address::from(&b"[2001:db8::1]:8443"[..]);
/// assert_eq!(address.ip().map(|ip| ip.is_ipv6()), Some(true));
/// assert_eq!(address.port(), Some(8443));
///
/// let socket = Address::from(&b"/run/service.sock"[..]);
/// assert_eq!((socket.ip(), socket.to_string()), (None, "/run/service.sock".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address with its port.
    Ip(SocketAddr),
    /// What is not of the Internet: a Unix domain socket (`/run/service.sock`, `@abstract`), or one of
    /// Envoy's internal listeners (`envoy://name/id`).
    Other(Text),
}

impl Address {
    /// The IP address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket().map(|address| address.ip())
    }

    /// The port of an IP address.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.socket().map(|address| address.port())
    }

    fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Other(_) => None,
        }
    }
}

/// The address that Envoy writes so; what is no IP address with a port is [`Address::Other`].
impl From<&[u8]> for Address {
    fn from(bytes: &[u8]) -> Self {
        let address = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        address.map_or_else(|| Self::Other(Text::from(bytes)), Self::Ip)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Other(text) => text.fmt(f),
        }
    }
}

impl Attribute for Address {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(Some(&*bytes).filter(|bytes| !bytes.is_empty()).map(Self::from))
    }
}

#[cfg(test)]
mod tests;
