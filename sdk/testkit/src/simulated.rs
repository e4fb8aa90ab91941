//! A host that answers as Envoy does, and remembers what it was told.

mod callouts;
mod contexts;
mod foreign;
mod metrics;
mod shared;
#[cfg(test)]
mod tests;

pub use callouts::{Callout, CalloutRequest};
pub use foreign::SignatureCheck;
pub use metrics::Metrics;
pub use shared::{SharedData, SharedQueues};

use crate::abi::{BufferKind, LogLevel, MapKind, MetricKind, Result, Status, StreamKind};
use crate::headers::HeaderMap;
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
use callouts::Callouts;
use contexts::Contexts;
use foreign::ForeignFunctions;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where the clocks stand at first: at 2026-01-01T00:00:00Z, an hour after the machine started.
const FIRST_UNIX_TIME: Duration = Duration::from_secs(1_767_225_600);
const FIRST_MONOTONIC_TIME: Duration = Duration::from_secs(3600);

/// A simulated proxy for one VM. Nothing happens in it by itself: time moves when a test moves it,
/// randomness comes from a seed, and header maps, bodies and properties are what a test puts there.
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::abi::MapKind;
/// use tollgate_testkit::{HeaderMap, SimulatedHost};
///
/// let mut host = SimulatedHost::new();
/// host.set_attribute(&["xds", "cluster_name"], "reviews");
/// host.set_headers(2, MapKind::RequestHeaders, HeaderMap::from([(":path", "/")]));
/// host.advance(Duration::from_millis(1));
/// assert_eq!(host.headers(2, MapKind::RequestHeaders).get(":path"), Some(&b"/"[..]));
/// ```
#[derive(Debug)]
pub struct SimulatedHost {
    contexts: Contexts,
    plugin_configuration: Vec<u8>,
    vm_configuration: Vec<u8>,
    unix_time: Duration,
    monotonic_time: Duration,
    random: fastrand::Rng,
    environment: Vec<(String, String)>,
    log_level: LogLevel,
    log: Vec<LogLine>,
    headers: BTreeMap<(u32, MapKind), HeaderMap>,
    bodies: BTreeMap<(u32, BufferKind), Vec<u8>>,
    properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the module wrote: by context and path.
    filter_state: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
    shared_data: SharedData,
    queues: SharedQueues,
    metrics: Metrics,
    tick_periods: BTreeMap<u32, u32>,
    continued: Vec<(u32, StreamKind)>,
    closed: Vec<(u32, StreamKind)>,
    local_responses: Vec<(u32, LocalResponse)>,
    clusters: BTreeSet<Vec<u8>>,
    callouts: Callouts,
    status: (u32, Vec<u8>),
    foreign_functions: ForeignFunctions,
}

/// A line that the module logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How important it is.
    pub level: LogLevel,
    /// The line; bytes that are not UTF-8 are replaced.
    pub message: String,
}

impl Default for SimulatedHost {
    fn default() -> Self {
        Self::new()
    }
}

