//! Counters, gauges and histograms of the Envoy process.
//!
//! A metric is called `tollgate.<filter>.<stat>`; where a filter counts by key, the key stands
//! before the stat: `tollgate.circuit_breaker.<key>.<stat>`. Envoy shows it under `/stats` with
//! `wasmcustom.` in front. The same name in several workers is one metric.
//!
//! ```
//! use tollgate::metrics::{Counter, Gauge, Histogram};
//! use tollgate::prelude::*;
//! use tollgate::time::Instant;
//!
//! pub struct Stats {
//!     requests: Counter,
//!     open: Gauge,
//!     took_ms: Histogram,
//! }
//!
//! impl Stats {
//!     fn new(setup: &Setup) -> Result<Self> {
//!         Ok(Self {
//!             requests: setup.counter("requests")?,
//!             open: setup.gauge("open")?,
//!             took_ms: setup.histogram("took_ms")?,
//!         })
//!     }
//!
//!     fn begins(&self) -> Result<()> {
//!         self.requests.increment();
//!         self.open.add(1)
//!     }
//!
//!     fn ends(&self, began: Instant) -> Result<()> {
//!         let took = Instant::now()?.since(began).as_millis();
//!         self.took_ms.record(u64::try_from(took).unwrap_or(u64::MAX));
//!         self.open.add(-1)
//!     }
//! }
//! ```
//!
//! A gauge that is raised and lowered like this one is wrong for ever after a panic between the two; a
//! [`SharedGauge`](crate::shared::SharedGauge) is not.

use crate::abi::{self, MetricKind, Result};

/// Defines the metrics of one filter.
///
/// Handed out by [`crate::Setup::metrics`]; keep it where metrics are defined while requests run,
/// for instance one set per key:
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use tollgate::metrics::{Counter, Metrics, segment};
///
/// struct Tenants {
///     metrics: Metrics,
///     requests: RefCell<HashMap<String, Counter>>,
/// }
///
/// impl Tenants {
///     /// `tenant` is one of a list: Envoy keeps every metric until it ends.
///     fn count(&self, tenant: &str) -> tollgate::Result<()> {
///         let known = self.requests.borrow().get(tenant).copied();
///         let counter = match known {
///             Some(counter) => counter,
///             None => self.metrics.counter(&format!("{}.requests", segment(tenant)))?,
///         };
///         self.requests.borrow_mut().insert(tenant.to_owned(), counter);
///         counter.increment();
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metrics {
    filter: &'static str,
}

impl Metrics {
    pub(crate) const fn new(filter: &'static str) -> Self {
        Self { filter }
    }

    /// A counter.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn counter(self, stat: &str) -> Result<Counter> {
        self.define(MetricKind::Counter, stat).map(Counter)
    }

    /// A gauge.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn gauge(self, stat: &str) -> Result<Gauge> {
        self.define(MetricKind::Gauge, stat).map(Gauge)
    }

    /// A histogram.
    ///
    /// # Errors
    ///
    /// When the host refuses to define it.
    pub fn histogram(self, stat: &str) -> Result<Histogram> {
        self.define(MetricKind::Histogram, stat).map(Histogram)
    }

    /// The gauge in which a VM notes what it has added to another.
    pub(crate) fn lease(self, stat: &str, vm: &str, slot: usize) -> Result<Gauge> {
        let name = format!("tollgate_leases.{}.{stat}.{vm}.{slot}", self.filter);
        abi::define_metric(MetricKind::Gauge, &name).map(Gauge)
    }

    /// The whole name of a stat.
    pub(crate) fn name(self, stat: &str) -> String {
        format!("tollgate.{}.{stat}", self.filter)
    }

    fn define(self, kind: MetricKind, stat: &str) -> Result<u32> {
        abi::define_metric(kind, &self.name(stat))
    }
}

/// A name as one part of a metric's name: whatever is not a letter, digit, `-` or `_` becomes `_`,
/// since a dot separates the parts.
///
/// ```
/// assert_eq!(tollgate::metrics::segment("reviews.default:80"), "reviews_default_80");
/// ```
#[must_use]
pub fn segment(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'), "_")
}

/// Counts events.
///
/// Counting cannot fail in a way a request should notice, so it returns nothing.
#[derive(Clone, Copy, Debug)]
pub struct Counter(u32);

impl Counter {
    /// Counts one.
    pub fn increment(self) {
        self.add(1);
    }

    /// Counts several; a count past 2^63 - 1 is cut there.
    pub fn add(self, count: u64) {
        let _ = abi::increment_metric(self.0, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What all workers counted since Envoy started.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    pub fn value(self) -> Result<u64> {
        abi::metric(self.0)
    }
}

/// A value that goes up and down, one for the whole process: each change is atomic over all workers.
#[derive(Clone, Copy, Debug)]
pub struct Gauge(u32);

impl Gauge {
    /// Sets the value.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    pub fn set(self, value: u64) -> Result<()> {
        abi::record_metric(self.0, value)
    }

    /// Adds to the value, or takes from it.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    #[allow(clippy::should_implement_trait, reason = "it changes the gauge, and may fail")]
    pub fn add(self, offset: i64) -> Result<()> {
        abi::increment_metric(self.0, offset)
    }

    /// The value now.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    pub fn value(self) -> Result<u64> {
        abi::metric(self.0)
    }
}

/// A distribution of values, such as durations in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Histogram(u32);

impl Histogram {
    /// Adds a value.
    pub fn record(self, value: u64) {
        let _ = abi::record_metric(self.0, value);
    }
}
