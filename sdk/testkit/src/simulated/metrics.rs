//! Counters, gauges and histograms.

use crate::abi::{MetricKind, Result, Status};
use std::collections::BTreeMap;

/// The two lowest bits of an identifier tell the kind (proxy-wasm-cpp-host, `wasm.h`).
const KIND_BITS: u32 = 0b11;
const STEP: u32 = 4;

/// The metrics of a process. The same kind and name is one metric, however often it is defined;
/// every definition has an identifier of its own.
///
/// ```
/// use tollgate_testkit::abi::MetricKind;
/// use tollgate_testkit::simulated::Metrics;
///
/// let mut metrics = Metrics::default();
/// let (once, again) = (
///     metrics.define(MetricKind::Counter, "requests"),
///     metrics.define(MetricKind::Counter, "requests"),
/// );
/// metrics.increment(once, 1).unwrap();
/// metrics.increment(again, 2).unwrap();
/// assert_eq!(metrics.counter("requests"), 3);
/// ```
#[derive(Debug, Default)]
pub struct Metrics {
    names: BTreeMap<u32, String>,
    values: BTreeMap<(MetricKind, String), u64>,
    samples: BTreeMap<String, Vec<u64>>,
}

impl Metrics {
    /// Defines a metric, and gives its identifier.
    pub fn define(&mut self, kind: MetricKind, name: &str) -> u32 {
        let defined = self.names.keys().filter(|id| kind_of(**id) == Some(kind)).count();
        let defined = u32::try_from(defined).unwrap_or(u32::MAX);
        let id = defined.saturating_add(1).saturating_mul(STEP).saturating_add(kind as u32);
        self.names.insert(id, name.to_owned());
        self.values.entry((kind, name.to_owned())).or_default();
        id
    }

    /// The value of a counter; 0 if it is not defined.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.value(MetricKind::Counter, name)
    }

    /// The value of a gauge; 0 if it is not defined. Envoy does not stop at zero: a gauge that falls
    /// below wraps.
    #[must_use]
    pub fn gauge(&self, name: &str) -> u64 {
        self.value(MetricKind::Gauge, name)
    }

    /// The values that a histogram got, in order.
    #[must_use]
    pub fn histogram(&self, name: &str) -> &[u64] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names that are defined, each once, with their kinds.
    pub fn names(&self) -> impl Iterator<Item = (MetricKind, &str)> {
        self.values.keys().map(|(kind, name)| (*kind, name.as_str()))
    }

    /// The value of a counter or a gauge.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown one, `BadArgument` for a histogram.
    pub fn get(&self, id: u32) -> Result<u64> {
        if !matches!(kind_of(id), Some(MetricKind::Counter | MetricKind::Gauge)) {
            return Err(Status::BAD_ARGUMENT);
        }
        let (kind, name) = self.find(id)?;
        Ok(self.value(kind, name))
    }

    /// Sets a gauge, adds to a counter, adds a value to a histogram.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown one.
    pub fn record(&mut self, id: u32, value: u64) -> Result<()> {
        let (kind, name) = self.find(id)?;
        let name = name.to_owned();
        match kind {
            MetricKind::Counter => self.change((kind, name), |it| it.wrapping_add(value)),
            MetricKind::Gauge => self.change((kind, name), |_| value),
            MetricKind::Histogram => self.samples.entry(name).or_default().push(value),
        }
        Ok(())
    }

    /// Adds to a counter; adds to a gauge, or takes from it.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown one; `BadArgument` for a histogram, and for a counter that would not
    /// grow.
    pub fn increment(&mut self, id: u32, offset: i64) -> Result<()> {
        if !matches!(kind_of(id), Some(MetricKind::Counter | MetricKind::Gauge)) {
            return Err(Status::BAD_ARGUMENT);
        }
        let (kind, name) = self.find(id)?;
        if kind == MetricKind::Counter && offset <= 0 {
            return Err(Status::BAD_ARGUMENT);
        }
        let name = name.to_owned();
        self.change((kind, name), |value| value.wrapping_add_signed(offset));
        Ok(())
    }

    fn find(&self, id: u32) -> Result<(MetricKind, &str)> {
        let name = self.names.get(&id).map(String::as_str);
        kind_of(id).zip(name).ok_or(Status::NOT_FOUND)
    }

    fn value(&self, kind: MetricKind, name: &str) -> u64 {
        self.values.get(&(kind, name.to_owned())).copied().unwrap_or_default()
    }

    fn change(&mut self, metric: (MetricKind, String), change: impl FnOnce(u64) -> u64) {
        let value = self.values.entry(metric).or_default();
        *value = change(*value);
    }
}

fn kind_of(id: u32) -> Option<MetricKind> {
    MetricKind::from_code(id & KIND_BITS)
}
