//! The proxy as a module sees it: every function of the ABI, over plain values.

use crate::abi::{BufferKind, LogLevel, MapKind, MetricKind, Result, Status, StreamKind};
use crate::headers::HeaderMap;
use std::time::Duration;

/// A host: bytes in, bytes or a status out.
///
/// An engine calls it, and takes care of the module's memory. There is a method for each host
/// function of the ABI 0.2.1, of the same name without `proxy_`; what a host leaves out answers as a
/// proxy that has nothing: no headers, no properties, no clusters. [`crate::SimulatedHost`] is one
/// that has.
///
/// ```
/// use tollgate_testkit::abi::{LogLevel, Result, Status};
/// use tollgate_testkit::Host;
///
/// /// Remembers what the module logs, and knows one property.
/// #[derive(Default)]
/// struct Logger(Vec<String>);
///
/// impl Host for Logger {
///     fn log(&mut self, _level: LogLevel, message: &[u8]) -> Result<()> {
///         self.0.push(String::from_utf8_lossy(message).into_owned());
///         Ok(())
///     }
///
///     fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>> {
///         if path == b"plugin_name" { Ok(b"greeter".to_vec()) } else { Err(Status::NOT_FOUND) }
///     }
/// }
/// ```
pub trait Host {
    /// A context is there from now on; `parent` is 0 for a root context.
    fn context_created(&mut self, _context: u32, _parent: u32) {}
    /// A context is gone.
    fn context_deleted(&mut self, _context: u32) {}
    /// A callback begins, for which `context` is the one that host functions act on.
    fn callback_begins(&mut self, _callback: &'static str, _context: u32) {}
    /// The callback that began last is over.
    fn callback_ends(&mut self) {}

    /// Lines that a module writes to WASI's standard output and error come here as well, at the
    /// levels `Info` and `Error`.
    fn log(&mut self, _level: LogLevel, _message: &[u8]) -> Result<()> {
        Ok(())
    }
    /// The level below which lines are dropped.
    fn get_log_level(&mut self) -> Result<LogLevel> {
        Ok(LogLevel::Info)
    }

    /// Nanoseconds since 1970; WASI's clock of real time, too.
    fn get_current_time_nanoseconds(&mut self) -> u64 {
        0
    }
    /// Nanoseconds of WASI's clock that never goes back.
    fn monotonic_nanoseconds(&mut self) -> u64 {
        0
    }
    /// WASI's `random_get`.
    fn random(&mut self, _buffer: &mut [u8]) {}
    /// WASI's environment variables.
    fn environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// A period of zero turns the tick off.
    fn set_tick_period_milliseconds(&mut self, _period: u32) -> Result<()> {
        Ok(())
    }

    /// A map that is not there is empty.
    fn get_header_map_pairs(&mut self, _map: MapKind) -> Result<HeaderMap> {
        Ok(HeaderMap::new())
    }
    /// Replaces a whole map.
    fn set_header_map_pairs(&mut self, _map: MapKind, _pairs: HeaderMap) -> Result<()> {
        Err(Status::BAD_ARGUMENT)
    }
    /// The bytes of all names and values.
    fn get_header_map_size(&mut self, _map: MapKind) -> Result<u32> {
        Err(Status::BAD_ARGUMENT)
    }
    /// The first value.
    fn get_header_map_value(&mut self, _map: MapKind, _name: &[u8]) -> Result<Vec<u8>> {
        Err(Status::BAD_ARGUMENT)
    }
    /// Adds a value and keeps the others.
    fn add_header_map_value(&mut self, _map: MapKind, _name: &[u8], _value: &[u8]) -> Result<()> {
        Err(Status::BAD_ARGUMENT)
    }
    /// Sets a value in the place of all others.
    fn replace_header_map_value(
        &mut self,
        _map: MapKind,
        _name: &[u8],
        _value: &[u8],
    ) -> Result<()> {
        Err(Status::BAD_ARGUMENT)
    }
    /// Removes all values.
    fn remove_header_map_value(&mut self, _map: MapKind, _name: &[u8]) -> Result<()> {
        Err(Status::BAD_ARGUMENT)
    }

    /// At most `max_size` bytes of a buffer, from `start` on. What lies behind its end is not given.
    fn get_buffer_bytes(
        &mut self,
        _buffer: BufferKind,
        _start: usize,
        _max_size: usize,
    ) -> Result<Vec<u8>> {
        Err(Status::NOT_FOUND)
    }
    /// How long a buffer is.
    fn get_buffer_status(&mut self, _buffer: BufferKind) -> Result<u32> {
        Err(Status::NOT_FOUND)
    }
    /// Replaces a part of a buffer.
    fn set_buffer_bytes(
        &mut self,
        _buffer: BufferKind,
        _start: usize,
        _size: usize,
        _bytes: &[u8],
    ) -> Result<()> {
        Err(Status::NOT_FOUND)
    }

    /// The parts of a path are joined by zero bytes.
    fn get_property(&mut self, _path: &[u8]) -> Result<Vec<u8>> {
        Err(Status::NOT_FOUND)
    }
    /// Writes what Envoy calls filter state.
    fn set_property(&mut self, _path: &[u8], _value: &[u8]) -> Result<()> {
        Err(Status::NOT_FOUND)
    }

    /// A value and the number that a compare-and-swap has to name.
    fn get_shared_data(&mut self, _key: &[u8]) -> Result<(Vec<u8>, u32)> {
        Err(Status::NOT_FOUND)
    }
    /// A `cas` of 0 replaces whatever is there.
    fn set_shared_data(&mut self, _key: &[u8], _value: &[u8], _cas: u32) -> Result<()> {
        Err(Status::UNIMPLEMENTED)
    }
    /// Opens a queue, and makes it when it is not there; its token.
    fn register_shared_queue(&mut self, _name: &[u8]) -> Result<u32> {
        Err(Status::UNIMPLEMENTED)
    }
    /// The token of a queue; an empty `vm_id` is the module's own.
    fn resolve_shared_queue(&mut self, _vm_id: &[u8], _name: &[u8]) -> Result<u32> {
        Err(Status::NOT_FOUND)
    }
    /// The oldest item of a queue.
    fn dequeue_shared_queue(&mut self, _token: u32) -> Result<Vec<u8>> {
        Err(Status::NOT_FOUND)
    }
    /// A new item for a queue.
    fn enqueue_shared_queue(&mut self, _token: u32, _item: &[u8]) -> Result<()> {
        Err(Status::NOT_FOUND)
    }

    /// A paused stream goes on.
    fn continue_stream(&mut self, _stream: StreamKind) -> Result<()> {
        Ok(())
    }
    /// A stream is reset.
    fn close_stream(&mut self, _stream: StreamKind) -> Result<()> {
        Ok(())
    }
    /// The client gets this answer.
    fn send_local_response(&mut self, _response: LocalResponse) -> Result<()> {
        Ok(())
    }

    /// Starts an HTTP call; its token.
    fn http_call(&mut self, _call: HttpCall) -> Result<u32> {
        Err(Status::BAD_ARGUMENT)
    }
    /// Starts a unary gRPC call; its token.
    fn grpc_call(&mut self, _call: GrpcCall) -> Result<u32> {
        Err(Status::PARSE_FAILURE)
    }
    /// Opens a gRPC stream; its token.
    fn grpc_stream(&mut self, _stream: GrpcStream) -> Result<u32> {
        Err(Status::PARSE_FAILURE)
    }
    /// Sends a message on a gRPC stream.
    fn grpc_send(&mut self, _token: u32, _message: &[u8], _end_of_stream: bool) -> Result<()> {
        Err(Status::NOT_FOUND)
    }
    /// Gives up a gRPC call or stream.
    fn grpc_cancel(&mut self, _token: u32) -> Result<()> {
        Err(Status::NOT_FOUND)
    }
    /// Closes a gRPC call or stream.
    fn grpc_close(&mut self, _token: u32) -> Result<()> {
        Err(Status::NOT_FOUND)
    }
    /// Code and message of the call whose answer is being handled.
    fn get_status(&mut self) -> Result<(u32, Vec<u8>)> {
        Ok((0, Vec::new()))
    }

    /// Host functions act on this context, until the callback ends.
    fn set_effective_context(&mut self, _context: u32) -> Result<()> {
        Ok(())
    }
    /// Functions beyond the ABI, by name.
    fn call_foreign_function(&mut self, _name: &[u8], _arguments: &[u8]) -> Result<Vec<u8>> {
        Err(Status::NOT_FOUND)
    }
    /// A context that answered `false` to `proxy_on_done` may now be deleted.
    fn done(&mut self) -> Result<()> {
        Err(Status::NOT_FOUND)
    }

    /// Defines a metric; its identifier.
    fn define_metric(&mut self, _kind: MetricKind, _name: &[u8]) -> Result<u32> {
        Err(Status::UNIMPLEMENTED)
    }
    /// The value of a counter or a gauge.
    fn get_metric(&mut self, _metric: u32) -> Result<u64> {
        Err(Status::NOT_FOUND)
    }
    /// Sets a gauge, adds to a counter, adds a value to a histogram.
    fn record_metric(&mut self, _metric: u32, _value: u64) -> Result<()> {
        Err(Status::NOT_FOUND)
    }
    /// Changes a counter or a gauge by `offset`.
    fn increment_metric(&mut self, _metric: u32, _offset: i64) -> Result<()> {
        Err(Status::NOT_FOUND)
    }
}

/// An answer in the place of the upstream's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalResponse {
    /// The HTTP status.
    pub status: u32,
    /// What `%RESPONSE_CODE_DETAILS%` shows.
    pub details: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// Headers beside those that Envoy sets.
    pub headers: HeaderMap,
    /// The gRPC status; `None` leaves it to Envoy.
    pub grpc_status: Option<u32>,
}

