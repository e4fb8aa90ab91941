//! Of other services.

use super::{Argument, Shown, bytes, call, cluster, pairs};
use crate::scenario::script::Op;

/// `proxy_get_status`: of the last gRPC call, or HTTP call.
#[must_use]
pub fn call_status() -> Op {
    let arguments = [Argument::OutNumber, Argument::OutBytes];
    call("proxy_get_status", "status", arguments, Shown::BytesAndNumber)
}

/// `proxy_http_call`: a `GET` without a body, with a time limit in milliseconds; keeps the token in
/// register 7.
#[must_use]
pub fn http_call(cluster_name: &str, path: &str, timeout: i32) -> Op {
    let headers = [(":method", "GET"), (":path", path), (":authority", "side.test")];
    http_call_with(&cluster(cluster_name), &headers, "", &[], timeout)
}

/// `proxy_http_call` with everything; the cluster's name is taken as it is.
#[must_use]
pub fn http_call_with(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &str,
    trailers: &[(&str, &str)],
    timeout: i32,
) -> Op {
    let arguments = [
        bytes(cluster),
        bytes(pairs(headers)),
        bytes(body),
        bytes(pairs(trailers)),
        Argument::I32(timeout),
        Argument::OutNumber,
    ];
    call("proxy_http_call", "http call", arguments, Shown::Number).keep(7)
}

/// `proxy_grpc_call` of a unary method, with a time limit in milliseconds; keeps the token in
/// register 7.
#[must_use]
pub fn grpc_call(cluster_name: &str, message: &str, timeout: i32) -> Op {
    grpc_call_to(&grpc_service(&cluster(cluster_name)), message, timeout)
}

/// As [`grpc_call`], with the bytes that say which service.
#[must_use]
pub fn grpc_call_to(service: &[u8], message: &str, timeout: i32) -> Op {
    let arguments = [
        bytes(service),
        bytes("probe.Service"),
        bytes("Method"),
        bytes(pairs(&[("x-probe", "called")])),
        bytes(message),
        Argument::I32(timeout),
        Argument::OutNumber,
    ];
    call("proxy_grpc_call", "grpc call", arguments, Shown::Number).keep(7)
}

/// `proxy_grpc_cancel` of the call whose token is in register 7.
#[must_use]
pub fn grpc_cancel() -> Op {
    call("proxy_grpc_cancel", "grpc cancel", [Argument::Kept(7)], Shown::Nothing)
}

/// A `GrpcService` message that names a cluster: `envoy_grpc { cluster_name }`.
fn grpc_service(cluster: &str) -> Vec<u8> {
    let field = |bytes: &[u8]| {
        let size = u8::try_from(bytes.len()).expect("a short name");
        [&[0x0a, size], bytes].concat()
    };
    field(&field(cluster.as_bytes()))
}
