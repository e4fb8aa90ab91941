//! All four filters in one module and one VM, in the order that the configuration gives:
//! `{"filters": [{"jwt_auth": {...}}, {"canary": {...}}, {"fault": {...}}, {"circuit_breaker": {...}}]}`.
//!
//! Each may be there once, several times or not at all, and behaves as it does by itself; see
//! [`tollgate::chain`] for how they are composed. The claims that `jwt_auth` has verified reach the
//! members behind it without a header.
#![forbid(unsafe_code)]

use tollgate::chain::Chain;
use tollgate_canary::Canary;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_fault::Fault;
use tollgate_jwt_auth::JwtAuth;

/// The filter.
pub type Suite = Chain<(JwtAuth, Canary, Fault, CircuitBreaker)>;

#[cfg(feature = "module")]
tollgate::export!(Suite);
