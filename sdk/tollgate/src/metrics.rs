//! Counters, gauges and histograms of the Envoy process, with tags that Prometheus shows as labels.
//!
//! ```
//! use tollgate::prelude::*;
//!
//! #[derive(Deserialize)]
//! pub struct Config {
//!     variant: String,
//! }
//!
//! pub struct Greeter {
//!     greeted: Counter,
//!     wait_ms: Histogram,
//! }
//!
//! #[tollgate::filter]
//! impl HttpFilter for Greeter {
//!     const NAME: &'static str = "greeter";
//!     type Config = Config;
//!
//!     fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
//!         let of_variant = setup.metrics().tagged("variant", &config.variant);
//!         Ok(Self { greeted: of_variant.counter("greeted")?, wait_ms: setup.histogram("wait_ms")? })
//!     }
//! }
//! ```
//!
//! The same metric defined again is the same metric: in one VM the same handle, without asking the host;
//! in other workers and plugins a handle of the same value in Envoy.
//!
//! # Names
//!
//! A metric is called `tollgate.<filter>[.<key>][.<tag>=<value>]....<stat>`, its tags in alphabetical
//! order:
//!
//! | defined by `greeter` with | in `/stats`, behind `wasmcustom.` | in `/stats/prometheus` |
//! |---|---|---|
//! | `counter("greeted")` | `tollgate.greeter.greeted` | `tollgate_greeter_greeted{}` |
//! | `tagged("variant", "v2")` | `tollgate.greeter.variant=v2.greeted` | `tollgate_greeter_greeted{variant="v2"}` |
//! | `keyed("reviews.default")` | `tollgate.greeter.reviews_default.greeted` | `tollgate_greeter_greeted{key="reviews_default"}` |
//!
//! Envoy takes keys and tags out of the names by `stats_tags` in its bootstrap:
//! `envoy-configs/observability/stats_tags.yaml` holds a rule for each tag, whatever the filter. A filter
//! that uses those needs nothing else: `cluster`, `flag`, `method`, `outcome`, `plugin`, `provider`,
//! `reason`, `route`, `status` and `variant`. For another tag, copy a line there and write its name in
//! both places. Without rules, Prometheus shows the values as a part of the name.
//!
//! Prometheus shows metrics that differ in their tags only as one, which can have one kind: a filter that
//! gives it two gets an [error](MetricError::OtherKind).
//!
//! # Values
//!
//! A value is cleaned to a [`segment`]: `reviews.default` is written `reviews_default`, nothing as `_`,
//! and at most 128 characters remain. Two values that are written the same share a metric: a counter
//! counts both.
//!
//! # What they cost
//!
//! | what | costs |
//! |---|---|
//! | counting | 0.1 µs |
//! | defining a metric that this VM has defined | a look-up |
//! | one that only another VM has | 3 µs |
//! | one that is new in the process | 10 µs, and 15 to 20 µs for each rule of `stats_tags` |
//! | memory | about 0.5 KiB in Envoy, and the name in each VM |
//!
//! Nothing that is defined is ever given back. So define what you can in `configure`, and where a request
//! decides about a value, bound how many there are: [`Keyed`] does.
//!
//! # What must not be excluded
//!
//! What a filter writes to a metric that the bootstrap's `stats_config.stats_matcher` excludes is lost,
//! and reads as 0. So what decides by gauges, a [`SharedGauge`] above all, works only if it lets pass all
//! that starts with `wasmcustom.`; if not, [`Metrics::require_gauges`] fails, and with it the
//! configuration.
//!
//! The SDK's own gauges, `wasmcustom.0.tollgate_leases.*`, are of no interest outside. Nothing has to be
//! done to keep them out of Prometheus: Envoy shows it nothing that starts with a digit
//! (`PrometheusStatsFormatter::metricName` in `source/server/admin/prometheus_stats.cc`).

mod defined;
mod error;
mod handles;
mod keyed;
mod memory;
mod name;

pub use crate::abi::MetricKind;
pub(crate) use defined::forget;
pub use error::MetricError;
pub use handles::{Counter, Gauge, Histogram};
pub use keyed::Keyed;
pub use memory::MemoryGauge;
pub use name::{MAX_SEGMENT, segment};

use crate::shared::SharedGauge;
use std::fmt::Write as _;

/// Tags that [`Metrics::keyed`] and Prometheus set.
const RESERVED: [&str; 3] = ["key", "le", "quantile"];

/// What the SDK counts for itself starts so: Prometheus gets nothing that starts with a digit.
const LEASES: &str = "0.tollgate_leases";

const ALLOWED: &str = "ASCII letters, digits and `_`, a letter first";
const ALLOWED_TAG: &str =
    "ASCII letters, digits and `_`, a letter first, and not `key`, `le` or `quantile`";

/// Defines the metrics of one filter, or those of a key and tags of it.
///
/// Handed out by [`Setup::metrics`](crate::Setup::metrics); keep it where metrics are defined while
/// requests run.
#[derive(Clone, Debug)]
pub struct Metrics {
    filter: &'static str,
    key: Option<String>,
    /// In the order of their names, so that the same tags always make the same metric.
    tags: Vec<(&'static str, String)>,
}

impl Metrics {
    pub(crate) const fn new(filter: &'static str) -> Self {
        Self { filter, key: None, tags: Vec::new() }
    }

