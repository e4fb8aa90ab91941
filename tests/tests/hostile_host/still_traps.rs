//! What the modules do not survive yet. Whoever mends something takes it off its list: the tests
//! insist, both ways.

/// The misuses, by name. The dispatcher of the `proxy-wasm` crate, which the modules are built with,
/// panics on contexts that it does not know, and on those that it knows already.
pub(crate) const MISUSES: [&str; 0] = [];

/// The host functions whose failure is fatal. Without `random_get`, the standard library's `HashMap`
/// panics.
pub(crate) const HOST_CALLS: [&str; 0] = [];
