//! Of the streams: headers, bodies, answers, properties.

use super::{Argument, Shown, bytes, call, pairs};
use crate::scenario::script::Op;

/// A header map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    GrpcInitialMetadata = 4,
    GrpcTrailingMetadata = 5,
    CallHeaders = 6,
    CallTrailers = 7,
    Unknown = 99,
}

impl Map {
    const fn name(self) -> &'static str {
        match self {
            Self::RequestHeaders => "request_headers",
            Self::RequestTrailers => "request_trailers",
            Self::ResponseHeaders => "response_headers",
            Self::ResponseTrailers => "response_trailers",
            Self::GrpcInitialMetadata => "grpc_initial_metadata",
            Self::GrpcTrailingMetadata => "grpc_trailing_metadata",
            Self::CallHeaders => "call_headers",
            Self::CallTrailers => "call_trailers",
            Self::Unknown => "unknown",
        }
    }
}

/// A buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallBody = 4,
    GrpcMessage = 5,
    VmConfiguration = 6,
    PluginConfiguration = 7,
    ForeignArguments = 8,
    Unknown = 99,
}

impl Buffer {
    const fn name(self) -> &'static str {
        match self {
            Self::RequestBody => "request_body",
            Self::ResponseBody => "response_body",
            Self::CallBody => "call_body",
            Self::GrpcMessage => "grpc_message",
            Self::VmConfiguration => "vm_configuration",
            Self::PluginConfiguration => "plugin_configuration",
            Self::ForeignArguments => "foreign_arguments",
            Self::Unknown => "unknown",
        }
    }
}

/// A direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stream {
    Request = 0,
    Response = 1,
    Downstream = 2,
    Upstream = 3,
    Unknown = 9,
}

/// `proxy_get_header_map_value`.
#[must_use]
pub fn get(map: Map, name: impl AsRef<[u8]>) -> Op {
    let label = format!("get {} {}", map.name(), name.as_ref().escape_ascii());
    let arguments = [Argument::I32(map as i32), bytes(name), Argument::OutBytes];
    call("proxy_get_header_map_value", label, arguments, Shown::Bytes)
}

fn write(function: &'static str, verb: &str, map: Map, name: &[u8], value: &[u8]) -> Op {
    let label = format!("{verb} {} {}", map.name(), shortened(name));
    call(function, label, [Argument::I32(map as i32), bytes(name), bytes(value)], Shown::Nothing)
}

/// Bytes in a label.
fn shortened(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=60 => bytes.escape_ascii().to_string(),
        size => format!("#{size}"),
    }
}

/// `proxy_replace_header_map_value`.
#[must_use]
pub fn replace(map: Map, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
    write("proxy_replace_header_map_value", "replace", map, name.as_ref(), value.as_ref())
}

/// `proxy_add_header_map_value`.
#[must_use]
pub fn add(map: Map, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
    write("proxy_add_header_map_value", "add", map, name.as_ref(), value.as_ref())
}

/// `proxy_remove_header_map_value`.
#[must_use]
pub fn remove(map: Map, name: impl AsRef<[u8]>) -> Op {
    let label = format!("remove {} {}", map.name(), shortened(name.as_ref()));
    let arguments = [Argument::I32(map as i32), bytes(name)];
    call("proxy_remove_header_map_value", label, arguments, Shown::Nothing)
}

/// `proxy_get_header_map_pairs`.
#[must_use]
pub fn get_pairs(map: Map) -> Op {
    let arguments = [Argument::I32(map as i32), Argument::OutBytes];
    call("proxy_get_header_map_pairs", format!("pairs {}", map.name()), arguments, Shown::Pairs)
}

/// `proxy_get_header_map_size`.
#[must_use]
pub fn map_size(map: Map) -> Op {
    let arguments = [Argument::I32(map as i32), Argument::OutNumber];
    call("proxy_get_header_map_size", format!("size {}", map.name()), arguments, Shown::Number)
}

/// `proxy_set_header_map_pairs`, with bytes as they are.
#[must_use]
pub fn set_pairs(map: Map, serialized: impl AsRef<[u8]>) -> Op {
    let arguments = [Argument::I32(map as i32), bytes(serialized)];
    let label = format!("set pairs {}", map.name());
    call("proxy_set_header_map_pairs", label, arguments, Shown::Nothing)
}

/// `proxy_get_buffer_bytes`.
#[must_use]
pub fn get_buffer(buffer: Buffer, start: i32, size: i32) -> Op {
    let numbers = [buffer as i32, start, size].map(Argument::I32);
    let label = format!("read {} {start} {size}", buffer.name());
    let arguments = numbers.into_iter().chain([Argument::OutBytes]);
    call("proxy_get_buffer_bytes", label, arguments, Shown::Bytes)
}

/// `proxy_set_buffer_bytes`.
#[must_use]
pub fn set_buffer(buffer: Buffer, start: i32, size: i32, value: impl AsRef<[u8]>) -> Op {
    let numbers = [buffer as i32, start, size].map(Argument::I32);
    let label = format!("write {} {start} {size}", buffer.name());
    let arguments = numbers.into_iter().chain([bytes(value)]);
    call("proxy_set_buffer_bytes", label, arguments, Shown::Nothing)
}

/// `proxy_get_buffer_status`.
#[must_use]
pub fn buffer_size(buffer: Buffer) -> Op {
    let arguments = [Argument::I32(buffer as i32), Argument::OutNumber, Argument::OutNumber64];
    call("proxy_get_buffer_status", format!("size {}", buffer.name()), arguments, Shown::Number)
}

/// `proxy_continue_stream`.
#[must_use]
pub fn continue_stream(stream: Stream) -> Op {
    let label = format!("continue {}", format!("{stream:?}").to_lowercase());
    call("proxy_continue_stream", label, [Argument::I32(stream as i32)], Shown::Nothing)
}

/// `proxy_close_stream`.
#[must_use]
pub fn close_stream(stream: Stream) -> Op {
    let label = format!("close {}", format!("{stream:?}").to_lowercase());
    call("proxy_close_stream", label, [Argument::I32(stream as i32)], Shown::Nothing)
}

/// `proxy_send_local_response` without headers and a gRPC status.
#[must_use]
pub fn reply(status: i32, details: &str, body: &str) -> Op {
    reply_with(status, details, body, &[], -1)
}

/// `proxy_send_local_response`.
#[must_use]
pub fn reply_with(
    status: i32,
    details: &str,
    body: &str,
    headers: &[(&str, &str)],
    grpc_status: i32,
) -> Op {
    let arguments = [
        Argument::I32(status),
        bytes(details),
        bytes(body),
        bytes(if headers.is_empty() { Vec::new() } else { pairs(headers) }),
        Argument::I32(grpc_status),
    ];
    call("proxy_send_local_response", format!("reply {status}"), arguments, Shown::Nothing)
}

/// `proxy_set_effective_context` with a number.
#[must_use]
pub fn set_context(number: i32) -> Op {
    let label = format!("set context {number}");
    call("proxy_set_effective_context", label, [Argument::I32(number)], Shown::Nothing)
}

/// `proxy_get_property` of a path whose parts are separated by dots.
#[must_use]
pub fn property(path: &str) -> Op {
    let arguments = [bytes(path.replace('.', "\0")), Argument::OutBytes];
    call("proxy_get_property", format!("property {path}"), arguments, Shown::Bytes)
}

/// `proxy_set_property`.
#[must_use]
pub fn set_property(path: &str, value: impl AsRef<[u8]>) -> Op {
    let label = format!("set property {path}");
    call("proxy_set_property", label, [bytes(path), bytes(value)], Shown::Nothing)
}
