//! HTTP and gRPC calls of the module's own.

use super::timeout;
use crate::abi::Status;
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall};
use crate::module::host_call::{HostCall, State};
use wasmi::{Caller, Error, Linker};

pub(super) fn link<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    start(linker)?;
    host_functions! { linker:
        fn proxy_grpc_send(call, token: u32, message: u32, message_size: u32, end_of_stream: u32) {
            let message = call.bytes(message, message_size)?;
            Ok(call.host().grpc_send(token, &message, end_of_stream != 0)?)
        }
        fn proxy_grpc_cancel(call, token: u32) {
            Ok(call.host().grpc_cancel(token)?)
        }
        fn proxy_grpc_close(call, token: u32) {
            Ok(call.host().grpc_close(token)?)
        }
        fn proxy_get_status(call, code_at: u32, address_at: u32, size_at: u32) {
            let (code, message) = call.host().get_status()?;
            call.give_u32(code, code_at)?;
            call.give_bytes(message, (address_at, size_at))
        }
    }
    Ok(())
}

fn start<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_http_call(
            call,
            cluster: u32,
            cluster_size: u32,
            headers: u32,
            headers_size: u32,
            body: u32,
            body_size: u32,
            trailers: u32,
            trailers_size: u32,
            milliseconds: i32,
            token_at: u32,
        ) {
            let request = HttpCall {
                cluster: call.bytes(cluster, cluster_size)?,
                headers: call.headers(headers, headers_size)?,
                body: call.bytes(body, body_size)?,
                trailers: call.headers(trailers, trailers_size)?,
                timeout: timeout(milliseconds)?,
            };
            let token = call.host().http_call(request)?;
            call.give_u32(token, token_at)
        }
        fn proxy_grpc_call(
            call,
            cluster: u32,
            cluster_size: u32,
            service: u32,
            service_size: u32,
            method: u32,
            method_size: u32,
            metadata: u32,
            metadata_size: u32,
            message: u32,
            message_size: u32,
            milliseconds: i32,
            token_at: u32,
        ) {
            let request = GrpcCall {
                cluster: call.bytes(cluster, cluster_size)?,
                service: call.bytes(service, service_size)?,
                method: call.bytes(method, method_size)?,
                metadata: call.headers(metadata, metadata_size)?,
                message: call.bytes(message, message_size)?,
                timeout: timeout(milliseconds)?,
            };
            let token = call.host().grpc_call(request)?;
            call.give_u32(token, token_at)
        }
        fn proxy_grpc_stream(
            call,
            cluster: u32,
            cluster_size: u32,
            service: u32,
            service_size: u32,
            method: u32,
            method_size: u32,
            metadata: u32,
            metadata_size: u32,
            token_at: u32,
        ) {
            let stream = GrpcStream {
                cluster: call.bytes(cluster, cluster_size)?,
                service: call.bytes(service, service_size)?,
                method: call.bytes(method, method_size)?,
                metadata: call.headers(metadata, metadata_size)?,
            };
            let token = call.host().grpc_stream(stream)?;
            call.give_u32(token, token_at)
        }
    }
    Ok(())
}
