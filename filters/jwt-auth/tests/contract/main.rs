//! What jwt-auth takes over from Envoy's `JwtAuthentication`, in the simulated proxy: each test runs
//! natively and on the module.
//!
//! | file | what it is about |
//! |---|---|
//! | `algorithms.rs` | what the module verifies itself |
//! | `conditions.rs` | what requirements ask of claims and of the client |
//! | `denied.rs` | denials in the operator's words, or only reported |
//! | `left.rs` | what is left for others |
//! | `places.rs` | where tokens are found, and removed |
//! | `requirements.rs` | what requests need |
//! | `matches.rs` | which requests |
//! | `repeated.rs` | tokens that were verified before |
//!
//! `common.rs` is what they share.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic: it fails then"
)]

mod algorithms;
mod common;
mod conditions;
mod denied;
mod left;
mod matches;
mod places;
mod repeated;
mod requirements;