/// What a test sets up.
impl SimulatedHost {
    /// A proxy that has nothing yet, whose randomness has the seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            contexts: Contexts::default(),
            plugin_configuration: Vec::new(),
            vm_configuration: Vec::new(),
            unix_time: FIRST_UNIX_TIME,
            monotonic_time: FIRST_MONOTONIC_TIME,
            random: fastrand::Rng::with_seed(0),
            environment: Vec::new(),
            log_level: LogLevel::Info,
            log: Vec::new(),
            headers: BTreeMap::new(),
            bodies: BTreeMap::new(),
            properties: BTreeMap::new(),
            filter_state: BTreeMap::new(),
            shared_data: SharedData::default(),
            queues: SharedQueues::default(),
            metrics: Metrics::default(),
            tick_periods: BTreeMap::new(),
            continued: Vec::new(),
            closed: Vec::new(),
            local_responses: Vec::new(),
            clusters: BTreeSet::new(),
            callouts: Callouts::default(),
            status: (0, Vec::new()),
            foreign_functions: ForeignFunctions::default(),
        }
    }

    /// Randomness begins anew from this seed.
    pub fn set_seed(&mut self, seed: u64) {
        self.random = fastrand::Rng::with_seed(seed);
    }

    /// The plugin's configuration. The module can read it while it is configured, and at no other
    /// time.
    pub fn set_plugin_configuration(&mut self, configuration: impl Into<Vec<u8>>) {
        self.plugin_configuration = configuration.into();
    }

    /// The VM's configuration.
    pub fn set_vm_configuration(&mut self, configuration: impl Into<Vec<u8>>) {
        self.vm_configuration = configuration.into();
    }

    /// Sets an environment variable; they are read when a VM starts.
    pub fn set_variable(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.environment.push((name.into(), value.into()));
    }

    /// Moves both clocks.
    pub fn advance(&mut self, by: Duration) {
        self.unix_time = self.unix_time.saturating_add(by);
        self.monotonic_time = self.monotonic_time.saturating_add(by);
    }

    /// Sets the clock of real time alone, to so long after 1970.
    pub fn set_unix_time(&mut self, time: Duration) {
        self.unix_time = time;
    }

    /// Lines below this level are not kept; `Info` unless set.
    pub fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// Puts a header map in a context. It stays there until the context is deleted.
    pub fn set_headers(&mut self, context: u32, map: MapKind, headers: HeaderMap) {
        self.headers.insert((context, map), headers);
    }

    /// Puts a body in a context. It stays there until the context is deleted.
    pub fn set_body(&mut self, context: u32, buffer: BufferKind, body: impl Into<Vec<u8>>) {
        self.bodies.insert((context, buffer), body.into());
    }

    /// Sets an attribute, for every context: text as it is, numbers in eight bytes little-endian,
    /// messages in protobuf.
    pub fn set_attribute(&mut self, path: &[&str], value: impl Into<Vec<u8>>) {
        self.properties.insert(path.join("\0").into_bytes(), value.into());
    }

    /// Makes a cluster known, so that HTTP calls to it are accepted.
    pub fn add_cluster(&mut self, name: impl Into<Vec<u8>>) {
        self.clusters.insert(name.into());
    }

    /// What `proxy_get_status` tells of the call that is being answered.
    pub fn set_status(&mut self, code: u32, message: impl Into<Vec<u8>>) {
        self.status = (code, message.into());
    }

    /// Offers a foreign function. There is one from the beginning, `clear_route_cache`, which does
    /// nothing.
    pub fn set_foreign_function(
        &mut self,
        name: &str,
        function: impl FnMut(&[u8]) -> Result<Vec<u8>> + 'static,
    ) {
        self.foreign_functions.set(name, function);
    }

    /// Offers the foreign function `verify_signature`: `verify` answers whether a signature is right.
    pub fn set_verify_signature(&mut self, verify: impl FnMut(&SignatureCheck) -> bool + 'static) {
        self.foreign_functions.set_verify_signature(verify);
    }
}

/// What a test looks at.
impl SimulatedHost {
    /// A header map, with the module's changes; empty if it is not there.
    #[must_use]
    pub fn headers(&self, context: u32, map: MapKind) -> &HeaderMap {
        const EMPTY: &HeaderMap = &HeaderMap::new();
        self.headers.get(&(context, map)).unwrap_or(EMPTY)
    }

    /// A body, with the module's changes; empty if it is not there.
    #[must_use]
    pub fn body(&self, context: u32, buffer: BufferKind) -> &[u8] {
        self.bodies.get(&(context, buffer)).map_or(&[], Vec::as_slice)
    }

    /// What the module logged.
    #[must_use]
    pub fn log_lines(&self) -> &[LogLine] {
        &self.log
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The shared data.
    #[must_use]
    pub fn shared_data(&self) -> &SharedData {
        &self.shared_data
    }

    /// The tick of a root context, in milliseconds; 0 is off.
    #[must_use]
    pub fn tick_period(&self, root: u32) -> u32 {
        self.tick_periods.get(&root).copied().unwrap_or_default()
    }

    /// The streams that the module let go on, in order.
    #[must_use]
    pub fn continued(&self) -> &[(u32, StreamKind)] {
        &self.continued
    }

    /// The streams that the module reset, in order.
    #[must_use]
    pub fn closed(&self) -> &[(u32, StreamKind)] {
        &self.closed
    }

    /// The streams that the module answered, in order.
    #[must_use]
    pub fn local_responses(&self) -> &[(u32, LocalResponse)] {
        &self.local_responses
    }

    /// The calls that the module made, in order.
    #[must_use]
    pub fn callouts(&self) -> &[Callout] {
        self.callouts.all()
    }
}

impl SimulatedHost {
    fn context(&self) -> u32 {
        self.contexts.effective()
    }

