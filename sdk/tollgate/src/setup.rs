//! What a filter needs to make itself.

use crate::abi::{HostError, Result};
use crate::config::ConfigError;
use crate::metrics::{self, Counter, Gauge, Histogram, Metrics};
use crate::properties::Properties;
use crate::random::Random;
use crate::shared::SharedGauge;

/// Handed to [`crate::HttpFilter::configure`].
#[derive(Debug)]
pub struct Setup {
    filter: &'static str,
}

impl Setup {
    pub(crate) const fn new(filter: &'static str) -> Self {
        Self { filter }
    }

    /// Defines metrics also later, while requests run.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.filter)
    }

    /// The counter `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn counter(&self, stat: &str) -> Result<Counter> {
        self.metrics().counter(stat)
    }

    /// The gauge `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn gauge(&self, stat: &str) -> Result<Gauge> {
        self.metrics().gauge(stat)
    }

    /// The histogram `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn histogram(&self, stat: &str) -> Result<Histogram> {
        self.metrics().histogram(stat)
    }

    /// A count over all workers, visible as the gauge `tollgate.<filter>.<stat>`.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn shared_gauge(&self, stat: &str) -> Result<SharedGauge> {
        self.gauge(stat).map(SharedGauge::new)
    }

    /// The name of the plugin in Envoy's configuration, as a part of a metric's name; what one
    /// configuration counts for itself goes by it. `unnamed` where the host does not tell.
    #[must_use]
    pub fn plugin_name(&self) -> String {
        let name = Properties.plugin_name().ok().flatten().unwrap_or_default();
        let name = metrics::segment(&name.to_string_lossy());
        if name.is_empty() { "unnamed".to_owned() } else { name }
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
