//! An answer.

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::Value;

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// All headers; the values are bytes.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// What came behind the body; the values are bytes. [`raw`](super::raw) reads none.
    pub trailers: HeaderMap,
}

impl Response {
    /// The first value of a header as text; empty when it is absent or not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        std::str::from_utf8(value).unwrap_or_default()
    }

    /// The body as text; bytes that are not UTF-8 become `U+FFFD`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// When it is something else; shows what.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("{} with a body that is not JSON: {}", self.status, self.text())
        })
    }
}
