//! Closed, open, and back: for how long it is open, and what is told of it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    MILLISECOND, OPEN, OPEN_TIME, counter, detecting, detecting_with, gauge, is_open,
    is_refused_as_open, open, seconds, send, start, transitions, wait_for_a_probe,
};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::Proxy;

/// How long it stays open now, to the second: until a request gets in, which is a probe.
#[track_caller]
fn seconds_open(proxy: &Proxy) -> u64 {
    let refused = proxy.get("/500").send().response();
    assert_eq!(refused.text(), OPEN, "it is open");
    let told: u64 = refused.header("retry-after").unwrap_or_default().parse().unwrap_or_default();
    proxy.advance(seconds(told) - MILLISECOND);
    assert!(is_open(proxy), "it is open until the time that it tells");
    proxy.advance(MILLISECOND);
    told
}

/// The times of openings in a row, each after a probe that fails.
#[track_caller]
fn times_in_a_row(proxy: &mut Proxy, config: Value, count: usize) -> Vec<u64> {
    start(proxy, config);
    send(proxy, "/500", 5);
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(seconds_open(proxy));
        assert_eq!(proxy.get("/500").send().status(), 500, "the probe");
    }
    times
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_open_breaker_leaves_the_upstream_alone(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    open(proxy);
    send(proxy, "/", 10).iter().for_each(|it| assert!(is_refused_as_open(it)));
    assert_eq!(proxy.requests("upstream").len(), 3);
    assert_eq!((counter(proxy, "rejected"), counter(proxy, "opened")), (10, 1));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn it_is_open_for_the_base_ejection_time_and_no_longer(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    proxy.advance(OPEN_TIME - MILLISECOND);
    assert!(is_open(proxy));
    proxy.advance(MILLISECOND);
    assert_eq!(proxy.get("/").send().status(), 200);
    assert!(!is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_good_probe_closes_it_for_all_workers(proxy: &mut Proxy) {
    proxy.workers(3);
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    send(proxy, "/", 6).iter().for_each(|it| assert_eq!(it.status(), 200));
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (0, 1));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_failed_probe_opens_it_again_for_longer_each_time(proxy: &mut Proxy) {
    assert_eq!(times_in_a_row(proxy, detecting(), 4), [10, 20, 30, 40]);
    assert_eq!((counter(proxy, "opened"), counter(proxy, "probe_failures")), (5, 4));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn it_is_open_for_30_seconds_at_first_and_never_for_more_than_5_minutes(proxy: &mut Proxy) {
    let times = times_in_a_row(proxy, json!({ "outlierDetection": {} }), 12);
    assert_eq!(times, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn it_is_never_open_for_longer_than_the_maximum(proxy: &mut Proxy) {
    let config = detecting_with(json!({ "open": { "max": "25s" } }));
    assert_eq!(times_in_a_row(proxy, config, 4), [10, 20, 25, 25]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_base_ejection_time_above_the_maximum_raises_it(proxy: &mut Proxy) {
    let config = detecting_with(json!({ "open": { "max": "4s" } }));
    assert_eq!(times_in_a_row(proxy, config, 3), [10, 10, 10]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_base_ejection_time_above_the_default_maximum_raises_it(proxy: &mut Proxy) {
    let config = json!({ "outlierDetection": { "baseEjectionTime": "10m" } });
    assert_eq!(times_in_a_row(proxy, config, 2), [600, 600]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_opening_soon_after_it_closed_is_one_more_in_a_row(proxy: &mut Proxy) {
    start(proxy, detecting());
    for time in [10, 20, 30] {
        open(proxy);
        assert_eq!(seconds_open(proxy), time);
        assert_eq!(proxy.get("/").send().status(), 200);
    }
}

/// Opens it three times in a row, closes it, waits, and opens it again: for how long then?
#[track_caller]
fn time_after_closed_for(proxy: &mut Proxy, detection: Value, closed_for: Duration) -> u64 {
    times_in_a_row(proxy, json!({ "outlierDetection": detection }), 2);
    seconds_open(proxy);
    assert_eq!(proxy.get("/").send().status(), 200);
    proxy.advance(closed_for);
    send(proxy, "/500", 5);
    seconds_open(proxy)
}

/// One second is the base, so that the time tells how many openings count as in a row.
fn with_interval(interval: &str) -> Value {
    json!({ "baseEjectionTime": "1s", "interval": interval })
}

#[tollgate_testkit::test(CircuitBreaker)]
fn less_than_an_interval_of_staying_closed_forgives_nothing(proxy: &mut Proxy) {
    let time = time_after_closed_for(proxy, with_interval("5s"), Duration::from_millis(4999));
    assert_eq!(time, 4);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn each_interval_of_staying_closed_forgives_one_opening(proxy: &mut Proxy) {
    assert_eq!(time_after_closed_for(proxy, with_interval("5s"), seconds(10)), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn no_more_than_all_openings_are_forgiven(proxy: &mut Proxy) {
    assert_eq!(time_after_closed_for(proxy, with_interval("5s"), seconds(1_000_000)), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_interval_is_10_seconds_if_nothing_is_said(proxy: &mut Proxy) {
    let detection = json!({ "baseEjectionTime": "1s" });
    assert_eq!(time_after_closed_for(proxy, detection, seconds(19)), 3);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn being_open_is_not_staying_closed(proxy: &mut Proxy) {
    start(proxy, json!({ "outlierDetection": { "baseEjectionTime": "60s", "interval": "1s" } }));
    send(proxy, "/500", 5);
    proxy.advance(seconds(3600));
    assert_eq!(proxy.get("/500").send().status(), 500, "the probe");
    assert_eq!(seconds_open(proxy), 120);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn once_closed_it_takes_a_whole_row_to_open_it(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    assert_eq!(proxy.get("/").send().status(), 200);
    send(proxy, "/500", 2);
    assert_eq!(gauge(proxy, "state"), 0);
    send(proxy, "/500", 1);
    assert_eq!(gauge(proxy, "state"), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn retry_after_is_in_whole_seconds_and_never_too_early(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    let mut passed = Duration::ZERO;
    for (at, told) in [(0, "10"), (1, "10"), (1000, "9"), (1001, "9"), (8500, "2"), (9999, "1")] {
        let at = Duration::from_millis(at);
        proxy.advance(at - passed);
        passed = at;
        let refused = proxy.get("/").send().response();
        assert_eq!(refused.header("retry-after").as_deref(), Some(told), "after {at:?}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn retry_after_is_never_zero(proxy: &mut Proxy) {
    start(proxy, json!({ "outlierDetection": { "baseEjectionTime": "1ns" } }));
    send(proxy, "/500", 5);
    let refused = proxy.get("/").send().response();
    assert_eq!(
        (refused.text().as_str(), refused.header("retry-after").as_deref()),
        (OPEN, Some("1"))
    );
}

#[tollgate_testkit::test(CircuitBreaker)]
fn time_alone_changes_nothing(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    let logged = proxy.log().len();
    proxy.advance(seconds(3600));
    assert_eq!((gauge(proxy, "state"), gauge(proxy, "ejections_active")), (2, 1));
    assert_eq!(proxy.log().len(), logged);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn gauges_show_the_state(proxy: &mut Proxy) {
    start(proxy, detecting());
    let shown = |proxy: &Proxy| (gauge(proxy, "state"), gauge(proxy, "ejections_active"));
    send(proxy, "/", 1);
    assert_eq!(shown(proxy), (0, 0));
    wait_for_a_probe(proxy);
    assert_eq!(shown(proxy), (2, 1));
    let probe = proxy.get("/held").send();
    assert_eq!(shown(proxy), (1, 1));
    proxy.tell("upstream");
    assert_eq!(probe.status(), 200);
    assert_eq!(shown(proxy), (0, 0));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn counters_tell_what_happened(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    send(proxy, "/500", 1);
    send(proxy, "/", 4);
    proxy.advance(seconds(20));
    send(proxy, "/", 2);
    let count = |stat| counter(proxy, stat);
    assert_eq!((count("opened"), count("probes"), count("probe_failures")), (2, 2, 1));
    assert_eq!((count("rejected"), count("upstream_rq_pending_overflow")), (4, 0));
    assert_eq!(
        count("ejections_enforced_consecutive_5xx"),
        1,
        "a failed probe is not counted here"
    );
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_transition_is_a_line_in_the_log(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    send(proxy, "/500", 5);
    proxy.advance(seconds(20));
    send(proxy, "/", 5);
    let expected = [
        "closed to open, after 3 consecutive 5xx; next probe in 10.000s",
        "open to half-open, letting a probe in",
        "half-open to open, a probe failed; next probe in 20.000s",
        "open to half-open, letting a probe in",
        "half-open to closed, a probe succeeded",
    ];
    assert_eq!(transitions(proxy), expected);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_line_of_an_opening_says_which_errors(proxy: &mut Proxy) {
    start(proxy, json!({ "outlierDetection": { "consecutiveGatewayErrors": 2 } }));
    send(proxy, "/503", 2);
    let line = "closed to open, after 2 consecutive gateway errors; next probe in 30.000s";
    assert_eq!(transitions(proxy), [line]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_breaker_that_stays_closed_says_nothing(proxy: &mut Proxy) {
    start(proxy, detecting());
    send(proxy, "/", 20);
    send(proxy, "/500", 2);
    assert!(proxy.log().is_empty(), "{:?}", proxy.log());
}
