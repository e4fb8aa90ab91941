//! VMs that die, and what they had taken with them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    counter, detecting, gauge, in_flight, is_open, is_overflow, is_refused_as_open, limited_to,
    open, seconds, send, start, wait_for_a_probe,
};
use std::time::Duration;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Exchange, FailurePolicy, Proxy, Route};

/// Within this time what a dead VM held is given back.
const REPAIR: Duration = Duration::from_secs(7);

/// A lease is not confirmed before this time is over.
const LEASE: Duration = Duration::from_secs(4);

/// Two workers, and requests that never end by themselves.
fn start_two(proxy: &mut Proxy, policy: FailurePolicy, limit: u32) {
    proxy.workers(2).failure_policy(policy).route(Route::to("upstream").timeout(None));
    start(proxy, limited_to(limit));
}

fn hold(proxy: &Proxy, worker: usize, count: usize) -> Vec<Exchange> {
    (0..count).map(|_| proxy.get("/held").on_worker(worker).send()).collect()
}

/// Second by second, with a request to a worker in each.
fn ask_for(proxy: &Proxy, time: Duration, worker: usize) {
    for _ in 0..time.as_secs() {
        proxy.advance(seconds(1));
        proxy.get("/").on_worker(worker).send();
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn another_worker_gives_back_what_a_dead_vm_held(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 3);
    hold(proxy, 1, 3);
    proxy.crash_worker(1);
    assert!(is_overflow(&proxy.get("/").on_worker(2).send()));
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 0);
    let held = hold(proxy, 2, 4);
    assert_eq!(held.iter().filter(|it| it.is_pending()).count(), 3, "the whole limit");
    assert_eq!(in_flight(proxy), 3);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn until_a_vm_counts_as_dead_its_places_stay_taken(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 3);
    hold(proxy, 1, 3);
    proxy.crash_worker(1);
    for _ in 0..LEASE.as_secs() {
        assert!(is_overflow(&proxy.get("/").on_worker(2).send()));
        proxy.advance(seconds(1));
    }
    assert_eq!(in_flight(proxy), 3);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_living_vms_hold_stays_taken(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 5);
    hold(proxy, 1, 3);
    let held = hold(proxy, 2, 2);
    proxy.crash_worker(1);
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 2);
    held.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_repair_is_told_once(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 5);
    hold(proxy, 1, 3);
    hold(proxy, 2, 1);
    proxy.crash_worker(1);
    proxy.advance(10 * REPAIR);
    let log = proxy.log();
    let told: Vec<_> = log.iter().filter(|it| it.message.contains("a VM failed")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let line = &told[0].message;
    assert!(line.contains("its 3 of ") && line.ends_with(" are given back"), "{line}");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_vm_that_dies_with_nothing_in_flight_needs_no_repair(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 1);
    assert_eq!(proxy.get("/").on_worker(1).send().status(), 200);
    proxy.crash_worker(1);
    let held = hold(proxy, 2, 1);
    proxy.advance(10 * REPAIR);
    assert_eq!(in_flight(proxy), 1);
    assert!(proxy.log().iter().all(|it| !it.message.contains("given back")));
    held.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_vm_that_is_started_in_its_place_gives_back_what_a_dead_one_held(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload).route(Route::to("upstream").timeout(None));
    start(proxy, limited_to(2));
    send(proxy, "/held", 2);
    proxy.crash_worker(1);
    assert!(is_overflow(&proxy.get("/").send()), "a new VM answers, and knows of the old one's");
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 0);
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_limit_that_is_not_reached_is_repaired_as_well(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Reload, 100);
    hold(proxy, 1, 3);
    proxy.crash_worker(1);
    assert_eq!(proxy.get("/").on_worker(1).send().status(), 200);
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn while_others_keep_asking_a_dead_vm_is_found_in_time(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 3);
    hold(proxy, 1, 3);
    proxy.crash_worker(1);
    ask_for(proxy, REPAIR, 2);
    assert_eq!(in_flight(proxy), 0);
    assert_eq!(proxy.get("/").on_worker(2).send().status(), 200);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn several_dead_vms_are_repaired_at_once(proxy: &mut Proxy) {
    proxy.workers(4).route(Route::to("upstream").timeout(None));
    start(proxy, limited_to(9));
    (1..=3).for_each(|worker| drop(hold(proxy, worker, worker)));
    hold(proxy, 4, 1);
    (1..=3).for_each(|worker| proxy.crash_worker(worker));
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_vm_that_dies_again_and_again_leaves_nothing_taken(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Reload, 4);
    for _ in 0..5 {
        hold(proxy, 1, 4);
        proxy.crash_worker(1);
        proxy.get("/").on_worker(2).send();
        proxy.advance(REPAIR);
        assert_eq!(in_flight(proxy), 0);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn requests_that_only_take_long_keep_their_places(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Closed, 3);
    let held = hold(proxy, 1, 3);
    for _ in 0..100 {
        proxy.advance(seconds(10));
        assert!(is_overflow(&proxy.get("/").on_worker(2).send()));
    }
    proxy.tell("upstream");
    held.iter().for_each(|it| assert_eq!(it.status(), 200));
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_open_breaker_stays_open_over_the_restart_of_every_vm(proxy: &mut Proxy) {
    proxy.workers(2).failure_policy(FailurePolicy::Reload);
    start(proxy, detecting());
    open(proxy);
    (1..=2).for_each(|worker| proxy.crash_worker(worker));
    for worker in 1..=2 {
        let refused = proxy.get("/").on_worker(worker).send();
        assert!(is_refused_as_open(&refused), "{worker}");
        assert_eq!(refused.response().header("retry-after").as_deref(), Some("10"));
    }
    assert_eq!((gauge(proxy, "state"), counter(proxy, "opened")), (2, 1));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn errors_in_a_row_are_counted_over_the_restart_of_a_vm(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload);
    start(proxy, detecting());
    send(proxy, "/500", 2);
    proxy.crash_worker(1);
    send(proxy, "/500", 1);
    assert!(is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_probe_that_dies_with_its_vm_gives_its_place_to_another_after_a_while(proxy: &mut Proxy) {
    proxy.workers(2).route(Route::to("upstream").timeout(None));
    start(proxy, detecting());
    wait_for_a_probe(proxy);
    assert!(proxy.get("/held").on_worker(1).send().is_pending());
    proxy.crash_worker(1);
    assert!(is_refused_as_open(&proxy.get("/").on_worker(2).send()));
    proxy.advance(seconds(10));
    assert_eq!(proxy.get("/").on_worker(2).send().status(), 200);
    assert_eq!(gauge(proxy, "state"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_breaker_of_the_other_workers_goes_on(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, detecting());
    proxy.get("/500").on_worker(1).send();
    proxy.crash_worker(1);
    for _ in 0..2 {
        assert_eq!(proxy.get("/500").on_worker(2).send().status(), 500);
    }
    assert!(is_refused_as_open(&proxy.get("/").on_worker(2).send()));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn requests_of_a_dead_vm_may_pass_uncounted(proxy: &mut Proxy) {
    start_two(proxy, FailurePolicy::Open, 1);
    hold(proxy, 2, 1);
    proxy.crash_worker(1);
    assert_eq!(proxy.get("/").on_worker(1).send().status(), 200, "failure_policy: FAIL_OPEN");
    assert_eq!(in_flight(proxy), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn clients_of_a_dead_vm_that_leave_give_back_nothing_of_the_new_one(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload).route(Route::to("upstream").timeout(None));
    start(proxy, limited_to(10));
    let of_dead = send(proxy, "/held", 3);
    proxy.crash_worker(1);
    let of_new = send(proxy, "/held", 3);
    of_dead.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 6);
    proxy.advance(REPAIR);
    assert_eq!(in_flight(proxy), 3);
    of_new.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 0);
}
