//! A test kit for Envoy filters in WebAssembly.
pub mod abi;
mod headers;
mod host;
pub mod module;
pub mod simulated;

pub use headers::HeaderMap;
pub use host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
pub use module::{Instance, Module, Trap};
pub use simulated::SimulatedHost;
