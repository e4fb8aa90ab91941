//! The one place that talks to the host: the imports of the proxy-wasm ABI 0.2.1, made safe.
//!
//! Every function returns a [`HostError`] where the stock crate's `hostcalls` would panic, and
//! hands header values over as bytes. Outside a module (in native tests) the same functions ask the
//! [`native::Host`] that the test installed.
//!
//! This is the only module of the workspace that may contain `unsafe`.
#![allow(unsafe_code)]

use std::fmt;

#[cfg(not(target_arch = "wasm32"))]
pub mod native;

/// Why a host call did not do what it was asked.
///
/// ```
/// use tollgate::{HostError, abi::Status};
///
/// let error = HostError::new("proxy_get_property", Status::NotFound);
/// assert_eq!(error.to_string(), "proxy_get_property: not found");
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

/// The result of whatever asks the host.
pub type Result<T, E = HostError> = std::result::Result<T, E>;

/// The status codes of the ABI (`WasmResult` in proxy-wasm-cpp-host, `proxy_wasm_common.h`), and
/// one of our own.
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

/// Which header map a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MapKind {
    /// The headers of the request.
    RequestHeaders = 0,
    /// The headers of the response.
    ResponseHeaders = 2,
}

/// Which buffer a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum BufferKind {
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

/// A value of shared data and the number that a compare-and-swap must name to replace it.
pub type Versioned = (Vec<u8>, u32);

#[cfg(target_arch = "wasm32")]
pub(crate) use module::*;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::calls::*;

/// The calls as a module makes them.
#[cfg(target_arch = "wasm32")]
mod module {
    use super::{BufferKind, HostError, LocalResponse, MapKind, MetricKind, Result, Status};
    use super::{StreamKind, Versioned};
    use std::ptr;

