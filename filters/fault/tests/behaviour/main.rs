//! What the filter does, in the simulated proxy: each test runs natively, and on the module.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong panics"
)]

mod aborts;
mod configuration;
mod delays;
mod endings;
mod headers;
mod maximum;
mod percentages;
mod refusals;
mod stats;

use serde_json::{Value, json};
use std::time::Duration;
use tollgate_testkit::{Exchange, Proxy, Request};

const DELAY: &str = "x-envoy-fault-delay-request";
const DELAY_PERCENTAGE: &str = "x-envoy-fault-delay-request-percentage";
const ABORT: &str = "x-envoy-fault-abort-request";
const ABORT_GRPC: &str = "x-envoy-fault-abort-grpc-request";
const ABORT_PERCENTAGE: &str = "x-envoy-fault-abort-request-percentage";

/// The shortest time that the host's tick can measure: so late a delay may end.
const TICK: Duration = Duration::from_millis(1);

/// So long after its death what a VM has taken is given back.
const MISSED: Duration = Duration::from_secs(7);

fn always() -> Value {
    json!({ "numerator": 100 })
}

fn delayed(time: &str) -> Value {
    json!({ "delay": { "fixed_delay": time, "percentage": always() } })
}

fn aborted(status: u16) -> Value {
    json!({ "abort": { "http_status": status, "percentage": always() } })
}

/// Whoever asks by a header gets a delay or an abort.
fn by_header() -> Value {
    json!({
        "delay": { "header_delay": {}, "percentage": always() },
        "abort": { "header_abort": {}, "percentage": always() },
    })
}

fn at_most(maximum: u32, mut configuration: Value) -> Value {
    configuration["max_active_faults"] = json!(maximum);
    configuration
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A request that asks for a delay of so many milliseconds.
fn delay_of(proxy: &Proxy, milliseconds: u64) -> Request {
    proxy.get("/").header(DELAY, milliseconds.to_string())
}

/// A request that is delayed for an hour.
fn hold(proxy: &Proxy) -> Exchange {
    delay_of(proxy, 3_600_000).send()
}

/// A request that asks to be aborted with this status.
fn abort_with(proxy: &Proxy, status: u16) -> Request {
    proxy.get("/").header(ABORT, status.to_string())
}

/// How many requests have a fault now.
fn active(proxy: &Proxy) -> u64 {
    proxy.gauge("tollgate.fault.plugin=plugin.active_faults")
}

/// How many faults there were so far: delays, aborts, and those that the maximum has prevented.
fn injected(proxy: &Proxy) -> [u64; 3] {
    ["delays_injected", "aborts_injected", "faults_overflow"]
        .map(|stat| proxy.counter(&format!("tollgate.fault.{stat}")))
}

/// How many requests have reached the upstream.
fn arrived(proxy: &Proxy) -> usize {
    proxy.requests("upstream").len()
}
