use super::{Calls, DEFAULT_LIMIT, DEFAULT_TIMEOUT, Pending, Retry, as_plugin, milliseconds};
use crate::abi::{self, BufferKind, HostError, MapKind, Status};
use crate::headers::HeaderMap;
use crate::time::Instant;
use std::fmt;
use std::time::Duration;

/// By so much a timer of the host may be early.
const EARLY: Duration = Duration::from_millis(5);
/// How long the cluster took to answer.
const SERVICE_TIME: &str = "x-envoy-upstream-service-time";

thread_local! {
    static CALLS: Calls<Result<Answer, CallError>> = const { Calls::new() };
}

/// An HTTP request to a cluster.
///
/// It may be kept and sent again, or cloned and completed:
///
/// ```
/// use std::time::Duration;
/// use tollgate::callout::{CallError, HttpCall, Retry};
///
/// struct Flags {
///     call: HttpCall,
/// }
///
/// impl Flags {
///     fn new(cluster: &str) -> Self {
///         let call = HttpCall::new("POST", cluster, "flags.internal", "/evaluate")
///             .header("content-type", "application/json")
///             .timeout(Duration::from_millis(200)) // for each try
///             .limit(64 * 1024) // of the answer, in bytes
///             .retry(Retry::times(2));
///         Self { call }
///     }
///
///     async fn evaluate(&self, user: &str) -> Result<Vec<u8>, CallError> {
///         let question = serde_json::json!({ "user": user });
///         let call = self.call.clone().body(question.to_string());
///         Ok(call.send().await?.success()?.body().to_vec())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct HttpCall {
    cluster: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    timeout: Duration,
    limit: usize,
    retry: Retry,
}

/// The answer to an HTTP request, whatever its status.
///
/// ```
/// use tollgate::callout::{Answer, CallError};
///
/// /// What a service says of a user whom it may not know.
/// fn profile(answer: Answer) -> Result<Option<Vec<u8>>, CallError> {
///     match answer.status() {
///         404 => Ok(None),
///         204 if answer.headers().get("x-pending").is_some() => Ok(None),
///         _ => Ok(Some(answer.success()?.body().to_vec())),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Why there is no answer.
///
/// ```
/// use tollgate::callout::CallError;
/// use tollgate::prelude::*;
///
/// /// What a client gets when a service that knows who may pass gives no answer.
/// fn refusal(error: &CallError) -> LocalReply {
///     match error {
///         CallError::Status(401 | 403) => LocalReply::new(403),
///         CallError::TimedOut => LocalReply::new(504).details("auth_timed_out"),
///         _ => LocalReply::new(503).details("auth_failed"),
///     }
/// }
///
/// assert_eq!(refusal(&CallError::Status(401)).status(), 403);
/// assert_eq!(CallError::TimedOut.to_string(), "no answer in time");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The request was not sent: the host does not know the cluster, or refuses it, or a header (the
    /// path is one) has a line break or a zero byte.
    Refused(HostError),
    /// The cluster has no host that could be asked, it could not be reached, or the connection broke
    /// before the answer was there.
    Unreachable,
    /// The time was over first.
    TimedOut,
    /// The answer is larger than allowed.
    TooLarge {
        /// How large its body is, in bytes.
        size: usize,
        /// How large it may be, in bytes.
        limit: usize,
    },
    /// The host cannot give the answer, or it is not HTTP.
    Malformed(HostError),
    /// The answer has a status other than 2xx; only where [`Answer::success`] is asked.
    Status(u16),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the host refused the call: {error}"),
            Self::Unreachable => f.write_str("the cluster cannot be reached"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::TooLarge { size, limit } => {
                write!(f, "the answer has {size} bytes, allowed are {limit}")
            }
            Self::Malformed(error) => write!(f, "the answer cannot be read: {error}"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
        }
    }
}

impl std::error::Error for CallError {}

/// So that a phase may fail with it by `?`.
impl From<CallError> for HostError {
    fn from(error: CallError) -> Self {
        let status = match error {
            CallError::Refused(error) | CallError::Malformed(error) => return error,
            CallError::Unreachable | CallError::TimedOut => Status::BrokenConnection,
            CallError::TooLarge { .. } | CallError::Status(_) => Status::ResultMismatch,
        };
        Self::new("proxy_http_call", status)
    }
}

impl HttpCall {
    /// A request by any method. `path` may have a query.
    #[must_use]
    pub fn new(method: &str, cluster: &str, authority: &str, path: &str) -> Self {
        let pseudo = [(":method", method), (":authority", authority), (":path", path)];
        let headers = pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Self {
            cluster: cluster.to_owned(),
            headers: headers.to_vec(),
            body: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            limit: DEFAULT_LIMIT,
            retry: Retry::NONE,
        }
    }

    /// A `GET` request.
    #[must_use]
    pub fn get(cluster: &str, authority: &str, path: &str) -> Self {
        Self::new("GET", cluster, authority, path)
    }

    /// A `POST` request.
    #[must_use]
    pub fn post(cluster: &str, authority: &str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", cluster, authority, path).body(body)
    }

    /// Adds a header; its name in lower case.
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

    /// How long each try may take, from 1 ms; 5 s unless it is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes the body of the answer may have; 1 MiB unless it is said.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Whether the call is made again when it fails, or is answered with 5xx; not unless it is said.
    /// Only for calls that may be made twice. A cluster that the host does not know is not tried again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sends the request and waits for the answer.
    ///
    /// # Errors
    ///
    /// Why there is none. An answer with any status is `Ok`; see [`Answer::success`].
    pub async fn send(&self) -> Result<Answer, CallError> {
        let mut retries = 0;
        loop {
            let answer = self.send_once().await;
            if !is_worth_a_retry(&answer) || !self.retry.allows(retries) {
                return answer;
            }
            self.retry.pause(retries).await;
            retries = retries.saturating_add(1);
        }
    }

