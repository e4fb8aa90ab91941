//! Headers, buffers, and the life of a stream.

use super::known;
use crate::abi::{BufferKind, MapKind, Status, StreamKind};
use crate::host::{Host, LocalResponse};
use crate::module::host_call::{HostCall, State};
use wasmi::{Caller, Error, Linker};

pub(super) fn link<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    headers(linker)?;
    buffers(linker)?;
    host_functions! { linker:
        fn proxy_continue_stream(call, stream: u32) {
            let stream = known(StreamKind::from_code(stream))?;
            Ok(call.host().continue_stream(stream)?)
        }
        fn proxy_close_stream(call, stream: u32) {
            let stream = known(StreamKind::from_code(stream))?;
            Ok(call.host().close_stream(stream)?)
        }
        fn proxy_send_local_response(
            call,
            status: u32,
            details: u32,
            details_size: u32,
            body: u32,
            body_size: u32,
            headers: u32,
            headers_size: u32,
            grpc_status: i32,
        ) {
            let response = LocalResponse {
                status,
                details: call.bytes(details, details_size)?,
                body: call.bytes(body, body_size)?,
                headers: call.headers(headers, headers_size)?,
                grpc_status: u32::try_from(grpc_status).ok(),
            };
            Ok(call.host().send_local_response(response)?)
        }
    }
    Ok(())
}

fn headers<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_get_header_map_pairs(call, map: u32, address_at: u32, size_at: u32) {
            let map = known(MapKind::from_code(map))?;
            let pairs = call.host().get_header_map_pairs(map)?;
            call.give_bytes(pairs.to_bytes(), (address_at, size_at))
        }
        fn proxy_set_header_map_pairs(call, map: u32, pairs: u32, size: u32) {
            let map = known(MapKind::from_code(map))?;
            let pairs = call.headers(pairs, size)?;
            Ok(call.host().set_header_map_pairs(map, pairs)?)
        }
        fn proxy_get_header_map_size(call, map: u32, size_at: u32) {
            let map = known(MapKind::from_code(map))?;
            let size = call.host().get_header_map_size(map)?;
            call.give_u32(size, size_at)
        }
        fn proxy_get_header_map_value(
            call,
            map: u32,
            name: u32,
            name_size: u32,
            address_at: u32,
            size_at: u32,
        ) {
            let map = known(MapKind::from_code(map))?;
            let name = call.bytes(name, name_size)?;
            let value = call.host().get_header_map_value(map, &name)?;
            call.give_bytes(value, (address_at, size_at))
        }
        fn proxy_add_header_map_value(
            call,
            map: u32,
            name: u32,
            name_size: u32,
            value: u32,
            value_size: u32,
        ) {
            let map = known(MapKind::from_code(map))?;
            let (name, value) = (call.bytes(name, name_size)?, call.bytes(value, value_size)?);
            Ok(call.host().add_header_map_value(map, &name, &value)?)
        }
        fn proxy_replace_header_map_value(
            call,
            map: u32,
            name: u32,
            name_size: u32,
            value: u32,
            value_size: u32,
        ) {
            let map = known(MapKind::from_code(map))?;
            let (name, value) = (call.bytes(name, name_size)?, call.bytes(value, value_size)?);
            Ok(call.host().replace_header_map_value(map, &name, &value)?)
        }
        fn proxy_remove_header_map_value(call, map: u32, name: u32, name_size: u32) {
            let map = known(MapKind::from_code(map))?;
            let name = call.bytes(name, name_size)?;
            Ok(call.host().remove_header_map_value(map, &name)?)
        }
    }
    Ok(())
}

fn buffers<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_get_buffer_bytes(
            call,
            buffer: u32,
            start: u32,
            max_size: u32,
            address_at: u32,
            size_at: u32,
        ) {
            let buffer = known(BufferKind::from_code(buffer))?;
            let (start, max_size) = (start as usize, max_size as usize);
            let bytes = call.host().get_buffer_bytes(buffer, start, max_size)?;
            call.give_bytes(bytes, (address_at, size_at))
        }
        fn proxy_get_buffer_status(call, buffer: u32, size_at: u32, flags_at: u32) {
            let buffer = known(BufferKind::from_code(buffer))?;
            let size = call.host().get_buffer_status(buffer)?;
            call.give_u32(size, size_at)?;
            call.give_u32(0, flags_at)
        }
        fn proxy_set_buffer_bytes(
            call,
            buffer: u32,
            start: u32,
            size: u32,
            bytes: u32,
            bytes_size: u32,
        ) {
            let buffer = known(BufferKind::from_code(buffer))?;
            let bytes = call.bytes(bytes, bytes_size)?;
            let (start, size) = (start as usize, size as usize);
            Ok(call.host().set_buffer_bytes(buffer, start, size, &bytes)?)
        }
    }
    Ok(())
}
