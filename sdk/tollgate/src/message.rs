//! Requests and responses as a filter sees them.

use crate::abi::{self, HostError, MapKind, Result, Status};
use crate::executor::Sleep;
use crate::headers::HeaderMap;
use crate::properties::Properties;
use std::cell::OnceCell;
use std::time::Duration;

/// A request whose headers have arrived.
#[derive(Debug)]
pub struct Request<S = ()> {
    /// What the filter remembers of this request.
    pub state: S,
    headers: Headers,
    root: u32,
    end_of_stream: bool,
}

impl<S> Request<S> {
    pub(crate) fn new(root: u32, end_of_stream: bool, state: S) -> Self {
        Self { state, headers: Headers::new(MapKind::RequestHeaders), root, end_of_stream }
    }

    /// The headers. They are read from the host once, at the first use.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn headers(&self) -> Result<&HeaderMap> {
        self.headers.get()
    }

    /// The headers, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Whether the headers are all there is: no body, no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Waits. Never shorter than asked, and late by little more than the millisecond of the host's
    /// tick. Meanwhile the request stays with this filter, and costs nothing.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.root, duration)
    }

    /// Has Envoy choose the route again, after a header that the route table looks at has changed.
    ///
    /// It does so when somebody next asks for the route: the router, or a native filter. A Wasm filter
    /// that comes next still reads the properties of the old one
    /// ([`Xds::cluster_name`](crate::properties::Xds::cluster_name); <https://github.com/envoyproxy/envoy/issues/20157>). A native
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
}

/// A response whose headers are about to be sent.
#[derive(Debug)]
pub struct Response<S = ()> {
    /// What the filter remembers of the request; the default if its request phase did not finish.
    pub state: S,
    headers: Headers,
    root: u32,
    end_of_stream: bool,
}

impl<S> Response<S> {
    pub(crate) fn new(root: u32, end_of_stream: bool, state: S) -> Self {
        Self { state, headers: Headers::new(MapKind::ResponseHeaders), root, end_of_stream }
    }

    /// The headers. They are read from the host once, at the first use.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn headers(&self) -> Result<&HeaderMap> {
        self.headers.get()
    }

    /// The headers, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The HTTP status, read by itself: cheaper than all headers.
    ///
    /// # Errors
    ///
    /// When the host cannot give it, or it is not a number.
    pub fn status(&self) -> Result<u16> {
        self.headers
            .value(":status")?
            .and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok())
            .ok_or(HostError::new("proxy_get_header_map_value", Status::Malformed))
    }

    /// Whether the headers are all there is: no body, no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Waits, as [`Request::sleep`] does, before the response goes on.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.root, duration)
    }

    /// What Envoy knows about this exchange beside its headers.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }
}

/// The headers of one message: read once, changed in the host.
#[derive(Debug)]
pub struct Headers {
    kind: MapKind,
    map: OnceCell<HeaderMap>,
}

impl Headers {
    fn new(kind: MapKind) -> Self {
        Self { kind, map: OnceCell::new() }
    }

    /// All headers as they are now.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn get(&self) -> Result<&HeaderMap> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map = HeaderMap::from_buffer(abi::header_map(self.kind)?)
            .map_err(|_| HostError::new("proxy_get_header_map_pairs", Status::Malformed))?;
        Ok(self.map.get_or_init(|| map))
    }

    /// Sets a header, in the place of every value it had.
    ///
    /// # Errors
    ///
    /// When the value has a line break or a zero byte, or the host refuses the change.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let value = checked(value.as_ref())?;
        self.map.take();
        abi::replace_header(self.kind, name, value)
    }

    /// Adds a value to a header, and keeps those it had.
    ///
    /// # Errors
    ///
    /// When the value has a line break or a zero byte, or the host refuses the change.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let value = checked(value.as_ref())?;
        self.map.take();
        abi::add_header(self.kind, name, value)
    }

    /// Removes every value of a header. A header that is known to be absent costs no host call.
    ///
    /// # Errors
    ///
    /// When the host refuses the change.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if self.map.get().is_some_and(|map| map.get(name).is_none()) {
            return Ok(());
        }
        self.map.take();
        abi::remove_header(self.kind, name)
    }

    /// The first value of one header, without reading the others.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match self.map.get() {
            Some(map) => Ok(map.get(name).map(<[u8]>::to_vec)),
            None => abi::header_value(self.kind, name),
        }
    }
}

/// Refuses what would end a header's line, or the header (RFC 9110, 5.5).
fn checked(value: &[u8]) -> Result<&[u8]> {
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')) {
        return Err(HostError::new("proxy_replace_header_map_value", Status::BadArgument));
    }
    Ok(value)
}