    async fn send_once(&self) -> Result<Answer, CallError> {
        let pairs = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let headers = HeaderMap::from_pairs(pairs);
        let headers = headers.checked("proxy_http_call").map_err(CallError::Refused)?;
        let call = abi::HttpCall {
            cluster: &self.cluster,
            headers: headers.as_buffer(),
            body: &self.body,
            timeout_milliseconds: milliseconds(self.timeout),
        };
        let start = Instant::now();
        let number = as_plugin(|| abi::http_call(&call)).map_err(refused)?;
        // The ABI has no way to take a call back: its answer will find nobody.
        let answer = Pending::new(&CALLS, number, self.limit, |_| ()).answer().await;
        match (answer, start) {
            // Envoy tells one that broke off from one whose time was over only before its headers.
            (Err(CallError::Unreachable), Ok(start)) if self.is_over(start) => {
                Err(CallError::TimedOut)
            }
            (answer, _) => answer,
        }
    }

    /// Envoy's timers count from when its event loop last woke, a little before the call.
    fn is_over(&self, start: Instant) -> bool {
        Instant::now().is_ok_and(|now| now.after(EARLY).since(start) >= self.timeout)
    }
}

/// Why the host did not make a call. Where a cluster has no host that could take it, or has too many
/// calls already, it fails before it has begun (Envoy, `Context::httpCall` in
/// `source/extensions/common/wasm/context.cc`).
fn refused(error: HostError) -> CallError {
    match error.status() {
        Status::InternalFailure => CallError::Unreachable,
        _ => CallError::Refused(error),
    }
}

fn is_worth_a_retry(answer: &Result<Answer, CallError>) -> bool {
    match answer {
        Ok(answer) => answer.status >= 500,
        Err(error) => matches!(error, CallError::Unreachable | CallError::TimedOut),
    }
}

/// The callback of the host: an answer is there, for its duration.
pub(crate) fn answered(number: u32, headers: usize, body_size: usize) {
    if let Some(slot) = CALLS.with(|calls| calls.find(number)) {
        slot.fill(read(headers, body_size, slot.limit));
    }
}

fn read(headers: usize, body_size: usize, limit: usize) -> Result<Answer, CallError> {
    if headers == 0 {
        return Err(CallError::Unreachable);
    }
    if body_size > limit {
        return Err(CallError::TooLarge { size: body_size, limit });
    }
    let map = abi::header_map(MapKind::HttpCallResponseHeaders).map_err(CallError::Malformed)?;
    let malformed =
        || CallError::Malformed(HostError::new("proxy_on_http_call_response", Status::Malformed));
    let headers = HeaderMap::from_buffer(map).map_err(|_| malformed())?;
    let status = headers.get(":status").and_then(|status| std::str::from_utf8(status).ok());
    let status = status.and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let body = match body_size {
        0 => Vec::new(),
        size => {
            abi::buffer(BufferKind::HttpCallResponseBody, 0, size).map_err(CallError::Malformed)?
        }
    };
    unless_by_envoy(Answer { status, headers, body })
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The answer, if its status is 2xx.
    ///
    /// # Errors
    ///
    /// [`CallError::Status`] for any other.
    pub fn success(self) -> Result<Self, CallError> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(CallError::Status(status)),
        }
    }
}

/// Envoy answers a call that it cannot make with 502, 503 or 504 of its own. What comes from the cluster
/// it marks with the time that took (`Filter::onUpstreamHeaders` in `source/common/router/router.cc`).
fn unless_by_envoy(answer: Answer) -> Result<Answer, CallError> {
    match answer.status {
        _ if answer.headers.get(SERVICE_TIME).is_some() => Ok(answer),
        502 | 503 => Err(CallError::Unreachable),
        504 => Err(CallError::TimedOut),
        _ => Ok(answer),
    }
}

#[cfg(test)]
pub(super) fn calls_under_way() -> usize {
    CALLS.with(|calls| calls.0.borrow().len())
}

/// Shows no values and no body: they may be secrets.
impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCall")
            .field("cluster", &self.cluster)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// Shows no values and no body: they may be secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Result<u16, CallError> {
        let headers = HeaderMap::from_pairs(headers.iter().copied());
        let answer = Answer { status, headers, body: Vec::new() };
        unless_by_envoy(answer).map(|answer| answer.status)
    }

    #[test]
    fn what_envoy_answers_in_the_place_of_a_cluster_is_no_answer() {
        assert_eq!(answer(503, &[]), Err(CallError::Unreachable));
        assert_eq!(answer(502, &[]), Err(CallError::Unreachable));
        assert_eq!(answer(504, &[]), Err(CallError::TimedOut));
    }

    #[test]
    fn what_a_cluster_answers_is_one_whatever_its_status() {
        for status in [200, 404, 500, 502, 503, 504] {
            assert_eq!(answer(status, &[(SERVICE_TIME, "3")]), Ok(status));
        }
        // Another host than Envoy might not mark it.
        assert_eq!(answer(200, &[]), Ok(200));
        assert_eq!(answer(500, &[]), Ok(500));
    }

    #[test]
    fn a_cluster_without_hosts_is_unreachable_and_one_that_is_unknown_is_refused() {
        let error = |status| HostError::new("proxy_http_call", status);
        assert_eq!(refused(error(Status::InternalFailure)), CallError::Unreachable);
        let unknown = error(Status::BadArgument);
        assert_eq!(refused(unknown), CallError::Refused(unknown));
    }
}
