//! `upstream.*`.

use super::attribute::{Attribute, attributes};
use super::tls::tls_attributes;
use super::{Address, Text};
use crate::protobuf::{Malformed, bytes_field};
use std::time::Duration;

/// The attributes `upstream.*`, of the connection to the upstream; there from the response on, unless
/// said otherwise, when an upstream was chosen. With retries they are those of the last attempt.
///
/// *Local* is the certificate that Envoy shows, *peer* the one that the upstream shows. What is about
/// TLS is absent on a connection without it.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(response: &Response) -> Result<()> {
/// let upstream = response.properties().upstream();
/// if upstream.request_attempt_count()?.is_some_and(|attempts| attempts > 1) {
///     tollgate::info!("{:?} answered after retries", upstream.address()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upstream;

attributes! { [upstream] Upstream:
    /// The address of the upstream host, with its port.
    address -> Address;
    /// The port of the upstream host; none where the address has none.
    port -> u16;
    /// The address of Envoy's end of the connection, with its port.
    local_address -> Address;
    /// Where the upstream host is.
    locality -> Locality;
    /// Why the TLS handshake with the upstream failed.
    transport_failure_reason -> Text;
    /// How often the request was tried; 0 in the request phase, and where no upstream was asked.
    request_attempt_count -> u64;
    /// How long the request waited for a connection to the upstream.
    cx_pool_ready_duration -> Duration;
    /// How many hosts the cluster of the route has. From the request on.
    num_endpoints -> u64;
}

tls_attributes! { [upstream] Upstream }

/// Where a host is (`envoy.config.core.v3.Locality`); a part that is not known is empty.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(response: &Response) -> Result<()> {
/// let far_away = response
///     .properties()
///     .upstream()
///     .locality()?
///     .is_some_and(|locality| locality.region != "eu-central-1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Locality {
    /// The region.
    pub region: Text,
    /// The zone in the region.
    pub zone: Text,
    /// The part of the zone.
    pub sub_zone: Text,
}

/// `Locality { string region = 1; string zone = 2; string sub_zone = 3; }`.
impl Attribute for Locality {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let part = |field| bytes_field(&bytes, field).map(|part| part.unwrap_or_default().into());
        let locality = Self { region: part(1)?, zone: part(2)?, sub_zone: part(3)? };
        Ok(Some(locality).filter(|locality| *locality != Self::default()))
    }
}
