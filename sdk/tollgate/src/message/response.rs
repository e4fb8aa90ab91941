use super::{Extensions, Headers, Memory};
use crate::abi::{HostError, MapKind, Result, Status};
use crate::filter::Flow;
use crate::headers::HeaderMap;
use crate::properties::Properties;

/// A response whose headers are about to be sent.
///
/// ```
/// use tollgate::prelude::*;
///
/// /// Shows clients nothing of how the upstream fails.
/// async fn response(response: &mut Response<'_>) -> Result<Flow> {
///     if response.status()? >= 500 {
///         return Ok(Flow::Reply(LocalReply::new(502).body("try again later")));
///     }
///     response.headers_mut().remove("x-powered-by")?;
///     if response.headers()?.get("cache-control").is_none() && response.end_of_stream() {
///         response.headers_mut().set("cache-control", "no-store")?;
///     }
///     Ok(Flow::Continue)
/// }
/// ```
///
/// `S` is the [`State`](crate::HttpFilter::State) of the filter.
#[derive(Debug)]
pub struct Response<'a, S = ()> {
    memory: Memory<'a, S>,
    headers: &'a mut Headers,
    end_of_stream: bool,
}

impl<'a, S> Response<'a, S> {
    pub(crate) const MAP: MapKind = MapKind::ResponseHeaders;

    pub(crate) fn new(
        memory: Memory<'a, S>,
        headers: &'a mut Headers,
        end_of_stream: bool,
    ) -> Self {
        Self { memory, headers, end_of_stream }
    }

    /// What the filter remembers of this exchange. A response may come to a request that the filter
    /// never saw, or has not decided about yet: Envoy, or a filter in front, has answered it.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.memory.state
    }

    /// What the filters of a chain have left for each other.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.memory.extensions
    }

    /// The headers. They are read from the host once, at the first use.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn headers(&self) -> Result<&HeaderMap> {
        self.headers.get()
    }

    /// The headers, to change them or to look at one alone.
    pub fn headers_mut(&mut self) -> &mut Headers {
        self.headers
    }

    /// The HTTP status, read by itself: cheaper than all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give it, or it is not a number.
    pub fn status(&self) -> Result<u16> {
        self.headers
            .first(":status")?
            .and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok())
            .ok_or(HostError::new("proxy_get_header_map_value", Status::Malformed))
    }

    /// Whether the headers are all there is: no body, no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// What Envoy knows about this exchange beside its headers.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// Whether what a part of the filter decided ends the way of all.
    pub(crate) fn is_ended_by(&self, flow: &Flow) -> bool {
        self.memory.is_ended_by(flow)
    }

    /// The same response, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(&mut self, part: impl FnOnce(&'a S) -> &'a T) -> Response<'_, T> {
        Response::new(self.memory.map(part), self.headers, self.end_of_stream)
    }
}
