use crate::abi::{self, HostError, MapKind, Result, Status};
use crate::headers::{HeaderMap, is_one_line};
use std::borrow::Cow;
use std::cell::OnceCell;

/// The headers or trailers of one message: read once, changed in the host.
///
/// ```
/// use tollgate::prelude::*;
///
/// fn mark(request: &mut Request<'_>) -> Result<()> {
///     let headers = request.headers_mut();
///     if headers.first("x-request-id")?.is_none() {
///         headers.set("x-request-id", "0")?; // in the place of all values it had
///     }
///     headers.append("via", "1.1 tollgate")?; // beside those it has
///     headers.remove("x-internal")
/// }
/// ```
///
/// Names are in lower case. Values are bytes, and what has a line break is refused.
#[derive(Debug)]
pub struct Headers {
    kind: MapKind,
    map: OnceCell<HeaderMap>,
}

impl Headers {
    pub(crate) fn new(kind: MapKind) -> Self {
        Self { kind, map: OnceCell::new() }
    }

    /// All headers as they are now; read from the host at the first use and after a change.
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

    /// The first value of one header, without reading the others when they have not been read:
    /// about half as dear as the whole map. Who decides by a header that a client may send on several
    /// lines needs all of them ([`Headers::get`]): the host gives the first one only.
    ///
    /// # Errors
    ///
    /// When the host cannot give it.
    pub fn first(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        match self.map.get() {
            Some(map) => Ok(map.get(name).map(Cow::Borrowed)),
            None => Ok(abi::header_value(self.kind, name)?.map(Cow::Owned)),
        }
    }

    /// Sets a header, in the place of every value it had.
    ///
    /// # Errors
    ///
    /// When the name or value has a line break or a zero byte, or the host refuses the change.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let value = checked(name, value.as_ref())?;
        self.map.take();
        abi::replace_header(self.kind, name, value)
    }

    /// Adds a value to a header, and keeps those it had.
    ///
    /// # Errors
    ///
    /// When the name or value has a line break or a zero byte, or the host refuses the change.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let value = checked(name, value.as_ref())?;
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

    /// Replaces all headers by these, in one host call: cheaper than changing more than four of them
    /// one by one. Pseudo-headers (`:path`, `:status`, ...) must be among them. The host takes at most
    /// 1,024 pairs and 1 MiB.
    ///
    /// ```
    /// # fn example(request: &mut tollgate::Request) -> tollgate::Result<()> {
    /// use tollgate::headers::HeaderMap;
    ///
    /// let headers = request.headers()?;
    /// let kept = HeaderMap::from_pairs(headers.iter().filter(|(name, _)| !name.starts_with(b"x-old-")));
    /// request.headers_mut().replace_all(kept)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a name or value has a line break or a zero byte, or the host refuses the change.
    pub fn replace_all(&mut self, headers: HeaderMap) -> Result<()> {
        let headers = headers.checked("proxy_set_header_map_pairs")?;
        self.map.take();
        abi::set_header_map(self.kind, headers.as_buffer())
    }
}

/// Refuses what would end a header's line, or the header (RFC 9110, 5.5).
fn checked<'a>(name: &str, value: &'a [u8]) -> Result<&'a [u8]> {
    match is_one_line(name.as_bytes()) && is_one_line(value) {
        true => Ok(value),
        false => Err(HostError::new("proxy_replace_header_map_value", Status::BadArgument)),
    }
}
