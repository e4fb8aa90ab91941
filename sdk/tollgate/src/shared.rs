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
//!
//! The chapter on [state](crate::guide::state) says which to take.
//!
//! ```
//! use std::cell::RefCell;
//! use tollgate::prelude::*;
//! use tollgate::shared::{SharedCell, SharedGauge, WorkerCell};
//!
//! pub struct Filter {
//!     /// Of the worker: what is dear to look up again.
//!     cache: WorkerCell<RefCell<Vec<String>>>,
//!     /// Of the process: how many are inside.
//!     inside: SharedGauge,
//!     /// Of the process: whether an operator has closed it.
//!     closed: SharedCell<bool>,
//! }
//!
//! fn new(setup: &Setup) -> Result<Filter> {
//!     Ok(Filter {
//!         cache: WorkerCell::get_or_init("cache", RefCell::default),
//!         inside: setup.shared_gauge("inside")?,
//!         closed: SharedCell::new("closed", 1),
//!     })
//! }
//! ```

mod cell;
mod gauge;
mod lease;
mod worker;

pub use cell::{SharedCell, Update};
pub use gauge::{Reservation, SharedGauge};
pub use worker::WorkerCell;

#[cfg(test)]
mod tests;
