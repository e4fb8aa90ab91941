//! A simulated Envoy around a filter: workers, listeners, routes, upstreams, clients and time.
//!
//! | file | what it is in Envoy |
//! |---|---|
//! | `simulation.rs`, `events.rs` | the dispatcher, callbacks into a VM and what they defer |
//! | `workers.rs` | threads with a VM each, plugins, ticks, failure policies |
//! | `clients.rs` | the connection manager, as far as it takes requests |
//! | `filtering.rs`, `views.rs` | the filter manager with one Wasm filter |
//! | `replies.rs` | local replies, and the client's end of the response |
//! | `routing.rs` | the router |
//! | `codec.rs` | what is on the wire |
//! | `calls.rs` | the calls of a filter's own |

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a stream and a VM have the numbers that they were given; a test that goes wrong panics"
)]

mod calls;
mod clients;
mod codec;
mod events;
mod exchange;
mod filtering;
mod replies;
mod request;
mod routing;
mod settings;
mod simulation;
mod stream;
#[cfg(test)]
mod tests;
mod upstream;
mod views;
mod workers;

pub use exchange::{AccessLogEntry, Exchange, Response};
pub(crate) use replies::grpc_status_of;
pub use request::Request;
pub use settings::{FailurePolicy, Route};
pub use upstream::{Answer, UpstreamRequest};
pub use workers::VmReloads;

use crate::abi::LogLevel;
use crate::engine::Filter;
use crate::module::{Costs, Trap};
use crate::simulated::{LogLine, Metrics, Process, SharedData, SimulatedHost};
use events::Events;
use serde_json::Value;
use settings::{PluginSettings, Settings};
use simulation::Simulation;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A proxy with one filter, in a test.
///
/// What it is like is said first; [`Proxy::configure`] starts it. From then on requests are sent, and
/// time moves when the test moves it.
///
/// ```
/// use serde_json::json;
/// use tollgate::prelude::*;
/// use tollgate_testkit::{Answer, Filter, Proxy};
///
/// /// Tells the upstream that somebody is greeted.
/// pub struct Greeter(String);
///
/// #[derive(Deserialize)]
/// pub struct Config {
///     greeting: String,
/// }
///
/// #[tollgate::filter(feature = "module")]
/// impl HttpFilter for Greeter {
///     const NAME: &'static str = "greeter";
///     type Config = Config;
///
///     fn configure(config: Config, _: &mut Setup) -> Result<Self, ConfigError> {
///         Ok(Self(config.greeting))
///     }
///
///     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
///         request.headers_mut().set("x-greeting", self.0.as_bytes())?;
///         Ok(Flow::Continue)
///     }
/// }
///
/// let mut proxy = Proxy::new(Filter::native::<Greeter>());
/// proxy.upstream("upstream", |_| Answer::status(200).body("hello"));
/// proxy.configure(json!({ "greeting": "hello" }));
///
/// let exchange = proxy.get("/").send();
/// assert_eq!(exchange.response().text(), "hello");
/// assert_eq!(exchange.upstream_request().header("x-greeting").as_deref(), Some("hello"));
/// ```
pub struct Proxy {
    simulation: Rc<RefCell<Simulation>>,
}