/// An HTTP request of a module's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpCall {
    /// The cluster.
    pub cluster: Vec<u8>,
    /// The headers, with `:method`, `:path` and `:authority`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: HeaderMap,
    /// How long the answer may take; zero is for ever.
    pub timeout: Duration,
}

/// A unary gRPC call of a module's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcCall {
    /// Envoy's message `GrpcService`, which names a cluster.
    pub cluster: Vec<u8>,
    /// The service, with its package.
    pub service: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// The initial metadata.
    pub metadata: HeaderMap,
    /// The message.
    pub message: Vec<u8>,
    /// How long the answer may take; zero is for ever.
    pub timeout: Duration,
}

impl GrpcCall {
    /// The cluster, the service and the method.
    pub(crate) fn target(&self) -> [&[u8]; 3] {
        [&self.cluster, &self.service, &self.method]
    }
}

/// A gRPC stream of a module's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcStream {
    /// Envoy's message `GrpcService`, which names a cluster.
    pub cluster: Vec<u8>,
    /// The service, with its package.
    pub service: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// The initial metadata.
    pub metadata: HeaderMap,
}

impl GrpcStream {
    /// The cluster, the service and the method.
    pub(crate) fn target(&self) -> [&[u8]; 3] {
        [&self.cluster, &self.service, &self.method]
    }
}
