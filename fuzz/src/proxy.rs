//! A proxy for whole filters, which run natively: contexts, headers, metrics, shared data and a clock, and
//! host calls that fail where the input says so.

mod signatures;

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use tollgate::abi::native::{self, Host};
use tollgate::abi::{
    BufferKind, HostError, LocalResponse, MapKind, MetricKind, Result, Status, StreamKind,
    Versioned,
};
use tollgate::headers::HeaderMap;

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

/// What Envoy answers.
impl Host for Proxy {
    fn log(&self, _level: u32, message: &str) -> Result<()> {
        assert!(!message.contains(char::is_control), "more than one line: {message:?}");
        assert!(message.len() < LONGEST_LINE, "{} bytes in a line", message.len());
        let secrets = self.secrets.borrow();
        assert!(!secrets.iter().any(|secret| message.contains(secret)), "a secret is logged");
        self.fails("proxy_log")
    }

    fn log_level(&self) -> Result<u32> {
        self.fails("proxy_get_log_level").map(|()| 2)
    }

    fn unix_nanoseconds(&self) -> Result<u64> {
        self.fails("proxy_get_current_time_nanoseconds").map(|()| UNIX + self.now.get())
    }

    fn monotonic_nanoseconds(&self) -> Result<u64> {
        self.fails("clock_time_get").map(|()| MONOTONIC + self.now.get())
    }

    fn random_seed(&self) -> Result<u64> {
        self.seed.set(self.seed.get() + 1);
        self.fails("random_get").map(|()| self.seed.get())
    }

    fn set_tick_period(&self, milliseconds: u32) -> Result<()> {
        self.fails("proxy_set_tick_period_milliseconds")?;
        let (mut ticks, period) = (self.ticks.borrow_mut(), u64::from(milliseconds) * MILLISECOND);
        match milliseconds {
            0 => ticks.remove(&self.effective.get()),
            _ => ticks.insert(self.effective.get(), (period, self.now.get() + period)),
        };
        Ok(())
    }

    fn buffer(&self, kind: BufferKind, start: usize, size: usize) -> Result<Vec<u8>> {
        self.fails("proxy_get_buffer_bytes")?;
        let missing = HostError::new("proxy_get_buffer_bytes", Status::NotFound);
        let bytes = match kind {
            BufferKind::PluginConfiguration => self.configuration.borrow().clone(),
            BufferKind::RequestBody | BufferKind::ResponseBody => {
                let part = |body: &mut Vec<u8>| {
                    let end = start.saturating_add(size).min(body.len());
                    body.get(start..end).map(<[u8]>::to_vec)
                };
                self.with_body(kind as u32, part).flatten().ok_or(missing)?
            }
            _ => return Err(missing),
        };
        Ok(self.bytes(bytes))
    }

    /// As `Buffer::copyFrom` in Envoy's `source/extensions/common/wasm/context.cc`.
    fn set_buffer(&self, kind: BufferKind, start: usize, size: usize, data: &[u8]) -> Result<()> {
        self.fails("proxy_set_buffer_bytes")?;
        let change = |body: &mut Vec<u8>| match (start, size) {
            (0, 0) => {
                body.splice(0..0, data.iter().copied());
                true
            }
            (0, size) if size >= body.len() => {
                *body = data.to_vec();
                true
            }
            (start, _) if start > 0 && start >= body.len() => {
                body.extend_from_slice(data);
                true
            }
            _ => false,
        };
        match self.with_body(kind as u32, change) {
            Some(true) => Ok(()),
            _ => Err(HostError::new("proxy_set_buffer_bytes", Status::BadArgument)),
        }
    }

    fn header_map(&self, kind: MapKind) -> Result<Vec<u8>> {
        self.fails("proxy_get_header_map_pairs")?;
        let map = self.with_headers(kind, |headers| {
            HeaderMap::from_pairs(headers.iter().map(|(name, value)| (name, value)))
        });
        Ok(self.bytes(map.unwrap_or_default().as_buffer().to_vec()))
    }

    fn header_value(&self, kind: MapKind, name: &str) -> Result<Option<Vec<u8>>> {
        self.fails("proxy_get_header_map_value")?;
        self.with_headers(kind, |headers| {
            headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
        })
    }