    mod imports {
        unsafe extern "C" {
            pub(super) fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
            pub(super) fn proxy_get_log_level(level: *mut u32) -> u32;
            pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
            pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
            pub(super) fn proxy_get_buffer_bytes(
                kind: u32,
                start: usize,
                max_size: usize,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
            pub(super) fn proxy_get_header_map_pairs(
                kind: u32,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
            pub(super) fn proxy_get_header_map_value(
                kind: u32,
                name: *const u8,
                name_size: usize,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
            pub(super) fn proxy_replace_header_map_value(
                kind: u32,
                name: *const u8,
                name_size: usize,
                value: *const u8,
                value_size: usize,
            ) -> u32;
            pub(super) fn proxy_add_header_map_value(
                kind: u32,
                name: *const u8,
                name_size: usize,
                value: *const u8,
                value_size: usize,
            ) -> u32;
            pub(super) fn proxy_remove_header_map_value(
                kind: u32,
                name: *const u8,
                name_size: usize,
            ) -> u32;
            pub(super) fn proxy_get_property(
                path: *const u8,
                path_size: usize,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
            pub(super) fn proxy_set_property(
                path: *const u8,
                path_size: usize,
                value: *const u8,
                value_size: usize,
            ) -> u32;
            pub(super) fn proxy_get_shared_data(
                key: *const u8,
                key_size: usize,
                data: *mut *mut u8,
                size: *mut usize,
                cas: *mut u32,
            ) -> u32;
            pub(super) fn proxy_set_shared_data(
                key: *const u8,
                key_size: usize,
                value: *const u8,
                value_size: usize,
                cas: u32,
            ) -> u32;
            pub(super) fn proxy_continue_stream(kind: u32) -> u32;
            pub(super) fn proxy_close_stream(kind: u32) -> u32;
            pub(super) fn proxy_send_local_response(
                status: u32,
                details: *const u8,
                details_size: usize,
                body: *const u8,
                body_size: usize,
                headers: *const u8,
                headers_size: usize,
                grpc_status: i32,
            ) -> u32;
            pub(super) fn proxy_set_effective_context(context: u32) -> u32;
            pub(super) fn proxy_call_foreign_function(
                name: *const u8,
                name_size: usize,
                arguments: *const u8,
                arguments_size: usize,
                data: *mut *mut u8,
                size: *mut usize,
            ) -> u32;
            pub(super) fn proxy_define_metric(
                kind: u32,
                name: *const u8,
                name_size: usize,
                id: *mut u32,
            ) -> u32;
            pub(super) fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
            pub(super) fn proxy_record_metric(id: u32, value: u64) -> u32;
            pub(super) fn proxy_increment_metric(id: u32, offset: i64) -> u32;
        }

        #[link(wasm_import_module = "wasi_snapshot_preview1")]
        unsafe extern "C" {
            pub(super) fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
            pub(super) fn random_get(data: *mut u8, size: usize) -> u32;
        }

        #[cfg(target_os = "wasi")]
        unsafe extern "C" {
            pub(super) fn __wasm_call_ctors();
        }
    }

    /// WASI's clock that never goes back; one for the whole Envoy process.
    const CLOCK_MONOTONIC: u32 = 1;
    /// Leaves the gRPC status to Envoy.
    const NO_GRPC_STATUS: i32 = -1;

    /// The status of a code that is not 0.
    fn status(code: u32) -> Status {
        match code {
            1 => Status::NotFound,
            2 => Status::BadArgument,
            3 => Status::SerializationFailure,
            4 => Status::ParseFailure,
            6 => Status::InvalidMemoryAccess,
            7 => Status::Empty,
            8 => Status::CasMismatch,
            9 => Status::ResultMismatch,
            10 => Status::InternalFailure,
            11 => Status::BrokenConnection,
            12 => Status::Unimplemented,
            other => Status::Other(other),
        }
    }

    fn check(call: &'static str, code: u32) -> Result<()> {
        match code {
            0 => Ok(()),
            code => Err(HostError::new(call, status(code))),
        }
    }

    /// As [`check`], for WASI, whose codes mean other things.
    fn check_wasi(call: &'static str, errno: u32) -> Result<()> {
        match errno {
            0 => Ok(()),
            errno => Err(HostError::new(call, Status::Other(errno))),
        }
    }

    /// Runs a call that returns bytes, and takes over the memory the host had the module allocate.
    fn bytes(
        call: &'static str,
        run: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
    ) -> Result<Vec<u8>> {
        let (mut data, mut size) = (ptr::null_mut(), 0);
        check(call, run(&raw mut data, &raw mut size))?;
        if data.is_null() || size == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: on success the host filled exactly the `size` bytes that it had allocated by
        // `proxy_on_memory_allocate`, whose allocation has capacity == length and no other owner.
        Ok(unsafe { Vec::from_raw_parts(data, size, size) })
    }

    /// Maps "there is none" to `None`.
    fn optional<T>(result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.status(), Status::NotFound | Status::Empty) => Ok(None),
            Err(error) => Err(error),
        }
    }

    // SAFETY of every call below: pointers and lengths come from live slices or from local
    // variables, and the host neither keeps nor writes beyond them.

    pub(crate) fn log(level: u32, message: &str) -> Result<()> {
        check("proxy_log", unsafe { imports::proxy_log(level, message.as_ptr(), message.len()) })
    }

    pub(crate) fn log_level() -> Result<u32> {
        let mut level = 0;
        check("proxy_get_log_level", unsafe { imports::proxy_get_log_level(&raw mut level) })?;
        Ok(level)
    }

    pub(crate) fn unix_nanoseconds() -> Result<u64> {
        let mut time = 0;
        check("proxy_get_current_time_nanoseconds", unsafe {
            imports::proxy_get_current_time_nanoseconds(&raw mut time)
        })?;
        Ok(time)
    }

    pub(crate) fn monotonic_nanoseconds() -> Result<u64> {
        let mut time = 0;
        check_wasi("clock_time_get", unsafe {
            imports::clock_time_get(CLOCK_MONOTONIC, 1, &raw mut time)
        })?;
        Ok(time)
    }

    pub(crate) fn random_seed() -> Result<u64> {
        let mut seed = [0u8; 8];
        check_wasi("random_get", unsafe { imports::random_get(seed.as_mut_ptr(), seed.len()) })?;
        Ok(u64::from_le_bytes(seed))
    }

    pub(crate) fn set_tick_period(milliseconds: u32) -> Result<()> {
        check("proxy_set_tick_period_milliseconds", unsafe {
            imports::proxy_set_tick_period_milliseconds(milliseconds)
        })
    }

    pub(crate) fn buffer(kind: BufferKind) -> Result<Vec<u8>> {
        let result = bytes("proxy_get_buffer_bytes", |data, size| unsafe {
            imports::proxy_get_buffer_bytes(kind as u32, 0, usize::MAX, data, size)
        });
        Ok(optional(result)?.unwrap_or_default())
    }

    pub(crate) fn header_map(kind: MapKind) -> Result<Vec<u8>> {
        bytes("proxy_get_header_map_pairs", |data, size| unsafe {
            imports::proxy_get_header_map_pairs(kind as u32, data, size)
        })
    }

    pub(crate) fn header_value(kind: MapKind, name: &str) -> Result<Option<Vec<u8>>> {
        optional(bytes("proxy_get_header_map_value", |data, size| unsafe {
            imports::proxy_get_header_map_value(kind as u32, name.as_ptr(), name.len(), data, size)
        }))
    }

    pub(crate) fn replace_header(kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        check("proxy_replace_header_map_value", unsafe {
            imports::proxy_replace_header_map_value(
                kind as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    pub(crate) fn add_header(kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        check("proxy_add_header_map_value", unsafe {
            imports::proxy_add_header_map_value(
                kind as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    pub(crate) fn remove_header(kind: MapKind, name: &str) -> Result<()> {
        check("proxy_remove_header_map_value", unsafe {
            imports::proxy_remove_header_map_value(kind as u32, name.as_ptr(), name.len())
        })
    }

    pub(crate) fn property(path: &[u8]) -> Result<Option<Vec<u8>>> {
        optional(bytes("proxy_get_property", |data, size| unsafe {
            imports::proxy_get_property(path.as_ptr(), path.len(), data, size)
        }))
    }

    pub(crate) fn set_property(path: &[u8], value: &[u8]) -> Result<()> {
        check("proxy_set_property", unsafe {
            imports::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len())
        })
    }

    pub(crate) fn shared_data(key: &str) -> Result<Option<Versioned>> {
        let mut cas = 0;
        let value = optional(bytes("proxy_get_shared_data", |data, size| unsafe {
            imports::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
        }))?;
        Ok(value.map(|value| (value, cas)))
    }

    pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<()> {
        check("proxy_set_shared_data", unsafe {
            imports::proxy_set_shared_data(
                key.as_ptr(),
                key.len(),
                value.as_ptr(),
                value.len(),
                cas,
            )
        })
    }

    pub(crate) fn continue_stream(kind: StreamKind) -> Result<()> {
        check("proxy_continue_stream", unsafe { imports::proxy_continue_stream(kind as u32) })
    }

    pub(crate) fn close_stream(kind: StreamKind) -> Result<()> {
        check("proxy_close_stream", unsafe { imports::proxy_close_stream(kind as u32) })
    }

    pub(crate) fn send_local_response(response: &LocalResponse<'_>) -> Result<()> {
        check("proxy_send_local_response", unsafe {
            imports::proxy_send_local_response(
                u32::from(response.status),
                response.details.as_ptr(),
                response.details.len(),
                response.body.as_ptr(),
                response.body.len(),
                response.headers.as_ptr(),
                response.headers.len(),
                response.grpc_status.map_or(NO_GRPC_STATUS, u32::cast_signed),
            )
        })
    }

    pub(crate) fn set_effective_context(context: u32) -> Result<()> {
        check("proxy_set_effective_context", unsafe {
            imports::proxy_set_effective_context(context)
        })
    }

    pub(crate) fn call_foreign_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        bytes("proxy_call_foreign_function", |data, size| unsafe {
            imports::proxy_call_foreign_function(
                name.as_ptr(),
                name.len(),
                arguments.as_ptr(),
                arguments.len(),
                data,
                size,
            )
        })
    }

    pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32> {
        let mut id = 0;
        check("proxy_define_metric", unsafe {
            imports::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id)
        })?;
        Ok(id)
    }

    pub(crate) fn metric(id: u32) -> Result<u64> {
        let mut value = 0;
        check("proxy_get_metric", unsafe { imports::proxy_get_metric(id, &raw mut value) })?;
        Ok(value)
    }

    pub(crate) fn record_metric(id: u32, value: u64) -> Result<()> {
        check("proxy_record_metric", unsafe { imports::proxy_record_metric(id, value) })
    }

    pub(crate) fn increment_metric(id: u32, offset: i64) -> Result<()> {
        check("proxy_increment_metric", unsafe { imports::proxy_increment_metric(id, offset) })
    }

    /// Runs what the linker collected to be run before anything else.
    pub(crate) fn run_constructors() {
        #[cfg(target_os = "wasi")]
        // SAFETY: called once, first thing in `_initialize`.
        unsafe {
            imports::__wasm_call_ctors();
        }
    }
}
