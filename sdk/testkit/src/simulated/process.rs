//! What the VMs of one process share.

use super::metrics::Metrics;
use super::shared::{SharedData, SharedQueues};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the clocks stand at first: at 2026-01-01T00:00:00Z, an hour after the machine started.
const FIRST_UNIX_TIME: Duration = Duration::from_secs(1_767_225_600);
const FIRST_MONOTONIC_TIME: Duration = Duration::from_secs(3600);

/// The clocks, the metrics and the shared data of a process. A clone is the same process, for a host of
/// another VM.
///
/// ```
/// use tollgate_testkit::simulated::Process;
/// use tollgate_testkit::{Host, SimulatedHost};
///
/// let process = Process::default();
/// let (mut one, mut other) = (SimulatedHost::in_process(&process), SimulatedHost::in_process(&process));
/// one.set_shared_data(b"key", b"value", 0).unwrap();
/// assert_eq!(other.get_shared_data(b"key").unwrap().0, b"value");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Process(Arc<Mutex<Parts>>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) unix_time: Duration,
    pub(crate) monotonic_time: Duration,
    pub(crate) shared_data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: Metrics,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            unix_time: FIRST_UNIX_TIME,
            monotonic_time: FIRST_MONOTONIC_TIME,
            shared_data: SharedData::default(),
            queues: SharedQueues::default(),
            metrics: Metrics::default(),
        }
    }
}

impl Process {
    /// Nothing here is left half done by a panic, so that what a thread that panicked has locked is as
    /// good as before.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves both clocks.
    pub fn advance(&self, by: Duration) {
        let mut parts = self.lock();
        parts.unix_time = parts.unix_time.saturating_add(by);
        parts.monotonic_time = parts.monotonic_time.saturating_add(by);
    }
}
