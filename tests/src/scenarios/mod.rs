//! How stock Envoy's Wasm host behaves: the scenarios, by area.
//!
//! What each expects is what Envoy 1.40 shows; where older versions differ it is said how and why.
//! References name a file of Envoy (`source/extensions/common/wasm/`) or of proxy-wasm-cpp-host (`src/`)
//! and a function in it.

use crate::scenario::{Observed, Scenario};

mod headers;

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [headers::scenarios()].concat()
}

/// For a scenario whose observation is not written yet.
fn todo() -> Observed {
    Observed::new().log(["?"])
}
