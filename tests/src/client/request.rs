//! A request in the making.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};

use super::{Connection, Response};

/// No answer may take longer than this unless the request says so.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// `GET path`, on a connection of its own in HTTP/1.1.
pub fn get(address: SocketAddr, path: &str) -> Request<'static> {
    request(Method::GET, address, path)
}

/// `POST path`, on a connection of its own in HTTP/1.1.
pub fn post(address: SocketAddr, path: &str) -> Request<'static> {
    request(Method::POST, address, path)
}

/// A request with any method, on a connection of its own in HTTP/1.1.
pub fn request(method: Method, address: SocketAddr, path: &str) -> Request<'static> {
    Request::new(Target::Fresh(address), method, path)
}

#[derive(Debug)]
pub(super) enum Target<'a> {
    Fresh(SocketAddr),
    Kept(&'a mut Connection),
}

/// A request that has not been sent. Dropping the future of [`send`](Self::send) hangs up.
#[derive(Debug)]
#[must_use = "it is not sent until `send` is awaited"]
pub struct Request<'a> {
    target: Target<'a>,
    parts: Parts,
    limit: Duration,
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<'a> Request<'a> {
    pub(super) fn new(target: Target<'a>, method: Method, path: &str) -> Self {
        let parts =
            Parts { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() };
        Self { target, parts, limit: DEFAULT_LIMIT }
    }

    /// Adds a header line; the same name may be given several times. `host` replaces the address.
    ///
    /// # Panics
    ///
    /// When name or value cannot be a header: [`raw`](super::raw) can send such.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.parts.headers.append(name, value);
        self
    }

    /// Adds `authorization: Bearer ...`.
    ///
    /// # Panics
    ///
    /// When the token cannot be part of a header.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// Gives up after so long; 30 seconds unless said.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// When there is no connection, no answer, or none in time.
    pub async fn send(self) -> Result<Response> {
        let what = format!("{} {}", self.parts.method, self.parts.path);
        let exchange = async {
            match self.target {
                Target::Fresh(address) => {
                    Connection::http1(address).await?.exchange(self.parts).await
                }
                Target::Kept(connection) => connection.exchange(self.parts).await,
            }
        };
        tokio::time::timeout(self.limit, exchange)
            .await
            .with_context(|| format!("{what}: no answer within {:?}", self.limit))?
            .with_context(|| format!("{what}: no answer"))
    }
}
