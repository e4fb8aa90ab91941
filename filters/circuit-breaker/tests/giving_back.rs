//! Whatever becomes of a request, its place is given back, once.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{answer, in_flight, is_overflow, limited_to, seconds, send, start};
use serde_json::json;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Answer, Exchange, Proxy, Route};

/// Nothing is in flight, and a limit of one lets in one and no more.
#[track_caller]
fn is_given_back_once(proxy: &Proxy) {
    assert_eq!(in_flight(proxy), 0);
    let held = proxy.get("/held").send();
    assert!(held.is_pending(), "the place is free");
    assert!(is_overflow(&proxy.get("/").send()), "and only one is");
    held.leave();
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_answer_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    for path in ["/", "/404", "/500", "/503"] {
        assert!(!proxy.get(path).send().is_pending());
        is_given_back_once(proxy);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_request_is_in_flight_until_its_answer_has_ended(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    let exchange = proxy.get("/half").send();
    assert_eq!(exchange.try_response().map(|so_far| so_far.status), Some(200));
    assert_eq!(in_flight(proxy), 1);
    assert!(is_overflow(&proxy.get("/").send()));

    proxy.tell("upstream");
    assert_eq!(exchange.response().text(), "halfwhole");
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn trailers_end_an_answer(proxy: &mut Proxy) {
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/package.Service/Method" => Answer::grpc("message"),
        _ => answer(request),
    });
    proxy.configure(limited_to(1));
    let exchange = proxy.post("/package.Service/Method").grpc("message").send();
    assert_eq!(exchange.response().trailers.get("grpc-status"), Some(&b"0"[..]));
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upstream_that_resets_before_it_answers_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    assert_eq!(proxy.get("/reset").send().status(), 503);
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upstream_that_resets_in_its_answer_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    assert!(proxy.get("/broken").send().is_reset());
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_client_that_leaves_before_the_answer_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    let exchange = proxy.get("/never").send();
    assert_eq!(in_flight(proxy), 1);
    exchange.leave();
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_client_that_leaves_twice_gives_one_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(2));
    let (first, second) = (proxy.get("/never").send(), proxy.get("/never").send());
    first.leave();
    first.leave();
    assert_eq!(in_flight(proxy), 1);
    second.leave();
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_client_that_leaves_in_the_answer_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    let exchange = proxy.get("/half").send();
    exchange.leave();
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_client_that_leaves_while_it_uploads_gives_the_place_back(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    let exchange = proxy.post("/").begin();
    exchange.chunk("half a body");
    assert_eq!(in_flight(proxy), 1);
    exchange.leave();
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_upload_takes_its_place_before_the_body_has_come(proxy: &mut Proxy) {
    start(proxy, limited_to(1));
    let exchange = proxy.post("/").begin();
    assert!(is_overflow(&proxy.post("/").body("another").send()));
    exchange.chunk("a body");
    exchange.end();
    assert_eq!(exchange.status(), 200);
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_answer_that_ends_before_the_upload_gives_the_place_back(proxy: &mut Proxy) {
    proxy.answers_early("upstream");
    start(proxy, limited_to(1));
    let exchange = proxy.post("/413").begin();
    assert_eq!(exchange.status(), 413);
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_route_timeout_gives_the_place_back(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, limited_to(1));
    let exchange = proxy.get("/never").send();
    proxy.advance(seconds(2));
    assert_eq!(in_flight(proxy), 1);
    proxy.advance(seconds(1));
    assert_eq!((exchange.status(), exchange.details().as_str()), (504, "response_timeout"));
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_route_timeout_in_the_answer_gives_the_place_back(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, limited_to(1));
    let exchange = proxy.get("/half").send();
    proxy.advance(seconds(3));
    assert!(exchange.is_reset());
    is_given_back_once(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_cluster_that_envoy_does_not_know_gives_the_place_back(proxy: &mut Proxy) {
    proxy.route(Route::to("unknown").prefix("/unknown")).route(Route::to("upstream"));
    start(proxy, limited_to(1));
    for _ in 0..3 {
        let exchange = proxy.get("/unknown").send();
        assert_eq!((exchange.status(), exchange.details().as_str()), (503, "cluster_not_found"));
        assert_eq!(common::gauge_of(proxy, "unknown", "in_flight"), 0);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_request_without_a_route_takes_no_place(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").prefix("/known"));
    start(proxy, limited_to(1));
    let exchange = proxy.get("/unknown").send();
    assert_eq!((exchange.status(), exchange.details().as_str()), (404, "route_not_found"));
    assert!(proxy.metrics().names().all(|(_, name)| !name.contains("in_flight")));
    assert_eq!(proxy.counter("tollgate.circuit_breaker.failures"), 0);
}

/// Sends a request to each of some fates; who is still on the way is returned.
fn send_one_of_each(proxy: &Proxy) -> Vec<Exchange> {
    let paths = ["/", "/500", "/reset", "/broken", "/never", "/half", "/held", "/held/503"];
    let mut exchanges: Vec<_> = paths.iter().map(|path| proxy.get(path).send()).collect();
    let upload = proxy.post("/").begin();
    upload.chunk("half a body");
    exchanges.push(upload);
    exchanges.into_iter().filter(Exchange::is_pending).collect()
}

#[tollgate_testkit::test(CircuitBreaker)]
fn after_any_mix_of_fates_nothing_is_in_flight(proxy: &mut Proxy) {
    proxy.workers(3).route(Route::to("upstream").timeout(Some(seconds(3))));
    start(proxy, limited_to(1000));
    let mut pending = Vec::new();
    for round in 0..12 {
        pending.extend(send_one_of_each(proxy));
        assert_eq!(in_flight(proxy), pending.len() as u64, "round {round}");
        if round % 3 == 0 {
            proxy.tell("upstream");
        }
        if round % 4 == 1 {
            pending.iter().step_by(2).for_each(Exchange::leave);
        }
        if round % 5 == 2 {
            proxy.advance(seconds(3));
        }
        pending.retain(Exchange::is_pending);
        assert_eq!(in_flight(proxy), pending.len() as u64, "round {round}");
    }
    proxy.advance(seconds(3));
    pending.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn when_some_of_the_clients_leave_their_places_only_are_free(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, limited_to(6));
    for _ in 0..5 {
        let mut held = send(proxy, "/held", 6);
        assert!(is_overflow(&proxy.get("/").send()));
        held.drain(3..).for_each(|it| it.leave());
        assert_eq!(in_flight(proxy), 3);
        proxy.tell("upstream");
        held.iter().for_each(|it| assert_eq!(it.status(), 200));
        assert_eq!(in_flight(proxy), 0);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn without_any_limit_or_detection_places_are_given_back_as_well(proxy: &mut Proxy) {
    start(proxy, json!({}));
    let held = send(proxy, "/held", 3);
    assert_eq!(in_flight(proxy), 3);
    proxy.tell("upstream");
    held.iter().for_each(|it| assert_eq!(it.status(), 200));
    assert_eq!(in_flight(proxy), 0);
}
