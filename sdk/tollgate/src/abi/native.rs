//! The host outside a module: what a test installs in the place of Envoy.
//!
//! A host implements what the filter under test needs, and behaves as Envoy as far as that test depends
//! on it. This one has headers and takes answers:
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use tollgate::abi::native::{self, Host};
//! use tollgate::abi::{BufferKind, LocalResponse, MapKind, MetricKind};
//! use tollgate::headers::HeaderMap;
//! use tollgate::prelude::*;
//! use tollgate::vm;
//!
//! /// Lets nobody in without a ticket.
//! pub struct Door;
//!
//! #[derive(Deserialize)]
//! pub struct Config {}
//!
//! #[tollgate::filter]
//! impl HttpFilter for Door {
//!     type Config = Config;
//! #
//! #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
//!
//!     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
//!         Ok(match request.headers()?.get("x-ticket") {
//!             Some(_) => Flow::Continue,
//!             None => Flow::Reply(LocalReply::new(401)),
//!         })
//!     }
//! }
//!
//! struct Proxy {
//!     request: HeaderMap,
//!     replies: RefCell<Vec<u16>>,
//! }
//!
//! impl Host for Proxy {
//!     fn buffer(&self, kind: BufferKind, _start: usize, _size: usize) -> Result<Vec<u8>> {
//!         assert_eq!(kind, BufferKind::PluginConfiguration);
//!         Ok(b"{}".to_vec())
//!     }
//!     fn define_metric(&self, _kind: MetricKind, _name: &str) -> Result<u32> {
//!         Ok(0)
//!     }
//!     fn header_map(&self, kind: MapKind) -> Result<Vec<u8>> {
//!         assert_eq!(kind, MapKind::RequestHeaders);
//!         Ok(self.request.as_buffer().to_vec())
//!     }
//!     fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<()> {
//!         self.replies.borrow_mut().push(response.status);
//!         Ok(())
//!     }
//! }
//!
//! /// The status of the answer to a request, if it gets one.
//! fn answer(request: HeaderMap) -> Option<u16> {
//!     let proxy = Rc::new(Proxy { request, replies: RefCell::default() });
//!     native::install(proxy.clone());
//!     vm::start::<Door>();
//!     vm::on_context_create(1, 0);
//!     assert!(vm::on_configure(1));
//!     vm::on_context_create(2, 1);
//!     let _ = vm::on_request_headers(2, true);
//!     proxy.replies.borrow().first().copied()
//! }
//!
//! assert_eq!(answer(HeaderMap::from_pairs([("x-ticket", "42")])), None);
//! assert_eq!(answer(HeaderMap::default()), Some(401));
//! ```
//!
//! The chapter on [testing](crate::guide::testing) has one with a clock.

use super::{BufferKind, GrpcCall, HostError, HttpCall, LocalResponse, MapKind, MetricKind};
use super::{Result, Status, StreamKind, Versioned};
use std::cell::RefCell;
use std::rc::Rc;

