//! What jwt-auth does with requests, in the simulated proxy: each test runs natively and on the module.
//!
//! | file | what it is about |
//! |---|---|
//! | `extraction.rs` | where a token is found |
//! | `rules.rs` | which requests need one |
//! | `form.rs` | what is a token at all |
//! | `claims.rs` | issuer, audience, times |
//! | `signatures.rs` | signatures, good and forged; who verifies |
//! | `agreement.rs` | host and module say the same of a signature |
//! | `algorithms.rs` | every algorithm with every form of key |
//! | `key_sets.rs` | which keys there are, and which may verify |
//! | `output.rs` | what the upstream learns |
//! | `spoofing.rs` | what a client claims to have learnt |
//! | `denials.rs` | what a client that is denied gets |
//! | `preflights.rs` | CORS |
//! | `stats.rs` | what is counted |
//! | `secrets.rs` | what is never said |
//! | `failures.rs` | when VM, host or configuration fail |
//! | `configuration.rs` | what is refused, and how |
//!
//! `common.rs` and `keys.rs` are what they share.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong panics"
)]

mod agreement;
mod algorithms;
mod claims;
mod common;
mod configuration;
mod denials;
mod extraction;
mod failures;
mod form;
mod key_sets;
mod keys;
mod output;
mod preflights;
mod rules;
mod secrets;
mod signatures;
mod spoofing;
mod stats;
