//! Answers made by a filter.

use crate::abi::{self, LocalResponse, Result};
use crate::headers::HeaderMap;

/// An answer that the filter gives instead of the upstream.
///
/// For gRPC callers Envoy turns it into a gRPC answer: status 200, a `grpc-status` that fits the HTTP
/// status unless one is [set](LocalReply::grpc_status), and `grpc-message` with the body.
///
/// ```
/// use tollgate::LocalReply;
///
/// let reply = LocalReply::new(403)
///     .header("x-reason", "maintenance")
///     .body("come back later")
///     .details("closed_for_maintenance");
/// assert_eq!(reply.status(), 403);
/// assert_eq!(reply.body_bytes(), b"come back later");
/// assert_eq!(reply.headers(), [("x-reason".to_owned(), b"maintenance".to_vec())]);
/// assert_eq!(reply.details_text(), "closed_for_maintenance");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    details: String,
    grpc_status: Option<u32>,
}

impl LocalReply {
    /// An empty answer with an HTTP status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            details: String::new(),
            grpc_status: None,
        }
    }

    /// Adds a header; its name in lower case. An answer in which a name or value has a line break or a
    /// zero byte is not sent, and the stream is reset. Envoy itself adds `content-type: text/plain` to a body
    /// that has no type.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the status that a gRPC caller gets, 0 to 16, in the place of the one that fits the HTTP
    /// status.
    #[must_use]
    pub fn grpc_status(mut self, status: u32) -> Self {
        self.grpc_status = Some(status);
        self
    }

    /// Sets what the access log shows as `%RESPONSE_CODE_DETAILS%`; blanks become `_`, because the
    /// log is split at them.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into().replace(char::is_whitespace, "_");
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers that were added, in order.
    #[must_use]
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// The details for the access log.
    #[must_use]
    pub fn details_text(&self) -> &str {
        &self.details
    }

    pub(crate) fn send(&self) -> Result<()> {
        let pairs = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let headers = HeaderMap::from_pairs(pairs).checked("proxy_send_local_response")?;
        abi::send_local_response(&LocalResponse {
            status: self.status,
            details: &self.details,
            body: &self.body,
            headers: headers.as_buffer(),
            grpc_status: self.grpc_status,
        })
    }
}
