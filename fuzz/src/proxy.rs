//! A proxy for whole filters, which run natively: contexts, headers, metrics, shared data and a clock, and
//! host calls that fail where the input says so.

mod host;
mod signatures;

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use tollgate::abi::native;
use tollgate::abi::{HostError, MapKind, Result, Status, StreamKind, Versioned};

/// Where the clocks stand at first: at 2026-01-01T00:00:00Z, an hour after the machine started.
const UNIX: u64 = 1_767_225_600_000_000_000;
const MONOTONIC: u64 = 3_600_000_000_000;

const MILLISECOND: u64 = 1_000_000;

/// No line of the log has a reason to be longer.
const LONGEST_LINE: usize = 1024;

/// What the filter has done to a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) headers: BTreeMap<u32, Vec<(String, Vec<u8>)>>,
    pub(crate) code_details: String,
    pub(crate) continued: bool,
    /// The directions that the filter wants to go on, since somebody has looked.
    asked_to_continue: Vec<StreamKind>,
    /// By direction, what the proxy holds of the body.
    bodies: BTreeMap<u32, Vec<u8>>,
    /// The status that the client gets from the filter.
    pub(crate) reply: Option<u16>,
    pub(crate) replies: u32,
    pub(crate) reset: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Proxy {
    /// Since the beginning, in nanoseconds.
    now: Cell<u64>,
    seed: Cell<u64>,
    configuration: RefCell<Vec<u8>>,
    roots: RefCell<BTreeSet<u32>>,
    streams: RefCell<BTreeMap<u32, Exchange>>,
    effective: Cell<u32>,
    /// By root: the period of its tick, and when the next one comes.
    ticks: RefCell<BTreeMap<u32, (u64, u64)>>,
    metrics: RefCell<Vec<(String, u64)>>,
    shared: RefCell<BTreeMap<String, Versioned>>,
    last_cas: Cell<u32>,
    /// What must not be logged.
    secrets: RefCell<Vec<String>>,
    /// What becomes of the next host calls.
    trouble: RefCell<VecDeque<u8>>,
}

/// What the test does.
impl Proxy {
    /// A proxy that answers the calls of this thread.
    pub(crate) fn install(configuration: &[u8], secrets: &[&str]) -> Rc<Self> {
        let proxy = Rc::new(Self::default());
        proxy.secrets.replace(secrets.iter().map(|secret| (*secret).to_owned()).collect());
        proxy.configuration.replace(configuration.to_vec());
        native::install(proxy.clone());
        proxy
    }

    /// From now on host calls fail where a byte is small, until there are no more bytes.
    pub(crate) fn trouble(&self, bytes: impl IntoIterator<Item = u8>) {
        self.trouble.replace(bytes.into_iter().collect());
    }

    pub(crate) fn add_root(&self, root: u32) {
        self.roots.borrow_mut().insert(root);
        self.effective.set(root);
    }

    pub(crate) fn remove_root(&self, root: u32) {
        self.roots.borrow_mut().remove(&root);
        self.ticks.borrow_mut().remove(&root);
    }

    pub(crate) fn add_stream(&self, stream: u32, request: &[(&str, &str)]) {
        let request =
            request.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let mut exchange = Exchange::default();
        exchange.headers.insert(MapKind::RequestHeaders as u32, request.collect());
        self.streams.borrow_mut().insert(stream, exchange);
        self.effective.set(stream);
    }

    pub(crate) fn remove_stream(&self, stream: u32) {
        self.streams.borrow_mut().remove(&stream);
    }

    /// The stream whose callback begins.
    pub(crate) fn enter(&self, context: u32) {
        self.effective.set(context);
    }

    /// More of a body has come; how much there is.
    pub(crate) fn add_to_buffer(&self, kind: StreamKind, piece: &[u8]) -> usize {
        self.with_body(kind as u32, |body| {
            body.extend_from_slice(piece);
            body.len()
        })
        .unwrap_or_default()
    }

    /// What the proxy holds goes on.
    pub(crate) fn take_buffer(&self, kind: StreamKind) -> Vec<u8> {
        self.with_body(kind as u32, std::mem::take).unwrap_or_default()
    }

