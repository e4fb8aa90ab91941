//! A test kit for Envoy filters in WebAssembly: a simulated proxy, in which one test body runs natively
//! and against the compiled module.
//!
//! ```no_run
//! use serde_json::json;
//! use std::time::Duration;
//! use tollgate_testkit::{Answer, Proxy};
//! # use tollgate::prelude::*;
//! # pub struct Greeter;
//! # #[derive(Deserialize)] pub struct Config {}
//! # #[tollgate::filter(feature = "module")]
//! # impl HttpFilter for Greeter {
//! #     type Config = Config;
//! #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
//! # }
//!
//! #[tollgate_testkit::test(Greeter)]
//! fn greets_the_upstream_however_slow_it_is(proxy: &mut Proxy) {
//!     proxy.upstream("upstream", |_| Answer::status(200).after(Duration::from_secs(9)));
//!     proxy.configure(json!({ "greeting": "hello" }));
//!
//!     let exchange = proxy.get("/").header("x-greeting", "mine").send();
//!     assert_eq!(exchange.upstream_request().header("x-greeting").as_deref(), Some("hello"));
//!     assert!(exchange.is_pending());
//!     proxy.advance(Duration::from_secs(9));
//!     assert_eq!(exchange.status(), 200);
//!     assert_eq!(proxy.counter("tollgate.greeter.greeted"), 1);
//! }
//! # fn main() {}
//! ```
//!
//! The attribute makes two tests of it: `greets_the_upstream_however_slow_it_is::natively`, which a
//! debugger, a coverage tool and a fuzzer see through, and `…::as_module`, which runs the `.wasm` that
//! Envoy would load, in the interpreter [wasmi](https://docs.rs/wasmi). A module that `cargo xtask build`
//! has left in `dist/` is taken; one that is missing or older than its sources is built. Nothing has to
//! be installed but the target: `rustup target add wasm32-wasip1`.
//!
//! # What is simulated
//!
//! A [`Proxy`] has workers, each with a VM of its own, and one on the main thread, as Envoy has; metrics
//! and shared data of the process; listeners with plugins; [routes](Route) and clusters, whose upstreams
//! [answer](Answer) what the test says, to requests and to the filter's own calls alike. Requests are
//! sent whole or part by part, over HTTP/1.1, HTTP/2 or gRPC; many can be on their way at once, and their
//! clients can leave. VMs can fail, and the plugin's [`FailurePolicy`] is kept.
//!
//! Nothing happens by itself. Time moves by [`Proxy::advance`], and everything that falls into it happens
//! then, in order: ticks, answers, timeouts. Randomness has a seed. So a test of a timeout takes no
//! time, and fails every time or never. Proxies share nothing: tests run in parallel.
//!
//! What the proxy does around the filter is what stock Envoy 1.40 does, in detail: what can be read and
//! written in which callback, what a pause holds back, where a reply of the filter's own comes by again,
//! in which order a stream ends. The project holds it to that: more than a hundred scenarios are observed
//! in Envoy and here, and have to be equal.
//!
//! # Natively
//!
//! A VM is a thread, since the SDK keeps what is a VM's own in thread-locals. A panic ends the VM as a
//! trap ends a module: nothing that unwinding drops reaches the host. [`Proxy::traps`] tells what it said.
//!
//! # As a module
//!
//! Modules built with any SDK for ABI 0.2.1 run, as long as they import no more of WASI than Rust's
//! standard library does. To load a module of 300 KiB takes 15 ms, to start a VM of it 0.2 ms, and a
//! simple request 0.05 ms, if the interpreter is optimised; so tell Cargo to do that in tests as well:
//!
//! ```toml
//! [profile.dev.package.wasmi]
//! opt-level = 3
//! [profile.dev.package.wasmparser]
//! opt-level = 3
//! ```
//!
//! # What a request costs
//!
//! [`Proxy::costs`] counts what a module executes and what it asks of the host. Neither depends on the
//! machine, so a test can hold both. An instruction of the interpreter is not one of the processor: fuel
//! tells whether a change made a filter cheaper, and not how long it takes in Envoy.
//!
//! # One VM, callback by callback
//!
//! Below the proxy is an [`Instance`], one VM of a [`Module`], with each callback of the ABI as a method:
//! it runs what it is told, also what Envoy would never do. Its [`Host`] is any type, or a
//! [`SimulatedHost`], which answers as Envoy does and remembers what it was told. An
//! [`Interceptor`](module::Interceptor) stands between the two and makes host calls fail, or lie:
//!
//! ```no_run
//! use tollgate_testkit::abi::{CONTINUE, MapKind, Status};
//! use tollgate_testkit::module::Interceptor;
//! use tollgate_testkit::{HeaderMap, Module, SimulatedHost};
//!
//! struct NoProperties;
//!
//! impl Interceptor for NoProperties {
//!     fn call(&mut self, name: &'static str) -> Option<u32> {
//!         (name == "proxy_get_property").then_some(Status::INTERNAL_FAILURE.code())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut host = SimulatedHost::new();
//! host.set_plugin_configuration(r#"{ "greeting": "hello" }"#);
//! let mut vm = Module::load("dist/greeter.wasm")?.instantiate(host)?;
//! vm.on_context_create(1, 0)?; // a plugin, whose parent is 0
//! assert!(vm.on_configure(1, 25)?);
//!
//! vm.set_interceptor(NoProperties);
//! vm.on_context_create(2, 1)?; // a stream of plugin 1
//! vm.host_mut().set_headers(2, MapKind::RequestHeaders, HeaderMap::from([(":path", "/")]));
//! assert_eq!(vm.on_request_headers(2, 1, true)?, CONTINUE); // an error here is a filter that panics
//! # Ok(())
//! # }
//! ```
//!
//! # What it is not
//!
//! There is one filter in the chain, before the router; what another filter makes of a request does not
//! happen, nor do retries, TCP filters or gRPC streams of a filter's own. CEL expressions are not
//! evaluated. What of that a filter needs, a test offers by [`SimulatedHost::set_foreign_function`].

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

pub mod abi;
mod built;
mod engine;
mod headers;
mod host;
pub mod module;
pub mod proxy;
pub mod simulated;

pub use built::MODULES_VARIABLE;
pub use engine::Filter;
pub use headers::HeaderMap;
pub use host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
pub use module::{Instance, Module, Trap};
pub use proxy::{
    AccessLogEntry, Answer, Exchange, FailurePolicy, Proxy, Request, Response, Route,
    UpstreamRequest, VmReloads,
};
pub use simulated::SimulatedHost;
pub use tollgate_macros::test_twice as test;
