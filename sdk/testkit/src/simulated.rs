//! A host that answers as Envoy does, and remembers what it was told.

mod answers;
mod callouts;
mod contexts;
mod filter_state;
mod foreign;
mod metrics;
mod process;
mod shared;
#[cfg(feature = "signatures")]
mod signatures;
mod stream_info;
#[cfg(test)]
mod tests;

pub(crate) use callouts::grpc_cluster;
pub use callouts::{Callout, CalloutRequest};
pub use foreign::SignatureCheck;
pub use metrics::Metrics;
pub use process::Process;
pub use shared::{SharedData, SharedQueues};
pub(crate) use stream_info::StreamInfo;

use crate::abi::{BufferKind, LogLevel, MapKind, Result, StreamKind};
use crate::headers::HeaderMap;
use crate::host::LocalResponse;
use callouts::Callouts;
use contexts::Contexts;
use filter_state::FilterState;
use foreign::ForeignFunctions;
use metrics::MetricIds;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

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
    /// Which of a process's VMs it is.
    vm: usize,
    contexts: Contexts,
    plugin_configuration: Vec<u8>,
    vm_configuration: Vec<u8>,
    process: Process,
    random: fastrand::Rng,
    environment: Vec<(String, String)>,
    log_level: LogLevel,
    log: Vec<LogLine>,
    headers: BTreeMap<(u32, MapKind), HeaderMap>,
    bodies: BTreeMap<(u32, BufferKind), Vec<u8>>,
    properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the proxy around this host tells of streams, and of plugins by root context.
    streams: BTreeMap<u32, StreamInfo>,
    plugin_names: BTreeMap<u32, String>,
    /// The streams that are being logged: nothing of them can be changed.
    shows_log: BTreeSet<u32>,
    /// The streams whose route is to be chosen anew.
    cleared_routes: BTreeSet<u32>,
    /// The messages that may get trailers now.
    new_trailers: BTreeSet<(u32, MapKind)>,
    /// Header maps and bodies that a module cannot see any more: it has continued the stream.
    released_headers: BTreeMap<(u32, MapKind), HeaderMap>,
    released_bodies: BTreeMap<(u32, BufferKind), Vec<u8>>,
    filter_state: FilterState,
    metric_ids: MetricIds,
    tick_periods: BTreeMap<u32, u32>,
    /// Those that were set, in order, and not yet told.
    tick_changes: Vec<(u32, u32)>,
    actions: Vec<(u32, Action)>,
    clusters: BTreeSet<Vec<u8>>,
    callouts: Callouts,
    status: (u32, Vec<u8>),
    foreign_functions: ForeignFunctions,
    meanwhile: Meanwhile,
}

type Others = Box<dyn FnMut(&mut SharedData, &[u8]) + Send>;

/// What other workers do between a read and a write.
#[derive(Default)]
struct Meanwhile(Option<Others>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meanwhile").field(&self.0.is_some()).finish()
    }
}

