//! How many requests may be in flight.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    OVERFLOW, counter, counter_of, detecting, gauge, gauge_of, in_flight, is_overflow, limited_to,
    send, start,
};
use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Proxy, Route};

fn pool(pool: Value) -> Value {
    json!({ "connectionPool": pool })
}

/// How many of twenty requests at once get in.
#[track_caller]
fn admitted(proxy: &mut Proxy, config: Value) -> usize {
    start(proxy, config);
    let overflown = send(proxy, "/held", 20).iter().filter(|it| is_overflow(it)).count();
    let admitted = proxy.requests("upstream").len();
    assert_eq!(admitted + overflown, 20);
    admitted
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_request_over_the_limit_is_refused_and_counted(proxy: &mut Proxy) {
    start(proxy, limited_to(2));
    let held = send(proxy, "/held", 2);
    assert_eq!(in_flight(proxy), 2);

    let refused = proxy.get("/").send().response();
    assert_eq!((refused.status, refused.text().as_str()), (503, OVERFLOW));
    assert_eq!(counter(proxy, "upstream_rq_pending_overflow"), 1);
    assert_eq!(proxy.requests("upstream").len(), 2, "the upstream does not see it");

    proxy.tell("upstream");
    held.iter().for_each(|it| assert_eq!(it.status(), 200));
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn active_and_pending_requests_add_up_to_the_limit(proxy: &mut Proxy) {
    let limits =
        json!({ "tcp": { "maxConnections": 3 }, "http": { "http1MaxPendingRequests": 4 } });
    assert_eq!(admitted(proxy, pool(limits)), 7);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn http2_max_requests_is_a_limit_by_itself(proxy: &mut Proxy) {
    assert_eq!(admitted(proxy, limited_to(5)), 5);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn http2_max_requests_bounds_active_and_pending_requests(proxy: &mut Proxy) {
    let http = json!({ "http1MaxPendingRequests": 4, "http2MaxRequests": 5 });
    assert_eq!(admitted(proxy, pool(json!({ "tcp": { "maxConnections": 3 }, "http": http }))), 5);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn active_and_pending_requests_bound_a_larger_http2_max_requests(proxy: &mut Proxy) {
    let http = json!({ "http1MaxPendingRequests": 4, "http2MaxRequests": 1024 });
    assert_eq!(admitted(proxy, pool(json!({ "tcp": { "maxConnections": 3 }, "http": http }))), 7);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn without_pending_requests_only_active_ones_get_in(proxy: &mut Proxy) {
    let limits =
        json!({ "tcp": { "maxConnections": 3 }, "http": { "http1MaxPendingRequests": 0 } });
    assert_eq!(admitted(proxy, pool(limits)), 3);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn connections_alone_limit_no_requests(proxy: &mut Proxy) {
    assert_eq!(admitted(proxy, pool(json!({ "tcp": { "maxConnections": 1 } }))), 20);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn pending_requests_alone_limit_no_requests(proxy: &mut Proxy) {
    assert_eq!(admitted(proxy, pool(json!({ "http": { "http1MaxPendingRequests": 0 } }))), 20);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn connections_bound_nothing_beside_http2_max_requests(proxy: &mut Proxy) {
    let limits = json!({ "tcp": { "maxConnections": 1 }, "http": { "http2MaxRequests": 5 } });
    assert_eq!(admitted(proxy, pool(limits)), 5);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn without_limits_everything_gets_in_and_is_counted(proxy: &mut Proxy) {
    assert_eq!(admitted(proxy, json!({})), 20);
    assert_eq!(in_flight(proxy), 20);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_empty_connection_pool_limits_nothing(proxy: &mut Proxy) {
    assert_eq!(admitted(proxy, pool(json!({ "tcp": {}, "http": {} }))), 20);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_largest_limits_do_not_overflow(proxy: &mut Proxy) {
    let http = json!({ "http1MaxPendingRequests": u32::MAX, "http2MaxRequests": u32::MAX });
    let limits = json!({ "tcp": { "maxConnections": u32::MAX }, "http": http });
    assert_eq!(admitted(proxy, pool(limits)), 20);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_limit_of_one_lets_one_in_after_the_other(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    for _ in 0..5 {
        let held = proxy.get("/held").send();
        assert!(is_overflow(&proxy.get("/").send()));
        proxy.tell("upstream");
        assert_eq!(held.status(), 200);
    }
    assert_eq!(counter(proxy, "upstream_rq_pending_overflow"), 5);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn workers_share_one_limit(proxy: &mut Proxy) {
    proxy.workers(4);
    assert_eq!(admitted(proxy, limited_to(6)), 6);
    assert_eq!(in_flight(proxy), 6);
    assert_eq!(counter(proxy, "upstream_rq_pending_overflow"), 14);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn one_worker_may_use_the_whole_limit(proxy: &mut Proxy) {
    proxy.workers(4);
    start(proxy, limited_to(6));
    for _ in 0..6 {
        assert!(proxy.get("/held").on_worker(2).send().is_pending());
    }
    for worker in 1..=4 {
        assert!(is_overflow(&proxy.get("/").on_worker(worker).send()), "{worker}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_place_that_one_worker_gives_back_is_free_for_another(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, limited_to(1));
    let held = proxy.get("/held").on_worker(1).send();
    assert!(is_overflow(&proxy.get("/").on_worker(2).send()));
    held.leave();
    assert_eq!(proxy.get("/").on_worker(2).send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn requests_that_are_refused_take_no_place(proxy: &mut Proxy) {
    proxy.workers(3);
    start(proxy, limited_to(2));
    send(proxy, "/held", 2);
    for _ in 0..50 {
        assert!(is_overflow(&proxy.get("/").send()));
        assert_eq!(in_flight(proxy), 2);
    }
    proxy.tell("upstream");
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_cluster_has_the_limit_to_itself(proxy: &mut Proxy) {
    proxy.route(Route::to("other").prefix("/held/other")).route(Route::to("upstream"));
    proxy.upstream("other", common::answer);
    start(proxy, limited_to(2));
    send(proxy, "/held", 2);
    assert!(is_overflow(&proxy.get("/held").send()));

    let others = send(proxy, "/held/other", 3);
    let refused: Vec<_> = others.iter().map(is_overflow).collect();
    assert_eq!(refused, [false, false, true]);
    assert_eq!((in_flight(proxy), gauge_of(proxy, "other", "in_flight")), (2, 2));
    assert_eq!(counter_of(proxy, "other", "upstream_rq_pending_overflow"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn refusals_by_the_limit_never_open_the_breaker(proxy: &mut Proxy) {
    let mut config = limited_to(1);
    config["outlierDetection"] = detecting()["outlierDetection"].clone();
    start(proxy, config);
    let held = proxy.get("/held").send();
    send(proxy, "/", 20).iter().for_each(|it| assert!(is_overflow(it)));
    assert_eq!((gauge(proxy, "state"), gauge(proxy, "consecutive_5xx")), (0, 0));
    held.leave();
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_limit_alone_never_opens_the_breaker(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    send(proxy, "/500", 20).iter().for_each(|it| assert_eq!(it.status(), 500));
    assert_eq!((gauge(proxy, "state"), counter(proxy, "opened")), (0, 0));
}
