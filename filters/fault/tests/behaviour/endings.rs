//! However a request with a fault ends, its place is given back, and only once.

use super::*;
use tollgate_fault::Fault;
use tollgate_testkit::{Answer, FailurePolicy, Route};

#[tollgate_testkit::test(Fault)]
fn an_answer_of_the_upstream_ends_it(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    assert_eq!(active(proxy), 1);
    proxy.advance(milliseconds(101));
    assert_eq!((exchange.status(), active(proxy)), (200, 0));
}

#[tollgate_testkit::test(Fault)]
fn a_client_that_leaves_during_a_delay_frees_it_at_once(proxy: &mut Proxy) {
    proxy.workers(2).configure(by_header());
    let held: Vec<_> = (0..20).map(|_| hold(proxy)).collect();
    assert_eq!(active(proxy), 20);
    for (index, exchange) in held.iter().enumerate() {
        exchange.leave();
        assert!(exchange.is_reset());
        assert_eq!(active(proxy), 19 - index as u64);
    }
    proxy.advance(seconds(3601));
    assert_eq!((arrived(proxy), active(proxy)), (0, 0));
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn a_client_that_leaves_in_the_last_moment_of_a_delay_does_not_reach_the_upstream(
    proxy: &mut Proxy,
) {
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(99));
    exchange.leave();
    proxy.advance(milliseconds(5));
    assert_eq!((arrived(proxy), active(proxy)), (0, 0));
}

#[tollgate_testkit::test(Fault)]
fn others_go_on_when_a_client_leaves(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let [first, second, third] = [(); 3].map(|()| proxy.get("/").send());
    second.leave();
    proxy.advance(milliseconds(101));
    assert_eq!((first.status(), third.status()), (200, 200));
    assert_eq!((arrived(proxy), active(proxy)), (2, 0));
}

#[tollgate_testkit::test(Fault)]
fn a_client_that_leaves_during_the_delay_is_not_aborted(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let exchange = delay_of(proxy, 100).header(ABORT, "503").send();
    exchange.leave();
    proxy.advance(milliseconds(200));
    assert_eq!((injected(proxy), active(proxy)), ([1, 0, 0], 0));
    assert!(exchange.try_response().is_none());
}

#[tollgate_testkit::test(Fault)]
fn a_client_that_leaves_with_half_its_body_sent_frees_its_place(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let exchange = proxy.post("/").header(DELAY, "100").begin();
    exchange.chunk("half");
    exchange.leave();
    assert_eq!((active(proxy), arrived(proxy)), (0, 0));

    let exchange = proxy.post("/").header(DELAY, "100").begin();
    proxy.advance(milliseconds(101));
    exchange.chunk("half");
    exchange.leave();
    assert_eq!((active(proxy), arrived(proxy)), (0, 1));
}

#[tollgate_testkit::test(Fault)]
fn an_upstream_that_breaks_off_ends_it(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::reset());
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(101));
    assert_eq!((exchange.status(), active(proxy)), (503, 0));
}

#[tollgate_testkit::test(Fault)]
fn a_response_that_breaks_off_ends_it(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::status(200).body("half").wait(TICK).break_off());
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(110));
    assert!(exchange.is_reset());
    assert_eq!(active(proxy), 0);
}

#[tollgate_testkit::test(Fault)]
fn the_timeout_of_the_route_ends_it(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::never());
    proxy.route(Route::to("upstream").timeout(Some(seconds(1))));
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(1102));
    assert_eq!((exchange.status(), active(proxy)), (504, 0));
}

#[tollgate_testkit::test(Fault)]
fn a_client_that_leaves_while_the_upstream_thinks_ends_it(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::never());
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(101));
    assert!(exchange.is_pending() && exchange.upstream_request().is_complete);
    exchange.leave();
    assert_eq!(active(proxy), 0);
    assert!(exchange.upstream_request().is_reset);
}

#[tollgate_testkit::test(Fault)]
fn a_place_is_given_back_once_also_when_a_client_leaves_after_the_end(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let held = hold(proxy);
    for exchange in [delay_of(proxy, 10).send(), abort_with(proxy, 503).send()] {
        proxy.advance(milliseconds(11));
        exchange.leave();
        exchange.leave();
    }
    assert_eq!(active(proxy), 1);
    held.leave();
    held.leave();
    assert_eq!(active(proxy), 0);
}

