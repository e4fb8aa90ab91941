use super::{Calls, DEFAULT_LIMIT, DEFAULT_TIMEOUT, Pending, Retry, as_plugin, milliseconds};
use crate::abi::{self, BufferKind, HostError, Status};
use crate::headers::HeaderMap;
use prost::Message;
use std::fmt;
use std::time::Duration;

/// gRPC's `DEADLINE_EXCEEDED`.
const DEADLINE_EXCEEDED: u32 = 4;
/// gRPC's `UNAVAILABLE`.
const UNAVAILABLE: u32 = 14;
/// What Envoy says of a status that the service gave.
const FROM_SERVICE: &str = "via_upstream";
/// What Envoy says when the time was over.
const TIMED_OUT: &str = "response_timeout";

thread_local! {
    static CALLS: Calls<Result<Vec<u8>, GrpcError>> = const { Calls::new() };
}

/// A unary gRPC call to a cluster, which must speak HTTP/2.
///
/// ```
/// use tollgate::callout::{GrpcCall, GrpcError};
///
/// #[derive(prost::Message)]
/// struct HealthCheckRequest {
///     #[prost(string, tag = "1")]
///     service: String,
/// }
///
/// #[derive(prost::Message)]
/// struct HealthCheckResponse {
///     #[prost(int32, tag = "1")]
///     status: i32,
/// }
///
/// async fn is_serving(service: String) -> Result<bool, GrpcError> {
///     let call = GrpcCall::new("users", "grpc.health.v1.Health", "Check");
///     let answer: HealthCheckResponse = call.unary(&HealthCheckRequest { service }).await?;
///     Ok(answer.status == 1)
/// }
/// ```
#[derive(Clone)]
pub struct GrpcCall {
    cluster: String,
    service: String,
    method: String,
    metadata: Vec<(String, Vec<u8>)>,
    timeout: Duration,
    limit: usize,
    retry: Retry,
}

/// Why a gRPC call has no answer.
///
/// ```
/// use tollgate::callout::GrpcError;
///
/// let error = GrpcError::Status { code: 5, message: "no such user".to_owned() };
/// assert_eq!(error.to_string(), "gRPC status 5: no such user");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcError {
    /// The host did not make the call, or its metadata have a line break or a zero byte.
    Refused(HostError),
    /// The call ended with a status other than `OK`. A cluster that is unknown, has no host that could
    /// be asked or cannot be reached is `UNAVAILABLE` (14), and a time that is over is
    /// `DEADLINE_EXCEEDED` (4), as gRPC has it.
    Status {
        /// The number of the status.
        code: u32,
        /// What the service, or the host, said about it.
        message: String,
    },
    /// The answer is larger than allowed.
    TooLarge {
        /// How large it is, in bytes.
        size: usize,
        /// How large it may be, in bytes.
        limit: usize,
    },
    /// The answer is not the message that was expected.
    Malformed,
}

impl fmt::Display for GrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the host refused the call: {error}"),
            Self::Status { code, message } => write!(f, "gRPC status {code}: {message}"),
            Self::TooLarge { size, limit } => {
                write!(f, "the answer has {size} bytes, allowed are {limit}")
            }
            Self::Malformed => f.write_str("the answer is not the expected message"),
        }
    }
}

impl std::error::Error for GrpcError {}

/// So that a phase may fail with it by `?`.
impl From<GrpcError> for HostError {
    fn from(error: GrpcError) -> Self {
        let status = match error {
            GrpcError::Refused(error) => return error,
            GrpcError::Status { .. } => Status::BrokenConnection,
            GrpcError::TooLarge { .. } | GrpcError::Malformed => Status::ResultMismatch,
        };
        Self::new("proxy_grpc_call", status)
    }
}

impl GrpcCall {
    /// A call of `method` of `service` (its full name).
    #[must_use]
    pub fn new(cluster: &str, service: &str, method: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            method: method.to_owned(),
            metadata: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            limit: DEFAULT_LIMIT,
            retry: Retry::NONE,
        }
    }

    /// Adds metadata; its name in lower case.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// How long each try may take, from 1 ms; 5 s unless it is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes the answer may have; 1 MiB unless it is said.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Whether the call is made again when it ends as `UNAVAILABLE` or `DEADLINE_EXCEEDED`; not unless
    /// it is said. Only for calls that may be made twice.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Makes the call and waits for the answer.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn unary<A: Message + Default>(
        &self,
        request: &impl Message,
    ) -> Result<A, GrpcError> {
        let message = request.encode_to_vec();
        let mut retries = 0;
        loop {
            match self.call(&message).await {
                Ok(answer) => return A::decode(&*answer).map_err(|_| GrpcError::Malformed),
                Err(error) if !error.is_worth_a_retry() || !self.retry.allows(retries) => {
                    return Err(error);
                }
                Err(_) => self.retry.pause(retries).await,
            }
            retries = retries.saturating_add(1);
        }
    }

    async fn call(&self, message: &[u8]) -> Result<Vec<u8>, GrpcError> {
        let pairs = self.metadata.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let metadata = HeaderMap::from_pairs(pairs);
        let metadata = metadata.checked("proxy_grpc_call").map_err(GrpcError::Refused)?;
        let target =
            GrpcService { envoy_grpc: Some(EnvoyGrpc { cluster_name: self.cluster.clone() }) };
        let call = abi::GrpcCall {
            target: &target.encode_to_vec(),
            service: &self.service,
            method: &self.method,
            metadata: metadata.as_buffer(),
            message,
            timeout_milliseconds: milliseconds(self.timeout),
        };
        let number = as_plugin(|| abi::grpc_call(&call)).map_err(refused)?;
        Pending::new(&CALLS, number, self.limit, abandon).answer().await
    }
}

