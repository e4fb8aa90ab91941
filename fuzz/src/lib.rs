//! Targets for fuzzing: what must hold for any input whatsoever.
//!
//! A target takes bytes, makes an input of them, and panics when what must hold does not: a parser agrees
//! with a naive one, what is written can be read, a bucket never gives more than it gets. That nothing
//! panics is the least of it.
//!
//! - `cargo xtask fuzz` looks for inputs that break them, with libFuzzer (`fuzz/targets`);
//! - `fuzz/corpus` has a folder a target, with inputs that get far; `cargo test -p tollgate-fuzz` runs each.
//!
//! A new target is a function here, a line in [`TARGETS`], and a program in `fuzz/targets/src/bin`.

mod filters;
mod input;
mod proxy;
mod sdk;

pub use filters::bodies::bodies;
pub use filters::canary::canary;
pub use filters::circuit_state::circuit_state;
pub use filters::configs::{
    canary_config, circuit_breaker_config, fault_config, jwt_auth_config, suite_config,
};
pub use filters::fault::fault;
pub use filters::jwt_decision::jwt_decision;
pub use filters::jwt_der::jwt_der;
pub use filters::jwt_keys::jwt_keys;
pub use filters::jwt_token::{jwt_claims, jwt_token};
pub use filters::whole::{
    filter_canary, filter_circuit_breaker, filter_fault, filter_jwt_auth, filter_suite,
};
pub use sdk::bucketing::bucketing;
pub use sdk::cookies::cookies;
pub use sdk::headers::headers;
pub use sdk::json::json;
pub use sdk::matching::{matching, matching_config};
pub use sdk::patterns::{regex, semver};
pub use sdk::properties::properties;
pub use sdk::protobuf::protobuf;
pub use sdk::shared_cell::shared_cell;
pub use sdk::token_bucket::token_bucket;
pub use sdk::uri::uri;
pub use sdk::values::{byte_size, cidr, duration, grpc_status, names, percent, status_range};
pub use sdk::windows::{count_window, time_window};

/// A target.
pub type Target = fn(&[u8]);

macro_rules! targets {
    ($($name:ident)+) => {
        /// All targets by their names.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name)),+];
    };
}

targets! {
    bodies bucketing byte_size canary canary_config cidr circuit_breaker_config circuit_state
    cookies count_window duration fault fault_config filter_canary filter_circuit_breaker
    filter_fault filter_jwt_auth filter_suite grpc_status headers json jwt_auth_config
    jwt_claims jwt_decision jwt_der jwt_keys jwt_token matching matching_config names percent
    properties protobuf regex semver shared_cell status_range suite_config time_window
    token_bucket uri
}
