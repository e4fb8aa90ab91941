//! A filter natively: a VM is a thread, since an SDK keeps what is a VM's own in thread-locals.

use super::{Callback, SharedHost, Vm};
use crate::abi as kit;
use crate::headers::HeaderMap;
use crate::host::{self, Host};
use crate::module::Trap;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tollgate::abi::native;
use tollgate::abi::{
    BufferKind, GrpcCall, HostError, HttpCall, LocalResponse, MapKind, MetricKind, Result, Status,
    StreamKind, Versioned,
};
use tollgate::config::with_environment;
use tollgate::vm;

type Call = (u32, Callback);
type Answer = Result<u32, Trap>;

pub(super) struct NativeVm {
    calls: Option<Sender<Call>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    host: SharedHost,
    trap: Option<Trap>,
}

impl NativeVm {
    pub(super) fn start(start: fn(), host: SharedHost) -> Self {
        let (calls, calls_to_run) = channel();
        let (answers_found, answers) = channel();
        let inner = host.clone();
        let thread = thread::spawn(move || run(start, inner, &calls_to_run, &answers_found));
        Self { calls: Some(calls), answers, thread: Some(thread), host, trap: None }
    }

    fn run(&self, call: Call) -> Answer {
        let ended = |_| Trap::ended(call.1.name());
        let calls = self.calls.as_ref().ok_or_else(|| Trap::ended(call.1.name()))?;
        calls.send(call).map_err(|_| Trap::ended(call.1.name()))?;
        self.answers.recv().map_err(ended)?
    }
}

impl Vm for NativeVm {
    fn call(&mut self, context: u32, callback: Callback) -> Answer {
        if let Some(trap) = &self.trap {
            return Err(trap.clone());
        }
        match callback {
            // What the SDK does not export.
            Callback::VmStart { .. } | Callback::Done => return Ok(1),
            Callback::Log | Callback::QueueReady { .. } => return Ok(0),
            Callback::ContextCreate { parent } => self.host.context_created(context, parent),
            _ => {}
        }
        self.host.callback_begins(callback.name(), context);
        let answer = self.run((context, callback));
        self.host.callback_ends();
        if callback == Callback::Delete {
            self.host.context_deleted(context);
        }
        if let Err(trap) = &answer {
            self.trap = Some(trap.clone());
        }
        answer
    }
}

impl Drop for NativeVm {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(thread) = self.thread.take() {
            // What a callback panicked with has been told.
            let _ = thread.join();
        }
    }
}

/// The life of the thread.
fn run(start: fn(), mut host: SharedHost, calls: &Receiver<Call>, answers: &Sender<Answer>) {
    let environment = host.environment();
    let environment = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    native::install(Rc::new(Adapter(RefCell::new(host))));
    with_environment(environment, || {
        start();
        run_callbacks(calls, answers);
    });
    // A module's memory goes without a word: what is dropped with the thread must not reach the host.
    native::install(Rc::new(Nobody));
}

fn run_callbacks(calls: &Receiver<Call>, answers: &Sender<Answer>) {
    while let Ok((context, callback)) = calls.recv() {
        let answer = catch_unwind(AssertUnwindSafe(|| dispatch(context, callback)));
        let answer = answer.map_err(|panic| Trap::panicked(callback.name(), &words(&*panic)));
        let is_over = answer.is_err();
        if answers.send(answer).is_err() || is_over {
            break;
        }
    }
}

struct Nobody;

impl native::Host for Nobody {}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn dispatch(context: u32, callback: Callback) -> u32 {
    use Callback::*;
    match callback {
        ContextCreate { parent } => vm::on_context_create(context, parent),
        Configure { .. } => return u32::from(vm::on_configure(context)),
        Tick => vm::on_tick(context),
        RequestHeaders { end, .. } => return vm::on_request_headers(context, end),
        RequestBody { size, end } => return vm::on_request_body(context, size as usize, end),
        RequestTrailers { .. } => return vm::on_request_trailers(context),
        ResponseHeaders { end, .. } => return vm::on_response_headers(context, end),
        ResponseBody { size, end } => return vm::on_response_body(context, size as usize, end),
        ResponseTrailers { .. } => return vm::on_response_trailers(context),
        HttpCallResponse { token, headers, body, .. } => {
            vm::on_http_call_response(context, token, headers as usize, body as usize);
        }
        GrpcReceive { token, size } => vm::on_grpc_receive(context, token, size as usize),
        GrpcClose { token, status } => vm::on_grpc_close(context, token, status),
        Delete => vm::on_delete(context),
        VmStart { .. } | QueueReady { .. } | Done | Log => {}
    }
    0
}

