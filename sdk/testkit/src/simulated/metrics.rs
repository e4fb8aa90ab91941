//! Counters, gauges and histograms.

use crate::abi::{MetricKind, Result, Status};
use std::collections::BTreeMap;

/// The two lowest bits of an identifier tell the kind (proxy-wasm-cpp-host, `wasm.h`).
const KIND_BITS: u32 = 0b11;
const STEP: u32 = 4;

/// The metrics of a process. The same kind and name is one metric, however often and in however many
/// VMs it is defined.
///
/// ```
/// use tollgate_testkit::abi::MetricKind;
/// use tollgate_testkit::{Host, SimulatedHost};
///
/// let mut host = SimulatedHost::new();
/// let once = host.define_metric(MetricKind::Counter, b"requests").unwrap();
/// let again = host.define_metric(MetricKind::Counter, b"requests").unwrap();
/// host.increment_metric(once, 1).unwrap();
/// host.increment_metric(again, 2).unwrap();
/// assert_eq!(host.metrics().counter("requests"), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    values: BTreeMap<(MetricKind, String), u64>,
    samples: BTreeMap<String, Vec<u64>>,
}

impl Metrics {
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

    pub(super) fn define(&mut self, metric: Metric) {
        self.values.entry(metric).or_default();
    }

    pub(super) fn get(&self, (kind, name): &Metric) -> Result<u64> {
        match kind {
            MetricKind::Histogram => Err(Status::BAD_ARGUMENT),
            MetricKind::Counter | MetricKind::Gauge => Ok(self.value(*kind, name)),
        }
    }

    /// Sets a gauge, adds to a counter, adds a value to a histogram.
    pub(super) fn record(&mut self, metric: Metric, value: u64) {
        match metric.0 {
            MetricKind::Counter => self.change(metric, |it| it.wrapping_add(value)),
            MetricKind::Gauge => self.change(metric, |_| value),
            MetricKind::Histogram => self.samples.entry(metric.1).or_default().push(value),
        }
    }

    /// Adds to a counter; adds to a gauge, or takes from it.
    pub(super) fn increment(&mut self, metric: Metric, offset: i64) -> Result<()> {
        let grows = offset > 0;
        match metric.0 {
            MetricKind::Counter if !grows => return Err(Status::BAD_ARGUMENT),
            MetricKind::Histogram => return Err(Status::BAD_ARGUMENT),
            MetricKind::Counter | MetricKind::Gauge => {}
        }
        self.change(metric, |value| value.wrapping_add_signed(offset));
        Ok(())
    }

    fn value(&self, kind: MetricKind, name: &str) -> u64 {
        self.values.get(&(kind, name.to_owned())).copied().unwrap_or_default()
    }

    fn change(&mut self, metric: Metric, change: impl FnOnce(u64) -> u64) {
        let value = self.values.entry(metric).or_default();
        *value = change(*value);
    }
}

/// A metric: its kind and its name.
pub(super) type Metric = (MetricKind, String);

/// The identifiers by which one VM knows metrics. Every definition has one of its own.
#[derive(Debug, Default)]
pub(super) struct MetricIds(BTreeMap<u32, Metric>);

impl MetricIds {
    pub(super) fn add(&mut self, metric: Metric) -> u32 {
        let defined = self.0.values().filter(|(kind, _)| *kind == metric.0).count();
        let defined = u32::try_from(defined).unwrap_or(u32::MAX);
        let id = defined.saturating_add(1).saturating_mul(STEP).saturating_add(metric.0 as u32);
        self.0.insert(id, metric);
        id
    }

    /// The metric of an identifier: `BadArgument` when there is no such kind.
    pub(super) fn find(&self, id: u32) -> Result<Metric> {
        MetricKind::from_code(id & KIND_BITS).ok_or(Status::BAD_ARGUMENT)?;
        self.0.get(&id).cloned().ok_or(Status::NOT_FOUND)
    }
}

/// Whether an identifier is one of a histogram, defined or not.
pub(super) fn is_of_histogram(id: u32) -> bool {
    MetricKind::from_code(id & KIND_BITS) == Some(MetricKind::Histogram)
}
