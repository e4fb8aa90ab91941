//! One configuration in two listeners: this project's filter, and Envoy's own as the oracle.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter, native_filter};
use crate::upstream::Upstream;

/// The listener with this project's filter; of a named [`Pair`] `ours-` and the name.
pub const OURS: &str = "ours";
/// The listener with Envoy's own filter; of a named [`Pair`] `native-` and the name.
pub const NATIVE: &str = "native";

/// One of the two listeners of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// With this project's filter.
    Ours,
    /// With Envoy's own filter.
    Native,
}

/// Two listeners whose filters do the same; all else is the same, too.
#[derive(Debug, Clone)]
pub struct Pair {
    name: String,
    ours: Value,
    native: Value,
    before: Vec<Value>,
    routes: Vec<Route>,
    log_fields: Vec<[String; 3]>,
    manager: Vec<Value>,
}

/// An Envoy with pairs of listeners in front of one upstream.
pub struct SideBySide {
    /// The proxy.
    pub envoy: Process,
    /// What all of them lead to.
    pub upstream: Upstream,
}

impl Side {
    /// Both, ours first.
    pub const BOTH: [Self; 2] = [Self::Ours, Self::Native];

    /// The name of its listener, of a pair of this name.
    #[must_use]
    pub fn listener(self, pair: &str) -> String {
        let side = match self {
            Self::Ours => OURS,
            Self::Native => NATIVE,
        };
        match pair {
            "" => side.to_owned(),
            pair => format!("{side}-{pair}"),
        }
    }
}

impl Pair {
    /// Both filters with one configuration.
    #[must_use]
    pub fn new(name: &str, configuration: Value) -> Self {
        Self {
            name: name.into(),
            ours: configuration.clone(),
            native: configuration,
            before: Vec::new(),
            routes: Vec::new(),
            log_fields: Vec::new(),
            manager: Vec::new(),
        }
    }

    /// Another configuration for ours, such as one with a field that Envoy does not have.
    #[must_use]
    pub fn ours(mut self, configuration: Value) -> Self {
        self.ours = configuration;
        self
    }

    /// Another filter in front of both.
    #[must_use]
    pub fn before(mut self, filter: Value) -> Self {
        self.before.push(filter);
        self
    }

    /// A route in front of the one that leads everything to the upstream.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// A member of the access log that each side writes in its own way, in Envoy's format strings.
    #[must_use]
    pub fn log_field(mut self, name: &str, ours: &str, native: &str) -> Self {
        self.log_fields.push([name, ours, native].map(str::to_owned));
        self
    }

    /// Further members of the HTTP connection manager.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        self.manager.push(extra);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn listener(&self, side: Side, filter: Value) -> Listener {
        let name = side.listener(&self.name);
        let mut listener = Listener::new(&name).log_field("listener", &name);
        for [field, ours, native] in &self.log_fields {
            listener = listener.log_field(field, if side == Side::Ours { ours } else { native });
        }
        listener = self.manager.iter().cloned().fold(listener, Listener::with);
        listener = self.before.iter().cloned().fold(listener, Listener::filter);
        listener = self.routes.iter().cloned().fold(listener, Listener::route);
        listener.filter(filter).route(Route::prefix("/").to("backend"))
    }
}

impl SideBySide {
    /// Starts one pair without a name: a filter of this project (`"fault"`, ...), and Envoy's `name` with
    /// the message `message` as its configuration.
    ///
    /// # Errors
    ///
    /// When the module has not been built, or Envoy refuses the configuration.
    pub async fn start(
        filter: &str,
        native: (&str, &str),
        configuration: Value,
        workers: u32,
    ) -> Result<Self> {
        Self::start_pairs(filter, native, [Pair::new("", configuration)], workers).await
    }

    /// Starts all pairs, likewise.
    ///
    /// # Errors
    ///
    /// When the module has not been built, or Envoy refuses a configuration.
    pub async fn start_pairs(
        filter: &str,
        (name, message): (&str, &str),
        pairs: impl IntoIterator<Item = Pair>,
        workers: u32,
    ) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let mut config = Bootstrap::new().cluster(Cluster::new("backend", upstream.address()));
        let mut count = 0;
        for pair in pairs {
            let mut ours = WasmFilter::new(filter, pair.ours.clone())?;
            if !pair.name.is_empty() {
                // One VM for the plugins of all pairs.
                ours = ours.named(&Side::Ours.listener(&pair.name)).vm_id(filter);
            }
            let native = native_filter(name, message, pair.native.clone());
            config = config
                .listener(pair.listener(Side::Ours, ours.into()))
                .listener(pair.listener(Side::Native, native));
            count += 1;
        }
        ensure!(count > 0, "no pair of listeners");
        Ok(Self { envoy: Process::start(&config.build(), workers).await?, upstream })
    }
}
