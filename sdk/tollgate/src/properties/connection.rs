//! `connection.*`, `source.*` and `destination.*`: the client's connection.

use super::attribute::attributes;
use super::tls::tls_attributes;
use super::{Address, Text};

/// The attributes `connection.*`, of the client's connection; there from the request on.
///
/// *Local* is the certificate that Envoy shows, *peer* the one that the client shows. What is about TLS
/// is absent on a connection without it.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<Flow> {
/// let connection = request.properties().connection();
/// match connection.uri_san_peer_certificate()? {
///     Some(san) if san == "spiffe://example.org/shop" => Ok(Flow::Continue),
///     _ => Ok(Flow::Reply(LocalReply::new(403))),
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Connection;

attributes! { [connection] Connection:
    /// The number of the connection, unique in the process.
    id -> u64;
    /// Whether the client has shown a certificate. It may be one that nobody trusts where the listener
    /// accepts such (`trust_chain_verification: ACCEPT_UNTRUSTED`).
    mtls -> bool;
    /// Whether the client has shown a certificate, and it was verified. Envoy 1.39 or later.
    peer_certificate_valid -> bool;
    /// The name that the client asked for in its TLS hello (SNI). Only where the listener has the filter
    /// `envoy.filters.listener.tls_inspector`.
    requested_server_name -> Text;
    /// Why the connection was ended. Only when Envoy has ended it.
    termination_details -> Text;
    /// Why the TLS handshake failed; in a request there was none that did.
    transport_failure_reason -> Text;
}

tls_attributes! { [connection] Connection }

/// The attributes `source.*`: where the client's connection comes from. There from the request on.
///
/// The address is the one that Envoy has settled for: behind another proxy the one of
/// `x-forwarded-for` or the PROXY protocol, where the listener is told to trust it.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let client = request.properties().source().address()?.and_then(|address| address.ip());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Source;

attributes! { [source] Source:
    /// The address, with its port.
    address -> Address;
    /// The port; none where the address has none.
    port -> u16;
}

/// The attributes `destination.*`: where the client's connection leads to. There from the request on.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let plain_text = request.properties().destination().port()? == Some(80);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Destination;

attributes! { [destination] Destination:
    /// The address, with its port.
    address -> Address;
    /// The port; none where the address has none.
    port -> u16;
}
