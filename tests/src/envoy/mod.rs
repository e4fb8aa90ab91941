//! Envoy as a child process.

pub mod binary;
mod config;
mod process;
mod stats;
mod tls;
mod wasm;
pub mod wheels;

pub use binary::Binary;
pub use config::{Bootstrap, Cluster, Listener, Route, native_filter};
pub use process::Process;
pub use stats::Stats;
pub use wasm::{FailurePolicy, WasmFilter};
