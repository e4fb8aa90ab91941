//! State that outlives a request: in one worker, or over all workers of an Envoy process.
//!
//! A worker runs a filter in a VM of its own, so a plain field is per worker and configuration. Beyond
//! that there are
//!
//! - [`WorkerCell`], a value that all configurations of one worker share;
//! - [`SharedGauge`], a count over all workers, of places that are taken and given back: about 0.5 µs
//!   a request, visible in `/stats`, and right again soon after a VM has failed;
//! - [`SharedCell`], a value in the host's shared data, replaced by compare-and-swap: about 1 µs and
//!   a process-wide lock, so for what changes rarely.

mod cell;
mod gauge;
mod lease;
mod worker;

pub use cell::{SharedCell, Update};
pub use gauge::{Reservation, SharedGauge};
pub use worker::WorkerCell;

#[cfg(test)]
mod tests;
