//! A host that answers as Envoy does, and remembers what it was told.

mod answers;
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

use crate::abi::{BufferKind, LogLevel, MapKind, Result, StreamKind};
use crate::headers::HeaderMap;
use crate::host::LocalResponse;
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
