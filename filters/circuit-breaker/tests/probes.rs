//! Half-open: requests that find out whether the upstream is well again.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    MILLISECOND, OPEN_TIME, answer, counter, detecting, detecting_with, gauge, in_flight, is_open,
    is_overflow, is_refused_as_open, seconds, send, start, wait_for_a_probe,
};
use serde_json::json;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Answer, Exchange, Proxy, Route};

/// So many requests for a path, of which so many get in as probes.
#[track_caller]
fn probes(proxy: &Proxy, path: &str, requests: usize, admitted: usize) -> Vec<Exchange> {
    let (refused, probes): (Vec<_>, Vec<_>) =
        send(proxy, path, requests).into_iter().partition(is_refused_as_open);
    assert_eq!((probes.len(), refused.len()), (admitted, requests - admitted));
    probes
}

#[tollgate_testkit::test(CircuitBreaker)]
fn while_a_probe_is_out_everybody_else_is_refused(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    let probe = proxy.get("/held").send();
    probes(proxy, "/", 10, 0);
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (1, 1));
    proxy.tell("upstream");
    assert_eq!(probe.status(), 200);
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn as_many_probes_are_out_as_allowed_over_all_workers(proxy: &mut Proxy) {
    proxy.workers(4);
    start(proxy, detecting_with(json!({ "halfOpen": { "maxProbes": 3, "successThreshold": 9 } })));
    wait_for_a_probe(proxy);
    for round in 1..=2 {
        let held = probes(proxy, "/held", 12, 3);
        assert_eq!(in_flight(proxy), 3, "{round}");
        proxy.tell("upstream");
        held.iter().for_each(|it| assert_eq!(it.status(), 200));
    }
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (1, 6));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_is_answered_makes_room_for_the_next(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "maxProbes": 2, "successThreshold": 9 } })));
    wait_for_a_probe(proxy);
    let held = proxy.get("/held").send();
    for _ in 0..5 {
        assert_eq!(proxy.get("/").send().status(), 200);
    }
    assert!(held.is_pending());
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (1, 6));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn as_many_good_probes_as_asked_for_close_it(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "successThreshold": 3 } })));
    wait_for_a_probe(proxy);
    for state in [1, 1, 0] {
        assert_eq!(proxy.get("/").send().status(), 200);
        assert_eq!(gauge(proxy, "state"), state);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn good_probes_need_not_follow_each_other_at_once(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "successThreshold": 2 } })));
    wait_for_a_probe(proxy);
    send(proxy, "/", 1);
    proxy.advance(seconds(3600));
    send(proxy, "/", 1);
    assert_eq!(gauge(proxy, "state"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn one_failed_probe_opens_it_however_many_were_good(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "successThreshold": 3 } })));
    wait_for_a_probe(proxy);
    send(proxy, "/", 2);
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
    // And the good ones count no more.
    proxy.advance(2 * OPEN_TIME);
    send(proxy, "/", 1);
    assert_eq!(gauge(proxy, "state"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_failed_probe_opens_it_though_another_is_still_out(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "maxProbes": 2 } })));
    wait_for_a_probe(proxy);
    let slow = proxy.get("/held").send();
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
    proxy.tell("upstream");
    assert_eq!(slow.status(), 200, "it gets its answer");
    assert!(is_open(proxy), "which decides nothing");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn probes_that_are_out_when_it_closes_decide_nothing(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "maxProbes": 2 } })));
    wait_for_a_probe(proxy);
    let slow = proxy.get("/held/500").send();
    send(proxy, "/", 1);
    assert_eq!(gauge(proxy, "state"), 0);
    proxy.tell("upstream");
    assert_eq!(slow.status(), 500);
    assert_eq!((gauge(proxy, "state"), gauge(proxy, "consecutive_5xx")), (0, 0));
    assert_eq!(counter(proxy, "probe_failures"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_is_an_error_while_closed_fails_a_probe(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    for (times, path) in [(2, "/500"), (3, "/503"), (4, "/reset"), (5, "/599")] {
        send(proxy, path, 1);
        assert_eq!(gauge(proxy, "state"), 2, "{path}");
        proxy.advance(times * OPEN_TIME);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_is_no_error_while_closed_is_a_good_probe(proxy: &mut Proxy) {
    for path in ["/204", "/301", "/404", "/429"] {
        start(proxy, detecting());
        wait_for_a_probe(proxy);
        send(proxy, path, 1);
        assert_eq!(gauge(proxy, "state"), 0, "{path}");
        proxy.advance(seconds(3600));
    }
}

/// Even if only gateway errors open it.
#[tollgate_testkit::test(CircuitBreaker)]
fn any_5xx_fails_a_probe(proxy: &mut Proxy) {
    let detection = json!({ "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 });
    start(proxy, json!({ "outlierDetection": detection }));
    send(proxy, "/503", 2);
    proxy.advance(seconds(30));
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_runs_into_the_route_timeout_fails(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    let probe = proxy.get("/never").send();
    proxy.advance(seconds(3));
    assert_eq!(probe.status(), 504);
    assert!(is_open(proxy));
    assert_eq!(counter(proxy, "probe_failures"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_is_good_as_soon_as_its_headers_have_come(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    let probe = proxy.get("/half").send();
    assert!(probe.is_pending());
    assert_eq!(gauge(proxy, "state"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_whose_client_leaves_lets_another_one_in(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    proxy.get("/held").send().leave();
    assert_eq!(gauge(proxy, "state"), 1);
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (0, 2));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_whose_client_leaves_after_the_answer_began_has_decided(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    proxy.get("/half").send().leave();
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (0, 1));
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_envoy_answers_lets_another_one_in(proxy: &mut Proxy) {
    let config = json!({
        "key": { "header": "x-key" },
        "outlierDetection": { "consecutive5xxErrors": 3, "baseEjectionTime": "10s" },
    });
    proxy.route(Route::to("unknown").prefix("/unknown")).route(Route::to("upstream"));
    proxy.upstream("upstream", answer);
    proxy.configure(config);
    let get = |path| proxy.get(path).header("x-key", "upstream").send();
    for _ in 0..3 {
        get("/500");
    }
    proxy.advance(OPEN_TIME);
    for _ in 0..3 {
        assert_eq!(get("/unknown").details(), "cluster_not_found");
        assert_eq!(gauge(proxy, "state"), 1);
    }
    assert_eq!(get("/").status(), 200);
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (0, 4));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_without_an_answer_gives_its_place_to_another_after_a_while(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "maxWait": "4s" } })));
    wait_for_a_probe(proxy);
    let lost = proxy.get("/never").send();
    proxy.advance(seconds(4) - MILLISECOND);
    assert!(is_open(proxy));
    proxy.advance(MILLISECOND);
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!(gauge(proxy, "state"), 0);
    assert!(lost.is_pending(), "it may still get its answer");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_has_10_seconds_if_nothing_is_said(proxy: &mut Proxy) {
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    let lost = proxy.get("/never").send();
    proxy.advance(seconds(10) - MILLISECOND);
    assert!(is_open(proxy));
    proxy.advance(MILLISECOND);
    assert!(!is_open(proxy));
    lost.leave();
}

#[tollgate_testkit::test(CircuitBreaker)]
fn who_is_refused_beside_a_probe_is_told_when_its_place_is_free(proxy: &mut Proxy) {
    start(proxy, detecting_with(json!({ "halfOpen": { "maxWait": "8s", "maxProbes": 2 } })));
    wait_for_a_probe(proxy);
    let first = proxy.get("/never").send();
    proxy.advance(seconds(3));
    let second = proxy.get("/never").send();
    let refused = proxy.get("/").send().response();
    assert_eq!(refused.header("retry-after").as_deref(), Some("5"));
    first.leave();
    second.leave();
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_is_answered_too_late_decides_nothing(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(None));
    start(proxy, detecting_with(json!({ "halfOpen": { "maxWait": "4s" } })));
    wait_for_a_probe(proxy);
    let late = proxy.get("/held/500").send();
    proxy.advance(seconds(4));
    let next = proxy.get("/never").send();
    proxy.tell("upstream");
    assert_eq!(late.status(), 500);
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probe_failures")), (1, 0));
    next.leave();
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!(gauge(proxy, "state"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_of_an_earlier_phase_does_not_close_a_later_one(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(None));
    start(proxy, detecting_with(json!({ "halfOpen": { "maxWait": "4s" } })));
    wait_for_a_probe(proxy);
    let early = proxy.get("/held").send();
    proxy.advance(seconds(4));
    send(proxy, "/500", 1);
    proxy.advance(2 * OPEN_TIME);
    let current = proxy.get("/never").send();
    assert_eq!(gauge(proxy, "state"), 1);
    proxy.tell("upstream");
    assert_eq!(early.status(), 200);
    assert_eq!(gauge(proxy, "state"), 1, "the probe of this phase decides");
    current.leave();
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_request_from_before_it_opened_does_not_decide_a_half_open_phase(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(None));
    start(proxy, detecting());
    let (good, bad) = (proxy.get("/held").send(), proxy.get("/held/500").send());
    wait_for_a_probe(proxy);
    let probe = proxy.get("/never").send();
    proxy.tell("upstream");
    assert_eq!((good.status(), bad.status()), (200, 500));
    assert_eq!((gauge(proxy, "state"), counter(proxy, "opened")), (1, 1));
    probe.leave();
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_finds_the_limit_reached_is_not_lost(proxy: &mut Proxy) {
    let mut config = detecting();
    config["connectionPool"] = common::limited_to(3)["connectionPool"].clone();
    proxy.route(Route::to("upstream").timeout(None));
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/slow" => Answer::status(500).body("half").told().body("whole"),
        _ => answer(request),
    });
    proxy.configure(config);
    let slow = send(proxy, "/slow", 3);
    assert_eq!((gauge(proxy, "state"), in_flight(proxy)), (2, 3), "open, and none has ended");

    proxy.advance(OPEN_TIME);
    for _ in 0..3 {
        assert!(is_overflow(&proxy.get("/").send()));
    }
    proxy.tell("upstream");
    slow.iter().for_each(|it| assert_eq!(it.status(), 500));
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!((gauge(proxy, "state"), counter(proxy, "probes")), (0, 4));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn probes_over_the_limit_overflow_and_give_their_places_back(proxy: &mut Proxy) {
    let mut config = detecting_with(json!({ "halfOpen": { "maxProbes": 2 } }));
    config["connectionPool"] = common::limited_to(1)["connectionPool"].clone();
    start(proxy, config);
    wait_for_a_probe(proxy);
    let first = proxy.get("/held").send();
    for _ in 0..5 {
        assert!(is_overflow(&proxy.get("/").send()), "it was let in as a probe, but has no place");
    }
    assert_eq!((counter(proxy, "probes"), counter(proxy, "rejected")), (6, 0));
    proxy.tell("upstream");
    assert_eq!(first.status(), 200);
    assert_eq!((gauge(proxy, "state"), in_flight(proxy)), (0, 0));
}
