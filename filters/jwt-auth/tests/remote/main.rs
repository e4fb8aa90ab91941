//! Keys that jwt-auth fetches, in the simulated proxy: each test runs natively and on the module.
//!
//! | file | what it is about |
//! |---|---|
//! | `fetching.rs` | when keys are fetched, and who waits for them |
//! | `rotation.rs` | keys that come and go |
//! | `workers.rs` | several workers, and one that fails |
//! | `outages.rs` | what clients get from an issuer that does not answer, or badly |
//! | `discovery.rs` | keys whose URL the issuer tells |
//! | `configuration.rs` | what is refused, and how |
//!
//! `common.rs` is what they share.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong panics"
)]

mod common;
mod configuration;
mod discovery;
mod fetching;
#[path = "../behaviour/keys.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests use it all")]
mod keys;
mod outages;
mod rotation;
mod workers;