/// The SDK's host, on top of the kit's.
struct Adapter(RefCell<SharedHost>);

impl Adapter {
    /// Calls the host. A filter that panics is a module that has stopped: nothing that happens while its
    /// stack is unwound reaches the host.
    fn call<T>(
        &self,
        name: &'static str,
        call: impl FnOnce(&mut SharedHost) -> kit::Result<T>,
    ) -> Result<T> {
        if thread::panicking() {
            return Err(HostError::new(name, Status::Unimplemented));
        }
        let result = call(&mut self.0.borrow_mut());
        result.map_err(|status| HostError::new(name, Status::from_code(status.code())))
    }

    fn find<T>(
        &self,
        name: &'static str,
        call: impl FnOnce(&mut SharedHost) -> kit::Result<T>,
    ) -> Result<Option<T>> {
        match self.call(name, call) {
            Err(error) if matches!(error.status(), Status::NotFound | Status::Empty) => Ok(None),
            found => found.map(Some),
        }
    }
}

/// A number of the ABI is the same in the SDK and in the kit.
fn known<T>(number: Option<T>) -> kit::Result<T> {
    number.ok_or(kit::Status::BAD_ARGUMENT)
}

fn map_kind(kind: MapKind) -> kit::Result<kit::MapKind> {
    known(kit::MapKind::from_code(kind as u32))
}

fn buffer_kind(kind: BufferKind) -> kit::Result<kit::BufferKind> {
    known(kit::BufferKind::from_code(kind as u32))
}

fn stream_kind(kind: StreamKind) -> kit::Result<kit::StreamKind> {
    known(kit::StreamKind::from_code(kind as u32))
}

