//! How to write filters: a chapter for each thing that a filter does.
//!
//! The [first page](crate) makes a filter; these chapters may be read in any order after it.
//!
#![doc = include_str!("guide/chapters.md")]
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
