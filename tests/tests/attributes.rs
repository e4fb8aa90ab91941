//! What the SDK's properties and host functions give in stock Envoy, by a module made to show it
//! (`tests/probes/attributes`).

#[path = "attributes/expressions.rs"]
mod expressions;
#[path = "attributes/filter_state.rs"]
mod filter_state;
#[path = "attributes/flags.rs"]
mod flags;
#[path = "attributes/functions.rs"]
mod functions;
#[path = "attributes/plain.rs"]
mod plain;
#[path = "attributes/probe.rs"]
mod probe;
#[path = "attributes/tls.rs"]
mod tls;
