//! A host for the SDK's own tests: one simulated clock, one set of metrics, one map of shared data.

use crate::abi::native::{self, Host};
use crate::abi::{BufferKind, GrpcCall, HttpCall, Versioned};
use crate::abi::{HostError, LocalResponse, MapKind, MetricKind, Result, Status, StreamKind};
use crate::headers::HeaderMap;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Remembers what it was told, and behaves as Envoy where a test depends on it.
#[derive(Default)]
pub(crate) struct TestHost {
    pub(crate) now: Cell<u64>,
    pub(crate) has_no_clock: Cell<bool>,
    pub(crate) tick_period: Cell<u32>,
    /// When the next tick comes, on the same clock as `now`.
    pub(crate) tick_due: Cell<u64>,
    pub(crate) tick_changes: Cell<u32>,
    pub(crate) effective_context: Cell<u32>,
    pub(crate) seeds: Cell<u64>,
    pub(crate) headers: RefCell<Vec<(String, Vec<u8>)>>,
    pub(crate) buffers: RefCell<HashMap<BufferKind, Vec<u8>>>,
    /// The calls to other services: the context that made it, and whom it went to.
    pub(crate) calls: RefCell<Vec<(u32, String)>>,
    pub(crate) cancelled: RefCell<Vec<u32>>,
    /// The streams that were continued, in order.
    pub(crate) continued: RefCell<Vec<u32>>,
    /// The streams that were answered, with the status.
    pub(crate) replies: RefCell<Vec<(u32, u16)>>,
    pub(crate) closed: RefCell<Vec<u32>>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) refuse_header_maps: Cell<bool>,
    pub(crate) refuse_replies: Cell<bool>,
    pub(crate) refuse_shared_data: Cell<bool>,
    pub(crate) metrics: RefCell<Vec<(String, u64)>>,
    pub(crate) shared_data: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    pub(crate) last_cas: Cell<u32>,
}

impl TestHost {
    /// A host that answers the calls of this thread.
    pub(crate) fn install() -> Rc<Self> {
        let host = Rc::new(Self::default());
        native::install(host.clone());
        host
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by.as_nanos() as u64);
    }

    pub(crate) fn start_tick(&self) {
        let period = u64::from(self.tick_period.get()) * 1_000_000;
        self.tick_due.set(self.now.get().saturating_add(period));
    }

    pub(crate) fn metric_named(&self, name: &str) -> u64 {
        let metrics = self.metrics.borrow();
        metrics.iter().find(|(n, _)| n == name).map_or(0, |(_, value)| *value)
    }

    fn change_metric(&self, id: u32, change: impl FnOnce(u64) -> u64) -> Result<()> {
        let mut metrics = self.metrics.borrow_mut();
        let metric = metrics
            .get_mut(id as usize)
            .ok_or(HostError::new("proxy_record_metric", Status::NotFound))?;
        metric.1 = change(metric.1);
        Ok(())
    }
}

impl Host for TestHost {
    fn log(&self, _level: u32, message: &str) -> Result<()> {
        self.log.borrow_mut().push(message.to_owned());
        Ok(())
    }

    fn log_level(&self) -> Result<u32> {
        Ok(2)
    }

    fn monotonic_nanoseconds(&self) -> Result<u64> {
        if self.has_no_clock.get() {
            return Err(HostError::new("clock_time_get", Status::Unimplemented));
        }
        Ok(self.now.get())
    }

    fn random_seed(&self) -> Result<u64> {
        self.seeds.set(self.seeds.get() + 1);
        Ok(self.seeds.get())
    }

    fn set_tick_period(&self, milliseconds: u32) -> Result<()> {
        self.tick_period.set(milliseconds);
        self.start_tick();
        self.tick_changes.set(self.tick_changes.get() + 1);
        Ok(())
    }

    fn buffer(&self, kind: BufferKind, start: usize, size: usize) -> Result<Vec<u8>> {
        let buffers = self.buffers.borrow();
        let bytes = buffers.get(&kind).map_or(&[][..], Vec::as_slice);
        let end = start.saturating_add(size).min(bytes.len());
        Ok(bytes.get(start..end).unwrap_or_default().to_vec())
    }

