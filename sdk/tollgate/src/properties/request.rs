//! `request.*`.

use super::attribute::{attributes, path};
use super::{Properties, Text};
use crate::Result;
use crate::headers::HeaderMap;
use std::time::{Duration, SystemTime};

/// The attributes `request.*`.
///
/// Most of them are read from the request's headers, which the host has at hand in the request phase
/// and at the end of the stream, though **not** in the response phase: what a response needs of its
/// request must be remembered.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let properties = request.properties().request();
/// if properties.protocol()?.is_some_and(|protocol| protocol == "HTTP/1.0") {
///     tollgate::info!("an old client: {:?}", properties.useragent()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestProperties;

attributes! { [request] RequestProperties:
    /// The path with its query. In the request phase and at the end.
    path -> Text;
    /// The path without its query. In the request phase and at the end.
    url_path -> Text;
    /// The authority (`host`). In the request phase and at the end.
    host -> Text;
    /// The scheme, such as `https`. In the request phase and at the end.
    scheme -> Text;
    /// The method. In the request phase and at the end.
    method -> Text;
    /// The header `referer`. In the request phase and at the end.
    referer -> Text;
    /// The header `user-agent`. In the request phase and at the end.
    useragent -> Text;
    /// The header `x-request-id`, which Envoy makes where a client sends none. In the request phase and
    /// at the end.
    id -> Text;
    /// The query without its `?`; none where it is empty. In the request phase and at the end.
    query -> Text;
    /// All headers, each name once with its values joined by a comma, in no order. In the request phase
    /// and at the end.
    ///
    /// Dearer than [`Request::headers`](crate::Request::headers) (6 µs for 10 headers), and dangerous
    /// beside filters that are careless: a header whose name is no token (RFC 9110, 5.6.2), which no
    /// client can send but a filter can set, ends the whole Envoy here (seen on 1.40: `serializeValue`
    /// in `context.cc`). To be used where the headers themselves are not at hand, which is at the end
    /// of the stream.
    headers -> HeaderMap;
    /// How many bytes the headers have, uncompressed. In the request phase and at the end; 0 in the
    /// response phase. Envoy 1.37 or later.
    headers_bytes -> u64;
    /// When its first byte came. From the request on.
    time -> SystemTime;
    /// The size of the body: what `content-length` says in the request phase and at the end, else what
    /// has come so far. From the request on.
    size -> u64;
    /// The size of body and headers that have come so far; without the headers in the response phase.
    /// From the request on.
    total_size -> u64;
    /// From its first byte to its end. At the end.
    duration -> Duration;
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`. From the request on.
    protocol -> Text;
}

impl RequestProperties {
    /// One header, its values joined by a comma: the cheapest way to read one header and miss no value
    /// of it. In the request phase and at the end. `name` in lower case.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or the name is empty or has a zero byte.
    pub fn header(self, name: &str) -> Result<Option<Vec<u8>>> {
        Properties.at(&path(&["request", "headers", name])?)
    }
}
