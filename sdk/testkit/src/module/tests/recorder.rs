//! A host that writes down what it is asked.

use crate::abi::{BufferKind, LogLevel, MapKind, MetricKind, Result, StreamKind};
use crate::headers::HeaderMap;
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
use std::fmt::Debug;

/// Writes down what it is asked, and answers something of its own.
#[derive(Default)]
pub(super) struct Recorder {
    /// The arguments of the last call.
    pub(super) asked: String,
}

impl Recorder {
    fn record(&mut self, call: impl Debug) {
        self.asked = format!("{call:?}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl Host for Recorder {
    fn log(&mut self, level: LogLevel, message: &[u8]) -> Result<()> {
        self.record((level, text(message)));
        Ok(())
    }
    fn get_log_level(&mut self) -> Result<LogLevel> {
        Ok(LogLevel::Warn)
    }
    fn get_current_time_nanoseconds(&mut self) -> u64 {
        0x0102_0304_0506_0708
    }
    fn monotonic_nanoseconds(&mut self) -> u64 {
        0x1112_1314_1516_1718
    }
    fn random(&mut self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
    fn environment(&mut self) -> Vec<(String, String)> {
        vec![("A".into(), "1".into()), ("BC".into(), String::new())]
    }
    fn set_tick_period_milliseconds(&mut self, period: u32) -> Result<()> {
        self.record(period);
        Ok(())
    }
    fn get_header_map_pairs(&mut self, map: MapKind) -> Result<HeaderMap> {
        self.record(map);
        Ok(HeaderMap::from([("k", "v")]))
    }
    fn set_header_map_pairs(&mut self, map: MapKind, pairs: HeaderMap) -> Result<()> {
        self.record((map, pairs));
        Ok(())
    }
    fn get_header_map_size(&mut self, map: MapKind) -> Result<u32> {
        self.record(map);
        Ok(77)
    }
    fn get_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<Vec<u8>> {
        self.record((map, text(name)));
        Ok(b"VALUE".to_vec())
    }
    fn add_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.record(("add", map, text(name), text(value)));
        Ok(())
    }
    fn replace_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.record(("replace", map, text(name), text(value)));
        Ok(())
    }
    fn remove_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<()> {
        self.record((map, text(name)));
        Ok(())
    }
    fn get_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        max: usize,
    ) -> Result<Vec<u8>> {
        self.record((buffer, start, max));
        Ok(b"BYTES".to_vec())
    }
    fn get_buffer_status(&mut self, buffer: BufferKind) -> Result<u32> {
        self.record(buffer);
        Ok(77)
    }
    fn set_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<()> {
        self.record((buffer, start, size, text(bytes)));
        Ok(())
    }
    fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>> {
        self.record(text(path));
        Ok(b"PROPERTY".to_vec())
    }
    fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<()> {
        self.record((text(path), text(value)));
        Ok(())
    }
    fn get_shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32)> {
        self.record(text(key));
        Ok((b"DATA".to_vec(), 9))
    }
    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<()> {
        self.record((text(key), text(value), cas));
        Ok(())
    }
    fn register_shared_queue(&mut self, name: &[u8]) -> Result<u32> {
        self.record(text(name));
        Ok(5)
    }
    fn resolve_shared_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32> {
        self.record((text(vm_id), text(name)));
        Ok(6)
    }
    fn dequeue_shared_queue(&mut self, token: u32) -> Result<Vec<u8>> {
        self.record(token);
        Ok(b"ITEM".to_vec())
    }
    fn enqueue_shared_queue(&mut self, token: u32, item: &[u8]) -> Result<()> {
        self.record((token, text(item)));
        Ok(())
    }
    fn continue_stream(&mut self, stream: StreamKind) -> Result<()> {
        self.record(("continue", stream));
        Ok(())
    }
    fn close_stream(&mut self, stream: StreamKind) -> Result<()> {
        self.record(("close", stream));
        Ok(())
    }
    fn send_local_response(&mut self, response: LocalResponse) -> Result<()> {
        let LocalResponse { status, details, body, headers, grpc_status } = response;
        self.record((status, text(&details), text(&body), headers, grpc_status));
        Ok(())
    }
    fn http_call(&mut self, call: HttpCall) -> Result<u32> {
        let HttpCall { cluster, headers, body, trailers, timeout } = call;
        self.record((text(&cluster), headers, text(&body), trailers, timeout));
        Ok(4)
    }
    fn grpc_call(&mut self, call: GrpcCall) -> Result<u32> {
        let GrpcCall { cluster, service, method, metadata, message, timeout } = call;
        let names = (text(&cluster), text(&service), text(&method));
        self.record((names, metadata, text(&message), timeout));
        Ok(5)
    }
    fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32> {
        let GrpcStream { cluster, service, method, metadata } = stream;
        self.record((text(&cluster), text(&service), text(&method), metadata));
        Ok(6)
    }
    fn grpc_send(&mut self, token: u32, message: &[u8], end_of_stream: bool) -> Result<()> {
        self.record((token, text(message), end_of_stream));
        Ok(())
    }
    fn grpc_cancel(&mut self, token: u32) -> Result<()> {
        self.record(("cancel", token));
        Ok(())
    }
    fn grpc_close(&mut self, token: u32) -> Result<()> {
        self.record(("close", token));
        Ok(())
    }
    fn get_status(&mut self) -> Result<(u32, Vec<u8>)> {
        Ok((14, b"gone".to_vec()))
    }
    fn set_effective_context(&mut self, context: u32) -> Result<()> {
        self.record(context);
        Ok(())
    }
    fn call_foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>> {
        self.record((text(name), text(arguments)));
        Ok(b"RESULT".to_vec())
    }
    fn done(&mut self) -> Result<()> {
        self.record("done");
        Ok(())
    }
    fn define_metric(&mut self, kind: MetricKind, name: &[u8]) -> Result<u32> {
        self.record((kind, text(name)));
        Ok(8)
    }
    fn get_metric(&mut self, metric: u32) -> Result<u64> {
        self.record(metric);
        Ok(0x0102_0304_0506_0708)
    }
    fn record_metric(&mut self, metric: u32, value: u64) -> Result<()> {
        self.record((metric, value));
        Ok(())
    }
    fn increment_metric(&mut self, metric: u32, offset: i64) -> Result<()> {
        self.record((metric, offset));
        Ok(())
    }
}
