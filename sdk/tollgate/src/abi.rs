//! The one place that talks to the host: the imports of the proxy-wasm ABI 0.2.1, made safe.
//!
//! Every function returns a [`HostError`] where the stock crate's `hostcalls` would panic, and
//! hands header values over as bytes. Outside a module (in native tests) the same functions ask the
//! [`native::Host`] that the test installed.
//!
//! A filter meets its errors here, and a test the arguments of a `Host`; the calls themselves are made
//! by the rest of the SDK. This is the only module of the workspace that may contain `unsafe`.
#![allow(unsafe_code)]

use std::fmt;

// The SDK's own tests have a host of theirs on wasm32, too.
#[cfg(all(target_arch = "wasm32", not(test)))]
mod module;
#[cfg(any(not(target_arch = "wasm32"), test))]
pub mod native;

/// Why a host call did not do what it was asked.
///
/// It may be logged: it holds the name of the call and the host's [`Status`], and no argument.
///
/// ```
/// use tollgate::{HostError, abi::Status};
///
/// let error = HostError::new("proxy_get_property", Status::NotFound);
/// assert_eq!(error.to_string(), "proxy_get_property: not found");
/// assert_eq!(error.status(), Status::NotFound);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    call: &'static str,
    status: Status,
}

impl HostError {
    /// An error of the host function `call`.
    #[must_use]
    pub const fn new(call: &'static str, status: Status) -> Self {
        Self { call, status }
    }

    /// What the host answered.
    #[must_use]
    pub const fn status(self) -> Status {
        self.status
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.status)
    }
}

impl std::error::Error for HostError {}

/// The result of whatever asks the host, and of the phases of a filter, which hand its error on.
///
/// ```
/// use tollgate::prelude::*;
///
/// fn is_mobile(request: &Request<'_>) -> Result<bool> {
///     let agent = request.headers()?.get("user-agent").unwrap_or_default();
///     Ok(agent.windows(6).any(|part| part == b"Mobile"))
/// }
/// ```
pub type Result<T, E = HostError> = std::result::Result<T, E>;

/// The status codes of the ABI (`WasmResult` in proxy-wasm-cpp-host, `proxy_wasm_common.h`), and
/// one of our own.
///
/// ```
/// use tollgate::abi::Status;
/// use tollgate::prelude::*;
///
/// /// Not every host can choose a route again; then the one that was chosen is good enough.
/// fn choose_again(request: &Request<'_>) -> Result<()> {
///     match request.clear_route_cache() {
///         Err(error) if error.status() == Status::NotFound => Ok(()),
///         done => done,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 1: the thing asked for does not exist.
    NotFound,
    /// 2: an argument is outside what the host allows.
    BadArgument,
    /// 3: the host could not serialise its answer.
    SerializationFailure,
    /// 4: the host could not parse an argument.
    ParseFailure,
    /// 6: the host could not read or write the module's memory.
    InvalidMemoryAccess,
    /// 7: there is nothing to return.
    Empty,
    /// 8: the compare-and-swap number is not the current one.
    CasMismatch,
    /// 9: the answer is not of the expected kind.
    ResultMismatch,
    /// 10: something went wrong in the host.
    InternalFailure,
    /// 11: the connection broke.
    BrokenConnection,
    /// 12: the host does not have this function.
    Unimplemented,
    /// The host said it succeeded, but its answer contradicts itself.
    Malformed,
    /// A code this version of the SDK does not know.
    Other(u32),
}

