//! A test kit for Envoy filters in WebAssembly: runs the compiled module, the very `.wasm` that Envoy
//! would load, without Envoy and in milliseconds.
//!
//! A test gives the module a proxy to live in, calls its callbacks, and looks at what it did:
//!
//! ```
//! use tollgate_testkit::abi::{CONTINUE, MapKind};
//! use tollgate_testkit::{HeaderMap, Module, SimulatedHost};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let wasm = wat::parse_str(r#"(module
//! #   (import "env" "proxy_add_header_map_value"
//! #     (func $add (param i32 i32 i32 i32 i32) (result i32)))
//! #   (memory (export "memory") 1)
//! #   (data (i32.const 0) "x-greetinghello")
//! #   (func (export "proxy_abi_version_0_2_1"))
//! #   (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
//! #   (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
//! #   (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
//! #     (call $add (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 10) (i32.const 5))))"#)?;
//! # let module = Module::from_bytes(&wasm)?;
//! # /*
//! let module = Module::load("dist/greeter.wasm")?;
//! # */
//! let mut host = SimulatedHost::new();
//! host.set_plugin_configuration(r#"{ "greeting": "hello" }"#);
//! let mut vm = module.instantiate(host)?;
//!
//! // The plugin: context 1, whose parent is 0.
//! vm.on_context_create(1, 0)?;
//! assert!(vm.on_vm_start(1, 0)?);
//! assert!(vm.on_configure(1, 25)?);
//!
//! // A request: context 2, of plugin 1.
//! vm.on_context_create(2, 1)?;
//! vm.host_mut().set_headers(2, MapKind::RequestHeaders, HeaderMap::from([(":path", "/")]));
//! assert_eq!(vm.on_request_headers(2, 1, true)?, CONTINUE);
//! let upstream = vm.host().headers(2, MapKind::RequestHeaders);
//! assert_eq!(upstream.get("x-greeting"), Some(&b"hello"[..]));
//! vm.on_delete(2)?;
//! # Ok(())
//! # }
//! ```
//!
//! The module runs in [wasmi](https://docs.rs/wasmi), an interpreter, so that nothing has to be
//! installed. To load a module of 300 KiB takes 15 ms, to start a VM of it 0.2 ms, and a simple
//! request 0.05 ms, if the interpreter is optimised; so tell Cargo to do that in tests as well:
//!
//! ```toml
//! [profile.dev.package.wasmi]
//! opt-level = 3
//! [profile.dev.package.wasmparser]
//! opt-level = 3
//! ```
//!
//! Modules built with any SDK for ABI 0.2.1 run, as long as they import no more of WASI than Rust's
//! standard library does.
//!
//! # What is what
//!
//! | | |
//! |---|---|
//! | [`Module`] | a `.wasm`, checked as Envoy checks it |
//! | [`Instance`] | one VM. Every callback of the ABI is a method; one that the module does not export does nothing |
//! | [`Host`] | the proxy, as a trait: a method for each host function, over plain values |
//! | [`SimulatedHost`] | a proxy that answers as Envoy does and remembers what it was told |
//! | [`Trap`] | how a VM died: a panic in the module fails the test with its message, and no more |
//! | [`module::Costs`] | instructions and host calls, by callback |
//! | [`module::Interceptor`] | makes host calls fail, or lie |
//!
//! # Time, chance and the network
//!
//! Nothing happens by itself in a [`SimulatedHost`]. Time moves by [`SimulatedHost::advance`],
//! randomness has a seed, a tick is a call of [`Instance::on_tick`]. A call that the module makes is
//! kept in [`SimulatedHost::callouts`]; the test answers it by [`Instance::on_http_call_response`].
//! So a test of a timeout takes no time, and fails every time or never.
//!
//! # What a request costs
//!
//! [`Instance::costs`] counts what the module executes and what it asks of the host. Neither depends
//! on the machine, so a test can hold both:
//!
//! ```no_run
//! # use tollgate_testkit::{Instance, SimulatedHost, Trap};
//! # fn request(vm: &mut Instance<SimulatedHost>, stream: u32) -> Result<(), Trap> { Ok(()) }
//! # fn test(vm: &mut Instance<SimulatedHost>) -> Result<(), Trap> {
//! for stream in 2..10 {
//!     request(vm, stream)?; // what happens once, happens now
//! }
//! vm.reset_costs();
//! request(vm, 10)?;
//! let cost = vm.costs().total();
//! assert_eq!(cost.host_calls.get("proxy_get_header_map_pairs"), Some(&1));
//! assert!(cost.fuel < 25_000, "{}", cost.fuel);
//! # Ok(())
//! # }
//! ```
//!
//! An instruction of the interpreter is not one of the processor, so fuel tells whether a change made
//! a filter cheaper, and not how long it takes in Envoy.
//!
//! # A host that fails
//!
//! In production host calls fail: a capability is not granted, a stream is gone, shared data is
//! contended. An [`Interceptor`](module::Interceptor) makes that happen, one call at a time:
//!
//! ```no_run
//! # use tollgate_testkit::{Instance, SimulatedHost, Trap};
//! use tollgate_testkit::abi::Status;
//! use tollgate_testkit::module::Interceptor;
//!
//! struct NoProperties;
//!
//! impl Interceptor for NoProperties {
//!     fn call(&mut self, name: &'static str) -> Option<u32> {
//!         (name == "proxy_get_property").then_some(Status::INTERNAL_FAILURE.code())
//!     }
//! }
//!
//! # fn test(vm: &mut Instance<SimulatedHost>) -> Result<(), Trap> {
//! vm.set_interceptor(NoProperties);
//! vm.on_request_headers(2, 1, true)?; // an error here is a filter that panics
//! # Ok(())
//! # }
//! ```
//!
//! # What it is not
//!
//! The order of callbacks is the test's business: an [`Instance`] runs what it is told, also what
//! Envoy would never do. What another filter or the router makes of a request does not happen either.

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
pub use tollgate_macros::test;
