//! The calls as a module makes them.

use super::{BufferKind, GrpcCall, HostError, HttpCall, LocalResponse, MapKind, MetricKind};
use super::{Result, Status, StreamKind, Versioned};
use std::alloc::{Layout, alloc};
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
        pub(super) fn proxy_set_buffer_bytes(
            kind: u32,
            start: usize,
            size: usize,
            data: *const u8,
            data_size: usize,
        ) -> u32;
        pub(super) fn proxy_set_header_map_pairs(kind: u32, data: *const u8, size: usize) -> u32;
        pub(super) fn proxy_http_call(
            cluster: *const u8,
            cluster_size: usize,
            headers: *const u8,
            headers_size: usize,
            body: *const u8,
            body_size: usize,
            trailers: *const u8,
            trailers_size: usize,
            timeout: u32,
            token: *mut u32,
        ) -> u32;
        pub(super) fn proxy_grpc_call(
            target: *const u8,
            target_size: usize,
            service: *const u8,
            service_size: usize,
            method: *const u8,
            method_size: usize,
            metadata: *const u8,
            metadata_size: usize,
            message: *const u8,
            message_size: usize,
            timeout: u32,
            token: *mut u32,
        ) -> u32;
        pub(super) fn proxy_grpc_cancel(token: u32) -> u32;
        pub(super) fn proxy_get_status(code: *mut u32, data: *mut *mut u8, size: *mut usize)
        -> u32;
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
/// A header map without pairs.
const NO_PAIRS: [u8; 4] = [0; 4];
/// Leaves the gRPC status to Envoy.
const NO_GRPC_STATUS: i32 = -1;

fn check(call: &'static str, code: u32) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(HostError::new(call, Status::from_code(code))),
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
fn bytes(call: &'static str, run: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    check(call, run(&raw mut data, &raw mut size))?;
    if data.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: on success the host filled exactly the `size` bytes that it had allocated by
    // `allocate`, which nobody else owns.
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

pub(crate) fn buffer(kind: BufferKind, start: usize, size: usize) -> Result<Vec<u8>> {
    let result = bytes("proxy_get_buffer_bytes", |data, filled| unsafe {
        imports::proxy_get_buffer_bytes(kind as u32, start, size, data, filled)
    });
    Ok(optional(result)?.unwrap_or_default())
}

pub(crate) fn set_buffer(kind: BufferKind, start: usize, size: usize, data: &[u8]) -> Result<()> {
    check("proxy_set_buffer_bytes", unsafe {
        imports::proxy_set_buffer_bytes(kind as u32, start, size, data.as_ptr(), data.len())
    })
}

pub(crate) fn set_header_map(kind: MapKind, pairs: &[u8]) -> Result<()> {
    check("proxy_set_header_map_pairs", unsafe {
        imports::proxy_set_header_map_pairs(kind as u32, pairs.as_ptr(), pairs.len())
    })
}

pub(crate) fn http_call(call: &HttpCall<'_>) -> Result<u32> {
    let mut token = 0;
    check("proxy_http_call", unsafe {
        imports::proxy_http_call(
            call.cluster.as_ptr(),
            call.cluster.len(),
            call.headers.as_ptr(),
            call.headers.len(),
            call.body.as_ptr(),
            call.body.len(),
            NO_PAIRS.as_ptr(),
            NO_PAIRS.len(),
            call.timeout_milliseconds,
            &raw mut token,
        )
    })?;
    Ok(token)
}

pub(crate) fn grpc_call(call: &GrpcCall<'_>) -> Result<u32> {
    let mut token = 0;
    check("proxy_grpc_call", unsafe {
        imports::proxy_grpc_call(
            call.target.as_ptr(),
            call.target.len(),
            call.service.as_ptr(),
            call.service.len(),
            call.method.as_ptr(),
            call.method.len(),
            call.metadata.as_ptr(),
            call.metadata.len(),
            call.message.as_ptr(),
            call.message.len(),
            call.timeout_milliseconds,
            &raw mut token,
        )
    })?;
    Ok(token)
}

pub(crate) fn grpc_cancel(token: u32) -> Result<()> {
    check("proxy_grpc_cancel", unsafe { imports::proxy_grpc_cancel(token) })
}

pub(crate) fn call_status() -> Result<(u32, Vec<u8>)> {
    let mut code = 0;
    let message = bytes("proxy_get_status", |data, size| unsafe {
        imports::proxy_get_status(&raw mut code, data, size)
    })?;
    Ok((code, message))
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
        imports::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
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
    check("proxy_set_effective_context", unsafe { imports::proxy_set_effective_context(context) })
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

/// Memory for the host to write an answer to; null when there is none left, or none is asked for.
#[must_use]
pub fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the layout is not empty.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => ptr::null_mut(),
    }
}
