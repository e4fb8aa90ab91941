//! Attacks on jwt-auth, in the simulated proxy: each test runs natively and on the module.
//! `SECURITY.md` lists them with what the filter answers; `table.rs` holds it to the tests there are.
//!
//! | file | what is tried |
//! |---|---|
//! | `algorithms.rs` | to have a key verify what it is not for |
//! | `none.rs` | to do without a signature |
//! | `header.rs` | to bring a key along, or to name another |
//! | `weak_keys.rs` | keys that anybody can sign with |
//! | `signatures.rs` | signatures that were not made with the key |
//! | `encodings.rs` | one token in two texts, other kinds of tokens |
//! | `claims.rs` | claims that two readers read differently |
//! | `substitution.rs` | tokens for somebody or something else |
//! | `places.rs` | tokens where an upstream looks and the filter does not |
//! | `paths.rs` | to get past the rules |
//! | `spoofing.rs` | headers that pass for the filter's |
//! | `timing.rs` | to learn a code byte by byte |
//!
//! `forge.rs` makes what the keys of `behaviour/keys.rs` do not.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong panics"
)]

mod algorithms;
mod claims;
#[allow(dead_code, unused_imports, reason = "shared with the tests of behaviour")]
#[path = "../behaviour/common.rs"]
mod common;
mod encodings;
mod forge;
mod header;
#[allow(dead_code, unused_imports, reason = "shared with the tests of behaviour")]
#[path = "../behaviour/keys.rs"]
mod keys;
mod none;
mod paths;
mod places;
mod signatures;
mod spoofing;
mod substitution;
mod table;
mod timing;
mod weak_keys;