    fn replace_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.fails("proxy_replace_header_map_value")?;
        self.with_headers(kind, |headers| {
            headers.retain(|(it, _)| it != name);
            headers.push((name.to_owned(), value.to_vec()));
        })
    }

    fn add_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.fails("proxy_add_header_map_value")?;
        self.with_headers(kind, |headers| headers.push((name.to_owned(), value.to_vec())))
    }

    fn remove_header(&self, kind: MapKind, name: &str) -> Result<()> {
        self.fails("proxy_remove_header_map_value")?;
        self.with_headers(kind, |headers| headers.retain(|(it, _)| it != name))
    }

    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.fails("proxy_get_property")?;
        let details = || self.exchange(self.effective.get()).code_details.into_bytes();
        let value = match path {
            b"xds\0cluster_name" => b"backend".to_vec(),
            b"response\0code_details" => details(),
            b"source\0address" => b"192.0.2.7:4711".to_vec(),
            b"plugin_name" => b"fuzz".to_vec(),
            _ => return Ok(None),
        };
        Ok(Some(self.bytes(value)))
    }

    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        self.fails("proxy_get_shared_data")?;
        let found = self.shared.borrow().get(key).cloned();
        Ok(found.map(|(bytes, cas)| (self.bytes(bytes), cas)))
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        self.fails("proxy_set_shared_data")?;
        let mut shared = self.shared.borrow_mut();
        if shared.get(key).is_some_and(|(_, current)| cas != 0 && cas != *current) {
            return Err(HostError::new("proxy_set_shared_data", Status::CasMismatch));
        }
        self.last_cas.set(self.last_cas.get() + 1);
        shared.insert(key.to_owned(), (value.to_vec(), self.last_cas.get()));
        Ok(())
    }

    fn continue_stream(&self, kind: StreamKind) -> Result<()> {
        self.fails("proxy_continue_stream")?;
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.continued |= kind == StreamKind::Request;
            exchange.asked_to_continue.push(kind);
        }
        Ok(())
    }

    fn close_stream(&self, _kind: StreamKind) -> Result<()> {
        self.fails("proxy_close_stream")?;
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.reset = true;
        }
        Ok(())
    }

    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<()> {
        self.fails("proxy_send_local_response")?;
        assert!((200..600).contains(&response.status), "an answer with {}", response.status);
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.replies += 1;
            exchange.reply = Some(response.status);
            exchange.code_details = response.details.to_owned();
        }
        Ok(())
    }

    fn set_effective_context(&self, context: u32) -> Result<()> {
        self.fails("proxy_set_effective_context")?;
        let is_there =
            self.roots.borrow().contains(&context) || self.streams.borrow().contains_key(&context);
        if !is_there {
            return Err(HostError::new("proxy_set_effective_context", Status::BadArgument));
        }
        self.effective.set(context);
        Ok(())
    }

    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        self.fails("proxy_call_foreign_function")?;
        match name {
            "clear_route_cache" => Ok(Vec::new()),
            "verify_signature" => Ok(self.bytes(signatures::verify(arguments))),
            _ => Err(HostError::new("proxy_call_foreign_function", Status::NotFound)),
        }
    }

    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32> {
        self.fails("proxy_define_metric")?;
        let mut metrics = self.metrics.borrow_mut();
        let id = metrics.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
            metrics.push((name.to_owned(), 0));
            metrics.len() - 1
        });
        u32::try_from(id)
            .map_err(|_| HostError::new("proxy_define_metric", Status::InternalFailure))
    }

    fn metric(&self, id: u32) -> Result<u64> {
        self.fails("proxy_get_metric")?;
        let metrics = self.metrics.borrow();
        let metric = metrics.get(id as usize).map(|(_, value)| *value);
        metric.ok_or(HostError::new("proxy_get_metric", Status::NotFound))
    }

    /// For a metric that there is, this and the next cannot fail (`Context::recordMetric` in Envoy's
    /// `source/extensions/common/wasm/context.cc`): counts in two gauges rely on it.
    fn record_metric(&self, id: u32, value: u64) -> Result<()> {
        self.change_metric(id, |_| value)
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<()> {
        self.change_metric(id, |value| value.wrapping_add_signed(offset))
    }
}