impl Status {
    /// The status of a code that is not 0, which is success.
    ///
    /// ```
    /// use tollgate::abi::Status;
    ///
    /// assert_eq!(Status::from_code(8), Status::CasMismatch);
    /// assert_eq!(Status::from_code(99), Status::Other(99));
    /// ```
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::NotFound,
            2 => Self::BadArgument,
            3 => Self::SerializationFailure,
            4 => Self::ParseFailure,
            6 => Self::InvalidMemoryAccess,
            7 => Self::Empty,
            8 => Self::CasMismatch,
            9 => Self::ResultMismatch,
            10 => Self::InternalFailure,
            11 => Self::BrokenConnection,
            12 => Self::Unimplemented,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::BadArgument => f.write_str("bad argument"),
            Self::SerializationFailure => f.write_str("serialization failure"),
            Self::ParseFailure => f.write_str("parse failure"),
            Self::InvalidMemoryAccess => f.write_str("invalid memory access"),
            Self::Empty => f.write_str("empty"),
            Self::CasMismatch => f.write_str("compare-and-swap mismatch"),
            Self::ResultMismatch => f.write_str("result mismatch"),
            Self::InternalFailure => f.write_str("internal failure"),
            Self::BrokenConnection => f.write_str("broken connection"),
            Self::Unimplemented => f.write_str("not implemented by this host"),
            Self::Malformed => f.write_str("malformed answer"),
            Self::Other(code) => write!(f, "unknown status {code}"),
        }
    }
}

/// Which header map a call is about. This and what follows are arguments of a host, shown at
/// [`native`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MapKind {
    /// The headers of the request.
    RequestHeaders = 0,
    /// The trailers of the request.
    RequestTrailers = 1,
    /// The headers of the response.
    ResponseHeaders = 2,
    /// The trailers of the response.
    ResponseTrailers = 3,
    /// The headers of the answer to a call, in its callback.
    HttpCallResponseHeaders = 6,
    /// The trailers of the answer to a call, in its callback.
    HttpCallResponseTrailers = 7,
}

/// Which buffer a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum BufferKind {
    /// What the host holds of the request's body.
    RequestBody = 0,
    /// What the host holds of the response's body.
    ResponseBody = 1,
    /// The body of the answer to a call, in its callback.
    HttpCallResponseBody = 4,
    /// The message of the answer to a gRPC call, in its callback.
    GrpcReceiveBuffer = 5,
    /// The plugin's configuration, during configure.
    PluginConfiguration = 7,
}

/// Which direction of a stream a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum StreamKind {
    /// From the client to the upstream.
    Request = 0,
    /// From the upstream to the client.
    Response = 1,
}

impl StreamKind {
    /// What is said of it in a log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MetricKind {
    /// Only grows.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
    /// A distribution of values.
    Histogram = 2,
}

/// An answer for the host to send in the place of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse<'a> {
    /// The HTTP status.
    pub status: u16,
    /// What `%RESPONSE_CODE_DETAILS%` shows; no blanks.
    pub details: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// Additional headers, in the form of [`crate::headers::HeaderMap::as_buffer`].
    pub headers: &'a [u8],
    /// What a gRPC caller gets; without it Envoy derives it from the HTTP status.
    pub grpc_status: Option<u32>,
}

/// A request to a cluster, to be sent by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpCall<'a> {
    /// The name of the cluster.
    pub cluster: &'a str,
    /// The headers, in the form of [`crate::headers::HeaderMap::as_buffer`]; with `:method`, `:path`
    /// and `:authority`.
    pub headers: &'a [u8],
    /// The body.
    pub body: &'a [u8],
    /// How long the host waits for the whole answer.
    pub timeout_milliseconds: u32,
}

/// A unary gRPC call, to be made by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcCall<'a> {
    /// `envoy.config.core.v3.GrpcService`, in protobuf.
    pub target: &'a [u8],
    /// The full name of the service, such as `envoy.service.auth.v3.Authorization`.
    pub service: &'a str,
    /// The name of the method.
    pub method: &'a str,
    /// The metadata, in the form of [`crate::headers::HeaderMap::as_buffer`].
    pub metadata: &'a [u8],
    /// The request, in protobuf.
    pub message: &'a [u8],
    /// How long the host waits for the answer.
    pub timeout_milliseconds: u32,
}

/// A value of shared data and the number that a compare-and-swap must name to replace it.
pub type Versioned = (Vec<u8>, u32);

#[cfg(all(target_arch = "wasm32", not(test)))]
#[doc(hidden)]
pub use module::allocate;
#[cfg(all(target_arch = "wasm32", not(test)))]
pub(crate) use module::*;
#[cfg(any(not(target_arch = "wasm32"), test))]
pub(crate) use native::calls::*;
