//! How to write filters: a chapter for each thing that a filter does.
//!
//! The [first page](crate) makes a filter; these chapters may be read in any order after it.
//!
//! | chapter | what it is about |
//! |---|---|
//! | [State](state) | what a filter remembers: of a request, in a worker, in the whole process |
//! | [Time](time) | sleeping, time limits, work in the background, work that many wait for |
//! | [Callouts](callouts) | asking other services by HTTP and gRPC, and what to do when they fail |
//! | [Bodies](bodies) | chunk by chunk, or as a whole up to a limit |
//! | [Chains](chains) | several filters as one |
//! | [Failing](failing) | errors, panics, and who decides what a client gets |
//! | [Testing](testing) | pure cores, a native host, stock Envoy |
//! | [Host quirks](host_quirks) | where Envoy surprises, and what the SDK does about it |
//! | [Coming from `proxy-wasm`](from_proxy_wasm) | what is called what |
//!
//! The chapters have no code of their own: they are text, whose examples are compiled with the tests.

#[doc = include_str!("guide/state.md")]
pub mod state {}

#[doc = include_str!("guide/time.md")]
pub mod time {}

#[doc = include_str!("guide/callouts.md")]
pub mod callouts {}

#[doc = include_str!("guide/bodies.md")]
pub mod bodies {}

#[doc = include_str!("guide/chains.md")]
pub mod chains {}

#[doc = include_str!("guide/failing.md")]
pub mod failing {}

#[doc = include_str!("guide/testing.md")]
// Compiled as a test of the harness's own crate.
#[cfg_attr(not(doctest), doc = include_str!("guide/testing_in_envoy.md"))]
pub mod testing {}

#[doc = include_str!("guide/host_quirks.md")]
pub mod host_quirks {}

#[doc = include_str!("guide/from_proxy_wasm.md")]
pub mod from_proxy_wasm {}
