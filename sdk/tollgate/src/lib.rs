//! An SDK for Envoy filters in WebAssembly: typed, `async`, and without panics.
//!
//! A filter is a value that gets requests. This one greets every upstream, and counts:
//!
//! ```
//! use tollgate::prelude::*;
//!
//! /// What the operator writes.
//! #[derive(Deserialize, JsonSchema)]
//! pub struct Config {
//!     /// The value of `x-greeting` that the upstream sees.
//!     greeting: HeaderValue,
//! }
//!
//! pub struct Greeter {
//!     greeting: HeaderValue,
//!     greeted: Counter,
//! }
//!
//! #[tollgate::filter]
//! impl HttpFilter for Greeter {
//!     type Config = Config;
//!
//!     fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
//!         Ok(Self { greeting: config.greeting, greeted: setup.counter("greeted")? })
//!     }
//!
//!     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
//!         request.headers_mut().set("x-greeting", &self.greeting)?;
//!         self.greeted.increment();
//!         Ok(Flow::Continue)
//!     }
//! }
//! ```
//!
//! # Failing
//!
//! Whatever asks the host returns a [`Result`]; nothing panics, since a panic would end the VM of a
//! whole worker. A phase that returns an error is counted (`tollgate.<filter>.failures`), logged,
//! and answered by the filter's [`HttpFilter::ON_FAILURE`].
//!
//! # Waiting
//!
//! Phases are `async`. A future is polled in its callback and usually finishes there; one that waits
//! pauses its stream, and is dropped with it.
//!
//! # State
//!
//! | what | where |
//! |---|---|
//! | of one request | [`Request::state`], dropped when its stream ends |
//! | of one worker | fields of the filter |
//! | of the process, a count | [`shared::SharedGauge`] |
//! | of the process, anything else | [`shared::SharedCell`] |

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

pub mod abi;
pub mod bucketing;
pub mod byte_size;
pub mod callout;
pub mod chain;
pub mod cidr;
pub mod config;
pub mod cookies;
mod executor;
mod filter;
pub mod grpc;
pub mod headers;
pub mod host;
mod id_map;
pub mod json;
pub mod log;
pub mod matching;
mod message;
pub mod metrics;
pub mod properties;
mod protobuf;
pub mod random;
mod reply;
mod setup;
pub mod shared;
pub mod status;
mod stream;
pub mod task;
#[cfg(test)]
mod testing;
pub mod time;
pub mod token_bucket;
pub mod uri;
pub mod vm;
pub mod window;

pub use abi::{HostError, Result};
pub use filter::{FailurePolicy, Flow, HttpFilter};
pub use message::{
    Body, Chunk, Collected, End, Ending, Extensions, Headers, Request, Response, Trailers,
    VerifiedClaims,
};
pub use reply::LocalReply;
pub use setup::Setup;
pub use tollgate_macros::filter;

/// What a filter usually imports.
pub mod prelude {
    pub use crate::config::{ConfigError, HeaderValue};
    pub use crate::metrics::{Counter, Gauge, Histogram};
    pub use crate::{
        Body, Collected, End, Ending, FailurePolicy, Flow, HostError, HttpFilter, LocalReply,
        Request, Response, Result, Setup, Trailers,
    };
    /// Where the code that `JsonSchema` derives looks for its crate.
    #[doc(hidden)]
    pub use schemars;
    pub use schemars::JsonSchema;
    pub use serde::Deserialize;
}
