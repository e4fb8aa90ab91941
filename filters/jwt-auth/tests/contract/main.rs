//! What jwt-auth takes over from Envoy's `JwtAuthentication`, in the simulated proxy: each test runs
//! natively and on the module.
//!
//! | file | what it is about |
//! |---|---|
//! | `places.rs` | where tokens are found, and removed |
//! | `requirements.rs` | what requests need |
//! | `matches.rs` | which requests |
//! | `repeated.rs` | tokens that were verified before |
//!
//! `common.rs` is what they share.

#![forbid(unsafe_code)]

mod common;
mod matches;
mod places;
mod repeated;
mod requirements;
