//! How much memory Envoy has, and the largest of its modules' VMs.

use std::fmt;

use anyhow::Result;
use tollgate_e2e::envoy::Process;

use crate::commands::bench::usage::resident_bytes;

/// What the filter says of the memory of its VMs.
const GAUGE: &str = "wasmcustom.tollgate.jwt_auth.memory_bytes";
/// By how much memory may grow after the first half, in percent: allocators keep pages.
const TOLERANCE: u64 = 5;

/// What was seen.
pub(super) struct Memory<'a> {
    envoy: &'a Process,
    noted: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    modules: u64,
    process: u64,
}

impl<'a> Memory<'a> {
    pub(super) fn new(envoy: &'a Process) -> Self {
        Self { envoy, noted: Vec::new() }
    }

    /// Looks, and tells.
    pub(super) async fn note(&mut self) -> Result<String> {
        let modules = self.envoy.gauge(GAUGE).await?;
        let process = resident_bytes(self.envoy.id())?;
        self.noted.push(Seen { modules, process });
        Ok(format!("{:11} {:11}", modules >> 10, process >> 20))
    }

    /// What there was at half time, and at the end.
    fn halves(&self) -> Option<(Seen, Seen)> {
        Some((*self.noted.get(self.noted.len() / 2)?, *self.noted.last()?))
    }

    /// Whether it did not grow in the second half.
    pub(super) fn is_flat(&self) -> bool {
        self.halves().is_some_and(|(half, end)| {
            is_alike(half.modules, end.modules) && is_alike(half.process, end.process)
        })
    }
}

fn is_alike(before: u64, after: u64) -> bool {
    after <= before + before * TOLERANCE / 100
}

impl fmt::Display for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((half, end)) = self.halves() else { return f.write_str("memory was not seen") };
        write!(
            f,
            "memory of a VM from {} KiB at half time to {} KiB, of Envoy from {} MiB to {} MiB",
            half.modules >> 10,
            end.modules >> 10,
            half.process >> 20,
            end.process >> 20
        )
    }
}