/// What a proxy is like. All of this is said before it is configured.
impl Proxy {
    /// A proxy with one worker, one listener, no routes, and an upstream called `upstream` that answers
    /// everything with 200.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        let upstreams = [(routing::DEFAULT_CLUSTER.to_owned(), upstream::Upstream::default())];
        let simulation = Simulation {
            filter,
            process: Process::default(),
            settings: Settings::default(),
            plugins: Vec::new(),
            vms: Vec::new(),
            streams: Vec::new(),
            upstreams: BTreeMap::from(upstreams),
            calls: Vec::new(),
            events: Events::default(),
            log: Vec::new(),
            access_log: Vec::new(),
            traps: Vec::new(),
            reloads: VmReloads::default(),
            next_worker: 0,
            hooks: Vec::new(),
        };
        Self { simulation: Rc::new(RefCell::new(simulation)) }
    }

    fn set(&mut self, set: impl FnOnce(&mut Settings)) -> &mut Self {
        set(&mut self.simulation.borrow_mut().settings);
        self
    }

    /// Whether the filter runs natively.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.simulation.borrow().filter.is_native()
    }

    /// So many workers, each with a VM of its own.
    pub fn workers(&mut self, workers: usize) -> &mut Self {
        self.set(|settings| settings.workers = workers.max(1))
    }

    /// What becomes of streams whose VM has failed; they fail unless it is set.
    pub fn failure_policy(&mut self, policy: FailurePolicy) -> &mut Self {
        self.set(|settings| settings.failure_policy = policy)
    }

    /// One more route; the first that matches a request is its route. Without any, everything goes to
    /// the cluster `upstream`.
    pub fn route(&mut self, route: Route) -> &mut Self {
        self.set(|settings| settings.routes.push(route))
    }

    /// A cluster, and what its upstream answers: to requests and to the filter's own calls. It answers
    /// when the whole request is there. `respond` must not use the proxy.
    pub fn upstream(
        &mut self,
        cluster: &str,
        respond: impl FnMut(&UpstreamRequest) -> Answer + 'static,
    ) -> &mut Self {
        self.change_upstream(cluster, |upstream| upstream.respond = Box::new(respond))
    }

    /// The upstream of a cluster answers as soon as it has the headers of a request.
    pub fn answers_early(&mut self, cluster: &str) -> &mut Self {
        self.change_upstream(cluster, |upstream| upstream.is_early = true)
    }

    /// The upstream of a cluster speaks HTTP/2: the last part of a body ends it.
    pub fn speaks_http2(&mut self, cluster: &str) -> &mut Self {
        self.change_upstream(cluster, |upstream| upstream.is_http2 = true)
    }

    fn change_upstream(
        &mut self,
        cluster: &str,
        change: impl FnOnce(&mut upstream::Upstream),
    ) -> &mut Self {
        let mut simulation = self.simulation.borrow_mut();
        change(simulation.upstreams.entry(cluster.to_owned()).or_default());
        for slot in &simulation.vms {
            slot.host.lock().add_cluster(cluster);
        }
        drop(simulation);
        self
    }

    /// An environment variable of the VM.
    pub fn variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.set(|settings| settings.environment.push((name.into(), value.into())))
    }

    /// The configuration of the VM.
    pub fn vm_configuration(&mut self, configuration: impl Into<Vec<u8>>) -> &mut Self {
        self.set(|settings| settings.vm_configuration = configuration.into())
    }

    /// The VM's name.
    pub fn vm_id(&mut self, id: &str) -> &mut Self {
        self.set(|settings| settings.vm_id = id.into())
    }

    /// The root id of every plugin.
    pub fn root_id(&mut self, id: &str) -> &mut Self {
        self.set(|settings| settings.root_id = id.into())
    }

    /// An attribute, for every stream: text as it is, numbers in eight bytes little-endian, messages in
    /// protobuf. It has precedence over what the proxy knows by itself.
    pub fn attribute(&mut self, path: &[&str], value: impl Into<Vec<u8>>) -> &mut Self {
        let path = path.join("\0").into_bytes();
        self.set(|settings| settings.attributes.push((path, value.into())))
    }

    /// Lines below this level are not kept; [`LogLevel::Info`] unless it is set.
    pub fn log_level(&mut self, level: LogLevel) -> &mut Self {
        self.set(|settings| settings.log_level = level)
    }

    /// The most that is held of a body that the filter wants held, in bytes; 1 MiB unless it is set.
    pub fn buffer_limit(&mut self, bytes: usize) -> &mut Self {
        self.set(|settings| settings.buffer_limit = bytes)
    }

    /// A filter that holds headers sees the body meanwhile (`allow_on_headers_stop_iteration`).
    pub fn headers_may_pause_alone(&mut self) -> &mut Self {
        self.set(|settings| settings.headers_may_pause_alone = true)
    }

    /// No request gets an `x-request-id`.
    pub fn without_request_ids(&mut self) -> &mut Self {
        self.set(|settings| settings.has_request_ids = false)
    }

    /// A listener is for outgoing traffic (`traffic_direction: OUTBOUND`); 0 is the first.
    pub fn outbound_listener(&mut self, listener: usize) -> &mut Self {
        self.set(|settings| {
            settings.outbound_listeners.insert(listener);
        })
    }

    /// Randomness begins from this seed, other in every VM.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.set(|settings| settings.seed = seed)
    }

    /// Changes the host of every VM before it starts, for instance by
    /// [`SimulatedHost::set_foreign_function`].
    pub fn host(&mut self, change: impl Fn(&mut SimulatedHost) + 'static) -> &mut Self {
        self.simulation.borrow_mut().hooks.push(Box::new(change));
        self
    }
}

/// Configuring.
impl Proxy {
    /// Starts it, with one listener whose plugin has this configuration; or starts it anew: metrics and
    /// shared data stay, as when Envoy gets a new configuration.
    ///
    /// # Panics
    ///
    /// When the filter refuses the configuration: that fails the test.
    #[track_caller]
    pub fn configure(&mut self, configuration: Value) {
        if let Err(refusal) = self.try_configure(configuration) {
            panic!("the configuration is refused: {refusal}");
        }
    }

    /// As [`Proxy::configure`].
    ///
    /// # Errors
    ///
    /// What the filter said when it refused the configuration.
    pub fn try_configure(&mut self, configuration: Value) -> Result<(), String> {
        self.try_configure_listeners([("plugin", configuration)])
    }

    /// As [`Proxy::try_configure`], with a listener for each name of a plugin and its configuration.
    ///
    /// # Errors
    ///
    /// What the filter said when it refused a configuration.
    pub fn try_configure_listeners<'a>(
        &mut self,
        plugins: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<(), String> {
        let bytes = |(name, configuration): (&'a str, Value)| {
            (name, configuration.to_string().into_bytes())
        };
        self.try_configure_bytes(plugins.into_iter().map(bytes))
    }

