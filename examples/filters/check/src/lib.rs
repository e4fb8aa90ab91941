//! Asks a gRPC service whether a request may pass.
//!
//! **Shows** a unary gRPC call whose messages are plain structs (`prost`), for a service of one's own:
//!
//! ```proto
//! package tollgate.example.v1;
//!
//! service Checker {
//!   rpc Check(CheckRequest) returns (CheckResponse);
//! }
//! message CheckRequest {
//!   string method = 1;
//!   bytes path = 2;           // with its query
//!   bytes authorization = 3;  // of all lines, the first; empty if there is none
//! }
//! message CheckResponse {
//!   bool allowed = 1;
//!   string user = 2;          // x-user for the upstream
//!   string reason = 3;        // the body of a refusal
//! }
//! ```
//!
//! With `allowed` the request passes, without it is answered with 403, and when the service cannot say
//! with 503. Whatever a client sends as `x-user` is removed.
//!
//! ```yaml
//! - name: check
//!   typed_config:
//!     "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!     config:
//!       name: check
//!       failure_policy: FAIL_CLOSED
//!       vm_config:
//!         vm_id: check
//!         runtime: envoy.wasm.runtime.v8
//!         code: { local: { filename: /etc/envoy/check.wasm } }
//!       configuration:
//!         "@type": type.googleapis.com/google.protobuf.StringValue
//!         value: |
//!           { "cluster": "checker", "timeout": "0.5s" }
//! ```
//!
//! The cluster must speak HTTP/2.
#![forbid(unsafe_code)]

use tollgate::callout::{GrpcCall, GrpcError};
use tollgate::config::PositiveDuration;
use tollgate::prelude::*;

/// What the operator writes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The cluster of the service.
    cluster: String,
    /// How long its answer may take.
    timeout: PositiveDuration,
}

/// What the service is asked.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CheckRequest {
    /// Such as `GET`.
    #[prost(string, tag = "1")]
    pub method: String,
    /// The path, with its query.
    #[prost(bytes = "vec", tag = "2")]
    pub path: Vec<u8>,
    /// The `authorization` header, or nothing.
    #[prost(bytes = "vec", tag = "3")]
    pub authorization: Vec<u8>,
}

/// What it says.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CheckResponse {
    /// Whether the request may pass.
    #[prost(bool, tag = "1")]
    pub allowed: bool,
    /// Who sent it.
    #[prost(string, tag = "2")]
    pub user: String,
    /// Why it may not pass.
    #[prost(string, tag = "3")]
    pub reason: String,
}

/// The filter.
#[derive(Debug)]
pub struct Check {
    call: GrpcCall,
    allowed: Counter,
    denied: Counter,
    failed: Counter,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Check {
    const NAME: &'static str = "check";
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let call = GrpcCall::new(&config.cluster, "tollgate.example.v1.Checker", "Check");
        Ok(Self {
            call: call.timeout(config.timeout.get()),
            allowed: setup.counter("allowed")?,
            denied: setup.counter("denied")?,
            failed: setup.counter("failed")?,
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let question = question(request)?;
        match self.call.unary(&question).await {
            Ok(CheckResponse { allowed: true, user, .. }) => {
                self.allowed.increment();
                request.headers_mut().remove("x-user")?;
                if !user.is_empty() {
                    request.headers_mut().set("x-user", user)?;
                }
                Ok(Flow::Continue)
            }
            Ok(CheckResponse { reason, .. }) => {
                self.denied.increment();
                Ok(Flow::Reply(LocalReply::new(403).body(reason).details("check_denied")))
            }
            Err(error) => Ok(self.fail(&error)),
        }
    }
}

impl Check {
    fn fail(&self, error: &GrpcError) -> Flow {
        self.failed.increment();
        tollgate::warn!("check: {error}");
        Flow::Reply(LocalReply::new(503).details("check_failed"))
    }
}

fn question(request: &Request<'_>) -> Result<CheckRequest> {
    let headers = request.headers()?;
    let header = |name| headers.get(name).unwrap_or_default().to_vec();
    Ok(CheckRequest {
        method: String::from_utf8_lossy(request.method()?).into_owned(),
        path: header(":path"),
        authorization: header("authorization"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    /// As `protoc` writes and reads the messages above.
    #[test]
    fn messages_have_the_form_of_their_proto() {
        let (path, authorization) = (b"/a".to_vec(), b"\xff".to_vec());
        let request = CheckRequest { method: "GET".to_owned(), path, authorization };
        assert_eq!(request.encode_to_vec(), b"\x0a\x03GET\x12\x02/a\x1a\x01\xff");
        let response = CheckResponse::decode(&b"\x08\x01\x12\x03joe\x1a\x02no"[..]).unwrap();
        let (user, reason) = ("joe".to_owned(), "no".to_owned());
        assert_eq!(response, CheckResponse { allowed: true, user, reason });
        assert_eq!(CheckResponse::decode(&b""[..]).unwrap(), CheckResponse::default());
    }
}
