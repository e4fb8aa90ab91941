//! The services behind the demo, each small enough to read in a minute and run in-process:
//!
//! * [`voting`]: an application that exists in two versions, to see where canary routing sends a request;
//! * [`httpbin`]: echoes what it received, to see what the filters did to a request;
//! * [`ledger`]: fails, or keeps its callers waiting, on demand, to see a circuit breaker at work.
//!
//! Each starts with `serve(listener)` on a listener that the caller bound (port 0 is fine), and
//! answers until its [`Server`] is stopped or dropped.

pub mod httpbin;
pub mod ledger;
mod server;
pub mod voting;

pub use server::Server;
