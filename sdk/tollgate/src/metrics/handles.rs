//! What is defined: values that are free to copy, and stay good as long as their VM.

use crate::abi::{self, Result};

/// Counts events.
///
/// Counting cannot fail in a way a request should notice, so it returns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub(super) u32);

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
///
/// For a count of what is in use, take a [`SharedGauge`](crate::shared::SharedGauge): it is right again
/// after a VM has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(pub(super) u32);

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

/// A distribution of whole numbers, in the unit that its name ends in: `wait_ms`, `body_bytes`.
///
/// Envoy shows quantiles in `/stats` and buckets in `/stats/prometheus`. Its own buckets are made for
/// milliseconds (0.5 to 3,600,000); for another unit give the bootstrap's
/// `stats_config.histogram_bucket_settings` some that fit. What is recorded shows after Envoy's next
/// flush, every five seconds by default. A module cannot read it back.
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::time::Instant;
///
/// struct Queue {
///     wait_ms: Histogram,
/// }
///
/// impl Queue {
///     fn left(&self, entered: Instant) -> Result<()> {
///         let waited = Instant::now()?.since(entered);
///         self.wait_ms.record(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram(pub(super) u32);

impl Histogram {
    /// Adds a value.
    pub fn record(self, value: u64) {
        let _ = abi::record_metric(self.0, value);
    }
}
