//! Which answers are failures, and how many in a row open the breaker.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    answer, counter, counter_of, detecting, gauge, gauge_of, is_open, is_overflow, seconds, send,
    start, wait_for_a_probe,
};
use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Answer, Exchange, Proxy, Route};

fn outlier(detection: Value) -> Value {
    json!({ "outlierDetection": detection })
}

/// Two gateway errors in a row open it.
fn detecting_gateway_errors() -> Value {
    outlier(json!({ "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 }))
}

/// The first of so many 500 after which the breaker is open.
#[track_caller]
fn opens_after(proxy: &mut Proxy, config: Value, most: usize) -> Option<usize> {
    start(proxy, config);
    (1..=most).find(|_| {
        send(proxy, "/500", 1);
        gauge(proxy, "state") == 2
    })
}

#[tollgate_testkit::test(CircuitBreaker)]
fn as_many_errors_in_a_row_as_asked_for_open_it(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, detecting(), 10), Some(3));
    assert!(is_open(proxy));
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_5xx"), 1);
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_gateway_failure"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn one_error_opens_it_if_one_is_asked_for(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, outlier(json!({ "consecutive5xxErrors": 1 })), 10), Some(1));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn five_errors_open_it_if_nothing_is_said(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, outlier(json!({})), 10), Some(5));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn consecutive_errors_is_another_name(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, outlier(json!({ "consecutiveErrors": 2 })), 10), Some(2));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn zero_turns_the_detection_of_errors_off(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, outlier(json!({ "consecutive5xxErrors": 0 })), 50), None);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn zero_turns_it_off_by_the_other_name_too(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, outlier(json!({ "consecutiveErrors": 0 })), 50), None);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn without_outlier_detection_nothing_opens_it(proxy: &mut Proxy) {
    assert_eq!(opens_after(proxy, json!({}), 50), None);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_5xx_is_an_error(proxy: &mut Proxy) {
    let config = json!({
        "key": { "header": "x-status" },
        "outlierDetection": { "consecutive5xxErrors": 1 },
    });
    start(proxy, config);
    for status in ["500", "501", "502", "503", "504", "505", "511", "599"] {
        proxy.get(&format!("/{status}")).header("x-status", status).send();
        assert_eq!(gauge_of(proxy, status, "state"), 2, "{status}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn no_other_status_is_an_error(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 1, "consecutiveGatewayErrors": 1 })));
    for status in [200, 204, 206, 301, 304, 400, 401, 403, 404, 408, 429, 499] {
        assert_eq!(proxy.get(&format!("/{status}")).send().status(), status);
        assert_eq!(gauge(proxy, "consecutive_5xx"), 0, "{status}");
    }
    assert_eq!(counter(proxy, "opened"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn any_answer_that_is_no_error_ends_the_row(proxy: &mut Proxy) {
    start(proxy, detecting());
    for end in ["/", "/301", "/404", "/429"] {
        send(proxy, "/500", 2);
        assert_eq!(gauge(proxy, "consecutive_5xx"), 2, "{end}");
        send(proxy, end, 1);
        assert_eq!(gauge(proxy, "consecutive_5xx"), 0, "{end}");
    }
    assert_eq!((gauge(proxy, "state"), counter(proxy, "opened")), (0, 0));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn time_does_not_end_the_row(proxy: &mut Proxy) {
    start(proxy, detecting());
    for _ in 0..3 {
        send(proxy, "/500", 1);
        proxy.advance(seconds(3600));
    }
    assert_eq!(counter(proxy, "opened"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn gateway_errors_have_a_threshold_of_their_own(proxy: &mut Proxy) {
    let config = json!({
        "key": { "header": "x-status" },
        "outlierDetection": { "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 },
    });
    start(proxy, config);
    for (status, state) in [("502", 2), ("503", 2), ("504", 2), ("500", 0), ("501", 0), ("505", 0)]
    {
        for _ in 0..2 {
            proxy.get(&format!("/{status}")).header("x-status", status).send();
        }
        assert_eq!(gauge_of(proxy, status, "state"), state, "{status}");
        let ejections = "ejections_enforced_consecutive_gateway_failure";
        assert_eq!(counter_of(proxy, status, ejections), state / 2, "{status}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn gateway_errors_are_off_unless_asked_for(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 0 })));
    send(proxy, "/503", 50);
    assert_eq!(counter(proxy, "opened"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn zero_turns_the_detection_of_gateway_errors_off(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 0 })));
    send(proxy, "/503", 50);
    assert_eq!(counter(proxy, "opened"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn another_5xx_ends_the_row_of_gateway_errors_only(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 5, "consecutiveGatewayErrors": 2 })));
    for path in ["/503", "/500", "/503", "/500"] {
        send(proxy, path, 1);
    }
    assert_eq!((gauge(proxy, "consecutive_5xx"), gauge(proxy, "state")), (4, 0));
    assert_eq!(gauge(proxy, "consecutive_gateway_failure"), 0);
    send(proxy, "/500", 1);
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_5xx"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn gateway_errors_count_as_5xx_too(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 3, "consecutiveGatewayErrors": 9 })));
    for path in ["/500", "/502", "/504"] {
        send(proxy, path, 1);
    }
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_5xx"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_opening_is_counted_for_one_reason(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 2, "consecutiveGatewayErrors": 2 })));
    send(proxy, "/503", 2);
    assert_eq!(counter(proxy, "opened"), 1);
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_gateway_failure"), 1);
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_5xx"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upstream_that_resets_is_a_gateway_error(proxy: &mut Proxy) {
    start(proxy, detecting_gateway_errors());
    send(proxy, "/reset", 2).iter().for_each(|it| assert_eq!(it.status(), 503));
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_route_timeout_is_a_gateway_error(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, detecting_gateway_errors());
    for _ in 0..2 {
        let exchange = proxy.get("/never").send();
        proxy.advance(seconds(3));
        assert_eq!(exchange.status(), 504);
    }
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn failures_to_reach_the_upstream_count_as_5xx_too(proxy: &mut Proxy) {
    start(proxy, detecting());
    send(proxy, "/reset", 3);
    assert!(is_open(proxy));
    assert_eq!(counter(proxy, "ejections_enforced_consecutive_5xx"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_answer_that_breaks_off_counts_by_its_status(proxy: &mut Proxy) {
    start(proxy, detecting());
    send(proxy, "/500", 2);
    assert!(proxy.get("/broken").send().is_reset());
    assert_eq!(gauge(proxy, "consecutive_5xx"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_answer_counts_as_soon_as_its_headers_have_come(proxy: &mut Proxy) {
    let endless = |_: &_| Answer::status(500).body("and so on").hang();
    proxy.upstream("upstream", endless).configure(detecting());
    let exchanges = send(proxy, "/", 3);
    assert!(exchanges.iter().all(Exchange::is_pending));
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_client_that_leaves_counts_as_nothing(proxy: &mut Proxy) {
    start(proxy, detecting());
    send(proxy, "/500", 2);
    send(proxy, "/never", 5).iter().for_each(Exchange::leave);
    assert_eq!((gauge(proxy, "consecutive_5xx"), gauge(proxy, "state")), (2, 0));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_cluster_that_envoy_does_not_know_counts_as_nothing(proxy: &mut Proxy) {
    proxy.route(Route::to("unknown"));
    proxy.configure(detecting());
    send(proxy, "/", 20).iter().for_each(|it| assert_eq!(it.details(), "cluster_not_found"));
    assert_eq!(gauge_of(proxy, "unknown", "state"), 0);
    assert_eq!(gauge_of(proxy, "unknown", "consecutive_5xx"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn its_own_refusals_count_as_nothing(proxy: &mut Proxy) {
    let mut config = detecting();
    config["connectionPool"] = common::limited_to(1)["connectionPool"].clone();
    start(proxy, config);
    send(proxy, "/500", 2);
    let held = proxy.get("/held").send();
    send(proxy, "/", 10).iter().for_each(|it| assert!(is_overflow(it)));
    assert_eq!(gauge(proxy, "consecutive_5xx"), 2);
    held.leave();
    send(proxy, "/500", 1);
    send(proxy, "/", 10);
    assert_eq!((counter(proxy, "opened"), counter(proxy, "rejected")), (1, 10));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn errors_in_a_row_are_counted_over_all_workers(proxy: &mut Proxy) {
    proxy.workers(3);
    start(proxy, detecting());
    for worker in 1..=3 {
        assert_eq!(proxy.get("/500").on_worker(worker).send().status(), 500);
    }
    for worker in 1..=3 {
        let refused = proxy.get("/").on_worker(worker).send();
        assert!(common::is_refused_as_open(&refused), "{worker}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_good_answer_in_one_worker_ends_the_row_of_all(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    for _ in 0..5 {
        proxy.get("/500").on_worker(1).send();
        proxy.get("/500").on_worker(1).send();
        proxy.get("/").on_worker(2).send();
    }
    assert_eq!((gauge(proxy, "state"), counter(proxy, "opened")), (0, 0));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn each_cluster_has_a_row_of_its_own(proxy: &mut Proxy) {
    proxy.route(Route::to("other").prefix("/503")).route(Route::to("upstream"));
    proxy.upstream("other", answer);
    start(proxy, detecting());
    for _ in 0..2 {
        send(proxy, "/503", 1);
        send(proxy, "/500", 1);
    }
    assert_eq!(gauge(proxy, "consecutive_5xx"), 2);
    assert_eq!(gauge_of(proxy, "other", "consecutive_5xx"), 2);
    send(proxy, "/503", 1);
    assert_eq!((gauge(proxy, "state"), gauge_of(proxy, "other", "state")), (0, 2));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_opening_begins_a_new_row(proxy: &mut Proxy) {
    start(proxy, outlier(json!({ "consecutive5xxErrors": 2, "consecutiveGatewayErrors": 9 })));
    send(proxy, "/503", 2);
    assert_eq!(gauge(proxy, "state"), 2);
    assert_eq!(gauge(proxy, "consecutive_5xx"), 0);
    assert_eq!(gauge(proxy, "consecutive_gateway_failure"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn answers_to_requests_from_before_it_opened_do_not_count(proxy: &mut Proxy) {
    start(proxy, detecting());
    let late = send(proxy, "/held/500", 5);
    wait_for_a_probe(proxy);
    assert_eq!(proxy.get("/").send().status(), 200);

    proxy.tell("upstream");
    late.iter().for_each(|it| assert_eq!(it.status(), 500));
    assert_eq!((gauge(proxy, "state"), gauge(proxy, "consecutive_5xx")), (0, 0));
    assert_eq!(counter(proxy, "opened"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn good_answers_to_requests_from_before_it_opened_do_not_close_it(proxy: &mut Proxy) {
    start(proxy, detecting());
    let late = send(proxy, "/held", 5);
    common::open(proxy);
    proxy.tell("upstream");
    late.iter().for_each(|it| assert_eq!(it.status(), 200));
    assert!(is_open(proxy));
}
