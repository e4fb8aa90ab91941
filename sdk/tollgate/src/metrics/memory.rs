//! How much memory modules have.

use std::cell::Cell;

use super::{Gauge, MetricError, Metrics};

/// The most memory that one VM of a module has had, in bytes, as a gauge.
///
/// The memory of a WebAssembly module grows in pages of 64 KiB and never shrinks, so this is what a filter's
/// caches have cost at their worst. Natively, in tests, there is no such memory: it stays 0.
///
/// ```no_run
/// # fn configure(setup: &tollgate::Setup) -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate::metrics::MemoryGauge;
///
/// let memory = MemoryGauge::new(&setup.metrics())?;
/// // Wherever something was kept:
/// memory.update();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryGauge {
    gauge: Gauge,
    told: Cell<u64>,
}

impl MemoryGauge {
    /// The gauge `memory_bytes`.
    ///
    /// # Errors
    ///
    /// When the host does not make it.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        Ok(Self { gauge: metrics.gauge("memory_bytes")?, told: Cell::new(0) })
    }

    /// Tells the host, if the memory has grown; that costs host calls only then. A host that does not
    /// take it is asked again when the memory grows once more.
    pub fn update(&self) {
        let bytes = module_bytes();
        if bytes <= self.told.get() {
            return;
        }
        self.told.set(bytes);
        // Another worker's VM may have more. A stat is no reason to fail a request.
        if self.gauge.value().is_ok_and(|most| most < bytes) {
            let _ = self.gauge.set(bytes);
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn module_bytes() -> u64 {
    const PAGE: u64 = 65_536;
    (core::arch::wasm32::memory_size(0) as u64).saturating_mul(PAGE)
}

#[cfg(not(target_arch = "wasm32"))]
fn module_bytes() -> u64 {
    0
}