/// A stand-in for Envoy, for tests that run natively; see [the module](self). Each method is the host
/// function of the same name, and one that is not implemented fails with [`Status::Unimplemented`].
///
/// A thread is a VM: [`install`] is for the calling thread.
#[allow(missing_docs, reason = "each method is the host function of the same name")]
pub trait Host {
    fn log(&self, _level: u32, _message: &str) -> Result<()> {
        unimplemented("proxy_log")
    }
    fn log_level(&self) -> Result<u32> {
        unimplemented("proxy_get_log_level")
    }
    fn unix_nanoseconds(&self) -> Result<u64> {
        unimplemented("proxy_get_current_time_nanoseconds")
    }
    fn monotonic_nanoseconds(&self) -> Result<u64> {
        unimplemented("clock_time_get")
    }
    fn random_seed(&self) -> Result<u64> {
        unimplemented("random_get")
    }
    fn set_tick_period(&self, _milliseconds: u32) -> Result<()> {
        unimplemented("proxy_set_tick_period_milliseconds")
    }
    fn buffer(&self, _kind: BufferKind, _start: usize, _size: usize) -> Result<Vec<u8>> {
        unimplemented("proxy_get_buffer_bytes")
    }
    fn set_buffer(
        &self,
        _kind: BufferKind,
        _start: usize,
        _size: usize,
        _data: &[u8],
    ) -> Result<()> {
        unimplemented("proxy_set_buffer_bytes")
    }
    fn set_header_map(&self, _kind: MapKind, _pairs: &[u8]) -> Result<()> {
        unimplemented("proxy_set_header_map_pairs")
    }
    fn http_call(&self, _call: &HttpCall<'_>) -> Result<u32> {
        unimplemented("proxy_http_call")
    }
    fn grpc_call(&self, _call: &GrpcCall<'_>) -> Result<u32> {
        unimplemented("proxy_grpc_call")
    }
    fn grpc_cancel(&self, _token: u32) -> Result<()> {
        unimplemented("proxy_grpc_cancel")
    }
    fn call_status(&self) -> Result<(u32, Vec<u8>)> {
        unimplemented("proxy_get_status")
    }
    fn header_map(&self, _kind: MapKind) -> Result<Vec<u8>> {
        unimplemented("proxy_get_header_map_pairs")
    }
    fn header_value(&self, _kind: MapKind, _name: &str) -> Result<Option<Vec<u8>>> {
        unimplemented("proxy_get_header_map_value")
    }
    fn replace_header(&self, _kind: MapKind, _name: &str, _value: &[u8]) -> Result<()> {
        unimplemented("proxy_replace_header_map_value")
    }
    fn add_header(&self, _kind: MapKind, _name: &str, _value: &[u8]) -> Result<()> {
        unimplemented("proxy_add_header_map_value")
    }
    fn remove_header(&self, _kind: MapKind, _name: &str) -> Result<()> {
        unimplemented("proxy_remove_header_map_value")
    }
    fn property(&self, _path: &[u8]) -> Result<Option<Vec<u8>>> {
        unimplemented("proxy_get_property")
    }
    fn set_property(&self, _path: &[u8], _value: &[u8]) -> Result<()> {
        unimplemented("proxy_set_property")
    }
    fn shared_data(&self, _key: &str) -> Result<Option<Versioned>> {
        unimplemented("proxy_get_shared_data")
    }
    fn set_shared_data(&self, _key: &str, _value: &[u8], _cas: u32) -> Result<()> {
        unimplemented("proxy_set_shared_data")
    }
    fn continue_stream(&self, _kind: StreamKind) -> Result<()> {
        unimplemented("proxy_continue_stream")
    }
    fn close_stream(&self, _kind: StreamKind) -> Result<()> {
        unimplemented("proxy_close_stream")
    }
    fn send_local_response(&self, _response: &LocalResponse<'_>) -> Result<()> {
        unimplemented("proxy_send_local_response")
    }
    fn set_effective_context(&self, _context: u32) -> Result<()> {
        unimplemented("proxy_set_effective_context")
    }
    fn call_foreign_function(&self, _name: &str, _arguments: &[u8]) -> Result<Vec<u8>> {
        unimplemented("proxy_call_foreign_function")
    }
    fn define_metric(&self, _kind: MetricKind, _name: &str) -> Result<u32> {
        unimplemented("proxy_define_metric")
    }
    fn metric(&self, _id: u32) -> Result<u64> {
        unimplemented("proxy_get_metric")
    }
    fn record_metric(&self, _id: u32, _value: u64) -> Result<()> {
        unimplemented("proxy_record_metric")
    }
    fn increment_metric(&self, _id: u32, _offset: i64) -> Result<()> {
        unimplemented("proxy_increment_metric")
    }
}

