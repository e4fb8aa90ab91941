//! How many requests may have a fault at a time.

use super::*;
use tollgate_fault::Fault;

#[tollgate_testkit::test(Fault)]
fn one_too_many_passes_without_a_fault_and_is_counted(proxy: &mut Proxy) {
    proxy.configure(at_most(3, by_header()));
    let held = [hold(proxy), hold(proxy), hold(proxy)];
    for count in 1..=5 {
        assert_eq!(hold(proxy).status(), 200);
        assert_eq!((active(proxy), injected(proxy)), (3, [3, 0, count]));
    }
    assert!(held.iter().all(Exchange::is_pending));
}

#[tollgate_testkit::test(Fault)]
fn a_maximum_of_zero_is_no_fault_at_all(proxy: &mut Proxy) {
    proxy.configure(at_most(0, by_header()));
    assert_eq!(delay_of(proxy, 100).send().status(), 200);
    assert_eq!(abort_with(proxy, 503).send().status(), 200);
    assert_eq!((active(proxy), injected(proxy)), (0, [0, 0, 2]));
}

#[tollgate_testkit::test(Fault)]
fn without_a_maximum_there_is_no_limit(proxy: &mut Proxy) {
    for configuration in [by_header(), at_most(u32::MAX, by_header())] {
        proxy.configure(configuration);
        let held: Vec<_> = (0..300).map(|_| hold(proxy)).collect();
        assert_eq!(active(proxy), 300);
        held.iter().for_each(Exchange::leave);
    }
    assert_eq!(injected(proxy), [600, 0, 0]);
}

#[tollgate_testkit::test(Fault)]
fn a_place_is_free_when_the_delay_is_over(proxy: &mut Proxy) {
    proxy.configure(at_most(1, by_header()));
    for _ in 0..10 {
        let exchange = delay_of(proxy, 100).send();
        assert_eq!(hold(proxy).status(), 200, "one too many");
        proxy.advance(milliseconds(101));
        assert_eq!((exchange.status(), active(proxy)), (200, 0));
    }
    assert_eq!(injected(proxy), [10, 0, 10]);
}

#[tollgate_testkit::test(Fault)]
fn a_place_is_free_at_once_when_the_client_has_gone(proxy: &mut Proxy) {
    proxy.configure(at_most(1, by_header()));
    for count in 1..=10 {
        let exchange = hold(proxy);
        assert_eq!((active(proxy), injected(proxy)), (1, [count, 0, 0]));
        exchange.leave();
    }
    assert_eq!(active(proxy), 0);
}

#[tollgate_testkit::test(Fault)]
fn an_abort_needs_a_place_too(proxy: &mut Proxy) {
    proxy.configure(at_most(1, by_header()));
    let held = hold(proxy);
    assert_eq!(abort_with(proxy, 503).send().status(), 200, "the place is taken");
    assert_eq!(injected(proxy), [1, 0, 1]);
    held.leave();
    assert_eq!(abort_with(proxy, 503).send().status(), 503);
}

#[tollgate_testkit::test(Fault)]
fn an_abort_gives_its_place_back_at_once(proxy: &mut Proxy) {
    proxy.configure(at_most(1, aborted(503)));
    for _ in 0..100 {
        assert_eq!(proxy.get("/").send().status(), 503);
        assert_eq!(active(proxy), 0);
    }
    assert_eq!(injected(proxy), [0, 100, 0]);
}

#[tollgate_testkit::test(Fault)]
fn a_delay_with_an_abort_is_one_fault(proxy: &mut Proxy) {
    proxy.configure(at_most(1, by_header()));
    let exchange = delay_of(proxy, 100).header(ABORT, "503").send();
    assert_eq!(active(proxy), 1);
    proxy.advance(milliseconds(101));
    assert_eq!((exchange.status(), injected(proxy)), (503, [1, 1, 0]));
}

#[tollgate_testkit::test(Fault)]
fn a_request_that_gets_no_fault_needs_no_place(proxy: &mut Proxy) {
    proxy.configure(at_most(1, by_header()));
    let held = hold(proxy);
    for _ in 0..10 {
        assert_eq!(proxy.get("/").send().status(), 200);
    }
    assert_eq!((active(proxy), injected(proxy)), (1, [1, 0, 0]));
    held.leave();
}

#[tollgate_testkit::test(Fault)]
fn all_workers_share_one_maximum(proxy: &mut Proxy) {
    proxy.workers(4).configure(at_most(6, by_header()));
    let mut held = Vec::new();
    for worker in [1, 2, 3, 4, 1, 1] {
        held.push(delay_of(proxy, 3_600_000).on_worker(worker).send());
    }
    assert_eq!(active(proxy), 6);
    for worker in 1..=4 {
        let one_too_many = delay_of(proxy, 3_600_000).on_worker(worker).send();
        assert_eq!(one_too_many.status(), 200, "worker {worker}");
    }
    assert_eq!(injected(proxy), [6, 0, 4]);
    held[0].leave();
    assert!(delay_of(proxy, 3_600_000).on_worker(4).send().is_pending());
    assert_eq!(active(proxy), 6);
}

