//! The host of a VM, reachable by the VM and by the proxy around it.

use crate::abi::{BufferKind, LogLevel, MapKind, MetricKind, Result, StreamKind};
use crate::headers::HeaderMap;
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
use crate::simulated::SimulatedHost;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A [`SimulatedHost`] with two owners: the VM, which may be another thread, and the proxy, which looks
/// at it between callbacks.
#[derive(Clone, Debug)]
pub(crate) struct SharedHost(Arc<Mutex<SimulatedHost>>);

impl SharedHost {
    pub(crate) fn new(host: SimulatedHost) -> Self {
        Self(Arc::new(Mutex::new(host)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SimulatedHost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands every function on.
macro_rules! forward {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl Host for SharedHost {
            $(fn $name(&mut self $(, $argument: $type)*) $(-> $result)? {
                self.lock().$name($($argument),*)
            })*
        }
    };
}

forward! {
    fn context_created(context: u32, parent: u32);
    fn context_deleted(context: u32);
    fn callback_begins(callback: &'static str, context: u32);
    fn callback_ends();
    fn log(level: LogLevel, message: &[u8]) -> Result<()>;
    fn get_log_level() -> Result<LogLevel>;
    fn get_current_time_nanoseconds() -> u64;
    fn monotonic_nanoseconds() -> u64;
    fn random(buffer: &mut [u8]);
    fn environment() -> Vec<(String, String)>;
    fn set_tick_period_milliseconds(period: u32) -> Result<()>;
    fn get_header_map_pairs(map: MapKind) -> Result<HeaderMap>;
    fn set_header_map_pairs(map: MapKind, pairs: HeaderMap) -> Result<()>;
    fn get_header_map_size(map: MapKind) -> Result<u32>;
    fn get_header_map_value(map: MapKind, name: &[u8]) -> Result<Vec<u8>>;
    fn add_header_map_value(map: MapKind, name: &[u8], value: &[u8]) -> Result<()>;
    fn replace_header_map_value(map: MapKind, name: &[u8], value: &[u8]) -> Result<()>;
    fn remove_header_map_value(map: MapKind, name: &[u8]) -> Result<()>;
    fn get_buffer_bytes(buffer: BufferKind, start: usize, max_size: usize) -> Result<Vec<u8>>;
    fn get_buffer_status(buffer: BufferKind) -> Result<u32>;
    fn set_buffer_bytes(buffer: BufferKind, start: usize, size: usize, bytes: &[u8]) -> Result<()>;
    fn get_property(path: &[u8]) -> Result<Vec<u8>>;
    fn set_property(path: &[u8], value: &[u8]) -> Result<()>;
    fn get_shared_data(key: &[u8]) -> Result<(Vec<u8>, u32)>;
    fn set_shared_data(key: &[u8], value: &[u8], cas: u32) -> Result<()>;
    fn register_shared_queue(name: &[u8]) -> Result<u32>;
    fn resolve_shared_queue(vm_id: &[u8], name: &[u8]) -> Result<u32>;
    fn dequeue_shared_queue(token: u32) -> Result<Vec<u8>>;
    fn enqueue_shared_queue(token: u32, item: &[u8]) -> Result<()>;
    fn continue_stream(stream: StreamKind) -> Result<()>;
    fn close_stream(stream: StreamKind) -> Result<()>;
    fn send_local_response(response: LocalResponse) -> Result<()>;
    fn http_call(call: HttpCall) -> Result<u32>;
    fn grpc_call(call: GrpcCall) -> Result<u32>;
    fn grpc_stream(stream: GrpcStream) -> Result<u32>;
    fn grpc_send(token: u32, message: &[u8], end_of_stream: bool) -> Result<()>;
    fn grpc_cancel(token: u32) -> Result<()>;
    fn grpc_close(token: u32) -> Result<()>;
    fn get_status() -> Result<(u32, Vec<u8>)>;
    fn set_effective_context(context: u32) -> Result<()>;
    fn call_foreign_function(name: &[u8], arguments: &[u8]) -> Result<Vec<u8>>;
    fn done() -> Result<()>;
    fn define_metric(kind: MetricKind, name: &[u8]) -> Result<u32>;
    fn get_metric(metric: u32) -> Result<u64>;
    fn record_metric(metric: u32, value: u64) -> Result<()>;
    fn increment_metric(metric: u32, offset: i64) -> Result<()>;
}