    /// As Envoy's `Buffer::copyFrom` (`source/extensions/common/wasm/context.cc`).
    fn set_buffer(&self, kind: BufferKind, start: usize, size: usize, data: &[u8]) -> Result<()> {
        let mut buffers = self.buffers.borrow_mut();
        let bytes = buffers.entry(kind).or_default();
        match (start, size) {
            (0, 0) => {
                bytes.splice(0..0, data.iter().copied());
            }
            (0, size) if size >= bytes.len() => *bytes = data.to_vec(),
            (start, _) if start > 0 && start >= bytes.len() => bytes.extend_from_slice(data),
            _ => return Err(HostError::new("proxy_set_buffer_bytes", Status::BadArgument)),
        }
        Ok(())
    }

    fn http_call(&self, call: &HttpCall<'_>) -> Result<u32> {
        if call.cluster == "unknown" {
            return Err(HostError::new("proxy_http_call", Status::BadArgument));
        }
        let mut calls = self.calls.borrow_mut();
        calls.push((self.effective_context.get(), call.cluster.to_owned()));
        Ok(calls.len() as u32)
    }

    fn grpc_call(&self, call: &GrpcCall<'_>) -> Result<u32> {
        let mut calls = self.calls.borrow_mut();
        calls.push((self.effective_context.get(), format!("{}/{}", call.service, call.method)));
        Ok(calls.len() as u32)
    }

    fn grpc_cancel(&self, call: u32) -> Result<()> {
        self.cancelled.borrow_mut().push(call);
        Ok(())
    }

    fn call_status(&self) -> Result<(u32, Vec<u8>)> {
        Ok((14, b"no connection".to_vec()))
    }

    fn header_map(&self, _kind: MapKind) -> Result<Vec<u8>> {
        if self.refuse_header_maps.get() {
            return Err(HostError::new("proxy_get_header_map_pairs", Status::InternalFailure));
        }
        let headers = self.headers.borrow();
        Ok(HeaderMap::from_pairs(headers.iter().map(|(n, v)| (n, v))).as_buffer().to_vec())
    }

    fn replace_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.remove_header(kind, name)?;
        self.add_header(kind, name, value)
    }

    fn add_header(&self, _kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.headers.borrow_mut().push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn remove_header(&self, _kind: MapKind, name: &str) -> Result<()> {
        self.headers.borrow_mut().retain(|(n, _)| n != name);
        Ok(())
    }

    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        Ok(self.shared_data.borrow().get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        if self.refuse_shared_data.get() {
            return Err(HostError::new("proxy_set_shared_data", Status::InternalFailure));
        }
        let mut data = self.shared_data.borrow_mut();
        if let Some((_, current)) = data.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(HostError::new("proxy_set_shared_data", Status::CasMismatch));
        }
        self.last_cas.set(self.last_cas.get() + 1);
        data.insert(key.to_owned(), (value.to_vec(), self.last_cas.get()));
        Ok(())
    }

    fn continue_stream(&self, _kind: StreamKind) -> Result<()> {
        self.continued.borrow_mut().push(self.effective_context.get());
        Ok(())
    }

    fn close_stream(&self, _kind: StreamKind) -> Result<()> {
        self.closed.borrow_mut().push(self.effective_context.get());
        Ok(())
    }

    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<()> {
        if self.refuse_replies.get() {
            return Err(HostError::new("proxy_send_local_response", Status::InternalFailure));
        }
        self.replies.borrow_mut().push((self.effective_context.get(), response.status));
        Ok(())
    }

    fn set_effective_context(&self, context: u32) -> Result<()> {
        self.effective_context.set(context);
        Ok(())
    }

    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32> {
        let mut metrics = self.metrics.borrow_mut();
        if let Some(id) = metrics.iter().position(|(n, _)| n == name) {
            return Ok(id as u32);
        }
        metrics.push((name.to_owned(), 0));
        Ok(metrics.len() as u32 - 1)
    }

    fn metric(&self, id: u32) -> Result<u64> {
        let metrics = self.metrics.borrow();
        let metric = metrics.get(id as usize);
        metric.map(|(_, value)| *value).ok_or(HostError::new("proxy_get_metric", Status::NotFound))
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<()> {
        self.change_metric(id, |_| value)
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<()> {
        self.change_metric(id, |value| value.wrapping_add_signed(offset))
    }
}
