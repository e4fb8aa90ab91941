//! How stock Envoy's Wasm host behaves, as scenarios that can be observed in more than one world.
//!
//! A [`Scenario`] is a plugin, traffic through it, and what is to be [observed](Observed): what clients
//! and upstreams got and what the plugin saw. The plugin is a probe: a [`Script`] that is compiled to
//! raw calls of the ABI, without an SDK between. Nothing observed depends on ports, dates or chance, so
//! that two worlds are equal or are not; [`Envoy`] is the world that is right by definition.
//!
//! ```
//! use tollgate_e2e::scenario::*;
//!
//! let scenario = Scenario::new("a single look-up gives the first of several values")
//!     .reference("envoy context.cc, Context::getHeaderMapValue")
//!     .script(Script::new().on(RequestHeaders, [get(Map::RequestHeaders, "x-a")]))
//!     .exchange(get_request("/").header("x-a", "1").header("x-a", "2"))
//!     .expect(
//!         Observed::new()
//!             .log(["request_headers 2, end of stream", "get request_headers x-a -> ok '1'"])
//!             .answer(answer(200).body("ok"))
//!             .seen(seen("GET", "/").header("x-a", "1").header("x-a", "2")),
//!     );
//! assert!(scenario.module(ID).is_ok());
//! ```
//!
//! # The surroundings
//!
//! | | |
//! |---|---|
//! | the listener | HTTP/1.1 (with trailers) and HTTP/2; the probe is the only filter before the router. No request ids, no headers of Envoy's router |
//! | routes | with `x-route: side` to the cluster `side`, else to `app`; no time limits |
//! | clusters | `app` and `side` speak HTTP/1.1 with trailers, `grpc` HTTP/2; each has one upstream. Their full names are [`cluster("app")`](cluster), ... |
//! | names | plugin, root id and VM id are [`ID`]; the configuration is a text |
//! | workers | one, unless the scenario says otherwise |
//! | log level | info |
//!
//! What is observed of headers: those whose name starts with `x-`, but not with `x-envoy-` and
//! `x-forwarded-`, and those that the scenario [looks at](Scenario::look_at).

mod builder;
mod envoy;
mod exceptions;
mod host_calls;
mod http1;
mod kit;
mod module;
mod observed;
mod script;
mod traffic;
mod verdict;

use std::future::Future;

use anyhow::Result;

pub use self::envoy::Envoy;
pub use self::exceptions::{EXCEPTIONS, Exception};
pub use self::kit::Kit;
pub use Callback::*;
pub use builder::{Difference, Scenario};
pub use host_calls::*;
pub use observed::*;
pub use script::*;
pub use traffic::*;
pub use verdict::{Verdict, judge};

pub use crate::envoy::FailurePolicy;

/// The name of a plugin, its root and its VM in scripts and in what is expected. Where scenarios share
/// a process each has a name of its own, of the same length, which is put in its place.
pub const ID: &str = "probe-000";

/// Something in which scenarios can be observed.
pub trait World {
    /// Observes scenarios, each for itself.
    ///
    /// # Errors
    ///
    /// When the world cannot be made at all.
    fn observe(
        &self,
        scenarios: &[Scenario],
    ) -> impl Future<Output = Result<Vec<Result<Observed>>>>;
}

/// A version of Envoy 1.x: its minor number and its patch number.
pub type Version = (u32, u32);

/// The version in `1.38`, `1.38.2` or `1.38.2-dev`.
#[must_use]
pub fn version_of(text: &str) -> Option<Version> {
    let mut parts = text.strip_prefix("1.")?.split(['.', '-']).map(str::parse);
    let minor = parts.next()?.ok()?;
    Some((minor, parts.next().and_then(Result::ok).unwrap_or(0)))
}