    fn change_headers(&mut self, map: MapKind, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
        let headers = self.headers.get_mut(&(self.contexts.effective(), map));
        headers.map(change).ok_or(Status::BAD_ARGUMENT)
    }

    fn existing_headers(&self, map: MapKind) -> Result<&HeaderMap> {
        self.headers.get(&(self.context(), map)).ok_or(Status::BAD_ARGUMENT)
    }

    fn buffer(&self, buffer: BufferKind) -> Result<&[u8]> {
        let body = self.bodies.get(&(self.context(), buffer));
        match buffer {
            BufferKind::VmConfiguration => Ok(&self.vm_configuration),
            BufferKind::PluginConfiguration if self.contexts.callback() == "proxy_on_configure" => {
                Ok(&self.plugin_configuration)
            }
            BufferKind::RequestBody | BufferKind::ResponseBody => {
                Ok(body.map_or(&[], Vec::as_slice))
            }
            _ => body.map(Vec::as_slice).ok_or(Status::NOT_FOUND),
        }
    }
}

/// Envoy's `source/extensions/common/wasm/context.cc`, as far as a module can tell.
impl Host for SimulatedHost {
    fn context_created(&mut self, context: u32, parent: u32) {
        self.contexts.create(context, parent);
    }

    fn context_deleted(&mut self, context: u32) {
        self.contexts.delete(context);
        self.headers.retain(|(it, _), _| *it != context);
        self.bodies.retain(|(it, _), _| *it != context);
        self.filter_state.retain(|(it, _), _| *it != context);
        self.tick_periods.remove(&context);
    }

    fn callback_begins(&mut self, callback: &'static str, context: u32) {
        self.contexts.enter(callback, context);
    }

    fn callback_ends(&mut self) {
        self.contexts.leave();
    }

    fn log(&mut self, level: LogLevel, message: &[u8]) -> Result<()> {
        if level >= self.log_level {
            let message = String::from_utf8_lossy(message).into_owned();
            self.log.push(LogLine { level, message });
        }
        Ok(())
    }

    fn get_log_level(&mut self) -> Result<LogLevel> {
        Ok(self.log_level)
    }

    fn get_current_time_nanoseconds(&mut self) -> u64 {
        nanoseconds(self.unix_time)
    }

    fn monotonic_nanoseconds(&mut self) -> u64 {
        nanoseconds(self.monotonic_time)
    }

    fn random(&mut self, buffer: &mut [u8]) {
        self.random.fill(buffer);
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    fn set_tick_period_milliseconds(&mut self, period: u32) -> Result<()> {
        self.tick_periods.insert(self.contexts.root(), period);
        Ok(())
    }

    fn get_header_map_pairs(&mut self, map: MapKind) -> Result<HeaderMap> {
        Ok(self.headers(self.context(), map).clone())
    }

    fn set_header_map_pairs(&mut self, map: MapKind, pairs: HeaderMap) -> Result<()> {
        self.change_headers(map, |headers| *headers = pairs)
    }

    fn get_header_map_size(&mut self, map: MapKind) -> Result<u32> {
        self.existing_headers(map).map(|headers| size(headers.byte_size()))
    }

    fn get_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<Vec<u8>> {
        let value = self.existing_headers(map)?.get(name);
        value.map(<[u8]>::to_vec).ok_or(Status::NOT_FOUND)
    }

    fn add_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.add(name, value))
    }