    /// The same with a tag: text or bytes, cleaned to a [`segment`]. A second value of a tag replaces
    /// the first.
    ///
    /// A tag is called as Prometheus calls it: ASCII letters, digits and `_`, a letter first; and not
    /// `key`, which is that of [`keyed`](Self::keyed), or `le` or `quantile`, which histograms use. For
    /// one that is not, defining fails.
    ///
    /// ```
    /// use tollgate::metrics::{Counter, MetricError, Metrics};
    ///
    /// fn answers(metrics: &Metrics, route: &[u8], status: u16) -> Result<Counter, MetricError> {
    ///     metrics.tagged("route", route).tagged("status", status.to_string()).counter("answers")
    /// }
    /// ```
    #[must_use]
    pub fn tagged(&self, tag: &'static str, value: impl AsRef<[u8]>) -> Self {
        let mut tagged = self.clone();
        let value = clean(value.as_ref());
        tagged.tags.retain(|(name, _)| *name != tag);
        let index = tagged.tags.partition_point(|(name, _)| *name < tag);
        tagged.tags.insert(index, (tag, value));
        tagged
    }

    /// The same for one of the things that the filter counts by, such as an upstream cluster: the tag
    /// `key`, of which `/stats` shows the value alone. Cleaned to a [`segment`]; a second key replaces
    /// the first. See [`Keyed`] for keys that turn up while requests run.
    #[must_use]
    pub fn keyed(&self, key: impl AsRef<[u8]>) -> Self {
        Self { key: Some(clean(key.as_ref())), ..self.clone() }
    }

    /// A counter.
    ///
    /// A stat is called as Prometheus calls it: ASCII letters, digits and `_`, a letter first. What
    /// varies belongs into a tag.
    ///
    /// # Errors
    ///
    /// When the name is none, when the filter has it with another kind, or when the host refuses it.
    pub fn counter(&self, stat: &'static str) -> Result<Counter, MetricError> {
        self.define(MetricKind::Counter, stat).map(Counter)
    }

    /// A gauge; called as a [counter](Self::counter).
    ///
    /// # Errors
    ///
    /// As for a counter.
    pub fn gauge(&self, stat: &'static str) -> Result<Gauge, MetricError> {
        self.define(MetricKind::Gauge, stat).map(Gauge)
    }

    /// A histogram; called as a [counter](Self::counter), with its unit at the end: `wait_ms`,
    /// `body_bytes`.
    ///
    /// # Errors
    ///
    /// As for a counter.
    pub fn histogram(&self, stat: &'static str) -> Result<Histogram, MetricError> {
        self.define(MetricKind::Histogram, stat).map(Histogram)
    }

    /// A count of what is in use over all workers, visible as a gauge.
    ///
    /// # Errors
    ///
    /// As for a counter.
    pub fn shared_gauge(&self, stat: &'static str) -> Result<SharedGauge, MetricError> {
        SharedGauge::new(self.clone(), stat)
    }

    /// Makes sure that Envoy keeps what is written to gauges, for a filter that decides by what they
    /// say; a [shared gauge](Self::shared_gauge) does so itself.
    ///
    /// # Errors
    ///
    /// When a `stats_matcher` excludes them, or the host fails.
    pub fn require_gauges(&self) -> Result<(), MetricError> {
        let name = format!("{LEASES}.{}.check", self.filter);
        let gauge = define_internal(name.clone())?;
        gauge.set(1)?;
        if gauge.value()? == 0 { Err(MetricError::Excluded { name }) } else { Ok(()) }
    }

    /// The gauge in which a VM notes what it has added to another.
    pub(crate) fn lease(&self, stat: &str, vm: &str, slot: usize) -> Result<Gauge, MetricError> {
        let local = self.local_name(stat);
        define_internal(format!("{LEASES}.{}.{local}.{vm}.{slot}", self.filter))
    }

    /// The whole name of a stat.
    pub(crate) fn name(&self, stat: &str) -> String {
        format!("tollgate.{}.{}", self.filter, self.local_name(stat))
    }

    /// The name of a stat among those of the filter.
    pub(crate) fn local_name(&self, stat: &str) -> String {
        let mut name = String::new();
        if let Some(key) = &self.key {
            let _ = write!(name, "{key}.");
        }
        for (tag, value) in &self.tags {
            let _ = write!(name, "{tag}={value}.");
        }
        name.push_str(stat);
        name
    }

    fn define(&self, kind: MetricKind, stat: &'static str) -> Result<u32, MetricError> {
        self.check_names(stat)?;
        defined::define(kind, format!("tollgate.{}.{stat}", self.filter), self.name(stat))
    }

    fn check_names(&self, stat: &'static str) -> Result<(), MetricError> {
        if let Some(name) = [self.filter, stat].into_iter().find(|name| !name::is_name(name)) {
            return Err(MetricError::Name { name, allowed: ALLOWED });
        }
        let is_tag = |tag: &str| name::is_name(tag) && !RESERVED.contains(&tag);
        match self.tags.iter().find(|(tag, _)| !is_tag(tag)) {
            Some((name, _)) => Err(MetricError::Name { name, allowed: ALLOWED_TAG }),
            None => Ok(()),
        }
    }
}

fn clean(value: &[u8]) -> String {
    segment(&String::from_utf8_lossy(value))
}

fn define_internal(name: String) -> Result<Gauge, MetricError> {
    defined::define(MetricKind::Gauge, name.clone(), name).map(Gauge)
}

#[cfg(test)]
mod tests;
