//! How stock Envoy's Wasm host behaves: the scenarios, by area.
//!
//! What each expects is what Envoy 1.40 shows; where older versions differ it is said how and why.
//! References name a file of Envoy or of proxy-wasm-cpp-host
//! (`cpp-host`) and a function in it.

use crate::scenario::Scenario;

mod bodies;
mod calls;
mod clock;
mod endings;
mod failures;
mod headers;
mod metrics;
mod pauses;
mod properties;
mod replies;
mod shared;
mod vms;
mod wire;

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [
        headers::scenarios(),
        bodies::scenarios(),
        pauses::scenarios(),
        replies::scenarios(),
        endings::scenarios(),
        shared::scenarios(),
        metrics::scenarios(),
        properties::scenarios(),
        clock::scenarios(),
        calls::scenarios(),
        failures::scenarios(),
        vms::scenarios(),
        wire::scenarios(),
    ]
    .concat()
}
