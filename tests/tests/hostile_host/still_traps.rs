//! What the modules do not survive yet. Whoever mends something takes it off its list: the tests
//! insist, both ways.

/// The misuses, by name. The dispatcher of the `proxy-wasm` crate, which the modules are built with,
/// panics on contexts that it does not know, and on those that it knows already.
pub(crate) const MISUSES: [&str; 18] = [
    "configuration of an unknown root",
    "delete of a stream that never was",
    "request headers of a stream that is gone",
    "request headers of a stream that never was",
    "response headers of a stream that is gone",
    "response headers of a stream that never was",
    "root created twice",
    "root deleted twice",
    "start of an unknown root",
    "stream created twice",
    "stream deleted twice",
    "stream of a root that is gone",
    "stream of a stream",
    "stream of an unknown root",
    "stream that is its own root",
    "tick after the end",
    "tick of a stream",
    "tick of an unknown root",
];

/// The host functions whose failure is fatal. Without `random_get`, the standard library's `HashMap`
/// panics.
pub(crate) const HOST_CALLS: [&str; 1] = ["random_get"];
