//! What survives a new configuration, and what listeners share.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    OPEN_TIME, answer, counter, detecting, gauge, in_flight, is_open, is_overflow,
    is_refused_as_open, limited_to, open, seconds, send, start, wait_for_a_probe,
};
use serde_json::json;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(CircuitBreaker)]
fn what_one_worker_sees_opens_it_for_all_with_the_next_request(proxy: &mut Proxy) {
    proxy.workers(3);
    start(proxy, detecting());
    (2..=3).for_each(|worker| drop(proxy.get("/").on_worker(worker).send()));
    for _ in 0..3 {
        proxy.get("/500").on_worker(1).send();
    }
    for worker in 1..=3 {
        assert!(is_refused_as_open(&proxy.get("/").on_worker(worker).send()), "{worker}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_worker_that_has_seen_nothing_yet_knows_that_it_is_open(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    for _ in 0..3 {
        proxy.get("/500").on_worker(1).send();
    }
    assert!(is_refused_as_open(&proxy.get("/").on_worker(2).send()));
    assert_eq!(proxy.requests("upstream").len(), 3);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_in_one_worker_closes_it_for_all(proxy: &mut Proxy) {
    proxy.workers(3);
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    assert_eq!(proxy.get("/").on_worker(2).send().status(), 200);
    for worker in 1..=3 {
        assert_eq!(proxy.get("/").on_worker(worker).send().status(), 200, "{worker}");
    }
    assert_eq!(counter(proxy, "probes"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn it_stays_open_over_a_new_configuration_and_for_the_rest_of_its_time(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    proxy.advance(seconds(4));
    proxy.configure(detecting());
    let refused = proxy.get("/").send().response();
    assert_eq!(refused.header("retry-after").as_deref(), Some("6"));
    proxy.advance(seconds(6));
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!((counter(proxy, "opened"), counter(proxy, "probes")), (1, 1));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_new_ejection_time_is_for_the_next_opening(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    let config = json!({ "consecutive5xxErrors": 3, "baseEjectionTime": "60s" });
    proxy.configure(json!({ "outlierDetection": config }));
    proxy.advance(OPEN_TIME);
    send(proxy, "/500", 1);
    let refused = proxy.get("/").send().response();
    assert_eq!(refused.header("retry-after").as_deref(), Some("120"), "the second in a row");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn errors_in_a_row_go_on_over_a_new_configuration(proxy: &mut Proxy) {
    start(proxy, detecting());
    send(proxy, "/500", 2);
    proxy.configure(detecting());
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_new_threshold_applies_to_the_row_so_far(proxy: &mut Proxy) {
    start(proxy, json!({ "outlierDetection": { "consecutive5xxErrors": 100 } }));
    send(proxy, "/500", 50);
    assert_eq!(gauge(proxy, "state"), 0);
    proxy.configure(detecting());
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_new_limit_applies_at_once(proxy: &mut Proxy) {
    for limit in [3, 1, 2] {
        start(proxy, limited_to(limit));
        let held = send(proxy, "/held", 5);
        assert_eq!(held.iter().filter(|it| it.is_pending()).count(), limit as usize);
        proxy.tell("upstream");
        assert_eq!(in_flight(proxy), 0);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn without_outlier_detection_an_open_breaker_lets_everything_pass(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    proxy.configure(json!({}));
    send(proxy, "/", 5).iter().for_each(|it| assert_eq!(it.status(), 200));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn more_probes_may_be_allowed_while_it_is_open(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    proxy.configure(common::detecting_with(json!({ "halfOpen": { "maxProbes": 2 } })));
    proxy.advance(OPEN_TIME);
    let held = send(proxy, "/held", 4);
    assert_eq!(held.iter().filter(|it| it.is_pending()).count(), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_configuration_that_is_refused_changes_no_state(proxy: &mut Proxy) {
    start(proxy, detecting());
    open(proxy);
    assert!(proxy.try_configure(json!({ "outlierDetection": { "interval": 3 } })).is_err());
    proxy.configure(detecting());
    assert!(is_open(proxy));
}

/// Two listeners, each with a breaker for the same cluster.
#[track_caller]
fn start_two_listeners(proxy: &mut Proxy, configs: [serde_json::Value; 2]) {
    proxy.upstream("upstream", answer);
    let [one, two] = configs;
    let configured = proxy.try_configure_listeners([("one", one), ("two", two)]);
    assert_eq!(configured, Ok(()));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn listeners_of_one_vm_share_the_state_of_a_cluster(proxy: &mut Proxy) {
    let other = json!({ "outlierDetection": { "consecutive5xxErrors": 100 } });
    start_two_listeners(proxy, [detecting(), other]);
    for _ in 0..3 {
        proxy.get("/500").at_listener(0).send();
    }
    assert!(is_refused_as_open(&proxy.get("/").at_listener(1).send()));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn each_listener_has_a_threshold_of_its_own(proxy: &mut Proxy) {
    let other = json!({ "outlierDetection": { "consecutive5xxErrors": 100 } });
    start_two_listeners(proxy, [detecting(), other]);
    for _ in 0..50 {
        assert_eq!(proxy.get("/500").at_listener(1).send().status(), 500);
    }
    assert_eq!(proxy.get("/500").at_listener(0).send().status(), 500);
    assert_eq!(gauge(proxy, "state"), 2, "the row of both is too long for the first");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_is_in_flight_counts_for_every_listener_against_its_own_limit(proxy: &mut Proxy) {
    start_two_listeners(proxy, [limited_to(2), limited_to(3)]);
    let get = |listener| proxy.get("/held").at_listener(listener).send();
    assert!(get(0).is_pending());
    assert!(get(1).is_pending());
    assert!(is_overflow(&get(0)));
    assert!(get(1).is_pending());
    assert!(is_overflow(&get(1)));
    assert_eq!(in_flight(proxy), 3);
    proxy.tell("upstream");
    assert_eq!(in_flight(proxy), 0);
}
