//! Functions of stock Envoy that are not in the ABI, typed; Envoy calls them *foreign functions*
//! (`source/extensions/common/wasm/foreign.cc`).
//!
//! | function of Envoy | here | cost (Envoy 1.40) |
//! |---|---|---|
//! | `verify_signature` | [`signature::verify`]; keys in PEM since 1.37 | RS256 30 µs, ES256 80 µs |
//! | `sign` | [`signature::sign`], since 1.37 | RS256 700 µs, ES256 35 µs |
//! | `compress`, `uncompress` | [`compress`], [`uncompress`] | 8 µs for 4 KiB |
//! | `expr_create`, `expr_evaluate`, `expr_delete` | [`Expression`] | 1.5 µs an evaluation |
//! | `set_envoy_filter_state` | [`set_filter_state`] | 0.7 µs |
//! | `declare_property` | [`Property`] | once, at configure |
//! | `clear_route_cache` | [`clear_route_cache`] | 0.4 µs |
//!
//! What has no version is there in 1.36 already. A host that lacks a function is told by [`HostError::is_unsupported`]. Where
//! `capability_restriction_config` is used, it has to allow `proxy_call_foreign_function`; otherwise
//! Envoy logs each call and answers with an internal failure.
//!
//! # After waiting
//!
//! A future that has waited goes on in a callback of the plugin, not of its stream. The SDK tells the
//! host which stream it is about, which suffices for properties. Some of these functions look at the
//! callback instead ([envoy#42227](https://github.com/envoyproxy/envoy/pull/42227)):
//!
//! | function | after waiting |
//! |---|---|
//! | [`clear_route_cache`] | works since 1.37; in 1.36 it does nothing |
//! | [`set_filter_state`] | works since 1.37; in 1.36 an error, *not found* |
//! | [`Expression`] | sees no request, up to 1.40 at least: an error where it asks for one |
//! | all others | work |

mod compression;
mod expression;
mod filter_state;
mod property;
mod route;
pub mod signature;

pub use compression::{UNCOMPRESS_MAX_INPUT, compress, uncompress};
pub use expression::Expression;
pub use filter_state::{LifeSpan, set_filter_state, well_known};
pub use property::{Declaration, Kind, Property};
pub use route::clear_route_cache;

use crate::abi::{self, HostError, Result, Status};

impl HostError {
    /// Whether the host lacks the function that was called: it is too old, too new, or not Envoy.
    ///
    /// ```
    /// use tollgate::{HostError, abi::Status};
    ///
    /// assert!(HostError::new("sign", Status::Unimplemented).is_unsupported());
    /// ```
    #[must_use]
    pub const fn is_unsupported(self) -> bool {
        matches!(self.status(), Status::Unimplemented)
    }
}

/// Calls a host function by its name, such as one that a build of Envoy adds. Those of stock Envoy are
/// in this module, typed.
///
/// # Errors
///
/// What the host says. *Not found*, which is Envoy's answer for a function that it does not have, is
/// reported as [unsupported](HostError::is_unsupported).
///
/// ```
/// use tollgate::host;
///
/// # fn example() -> tollgate::Result<()> {
/// match host::call("my_own_function", b"arguments") {
///     Ok(answer) => tollgate::info!("{} bytes", answer.len()),
///     Err(error) if error.is_unsupported() => tollgate::info!("a stock Envoy"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
pub fn call(function: &'static str, arguments: &[u8]) -> Result<Vec<u8>> {
    call_raw(function, arguments).map_err(|error| match error.status() {
        Status::NotFound => HostError::new(function, Status::Unimplemented),
        _ => error,
    })
}

/// As [`call`], for a function that has a *not found* of its own.
fn call_raw(function: &'static str, arguments: &[u8]) -> Result<Vec<u8>> {
    abi::call_foreign_function(function, arguments)
        .map_err(|error| HostError::new(function, error.status()))
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
