//! `response.*`.

use super::attribute::{attributes, path};
use super::{Properties, ResponseFlags, Text};
use crate::Result;
use crate::headers::HeaderMap;
use std::time::Duration;

/// The attributes `response.*`; none of them says anything in the request phase.
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::properties::ResponseFlag;
///
/// # fn example(response: &Response) -> Result<()> {
/// let properties = response.properties().response();
/// let from_upstream = properties.code_details()?.is_some_and(|details| details == "via_upstream");
/// let timed_out = properties
///     .flags()?
///     .is_some_and(|flags| flags.contains(ResponseFlag::UpstreamRequestTimeout));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResponseProperties;

attributes! { [response] ResponseProperties:
    /// The HTTP status. From the response on.
    code -> u16;
    /// Who made the response and why: `via_upstream` for what the upstream sent, else what Envoy or a
    /// filter gave as its reason, such as `route_not_found`. From the response on.
    code_details -> Text;
    /// All headers, each name once with its values joined by a comma, in no order. In the response
    /// phase and at the end. Mind what is said at
    /// [`RequestProperties::headers`](super::RequestProperties::headers).
    headers -> HeaderMap;
    /// How many bytes the headers have, uncompressed. In the response phase and at the end, else 0.
    /// Envoy 1.37 or later.
    headers_bytes -> u64;
    /// All trailers, as [`headers`](Self::headers). From the trailers on.
    trailers -> HeaderMap;
    /// What Envoy noticed about the response; grows until the end. From the response on; an empty set
    /// before.
    flags -> ResponseFlags;
    /// The gRPC status, from the trailers or headers. Of a response that has none, also of one that is
    /// not gRPC, Envoy derives it from the HTTP status, and reports 2 (unknown) for 200. To be
    /// trusted at the end, and in the response phase for a gRPC error without a body.
    grpc_status -> u32;
    /// The size of the body that has been sent so far. From the response on.
    size -> u64;
    /// The size of body, headers and trailers that have been sent so far. To be trusted at the end.
    total_size -> u64;
    /// From the first byte sent to the upstream to the last byte received. At the end, and when the
    /// last of the body has come.
    backend_latency -> Duration;
}

impl ResponseProperties {
    /// One header, its values joined by a comma. In the response phase and at the end. `name` in lower
    /// case.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or the name is empty or has a zero byte.
    pub fn header(self, name: &str) -> Result<Option<Vec<u8>>> {
        Properties.at(&path(&["response", "headers", name])?)
    }

    /// One trailer, its values joined by a comma. From the trailers on. `name` in lower case.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or the name is empty or has a zero byte.
    pub fn trailer(self, name: &str) -> Result<Option<Vec<u8>>> {
        Properties.at(&path(&["response", "trailers", name])?)
    }
}