fn unimplemented<T>(call: &'static str) -> Result<T> {
    Err(HostError::new(call, Status::Unimplemented))
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Makes `host` answer the calls of this thread, and returns the one before.
pub fn install(host: Rc<dyn Host>) -> Option<Rc<dyn Host>> {
    crate::metrics::forget();
    HOST.with_borrow_mut(|current| current.replace(host))
}

/// The calls, answered by the installed host.
pub(crate) mod calls {
    use super::*;

    /// Forwards a call to the host of this thread.
    macro_rules! forward {
        ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $call:literal;)*) => {
            $(pub(crate) fn $name($($argument: $type),*) -> Result<$result> {
                // Cloned out, so that a host may call back without finding it borrowed. There is none any
                // more where a thread ends and drops what it has.
                match HOST.try_with(|host| host.borrow().clone()).ok().flatten() {
                    Some(host) => host.$name($($argument),*),
                    None => unimplemented($call),
                }
            })*
        };
    }

    forward! {
        log(level: u32, message: &str) -> (), "proxy_log";
        log_level() -> u32, "proxy_get_log_level";
        unix_nanoseconds() -> u64, "proxy_get_current_time_nanoseconds";
        monotonic_nanoseconds() -> u64, "clock_time_get";
        random_seed() -> u64, "random_get";
        set_tick_period(milliseconds: u32) -> (), "proxy_set_tick_period_milliseconds";
        buffer(kind: BufferKind, start: usize, size: usize) -> Vec<u8>, "proxy_get_buffer_bytes";
        set_buffer(kind: BufferKind, start: usize, size: usize, data: &[u8]) -> (), "proxy_set_buffer_bytes";
        set_header_map(kind: MapKind, pairs: &[u8]) -> (), "proxy_set_header_map_pairs";
        http_call(call: &HttpCall<'_>) -> u32, "proxy_http_call";
        grpc_call(call: &GrpcCall<'_>) -> u32, "proxy_grpc_call";
        grpc_cancel(token: u32) -> (), "proxy_grpc_cancel";
        call_status() -> (u32, Vec<u8>), "proxy_get_status";
        header_map(kind: MapKind) -> Vec<u8>, "proxy_get_header_map_pairs";
        header_value(kind: MapKind, name: &str) -> Option<Vec<u8>>, "proxy_get_header_map_value";
        replace_header(kind: MapKind, name: &str, value: &[u8]) -> (), "proxy_replace_header_map_value";
        add_header(kind: MapKind, name: &str, value: &[u8]) -> (), "proxy_add_header_map_value";
        remove_header(kind: MapKind, name: &str) -> (), "proxy_remove_header_map_value";
        property(path: &[u8]) -> Option<Vec<u8>>, "proxy_get_property";
        set_property(path: &[u8], value: &[u8]) -> (), "proxy_set_property";
        shared_data(key: &str) -> Option<Versioned>, "proxy_get_shared_data";
        set_shared_data(key: &str, value: &[u8], cas: u32) -> (), "proxy_set_shared_data";
        continue_stream(kind: StreamKind) -> (), "proxy_continue_stream";
        close_stream(kind: StreamKind) -> (), "proxy_close_stream";
        send_local_response(response: &LocalResponse<'_>) -> (), "proxy_send_local_response";
        set_effective_context(context: u32) -> (), "proxy_set_effective_context";
        call_foreign_function(name: &str, arguments: &[u8]) -> Vec<u8>, "proxy_call_foreign_function";
        define_metric(kind: MetricKind, name: &str) -> u32, "proxy_define_metric";
        metric(id: u32) -> u64, "proxy_get_metric";
        record_metric(id: u32, value: u64) -> (), "proxy_record_metric";
        increment_metric(id: u32, offset: i64) -> (), "proxy_increment_metric";
    }

    /// Nothing to run: a native program ran its constructors before `main`.
    pub(crate) fn run_constructors() {}
}