/// What a module does with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue(StreamKind),
    Close(StreamKind),
    Reply(LocalResponse),
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
        Self::in_process(&Process::default())
    }

    /// As [`SimulatedHost::new`], and what the VMs of a process share is shared with others.
    #[must_use]
    pub fn in_process(process: &Process) -> Self {
        Self {
            vm: 0,
            contexts: Contexts::default(),
            plugin_configuration: Vec::new(),
            vm_configuration: Vec::new(),
            process: process.clone(),
            random: fastrand::Rng::with_seed(0),
            environment: Vec::new(),
            log_level: LogLevel::Info,
            log: Vec::new(),
            headers: BTreeMap::new(),
            bodies: BTreeMap::new(),
            properties: BTreeMap::new(),
            streams: BTreeMap::new(),
            plugin_names: BTreeMap::new(),
            shows_log: BTreeSet::new(),
            cleared_routes: BTreeSet::new(),
            new_trailers: BTreeSet::new(),
            released_headers: BTreeMap::new(),
            released_bodies: BTreeMap::new(),
            filter_state: FilterState::default(),
            metric_ids: MetricIds::default(),
            tick_periods: BTreeMap::new(),
            tick_changes: Vec::new(),
            actions: Vec::new(),
            clusters: BTreeSet::new(),
            callouts: Callouts::default(),
            status: (0, Vec::new()),
            foreign_functions: ForeignFunctions::default(),
            meanwhile: Meanwhile::default(),
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
        self.process.advance(by);
    }

    /// Sets the clock of real time alone, to so long after 1970.
    pub fn set_unix_time(&mut self, time: Duration) {
        self.process.lock().unix_time = time;
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

    /// As [`SimulatedHost::set_attribute`], with the parts of the path joined by zero bytes.
    pub(crate) fn set_raw_attribute(&mut self, path: &[u8], value: &[u8]) {
        self.properties.insert(path.to_vec(), value.to_vec());
    }

    /// Makes a cluster known, so that HTTP calls to it are accepted.
    pub fn add_cluster(&mut self, name: impl Into<Vec<u8>>) {
        self.clusters.insert(name.into());
    }

    /// What `proxy_get_status` tells of the call that is being answered.
    pub fn set_status(&mut self, code: u32, message: impl Into<Vec<u8>>) {
        self.status = (code, message.into());
    }

    /// Offers a foreign function, in the place of the one that is there. From the beginning there are:
    ///
    /// | | |
    /// |---|---|
    /// | `clear_route_cache` | in a [`Proxy`](crate::Proxy) the route is chosen anew |
    /// | `compress`, `uncompress` | as Envoy's |
    /// | `declare_property` | as Envoy's |
    /// | `verify_signature`, `sign` | read their arguments, and are *not found* when these are complete |
    /// | `expr_evaluate`, `expr_delete` | know no expression: there is no CEL here, and no `expr_create` |
    pub fn set_foreign_function(
        &mut self,
        name: &str,
        function: impl FnMut(&[u8]) -> Result<Vec<u8>> + Send + 'static,
    ) {
        self.foreign_functions.set(name, function);
    }

    /// What other workers do to the shared data whenever the module has read a key, before it can write:
    /// a compare-and-swap that is left out loses it. In a simulated proxy one callback ends before another
    /// begins, so by themselves two workers never meet there.
    pub fn set_meanwhile(&mut self, others: impl FnMut(&mut SharedData, &[u8]) + Send + 'static) {
        self.meanwhile = Meanwhile(Some(Box::new(others)));
    }

    /// Offers the foreign function `verify_signature`: `verify` answers whether a signature is right. It
    /// is not asked when no hash function or no key is named: that is a `BadArgument`, as in Envoy.
    pub fn set_verify_signature(
        &mut self,
        verify: impl FnMut(&SignatureCheck) -> bool + Send + 'static,
    ) {
        self.foreign_functions.set_verify_signature(verify);
    }
}

/// What a test looks at.
impl SimulatedHost {
    /// A header map, with the module's changes; empty if it is not there.
    #[must_use]
    pub fn headers(&self, context: u32, map: MapKind) -> &HeaderMap {
        const EMPTY: &HeaderMap = &HeaderMap::new();
        let key = (context, map);
        self.headers.get(&key).or_else(|| self.released_headers.get(&key)).unwrap_or(EMPTY)
    }

    /// A body, with the module's changes; empty if it is not there.
    #[must_use]
    pub fn body(&self, context: u32, buffer: BufferKind) -> &[u8] {
        let key = (context, buffer);
        self.bodies.get(&key).or_else(|| self.released_bodies.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// What the module logged.
    #[must_use]
    pub fn log_lines(&self) -> &[LogLine] {
        &self.log
    }

    /// The metrics, as they are now.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.process.lock().metrics.clone()
    }

    /// The shared data, as they are now.
    #[must_use]
    pub fn shared_data(&self) -> SharedData {
        self.process.lock().shared_data.clone()
    }

    /// The tick of a root context, in milliseconds; 0 is off.
    #[must_use]
    pub fn tick_period(&self, root: u32) -> u32 {
        self.tick_periods.get(&root).copied().unwrap_or_default()
    }

    /// The streams that the module let go on, in order.
    #[must_use]
    pub fn continued(&self) -> Vec<(u32, StreamKind)> {
        self.acted(|action| if let Action::Continue(kind) = action { Some(*kind) } else { None })
    }

    /// The streams that the module reset, in order.
    #[must_use]
    pub fn closed(&self) -> Vec<(u32, StreamKind)> {
        self.acted(|action| if let Action::Close(kind) = action { Some(*kind) } else { None })
    }

    /// The streams that the module answered, in order.
    #[must_use]
    pub fn local_responses(&self) -> Vec<(u32, LocalResponse)> {
        self.acted(|action| if let Action::Reply(it) = action { Some(it.clone()) } else { None })
    }

    fn acted<T>(&self, which: impl Fn(&Action) -> Option<T>) -> Vec<(u32, T)> {
        let of = |(context, action): &(u32, Action)| Some((*context, which(action)?));
        self.actions.iter().filter_map(of).collect()
    }

    fn act(&mut self, action: Action) {
        self.actions.push((self.contexts.effective(), action));
    }

    /// The tick periods that were set, by root context; each is told once.
    pub(crate) fn take_tick_changes(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.tick_changes)
    }

    /// The lines that were logged; each is told once.
    pub(crate) fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.log)
    }

    /// The calls that were made; each is told once.
    pub(crate) fn take_callouts(&mut self) -> Vec<Callout> {
        self.callouts.take_new()
    }

    /// Takes a header map away.
    pub(crate) fn take_headers(&mut self, context: u32, map: MapKind) -> Option<HeaderMap> {
        let key = (context, map);
        self.headers.remove(&key).or_else(|| self.released_headers.remove(&key))
    }

    /// Takes a body away.
    pub(crate) fn take_body(&mut self, context: u32, buffer: BufferKind) -> Option<Vec<u8>> {
        let key = (context, buffer);
        self.bodies.remove(&key).or_else(|| self.released_bodies.remove(&key))
    }

    /// What there is of a stream besides its messages.
    pub(crate) fn stream_info(&mut self, context: u32) -> &mut StreamInfo {
        self.streams.entry(context).or_default()
    }

    /// A stream is logged from now on.
    pub(crate) fn show_log(&mut self, context: u32) {
        self.shows_log.insert(context);
    }

    /// Whether the route of a stream is to be chosen anew; told once.
    pub(crate) fn take_cleared_route(&mut self, context: u32) -> bool {
        self.cleared_routes.remove(&context)
    }

    /// Whether a message without trailers may get some.
    pub(crate) fn allow_trailers(&mut self, context: u32, map: MapKind, are_allowed: bool) {
        if are_allowed {
            self.new_trailers.insert((context, map));
        } else {
            self.new_trailers.remove(&(context, map));
        }
    }

    /// Which of a process's VMs this is the host of.
    pub(crate) fn set_vm(&mut self, vm: usize) {
        self.vm = vm;
    }

    /// How a plugin is called.
    pub(crate) fn set_plugin_name(&mut self, root: u32, name: &str) {
        self.plugin_names.insert(root, name.to_owned());
    }

    /// Whether a call of the module waits for its answer.
    pub(crate) fn awaits(&self, token: u32) -> bool {
        self.callouts.is_open(token)
    }

    /// A call is over.
    pub(crate) fn finish_callout(&mut self, token: u32) {
        self.callouts.finish(token);
    }

    /// A stream goes on: nothing of its request can be seen any more, whichever direction it was
    /// (`Context::continueStream`).
    fn release(&mut self, context: u32) {
        for map in [MapKind::RequestHeaders, MapKind::RequestTrailers] {
            if let Some(headers) = self.headers.remove(&(context, map)) {
                self.released_headers.insert((context, map), headers);
            }
        }
        let body = (context, BufferKind::RequestBody);
        if let Some(bytes) = self.bodies.remove(&body) {
            self.released_bodies.insert(body, bytes);
        }
    }

    /// What the module has done with streams, in order; each is told once.
    pub(crate) fn take_actions(&mut self) -> Vec<(u32, Action)> {
        std::mem::take(&mut self.actions)
    }

    /// The calls that the module made, in order.
    #[must_use]
    pub fn callouts(&self) -> &[Callout] {
        self.callouts.all()
    }
}