impl native::Host for Adapter {
    fn log(&self, level: u32, message: &str) -> Result<()> {
        self.call("proxy_log", |host| {
            host.log(known(kit::LogLevel::from_code(level))?, message.as_bytes())
        })
    }
    fn log_level(&self) -> Result<u32> {
        self.call("proxy_get_log_level", |host| host.get_log_level().map(|level| level as u32))
    }
    fn unix_nanoseconds(&self) -> Result<u64> {
        let now = |host: &mut SharedHost| Ok(host.get_current_time_nanoseconds());
        self.call("proxy_get_current_time_nanoseconds", now)
    }
    fn monotonic_nanoseconds(&self) -> Result<u64> {
        self.call("clock_time_get", |host| Ok(host.monotonic_nanoseconds()))
    }
    fn random_seed(&self) -> Result<u64> {
        self.call("random_get", |host| {
            let mut seed = [0; 8];
            host.random(&mut seed);
            Ok(u64::from_le_bytes(seed))
        })
    }
    fn set_tick_period(&self, milliseconds: u32) -> Result<()> {
        let name = "proxy_set_tick_period_milliseconds";
        self.call(name, |host| host.set_tick_period_milliseconds(milliseconds))
    }
    fn buffer(&self, kind: BufferKind, start: usize, size: usize) -> Result<Vec<u8>> {
        let name = "proxy_get_buffer_bytes";
        let bytes = self.find(name, |host| host.get_buffer_bytes(buffer_kind(kind)?, start, size));
        Ok(bytes?.unwrap_or_default())
    }
    fn set_buffer(&self, kind: BufferKind, start: usize, size: usize, data: &[u8]) -> Result<()> {
        let name = "proxy_set_buffer_bytes";
        self.call(name, |host| host.set_buffer_bytes(buffer_kind(kind)?, start, size, data))
    }
    fn set_header_map(&self, kind: MapKind, pairs: &[u8]) -> Result<()> {
        let pairs = HeaderMap::from_bytes(pairs);
        let name = "proxy_set_header_map_pairs";
        self.call(name, |host| host.set_header_map_pairs(map_kind(kind)?, pairs))
    }
    fn http_call(&self, call: &HttpCall<'_>) -> Result<u32> {
        let call = host::HttpCall {
            cluster: call.cluster.as_bytes().to_vec(),
            headers: HeaderMap::from_bytes(call.headers),
            body: call.body.to_vec(),
            trailers: HeaderMap::new(),
            timeout: Duration::from_millis(call.timeout_milliseconds.into()),
        };
        self.call("proxy_http_call", |host| host.http_call(call))
    }
    fn grpc_call(&self, call: &GrpcCall<'_>) -> Result<u32> {
        let call = host::GrpcCall {
            cluster: call.target.to_vec(),
            service: call.service.as_bytes().to_vec(),
            method: call.method.as_bytes().to_vec(),
            metadata: HeaderMap::from_bytes(call.metadata),
            message: call.message.to_vec(),
            timeout: Duration::from_millis(call.timeout_milliseconds.into()),
        };
        self.call("proxy_grpc_call", |host| host.grpc_call(call))
    }
    fn grpc_cancel(&self, token: u32) -> Result<()> {
        self.call("proxy_grpc_cancel", |host| host.grpc_cancel(token))
    }
    fn call_status(&self) -> Result<(u32, Vec<u8>)> {
        self.call("proxy_get_status", Host::get_status)
    }
    fn header_map(&self, kind: MapKind) -> Result<Vec<u8>> {
        self.call("proxy_get_header_map_pairs", |host| {
            Ok(host.get_header_map_pairs(map_kind(kind)?)?.to_bytes())
        })
    }
    fn header_value(&self, kind: MapKind, name: &str) -> Result<Option<Vec<u8>>> {
        let call = "proxy_get_header_map_value";
        self.find(call, |host| host.get_header_map_value(map_kind(kind)?, name.as_bytes()))
    }
    fn replace_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.call("proxy_replace_header_map_value", |host| {
            host.replace_header_map_value(map_kind(kind)?, name.as_bytes(), value)
        })
    }
    fn add_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.call("proxy_add_header_map_value", |host| {
            host.add_header_map_value(map_kind(kind)?, name.as_bytes(), value)
        })
    }
    fn remove_header(&self, kind: MapKind, name: &str) -> Result<()> {
        let call = "proxy_remove_header_map_value";
        self.call(call, |host| host.remove_header_map_value(map_kind(kind)?, name.as_bytes()))
    }
    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.find("proxy_get_property", |host| host.get_property(path))
    }
    fn set_property(&self, path: &[u8], value: &[u8]) -> Result<()> {
        self.call("proxy_set_property", |host| host.set_property(path, value))
    }
    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        self.find("proxy_get_shared_data", |host| host.get_shared_data(key.as_bytes()))
    }
    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        self.call("proxy_set_shared_data", |host| host.set_shared_data(key.as_bytes(), value, cas))
    }
    fn continue_stream(&self, kind: StreamKind) -> Result<()> {
        self.call("proxy_continue_stream", |host| host.continue_stream(stream_kind(kind)?))
    }
    fn close_stream(&self, kind: StreamKind) -> Result<()> {
        self.call("proxy_close_stream", |host| host.close_stream(stream_kind(kind)?))
    }
    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<()> {
        let response = host::LocalResponse {
            status: response.status.into(),
            details: response.details.as_bytes().to_vec(),
            body: response.body.to_vec(),
            headers: HeaderMap::from_bytes(response.headers),
            grpc_status: response.grpc_status,
        };
        self.call("proxy_send_local_response", |host| host.send_local_response(response))
    }
    fn set_effective_context(&self, context: u32) -> Result<()> {
        self.call("proxy_set_effective_context", |host| host.set_effective_context(context))
    }
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        let call = "proxy_call_foreign_function";
        self.call(call, |host| host.call_foreign_function(name.as_bytes(), arguments))
    }
    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32> {
        self.call("proxy_define_metric", |host| {
            host.define_metric(known(kit::MetricKind::from_code(kind as u32))?, name.as_bytes())
        })
    }
    fn metric(&self, id: u32) -> Result<u64> {
        self.call("proxy_get_metric", |host| host.get_metric(id))
    }
    fn record_metric(&self, id: u32, value: u64) -> Result<()> {
        self.call("proxy_record_metric", |host| host.record_metric(id, value))
    }
    fn increment_metric(&self, id: u32, offset: i64) -> Result<()> {
        self.call("proxy_increment_metric", |host| host.increment_metric(id, offset))
    }
}