    fn replace_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.replace(name, value))
    }

    fn remove_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.remove(name))
    }

    fn get_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        max_size: usize,
    ) -> Result<Vec<u8>> {
        let bytes = self.buffer(buffer)?;
        let rest = bytes.get(start..).unwrap_or_default();
        Ok(rest.get(..max_size).unwrap_or(rest).to_vec())
    }

    fn get_buffer_status(&mut self, buffer: BufferKind) -> Result<u32> {
        self.buffer(buffer).map(|bytes| size(bytes.len()))
    }

    /// Whole replacement, prepending and appending; nothing else (`Buffer::copyFrom`).
    fn set_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<()> {
        let body = self.bodies.get_mut(&(self.contexts.effective(), buffer));
        let body = body.ok_or(Status::BAD_ARGUMENT)?;
        let kept = match (start, size) {
            (0, 0) => 0..body.len(),
            (0, size) if size >= body.len() => 0..0,
            (start, _) if start > 0 && start >= body.len() => {
                body.extend_from_slice(bytes);
                return Ok(());
            }
            _ => return Err(Status::BAD_ARGUMENT),
        };
        *body = [bytes, body.get(kept).unwrap_or_default()].concat();
        Ok(())
    }

    fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>> {
        let written = || self.filter_state.get(&(self.context(), path.to_vec()));
        self.properties.get(path).or_else(written).cloned().ok_or(Status::NOT_FOUND)
    }

    fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<()> {
        if !self.contexts.is_stream(self.context()) {
            return Err(Status::NOT_FOUND);
        }
        self.filter_state.insert((self.context(), path.to_vec()), value.to_vec());
        Ok(())
    }

    fn get_shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32)> {
        self.shared_data.get(key).map(|(value, cas)| (value.to_vec(), cas))
    }

    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<()> {
        self.shared_data.set(key, value, cas)
    }

    fn register_shared_queue(&mut self, name: &[u8]) -> Result<u32> {
        Ok(self.queues.register(name))
    }

    fn resolve_shared_queue(&mut self, _vm_id: &[u8], name: &[u8]) -> Result<u32> {
        self.queues.resolve(name)
    }

    fn dequeue_shared_queue(&mut self, token: u32) -> Result<Vec<u8>> {
        self.queues.dequeue(token)
    }

    fn enqueue_shared_queue(&mut self, token: u32, item: &[u8]) -> Result<()> {
        self.queues.enqueue(token, item)
    }

    fn continue_stream(&mut self, stream: StreamKind) -> Result<()> {
        if !matches!(stream, StreamKind::Request | StreamKind::Response) {
            return Err(Status::BAD_ARGUMENT);
        }
        self.continued.push((self.context(), stream));
        Ok(())
    }

    fn close_stream(&mut self, stream: StreamKind) -> Result<()> {
        self.closed.push((self.context(), stream));
        Ok(())
    }

    fn send_local_response(&mut self, response: LocalResponse) -> Result<()> {
        self.local_responses.push((self.context(), response));
        Ok(())
    }

    fn http_call(&mut self, call: HttpCall) -> Result<u32> {
        let required = [":method", ":path", ":authority"];
        let is_complete = required.iter().all(|name| call.headers.get(name).is_some());
        if !is_complete || !self.clusters.contains(&call.cluster) {
            return Err(Status::BAD_ARGUMENT);
        }
        Ok(self.callouts.start(self.contexts.root(), CalloutRequest::Http(call)))
    }

    fn grpc_call(&mut self, call: GrpcCall) -> Result<u32> {
        Ok(self.callouts.start(self.contexts.root(), CalloutRequest::Grpc(call)))
    }

    fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32> {
        Ok(self.callouts.start(self.contexts.root(), CalloutRequest::GrpcStream(stream)))
    }

    fn grpc_send(&mut self, token: u32, message: &[u8], end_of_stream: bool) -> Result<()> {
        self.callouts.send(token, message, end_of_stream)
    }

    fn grpc_cancel(&mut self, token: u32) -> Result<()> {
        self.callouts.end(token)
    }

    fn grpc_close(&mut self, token: u32) -> Result<()> {
        self.callouts.end(token)
    }

    fn get_status(&mut self) -> Result<(u32, Vec<u8>)> {
        Ok(self.status.clone())
    }

    fn set_effective_context(&mut self, context: u32) -> Result<()> {
        self.contexts.set_effective(context)
    }

    fn call_foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>> {
        self.foreign_functions.call(name, arguments)
    }

    fn define_metric(&mut self, kind: MetricKind, name: &[u8]) -> Result<u32> {
        Ok(self.metrics.define(kind, &String::from_utf8_lossy(name)))
    }

    fn get_metric(&mut self, metric: u32) -> Result<u64> {
        self.metrics.get(metric)
    }

    fn record_metric(&mut self, metric: u32, value: u64) -> Result<()> {
        self.metrics.record(metric, value)
    }

    fn increment_metric(&mut self, metric: u32, offset: i64) -> Result<()> {
        self.metrics.increment(metric, offset)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
