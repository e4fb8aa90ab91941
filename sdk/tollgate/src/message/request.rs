use super::{Extensions, Headers, Memory};
use crate::abi::{self, MapKind, Result};
use crate::filter::Flow;
use crate::headers::HeaderMap;
use crate::properties::Properties;

/// A request whose headers have arrived.
///
/// ```
/// use tollgate::prelude::*;
///
/// async fn request(request: &mut Request<'_>) -> Result<Flow> {
///     if request.path()?.starts_with(b"/admin") && request.method()? != b"GET" {
///         return Ok(Flow::Reply(LocalReply::new(405).header("allow", "GET")));
///     }
///     if request.query()?.split(|byte| *byte == b'&').any(|part| part == b"debug=1") {
///         request.headers_mut().set("x-debug", "1")?;
///     }
///     let authority = request.authority()?.to_vec(); // copied: the headers are changed next
///     request.headers_mut().set("x-original-host", authority)?;
///     Ok(Flow::Continue)
/// }
/// ```
///
/// `S` is the [`State`](crate::HttpFilter::State) of the filter.
#[derive(Debug)]
pub struct Request<'a, S = ()> {
    memory: Memory<'a, S>,
    headers: &'a mut Headers,
    end_of_stream: bool,
}

impl<'a, S> Request<'a, S> {
    pub(crate) const MAP: MapKind = MapKind::RequestHeaders;

    pub(crate) fn new(
        memory: Memory<'a, S>,
        headers: &'a mut Headers,
        end_of_stream: bool,
    ) -> Self {
        Self { memory, headers, end_of_stream }
    }

    /// What the filter remembers of this exchange.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.memory.state
    }

    /// What filters before this one in a chain have left for it.
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

    pub(crate) fn raw_headers(&self) -> &Headers {
        self.headers
    }

    /// The headers, to change them or to look at one alone.
    pub fn headers_mut(&mut self) -> &mut Headers {
        self.headers
    }

    /// The method, such as `GET`; read with all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give the headers.
    pub fn method(&self) -> Result<&[u8]> {
        Ok(self.headers.get()?.get(":method").unwrap_or_default())
    }

    /// The path without its query, such as `/account`; read with all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give the headers.
    pub fn path(&self) -> Result<&[u8]> {
        Ok(split_at_query(self.headers.get()?).0)
    }

    /// The query, without its question mark; empty where there is none. Read with all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give the headers.
    pub fn query(&self) -> Result<&[u8]> {
        Ok(split_at_query(self.headers.get()?).1)
    }

    /// The authority as the client sent it, perhaps with a port; read with all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give the headers.
    pub fn authority(&self) -> Result<&[u8]> {
        Ok(self.headers.get()?.get(":authority").unwrap_or_default())
    }

    /// Whether the headers are all there is: no body, no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Has Envoy choose the route again, after a header that the route table looks at has changed.
    ///
    /// ```
    /// # use tollgate::prelude::*;
    /// fn route_to_v2(request: &mut Request<'_>) -> Result<()> {
    ///     request.headers_mut().set("x-version", "v2")?;
    ///     request.clear_route_cache()
    /// }
    /// ```
    ///
    /// It does so when somebody next asks for the route: the router, or a native filter. A Wasm filter
    /// that comes next still reads the properties of the old one
    /// ([`Properties::cluster_name`]; <https://github.com/envoyproxy/envoy/issues/20157>). A native
    /// filter between the two that looks at its per-route configuration, such as an idle
    /// `envoy.filters.http.cors`, helps.
    ///
    /// # Errors
    ///
    /// When the host lacks the function `clear_route_cache`.
    pub fn clear_route_cache(&self) -> Result<()> {
        abi::call_foreign_function("clear_route_cache", &[]).map(drop)
    }

    /// What Envoy knows about this request beside its headers.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// Whether what a part of the filter decided ends the way of all.
    pub(crate) fn is_ended_by(&self, flow: &Flow) -> bool {
        self.memory.is_ended_by(flow)
    }

    /// The same request, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(&mut self, part: impl FnOnce(&'a S) -> &'a T) -> Request<'_, T> {
        Request::new(self.memory.map(part), self.headers, self.end_of_stream)
    }
}

fn split_at_query(headers: &HeaderMap) -> (&[u8], &[u8]) {
    let target = headers.get(":path").unwrap_or_default();
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