    /// As [`Proxy::try_configure_listeners`], with configurations of any bytes.
    ///
    /// # Errors
    ///
    /// What the filter said when it refused a configuration.
    pub fn try_configure_bytes<'a>(
        &mut self,
        plugins: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    ) -> Result<(), String> {
        let mut simulation = self.simulation.borrow_mut();
        let plugin = |(name, configuration): (&str, _)| PluginSettings {
            name: name.to_owned(),
            configuration,
        };
        simulation.plugins = plugins.into_iter().map(plugin).collect();
        let logged_before = simulation.log.len();
        match simulation.start() {
            Ok(true) => {
                simulation.settle();
                Ok(())
            }
            Ok(false) => {
                let said = simulation.log.iter().skip(logged_before);
                let lines: Vec<_> = said.map(|(_, line)| line.message.as_str()).collect();
                let said = lines.join("\n");
                simulation.stop();
                Err(said)
            }
            Err(trap) => {
                simulation.stop();
                Err(trap.to_string())
            }
        }
    }
}

/// Traffic.
impl Proxy {
    /// A `GET`.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A `POST`.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// A request of any method.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(Rc::clone(&self.simulation), method, path)
    }

    /// Lets time pass, and everything happen that falls into it.
    pub fn advance(&self, time: Duration) {
        self.simulation.borrow_mut().advance(time);
    }

    /// Lets the answers of a cluster go on that wait for it ([`Answer::told`]); whether there were any.
    pub fn tell(&self, cluster: &str) -> bool {
        let mut simulation = self.simulation.borrow_mut();
        let were_any = simulation.tell(cluster);
        simulation.settle();
        were_any
    }

    /// Lets the answer of a cluster go on that waits for it, of several the one to the earliest request;
    /// whether there was any.
    pub fn tell_one(&self, cluster: &str) -> bool {
        let mut simulation = self.simulation.borrow_mut();
        let was_any = simulation.tell_one(cluster);
        simulation.settle();
        was_any
    }

    /// The VM of a worker dies, as by a panic; 1 is the first.
    ///
    /// # Panics
    ///
    /// When there is no such worker.
    #[track_caller]
    pub fn crash_worker(&self, worker: usize) {
        let mut simulation = self.simulation.borrow_mut();
        assert!(worker > 0 && worker < simulation.vms.len(), "there is no worker {worker}");
        if let Some(slot) = simulation.vms.get_mut(worker) {
            slot.crash();
        }
    }
}

/// What a test looks at.
impl Proxy {
    /// What the upstream of a cluster has got, in order.
    #[must_use]
    pub fn requests(&self, cluster: &str) -> Vec<UpstreamRequest> {
        let simulation = self.simulation.borrow();
        simulation.upstreams.get(cluster).map(|it| it.requests.clone()).unwrap_or_default()
    }

    /// The metrics, as they are now.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.simulation.borrow().process.lock().metrics.clone()
    }

    /// The value of a counter; 0 if there is none.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.simulation.borrow().process.lock().metrics.counter(name)
    }

    /// The value of a gauge; 0 if there is none.
    #[must_use]
    pub fn gauge(&self, name: &str) -> u64 {
        self.simulation.borrow().process.lock().metrics.gauge(name)
    }

    /// The shared data, as they are now.
    #[must_use]
    pub fn shared_data(&self) -> SharedData {
        self.simulation.borrow().process.lock().shared_data.clone()
    }

    /// What was logged so far, by whatever thread.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.simulation.borrow().log.iter().map(|(_, line)| line.clone()).collect()
    }

    /// What was logged so far by one thread: 0 is the main one, workers follow.
    #[must_use]
    pub fn log_of(&self, thread: usize) -> Vec<LogLine> {
        let simulation = self.simulation.borrow();
        let its = simulation.log.iter().filter(|(it, _)| *it == thread);
        its.map(|(_, line)| line.clone()).collect()
    }

    /// How requests have ended so far, in that order.
    #[must_use]
    pub fn access_log(&self) -> Vec<AccessLogEntry> {
        self.simulation.borrow().access_log.clone()
    }

    /// How VMs have failed so far.
    #[must_use]
    pub fn traps(&self) -> Vec<Trap> {
        self.simulation.borrow().traps.clone()
    }

    /// How often VMs were made anew under [`FailurePolicy::Reload`].
    #[must_use]
    pub fn vm_reloads(&self) -> VmReloads {
        self.simulation.borrow().reloads
    }

    /// How many of the filter's calls wait for their answers.
    #[must_use]
    pub fn pending_calls(&self) -> usize {
        self.simulation.borrow().pending_calls()
    }

    /// The periods of the ticks of a thread: 0 is the main one, workers follow. Empty when all are off.
    #[must_use]
    pub fn tick_periods(&self, thread: usize) -> Vec<Duration> {
        self.simulation.borrow().tick_periods(thread)
    }

    /// The time since 1970.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        self.simulation.borrow().process.lock().unix_time
    }

    /// What a worker's VM has cost so far; 1 is the first. `None` when it runs natively.
    #[must_use]
    pub fn costs(&self, worker: usize) -> Option<Costs> {
        self.simulation.borrow().vms.get(worker)?.costs().cloned()
    }
}