    /// Whether the filter has asked for a direction to go on.
    pub(crate) fn take_continued(&self, stream: u32, kind: StreamKind) -> bool {
        let mut streams = self.streams.borrow_mut();
        let Some(exchange) = streams.get_mut(&stream) else { return false };
        let before = exchange.asked_to_continue.len();
        exchange.asked_to_continue.retain(|it| *it != kind);
        exchange.asked_to_continue.len() < before
    }

    pub(crate) fn respond(&self, stream: u32, status: u16, code_details: &str) {
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&stream) {
            let headers = vec![(":status".to_owned(), status.to_string().into_bytes())];
            exchange.headers.insert(MapKind::ResponseHeaders as u32, headers);
            exchange.code_details = code_details.to_owned();
        }
    }

    /// The request goes on to the upstream.
    pub(crate) fn go_on(&self, stream: u32) {
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&stream) {
            exchange.continued = true;
        }
    }

    /// By stream.
    pub(crate) fn exchanges(&self) -> Ref<'_, BTreeMap<u32, Exchange>> {
        self.streams.borrow()
    }

    pub(crate) fn exchange(&self, stream: u32) -> Exchange {
        self.streams.borrow().get(&stream).cloned().unwrap_or_default()
    }

    /// The values of the gauges and counters whose names end so, by key and tags.
    pub(crate) fn metrics(&self, name: &str) -> Vec<u64> {
        let metrics = self.metrics.borrow();
        let of_name = metrics.iter().filter(|(it, _)| it.ends_with(name) && !it.starts_with("0."));
        of_name.map(|(_, value)| *value).collect()
    }

    /// Moves the clock to the next tick, if one comes before `end`, and says whose it is; else to `end`.
    pub(crate) fn next_tick(&self, end: u64) -> Option<u32> {
        let mut ticks = self.ticks.borrow_mut();
        let next = ticks.iter_mut().min_by_key(|(_, (_, due))| *due);
        let Some((root, (period, due))) = next.filter(|(_, (_, due))| *due <= end) else {
            self.now.set(self.now.get().max(end));
            return None;
        };
        self.now.set(self.now.get().max(*due));
        *due = self.now.get() + *period;
        Some(*root)
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    fn fails(&self, call: &'static str) -> Result<()> {
        let statuses = [
            Status::NotFound,
            Status::BadArgument,
            Status::InternalFailure,
            Status::CasMismatch,
            Status::Unimplemented,
            Status::Malformed,
        ];
        match self.trouble.borrow_mut().pop_front() {
            Some(byte) if byte < 24 => {
                Err(HostError::new(call, statuses[usize::from(byte) % statuses.len()]))
            }
            _ => Ok(()),
        }
    }

    /// What the host says, or what is left of it.
    fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self.trouble.borrow_mut().pop_front() {
            Some(byte @ 0..8) => bytes.truncate(usize::from(byte)),
            Some(byte @ 8..16) => bytes.push(byte),
            Some(byte @ 16..24) => bytes.iter_mut().for_each(|it| *it ^= byte),
            _ => {}
        }
        bytes
    }

    /// Runs on a body of the effective stream.
    fn with_body<T>(&self, kind: u32, run: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        let mut streams = self.streams.borrow_mut();
        let exchange = streams.get_mut(&self.effective.get());
        exchange.map(|exchange| run(exchange.bodies.entry(kind).or_default()))
    }

    fn with_headers<T>(
        &self,
        kind: MapKind,
        change: impl FnOnce(&mut Vec<(String, Vec<u8>)>) -> T,
    ) -> Result<T> {
        let mut streams = self.streams.borrow_mut();
        let exchange = streams.get_mut(&self.effective.get());
        let headers = exchange.and_then(|exchange| exchange.headers.get_mut(&(kind as u32)));
        headers.map(change).ok_or(HostError::new("a header map", Status::NotFound))
    }

    fn change_metric(&self, id: u32, change: impl FnOnce(u64) -> u64) -> Result<()> {
        let mut metrics = self.metrics.borrow_mut();
        let (_, value) =
            metrics.get_mut(id as usize).ok_or(HostError::new("a metric", Status::NotFound))?;
        *value = change(*value);
        Ok(())
    }
}
