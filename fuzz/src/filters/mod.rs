//! Targets of the filters.

pub(crate) mod bodies;
pub(crate) mod canary;
pub(crate) mod circuit_state;
pub(crate) mod configs;
mod driver;
pub(crate) mod fault;
pub(crate) mod jwt_decision;
pub(crate) mod jwt_der;
pub(crate) mod jwt_keys;
pub(crate) mod jwt_token;
mod tokens;
pub(crate) mod whole;