#[tollgate_testkit::test(Fault)]
fn a_worker_that_takes_all_places_leaves_none_to_another(proxy: &mut Proxy) {
    proxy.workers(2).configure(at_most(3, by_header()));
    let held: Vec<_> = (0..3).map(|_| delay_of(proxy, 100).on_worker(1).send()).collect();
    assert_eq!(delay_of(proxy, 100).on_worker(2).send().status(), 200);
    proxy.advance(milliseconds(101));
    assert!(held.iter().all(|exchange| exchange.status() == 200));
    assert!(delay_of(proxy, 100).on_worker(2).send().is_pending());
}

#[tollgate_testkit::test(Fault)]
fn each_plugin_has_a_maximum_of_its_own(proxy: &mut Proxy) {
    let plugins = [("one", at_most(1, by_header())), ("many", at_most(100, by_header()))];
    proxy.try_configure_listeners(plugins).unwrap();
    let hold_at = |listener| delay_of(proxy, 3_600_000).at_listener(listener).send();
    let at_many: Vec<_> = (0..10).map(|_| hold_at(1)).collect();
    let at_one = [hold_at(0), hold_at(0)];
    assert!(at_many.iter().all(Exchange::is_pending));
    assert_eq!((at_one[0].is_pending(), at_one[1].status()), (true, 200));
    let active = |name: &str| proxy.gauge(&format!("tollgate.fault.plugin={name}.active_faults"));
    assert_eq!((active("one"), active("many")), (1, 10));
}

/// Envoy runs one plugin for both.
#[tollgate_testkit::test(Fault)]
fn listeners_with_the_same_plugin_share_its_maximum(proxy: &mut Proxy) {
    let plugin = || ("plugin", at_most(2, by_header()));
    proxy.try_configure_listeners([plugin(), plugin()]).unwrap();
    let hold_at = |listener| delay_of(proxy, 3_600_000).at_listener(listener).send();
    let held = [hold_at(0), hold_at(1)];
    assert!(held.iter().all(Exchange::is_pending));
    assert_eq!((hold_at(0).status(), hold_at(1).status()), (200, 200));
    assert_eq!((active(proxy), injected(proxy)), (2, [2, 0, 2]));
}

#[tollgate_testkit::test(Fault)]
fn a_new_maximum_counts_from_the_next_request_on(proxy: &mut Proxy) {
    for maximum in [5, 1, 3] {
        proxy.configure(at_most(maximum, by_header()));
        let held: Vec<_> = (0..10).map(|_| hold(proxy)).collect();
        assert_eq!(active(proxy), u64::from(maximum));
        held.iter().for_each(Exchange::leave);
        assert_eq!(active(proxy), 0);
    }
}

/// Requests come, end and break off in any order, on any worker: a fault is given exactly while there is
/// a place, and the gauge tells how many are taken.
#[tollgate_testkit::test(Fault)]
fn the_maximum_is_used_and_never_exceeded_whatever_happens(proxy: &mut Proxy) {
    for seed in 0..6 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let maximum = rng.usize(1..6);
        proxy.workers(3).configure(at_most(maximum as u32, by_header()));
        let mut now = 0;
        let mut held: Vec<(u64, Exchange)> = Vec::new();
        for step in 0..200 {
            match rng.u8(0..10) {
                0..5 => {
                    let delay = rng.u64(1..300);
                    let exchange = delay_of(proxy, delay).on_worker(rng.usize(1..4)).send();
                    let is_held = exchange.is_pending();
                    assert_eq!(is_held, held.len() < maximum, "seed {seed}, step {step}");
                    held.extend(is_held.then_some((now + delay, exchange)));
                }
                5 => {
                    let status = abort_with(proxy, 418).send().status();
                    let expected = if held.len() < maximum { 418 } else { 200 };
                    assert_eq!(status, expected, "seed {seed}, step {step}");
                }
                6 if !held.is_empty() => held.swap_remove(rng.usize(..held.len())).1.leave(),
                _ => {
                    let time = rng.u64(1..40);
                    proxy.advance(milliseconds(time));
                    now += time;
                    held.retain(|(_, exchange)| exchange.is_pending());
                    assert!(held.iter().all(|(deadline, _)| *deadline + 1 >= now));
                }
            }
            assert_eq!(active(proxy), held.len() as u64, "seed {seed}, step {step}");
            assert!(held.len() <= maximum);
        }
        held.iter().for_each(|(_, exchange)| exchange.leave());
        assert_eq!(active(proxy), 0, "seed {seed}");
    }
}