/// Nobody else would miss it: the VM in its place does.
#[tollgate_testkit::test(Fault)]
fn a_vm_that_failed_has_its_places_given_back_by_its_successor(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload).configure(at_most(2, by_header()));
    let lost = [hold(proxy), hold(proxy)];
    proxy.crash_worker(1);
    assert_eq!(hold(proxy).status(), 200, "the places are still taken");
    assert_eq!(active(proxy), 2);
    proxy.advance(MISSED);
    assert_eq!(active(proxy), 0);
    assert!(hold(proxy).is_pending());
    lost.iter().for_each(Exchange::leave);
    assert_eq!((active(proxy), injected(proxy)), (1, [3, 0, 1]));
}

#[tollgate_testkit::test(Fault)]
fn a_vm_that_failed_has_its_places_given_back_by_another_worker(proxy: &mut Proxy) {
    proxy.workers(2).configure(at_most(5, by_header()));
    let lost: Vec<_> = (0..3).map(|_| delay_of(proxy, 3_600_000).on_worker(1).send()).collect();
    let kept = delay_of(proxy, 10_000).on_worker(2).send();
    assert_eq!(active(proxy), 4);
    proxy.crash_worker(1);
    proxy.advance(MISSED);
    assert_eq!(active(proxy), 1, "what the other worker holds");
    assert!(kept.is_pending());
    proxy.advance(seconds(10) - MISSED + TICK);
    assert_eq!((kept.status(), active(proxy)), (200, 0));
    lost.iter().for_each(Exchange::leave);
    assert_eq!(active(proxy), 0, "never below zero");
}

#[tollgate_testkit::test(Fault)]
fn an_idle_worker_gives_back_what_a_failed_one_held_when_it_is_refused_a_place(proxy: &mut Proxy) {
    proxy.workers(2).configure(at_most(1, by_header()));
    let _lost = delay_of(proxy, 3_600_000).on_worker(1).send();
    proxy.crash_worker(1);
    proxy.advance(MISSED);
    assert!(delay_of(proxy, 100).on_worker(2).send().is_pending());
    assert_eq!(active(proxy), 1);
}

#[tollgate_testkit::test(Fault)]
fn delays_of_a_worker_end_in_time_while_another_one_fails(proxy: &mut Proxy) {
    proxy.workers(2).configure(delayed("0.1s"));
    let of_failed = proxy.get("/").on_worker(1).send();
    let exchange = proxy.get("/").on_worker(2).send();
    proxy.advance(milliseconds(50));
    proxy.crash_worker(1);
    proxy.advance(milliseconds(51));
    assert_eq!(exchange.status(), 200);
    assert!(of_failed.is_pending(), "nobody wakes it");
}

#[tollgate_testkit::test(Fault)]
fn requests_pass_where_a_failed_vm_lets_them(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Open).configure(aborted(503));
    proxy.crash_worker(1);
    for _ in 0..3 {
        let exchange = proxy.get("/").send();
        assert_eq!((exchange.status(), exchange.details().as_str()), (200, "via_upstream"));
    }
}

#[tollgate_testkit::test(Fault)]
fn requests_fail_where_a_failed_vm_must_not_let_them_pass(proxy: &mut Proxy) {
    proxy.configure(by_header());
    proxy.crash_worker(1);
    for _ in 0..3 {
        let exchange = proxy.get("/").send();
        assert_eq!((exchange.status(), exchange.details().as_str()), (503, "wasm_fail_stream"));
    }
    assert_eq!(arrived(proxy), 0);
}

#[tollgate_testkit::test(Fault)]
fn the_successor_of_a_failed_vm_does_what_was_configured(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload).configure(aborted(418));
    for _ in 0..3 {
        proxy.crash_worker(1);
        assert_eq!(proxy.get("/").send().status(), 418);
        proxy.advance(seconds(2));
    }
    assert_eq!(injected(proxy), [0, 3, 0]);
}

#[tollgate_testkit::test(Fault)]
fn failures_one_after_the_other_leave_nothing_behind(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload).configure(at_most(3, by_header()));
    let mut lost = Vec::new();
    for _ in 0..5 {
        lost.extend([hold(proxy), hold(proxy)]);
        assert_eq!(active(proxy), 2);
        proxy.crash_worker(1);
        let _ = proxy.get("/").send();
        proxy.advance(MISSED);
        assert_eq!(active(proxy), 0);
    }
    lost.iter().for_each(Exchange::leave);
    assert_eq!(active(proxy), 0);
}

/// The kit's restart is the hardest case: all VMs go at once, without a word.
#[tollgate_testkit::test(Fault)]
fn a_new_configuration_does_not_inherit_places_for_ever(proxy: &mut Proxy) {
    proxy.configure(at_most(2, by_header()));
    let _ = (hold(proxy), hold(proxy));
    proxy.configure(at_most(2, by_header()));
    proxy.advance(MISSED);
    assert_eq!(active(proxy), 0);
    assert!(hold(proxy).is_pending());
}
