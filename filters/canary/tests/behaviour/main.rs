//! What the canary does with requests, in the simulated proxy: each test runs natively, and on the module.
//!
//! | file | what it is about |
//! |---|---|
//! | `cookies.rs` | decisions by cookie, malformed ones too |
//! | `requests.rs` | headers, path, query, method, host; all, any and not |
//! | `values.rs` | the tests that a value may have to pass |
//! | `clients.rs` | who the client is: address, certificate, token |
//! | `rules.rs` | which rule decides, defaults, the kill switch |
//! | `splits.rs` | who is told apart by what, and gets which variant |
//! | `routing.rs` | the routing header, and the route that it leads to |
//! | `responses.rs` | what the client is told |
//! | `metrics.rs` | what is counted and logged |
//! | `failures.rs` | when the host, a fact or the VM fails |
//! | `workers.rs` | several workers, several listeners |
//! | `configuration.rs` | what is accepted, and what is refused and how |
//!
//! `common.rs` is what they share: two versions of a service behind the filter.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong panics"
)]

mod clients;
mod common;
mod configuration;
mod cookies;
mod failures;
mod metrics;
mod requests;
mod responses;
mod routing;
mod rules;
mod splits;
mod values;
mod workers;
