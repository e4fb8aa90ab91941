//! What a client gets instead of an answer of the upstream, and what passes untouched.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{OPEN, OVERFLOW, answer, detecting, limited_to, open, send, start};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::abi::MetricKind;
use tollgate_testkit::{AccessLogEntry, Answer, Exchange, Proxy, Response};

/// These headers have these values; `None` is not there.
#[track_caller]
fn has_headers(response: &Response, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(response.header(name).as_deref(), *value, "{name}");
    }
}

/// Refuses everything because of its limit.
fn start_overflowing(proxy: &mut Proxy) -> Exchange {
    start(proxy, limited_to(1));
    proxy.get("/held").send()
}

/// Refuses everything because it is open.
fn start_open(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn over_the_limit_the_answer_is_that_of_envoy(proxy: &mut Proxy) {
    start_overflowing(proxy);
    let refused = proxy.get("/").send().response();
    let expected = [
        (":status", Some("503")),
        ("x-envoy-overloaded", Some("true")),
        ("content-type", Some("text/plain")),
        ("content-length", Some("81")),
        ("retry-after", None),
    ];
    has_headers(&refused, &expected);
    assert_eq!(refused.text(), OVERFLOW);
    assert_eq!(refused.details, "circuit_breaker_overflow");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn while_open_the_answer_says_so_and_when_to_come_back(proxy: &mut Proxy) {
    start_open(proxy);
    let refused = proxy.get("/").send().response();
    let expected = [
        (":status", Some("503")),
        ("x-envoy-overloaded", Some("true")),
        ("content-type", Some("text/plain")),
        ("content-length", Some("20")),
        ("retry-after", Some("10")),
    ];
    has_headers(&refused, &expected);
    assert_eq!(refused.text(), OPEN);
    assert_eq!(refused.details, "circuit_breaker_open");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_access_log_tells_who_answered(proxy: &mut Proxy) {
    let entry =
        |status, details: &str| AccessLogEntry { status, details: details.into(), flags: "" };
    start_open(proxy);
    send(proxy, "/", 1);
    assert_eq!(proxy.access_log().last(), Some(&entry(503, "circuit_breaker_open")));

    start_overflowing(proxy);
    proxy.advance(common::OPEN_TIME);
    send(proxy, "/", 1);
    assert_eq!(proxy.access_log().last(), Some(&entry(503, "circuit_breaker_overflow")));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_caller_over_the_limit_is_told_unavailable(proxy: &mut Proxy) {
    start_overflowing(proxy);
    let refused = proxy.post("/package.Service/Method").grpc("message").send().response();
    assert_eq!((refused.status, refused.text().as_str()), (200, ""));
    assert_eq!(refused.header("grpc-status").as_deref(), Some("14"));
    assert_eq!(refused.header("grpc-message").as_deref(), Some(OVERFLOW));
    assert_eq!(refused.header("x-envoy-overloaded").as_deref(), Some("true"));
    assert_eq!(refused.details, "circuit_breaker_overflow");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_caller_is_told_unavailable_while_open(proxy: &mut Proxy) {
    start_open(proxy);
    let refused = proxy.post("/package.Service/Method").grpc("message").send().response();
    assert_eq!((refused.status, refused.text().as_str()), (200, ""));
    assert_eq!(refused.header("grpc-status").as_deref(), Some("14"));
    assert_eq!(refused.header("grpc-message").as_deref(), Some(OPEN));
    assert_eq!(refused.header("retry-after").as_deref(), Some("10"));
    assert_eq!(refused.details, "circuit_breaker_open");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_answer_to_a_head_has_no_body(proxy: &mut Proxy) {
    start_open(proxy);
    let refused = proxy.request("HEAD", "/").send().response();
    assert_eq!((refused.status, refused.text().as_str()), (503, ""));
    assert_eq!(refused.header("retry-after").as_deref(), Some("10"));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upload_is_refused_before_its_body_has_come(proxy: &mut Proxy) {
    start_open(proxy);
    let upload = proxy.post("/").begin();
    assert_eq!(upload.response().text(), OPEN);
    assert!(upload.try_upstream_request().is_none());
}

#[tollgate_testkit::test(CircuitBreaker)]
fn requests_reach_the_upstream_as_they_are(proxy: &mut Proxy) {
    start(proxy, detecting());
    let request = proxy.post("/path?query").header("x-a", "1").header("x-a", "2").body("body");
    let seen = request.send().upstream_request();
    assert_eq!((seen.path().as_str(), seen.body.as_slice()), ("/path?query", &b"body"[..]));
    assert_eq!(seen.header_values("x-a"), ["1", "2"]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn answers_reach_the_client_as_they_are(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| {
        Answer::status(503)
            .header("retry-after", "7")
            .header("x-envoy-overloaded", "no")
            .body("of the upstream")
            .trailers([("x-trailer", "end")])
    });
    proxy.configure(detecting());
    let response = proxy.get("/").send().response();
    let expected =
        [(":status", Some("503")), ("retry-after", Some("7")), ("x-envoy-overloaded", Some("no"))];
    has_headers(&response, &expected);
    assert_eq!(response.text(), "of the upstream");
    assert_eq!(response.trailers.get("x-trailer"), Some(&b"end"[..]));
    assert_eq!(response.details, "via_upstream");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_grpc_call_passes_as_it_is(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::grpc("answer"));
    proxy.configure(detecting());
    let exchange = proxy.post("/package.Service/Method").grpc("question").send();
    assert_eq!(exchange.upstream_request().body, b"\0\0\0\0\x08question");
    assert_eq!(exchange.response().body, b"\0\0\0\0\x06answer");
    assert_eq!(exchange.response().trailers.get("grpc-status"), Some(&b"0"[..]));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn over_http2_it_is_the_same(proxy: &mut Proxy) {
    proxy.speaks_http2("upstream").upstream("upstream", answer);
    proxy.configure(detecting());
    for _ in 0..3 {
        assert_eq!(proxy.post("/500").http2().body("body").send().status(), 500);
    }
    assert_eq!(proxy.post("/").http2().body("body").send().response().text(), OPEN);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn these_are_its_metrics(proxy: &mut Proxy) {
    use MetricKind::{Counter, Gauge};
    start(proxy, detecting());
    send(proxy, "/", 1);
    let metrics = proxy.metrics();
    let own = |(kind, name): (MetricKind, &str)| {
        let stat = name.strip_prefix("tollgate.circuit_breaker.")?;
        Some((stat.to_owned(), kind))
    };
    let mut names: Vec<_> = metrics.names().filter_map(own).collect();
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    let expected = [
        ("failures", Counter),
        ("keys_overflowed", Counter),
        ("upstream.consecutive_5xx", Gauge),
        ("upstream.consecutive_gateway_failure", Gauge),
        ("upstream.ejections_active", Gauge),
        ("upstream.ejections_enforced_consecutive_5xx", Counter),
        ("upstream.ejections_enforced_consecutive_gateway_failure", Counter),
        ("upstream.in_flight", Gauge),
        ("upstream.opened", Counter),
        ("upstream.probe_failures", Counter),
        ("upstream.probes", Counter),
        ("upstream.rejected", Counter),
        ("upstream.state", Gauge),
        ("upstream.upstream_rq_pending_overflow", Counter),
    ];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
}
