//! Callers that speak gRPC, to whom every answer has the status 200.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    counter, detecting, gauge, gauge_of, is_open, seconds, send, start, wait_for_a_probe,
};
use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Answer, Proxy, Route};

/// Two gateway errors in a row open it.
fn detecting_gateway_errors() -> Value {
    json!({ "outlierDetection": { "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 } })
}

/// As Envoy's outlier detection has it: the status of HTTP that stands for it (`router.cc`).
#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_answer_without_a_message_counts_by_its_status(proxy: &mut Proxy) {
    let config = json!({
        "key": { "header": "x-status" },
        "outlierDetection": { "consecutive5xxErrors": 1 },
    });
    proxy.upstream("upstream", |request| {
        let status = request.header("x-status").and_then(|status| status.parse().ok());
        Answer::grpc_status(status.unwrap_or_default(), "why")
    });
    proxy.configure(config);
    let errors = [2, 4, 12, 13, 14, 15, 17, 99];
    for status in (0..=17).chain([99]) {
        let key = status.to_string();
        let answer = proxy.post("/").grpc("").header("x-status", &key).send().response();
        assert_eq!(answer.header("grpc-status"), Some(key.clone()), "the caller gets it");
        let is_open = gauge_of(proxy, &key, "state") == 2;
        assert_eq!(is_open, errors.contains(&status), "{status}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn unavailable_and_deadline_exceeded_are_gateway_errors(proxy: &mut Proxy) {
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/unavailable" => Answer::grpc_status(14, ""),
        "/deadline" => Answer::grpc_status(4, ""),
        _ => Answer::grpc_status(13, ""),
    });
    proxy.configure(detecting_gateway_errors());
    for path in ["/unavailable", "/internal", "/deadline"] {
        proxy.post(path).grpc("").send();
    }
    assert_eq!(gauge(proxy, "state"), 0);
    proxy.post("/unavailable").grpc("").send();
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_gateway_failure"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_status_behind_a_message_is_no_error(proxy: &mut Proxy) {
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/500" => Answer::status(500),
        _ => Answer::status(200).body("message").trailers([("grpc-status", "14")]),
    });
    proxy.configure(detecting());
    send(proxy, "/500", 2);
    proxy.post("/").grpc("").send();
    assert_eq!(gauge(proxy, "consecutive_5xx"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upstream_that_resets_a_grpc_call_is_a_gateway_error(proxy: &mut Proxy) {
    start(proxy, detecting_gateway_errors());
    for _ in 0..2 {
        let answer = proxy.post("/reset").grpc("").send().response();
        assert_eq!((answer.status, answer.header("grpc-status").as_deref()), (200, Some("14")));
    }
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_call_that_runs_into_the_route_timeout_is_a_gateway_error(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, detecting_gateway_errors());
    for _ in 0..2 {
        proxy.post("/never").grpc("").send();
        proxy.advance(seconds(3));
    }
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_error_fails_a_probe(proxy: &mut Proxy) {
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/500" => Answer::status(500),
        _ => Answer::grpc_status(14, "not yet"),
    });
    proxy.configure(detecting());
    wait_for_a_probe(proxy);
    proxy.post("/").grpc("").send();
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probe_failures")), (2, 1));
}
