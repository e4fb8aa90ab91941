//! What a filter needs to make itself.

use crate::abi::HostError;
use crate::config::ConfigError;
use crate::metrics::{self, Counter, Gauge, Histogram, MetricError, Metrics};
use crate::properties::Properties;
use crate::random::Random;
use crate::shared::SharedGauge;

/// Handed to [`crate::HttpFilter::configure`].
///
/// ```
/// use tollgate::metrics::Metrics;
/// use tollgate::prelude::*;
/// use tollgate::random::Random;
/// use tollgate::shared::SharedGauge;
///
/// pub struct Mine {
///     passed: Counter,
///     in_flight: SharedGauge,
///     random: Random,
///     metrics: Metrics,
/// }
///
/// # #[derive(Deserialize)] pub struct Config {}
/// #[tollgate::filter]
/// impl HttpFilter for Mine {
///     type Config = Config;
///
///     fn configure(_: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
///         let of_plugin = setup.metrics().tagged("plugin", setup.plugin_name());
///         Ok(Self {
///             passed: setup.counter("passed")?, // tollgate.<filter>.passed
///             in_flight: of_plugin.shared_gauge("in_flight")?, // for each configuration
///             random: setup.random(),
///             metrics: setup.metrics(), // for metrics that are defined later
///         })
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Setup {
    filter: &'static str,
    /// How many members of a chain there are before this one, by name; none outside a chain.
    members: Vec<String>,
    /// Tells members of one name apart, from the second one on.
    repetition: Option<usize>,
    /// Whether this is for a member of a chain.
    chained: bool,
}

impl Setup {
    pub(crate) const fn new(filter: &'static str) -> Self {
        Self { filter, members: Vec::new(), repetition: None, chained: false }
    }

    /// The same for a filter of this name.
    pub(crate) fn named(&self, filter: &'static str) -> Self {
        Self { filter, members: Vec::new(), repetition: self.repetition, chained: self.chained }
    }

    /// What the next member of a chain gets, which is a filter of this name.
    pub(crate) fn for_member(&mut self, name: &str) -> Self {
        let same = self.members.iter().filter(|member| *member == name).count();
        self.members.push(name.to_owned());
        let repetition = (same > 0).then(|| same.saturating_add(1));
        Self { filter: self.filter, members: Vec::new(), repetition, chained: true }
    }

    /// Whether other filters are in the same [chain](crate::chain): what this one leaves in the
    /// [`Extensions`](crate::Extensions) of a request has a reader then.
    #[must_use]
    pub fn is_chained(&self) -> bool {
        self.chained
    }

    /// Defines metrics with [tags](Metrics::tagged), and also later, while requests run.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.filter)
    }

    /// The counter `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// As for [`Metrics::counter`].
    pub fn counter(&self, stat: &'static str) -> Result<Counter, MetricError> {
        self.metrics().counter(stat)
    }

    /// The gauge `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// As for [`Metrics::counter`].
    pub fn gauge(&self, stat: &'static str) -> Result<Gauge, MetricError> {
        self.metrics().gauge(stat)
    }

    /// The histogram `tollgate.<filter>.<stat>`; the stat ends in its unit, as `wait_ms`.
    ///
    /// # Errors
    ///
    /// As for [`Metrics::counter`].
    pub fn histogram(&self, stat: &'static str) -> Result<Histogram, MetricError> {
        self.metrics().histogram(stat)
    }

    /// A count over all workers, visible as the gauge `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// As for [`Metrics::counter`].
    pub fn shared_gauge(&self, stat: &'static str) -> Result<SharedGauge, MetricError> {
        self.metrics().shared_gauge(stat)
    }

    /// The name of the plugin in Envoy's configuration, as a part of a metric's name; what one
    /// configuration counts for itself goes by it. `unnamed` where the host does not tell. Of a filter
    /// that is in a chain several times, the second one is `<name>_2`.
    #[must_use]
    pub fn plugin_name(&self) -> String {
        let name = Properties.plugin_name().ok().flatten().unwrap_or_default();
        let name = name.to_string_lossy();
        let name = metrics::segment(if name.is_empty() { "unnamed" } else { &name });
        match self.repetition {
            Some(repetition) => format!("{name}_{repetition}"),
            None => name,
        }
    }

    /// A generator that starts differently in every worker.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::from_host()
    }
}

/// So that `setup.counter("x")?` works in `configure`.
impl From<HostError> for ConfigError {
    fn from(error: HostError) -> Self {
        Self::new("(host)", error.to_string(), "a host that offers it (stock Envoy does)")
    }
}