/// `envoy.config.core.v3.GrpcService`, as far as it is needed to name a cluster.
#[derive(Clone, PartialEq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

/// `envoy.config.core.v3.GrpcService.EnvoyGrpc`.
#[derive(Clone, PartialEq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

impl GrpcError {
    fn is_worth_a_retry(&self) -> bool {
        matches!(self, Self::Status { code: UNAVAILABLE | DEADLINE_EXCEEDED, .. })
    }
}

/// Why the host did not make a call. A cluster that is unknown or has no host that could take it fails
/// before the call has begun (Envoy, `Context::grpcCall` in `source/extensions/common/wasm/context.cc`).
fn refused(error: HostError) -> GrpcError {
    match error.status() {
        Status::InternalFailure => {
            let message = "the cluster is unknown, or has no host to ask".to_owned();
            GrpcError::Status { code: UNAVAILABLE, message }
        }
        _ => GrpcError::Refused(error),
    }
}

/// Nobody waits for a call any more.
fn abandon(number: u32) {
    // It may have ended meanwhile, and then there is nothing to cancel.
    let _ = as_plugin(|| abi::grpc_cancel(number));
}

/// The callback of the host: the answer is there, for its duration.
pub(crate) fn received(number: u32, size: usize) {
    let Some(slot) = CALLS.with(|calls| calls.find(number)) else { return };
    let answer = if size > slot.limit {
        Err(GrpcError::TooLarge { size, limit: slot.limit })
    } else {
        abi::buffer(BufferKind::GrpcReceiveBuffer, 0, size).map_err(|_| GrpcError::Malformed)
    };
    forget(number);
    slot.fill(answer);
}

/// The callback of the host: the call has ended without an answer.
pub(crate) fn closed(number: u32, code: u32) {
    let Some(slot) = CALLS.with(|calls| calls.find(number)) else { return };
    let message = abi::call_status().map(|(_, message)| message).unwrap_or_default();
    forget(number);
    slot.fill(Err(ended(code, &String::from_utf8_lossy(&message))));
}

/// What the end of a call means. Envoy appends to the message, in braces, who ended it
/// (`source/common/grpc/async_client_impl.cc`), and has one status for all that it ends itself.
fn ended(code: u32, message: &str) -> GrpcError {
    let (message, details) = match message.strip_suffix('}').and_then(|it| it.rsplit_once('{')) {
        Some(parts) => parts,
        None if message == FROM_SERVICE => ("", message),
        None => (message, message),
    };
    match code {
        0 => GrpcError::Malformed,
        UNAVAILABLE if details == TIMED_OUT => {
            GrpcError::Status { code: DEADLINE_EXCEEDED, message: message.to_owned() }
        }
        code => GrpcError::Status { code, message: message.to_owned() },
    }
}

/// The host has no part in the call any more, so that there is nothing to cancel.
fn forget(number: u32) {
    CALLS.with(|calls| calls.0.borrow_mut().remove(&number));
}

/// Shows no values: they may be secrets.
impl fmt::Debug for GrpcCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcCall")
            .field("cluster", &self.cluster)
            .field("service", &self.service)
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u32, message: &str) -> GrpcError {
        GrpcError::Status { code, message: message.to_owned() }
    }

    #[test]
    fn who_ended_a_call_is_taken_out_of_the_message() {
        assert_eq!(ended(7, "no way{via_upstream}"), status(7, "no way"));
        assert_eq!(ended(7, "no {way}{via_upstream}"), status(7, "no {way}"));
        assert_eq!(ended(13, "via_upstream"), status(13, ""));
        assert_eq!(ended(13, ""), status(13, ""));
        assert_eq!(ended(0, ""), GrpcError::Malformed);
    }

    #[test]
    fn a_time_that_is_over_is_told_from_a_cluster_that_cannot_be_reached() {
        let over = "upstream request timeout{response_timeout}";
        assert_eq!(ended(14, over), status(4, "upstream request timeout"));
        let from_the_service = "response_timeout{via_upstream}";
        assert_eq!(ended(14, from_the_service), status(14, "response_timeout"));
        let refused = GrpcError::Refused(HostError::new("proxy_grpc_call", Status::ParseFailure));
        assert!(!refused.is_worth_a_retry());
        assert!(
            super::refused(HostError::new("proxy_grpc_call", Status::InternalFailure))
                .is_worth_a_retry()
        );
    }
}
