//! Hides card numbers in response bodies: `4111 1111 1111 1111` becomes `**** **** **** 1111`.
//!
//! **Shows** a body that is read and written as a whole, within a limit. A rewritten body of another
//! length than before needs its `content-length` removed while the headers are still here. What cannot be
//! read, because it is larger than the limit or compressed, passes or is blocked, as configured.
//!
//! ```yaml
//! - name: redact
//!   typed_config:
//!     "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!     config:
//!       name: redact
//!       failure_policy: FAIL_CLOSED
//!       vm_config:
//!         vm_id: redact
//!         runtime: envoy.wasm.runtime.v8
//!         code: { local: { filename: /etc/envoy/redact.wasm } }
//!       configuration:
//!         "@type": type.googleapis.com/google.protobuf.StringValue
//!         value: |
//!           { "limit": 65536, "unreadable": "block" }
//! ```
//!
//! A body that turns out too large only when some of it has come can no longer be answered with 502: its
//! stream is reset.
#![forbid(unsafe_code)]

mod cards;

use std::cell::Cell;
use tollgate::headers::HeaderMap;
use tollgate::prelude::*;

/// What the operator writes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// How many bytes of a body are read, at most; below the listener's
    /// `per_connection_buffer_limit_bytes` (1 MiB).
    limit: usize,
    /// What happens to a body that cannot be read.
    unreadable: Unreadable,
}

/// What happens to a body that is larger than the limit, or compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unreadable {
    /// It passes as it is.
    Pass,
    /// The client does not get it.
    Block,
}

/// The filter.
#[derive(Debug)]
pub struct Redact {
    config: Config,
    /// Card numbers that were hidden.
    hidden: Counter,
    /// Bodies that could not be read.
    unreadable: Counter,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Redact {
    const NAME: &'static str = "redact";
    type Config = Config;
    /// Whether the body of the response is to be read.
    type State = Cell<bool>;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let (hidden, unreadable) = (setup.counter("hidden")?, setup.counter("unreadable")?);
        Ok(Self { config, hidden, unreadable })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        // So that an upstream sends what can be read.
        request.headers_mut().remove("accept-encoding")?;
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_, Self::State>) -> Result<Flow> {
        if response.end_of_stream() {
            return Ok(Flow::Continue);
        }
        if !is_readable(response.headers()?, self.config.limit) {
            return Ok(self.unreadable());
        }
        response.state().set(true);
        response.headers_mut().remove("content-length")?;
        Ok(Flow::Continue)
    }

    async fn response_body(&self, body: &mut Body<'_, Self::State>) -> Result<Flow> {
        if !body.state().get() {
            return Ok(Flow::Continue);
        }
        let Collected::Whole(mut whole) = body.collect(self.config.limit).await else {
            return Ok(self.unreadable());
        };
        let mut bytes = whole.bytes()?;
        let hidden = cards::hide(&mut bytes);
        if hidden > 0 {
            whole.replace(bytes)?;
            self.hidden.add(hidden);
        }
        Ok(Flow::Continue)
    }
}

impl Redact {
    fn unreadable(&self) -> Flow {
        self.unreadable.increment();
        match self.config.unreadable {
            Unreadable::Pass => Flow::Continue,
            Unreadable::Block => Flow::Reply(LocalReply::new(502).details("redact_unreadable")),
        }
    }
}

/// Whether a body may be readable, as far as its headers tell.
fn is_readable(headers: &HeaderMap, limit: usize) -> bool {
    let is_plain = headers.get_all("content-encoding").all(|coding| coding == b"identity");
    let length = headers.get("content-length").and_then(|it| std::str::from_utf8(it).ok());
    is_plain && length.and_then(|it| it.parse().ok()).is_none_or(|length: usize| length <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_readable_unless_it_is_compressed_or_says_that_it_is_too_large() {
        for (name, value, readable) in [
            ("content-type", "text/plain", true),
            ("content-encoding", "identity", true),
            ("content-encoding", "gzip", false),
            ("content-length", "10", true),
            ("content-length", "11", false),
            ("content-length", "what", true),
        ] {
            let headers = HeaderMap::from_pairs([(name, value)]);
            assert_eq!(is_readable(&headers, 10), readable, "{name}: {value}");
        }
    }
}
