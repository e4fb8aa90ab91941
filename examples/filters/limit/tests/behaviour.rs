//! The filter in the simulated proxy: each test runs natively, and on the module.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that goes wrong panics")]

use serde_json::json;
use std::time::Duration;
use tollgate_example_limit::Limit;
use tollgate_testkit::{Answer, Exchange, FailurePolicy, Proxy};

fn configure(proxy: &mut Proxy, max_in_flight: u64) {
    proxy.configure(json!({ "max_in_flight": max_in_flight }));
}

/// An upstream that answers when it is told to.
fn slow(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::status(200).when_told());
}

fn in_flight(proxy: &Proxy) -> u64 {
    proxy.gauge("tollgate.limit.plugin=plugin.in_flight")
}

fn rejected(proxy: &Proxy) -> u64 {
    proxy.counter("tollgate.limit.rejected")
}

#[tollgate_testkit::test(Limit)]
fn one_too_many_is_told_to_come_again(proxy: &mut Proxy) {
    slow(proxy);
    configure(proxy, 3);
    let held = [(); 3].map(|()| proxy.get("/").send());
    assert_eq!((in_flight(proxy), rejected(proxy)), (3, 0));
    for count in 1..=5 {
        let response = proxy.get("/").send().response();
        assert_eq!((response.status, response.text().as_str()), (429, ""));
        assert_eq!(response.header("retry-after").as_deref(), Some("1"));
        assert_eq!(response.details, "limit_in_flight");
        assert_eq!((in_flight(proxy), rejected(proxy)), (3, count));
    }
    proxy.tell("upstream");
    assert!(held.iter().all(|exchange| exchange.status() == 200));
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(Limit)]
fn a_place_is_given_back_however_a_request_ends(proxy: &mut Proxy) {
    for answer in [
        Answer::status(200).body("done"),
        Answer::status(500),
        Answer::reset(),
        Answer::status(200).body("half").break_off(),
        Answer::never(),
    ] {
        let shown = format!("{answer:?}");
        proxy.upstream("upstream", move |_| answer.clone());
        configure(proxy, 1);
        for _ in 0..3 {
            let exchange = proxy.get("/").send();
            assert_ne!(
                exchange.try_response().map(|response| response.status),
                Some(429),
                "{shown}"
            );
            // Longer than a route lets a request take.
            proxy.advance(Duration::from_secs(16));
            assert!(!exchange.is_pending(), "{shown}");
            assert_eq!(in_flight(proxy), 0, "{shown}");
        }
    }
    assert_eq!(rejected(proxy), 0);
}

#[tollgate_testkit::test(Limit)]
fn a_client_that_hangs_up_gives_its_place_back_at_once(proxy: &mut Proxy) {
    slow(proxy);
    configure(proxy, 1);
    for _ in 0..10 {
        let exchange = proxy.get("/").send();
        assert_eq!(in_flight(proxy), 1);
        exchange.leave();
        exchange.leave();
        assert_eq!(in_flight(proxy), 0);
    }
}

#[tollgate_testkit::test(Limit)]
fn a_request_is_in_flight_until_its_response_has_ended(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::status(200).body("a").told().body("b"));
    configure(proxy, 1);
    let exchange = proxy.get("/").send();
    assert!(exchange.try_response().is_some_and(|response| response.text() == "a"));
    assert_eq!((in_flight(proxy), proxy.get("/").send().status()), (1, 429));
    proxy.tell("upstream");
    assert_eq!((exchange.response().text().as_str(), in_flight(proxy)), ("ab", 0));
}

#[tollgate_testkit::test(Limit)]
fn all_workers_share_one_limit(proxy: &mut Proxy) {
    slow(proxy);
    proxy.workers(4);
    configure(proxy, 6);
    let sent: Vec<_> = (0..20).map(|_| proxy.get("/").send()).collect();
    assert_eq!(sent.iter().filter(|exchange| exchange.is_pending()).count(), 6);
    assert_eq!((in_flight(proxy), rejected(proxy)), (6, 14));
    sent.iter().for_each(Exchange::leave);
    assert_eq!(in_flight(proxy), 0);
}

#[tollgate_testkit::test(Limit)]
fn each_plugin_has_a_limit_of_its_own(proxy: &mut Proxy) {
    slow(proxy);
    let plugins = [("one", json!({ "max_in_flight": 1 })), ("two", json!({ "max_in_flight": 2 }))];
    proxy.try_configure_listeners(plugins).unwrap();
    let proxy = &*proxy;
    let at = |listener| (0..3).map(move |_| proxy.get("/").at_listener(listener).send());
    let passed = [0, 1].map(|listener| at(listener).filter(Exchange::is_pending).count());
    assert_eq!(passed, [1, 2]);
}

#[tollgate_testkit::test(Limit)]
fn what_a_failed_vm_held_is_given_back(proxy: &mut Proxy) {
    slow(proxy);
    proxy.failure_policy(FailurePolicy::Reload);
    configure(proxy, 2);
    let _lost = [proxy.get("/").send(), proxy.get("/").send()];
    proxy.crash_worker(1);
    assert_eq!(proxy.get("/").send().status(), 429);
    proxy.advance(Duration::from_secs(7));
    assert_eq!(in_flight(proxy), 0);
    assert!(proxy.get("/").send().is_pending());
}

/// Requests come, are answered and break off in any order.
#[tollgate_testkit::test(Limit)]
fn the_limit_is_used_and_never_exceeded_whatever_happens(proxy: &mut Proxy) {
    slow(proxy);
    proxy.workers(2);
    configure(proxy, 4);
    let mut held: Vec<Exchange> = Vec::new();
    // A sequence that looks random: Knuth's linear congruential generator.
    let mut state = 1_u64;
    for step in 0..300 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match state >> 61 {
            0..5 => {
                let exchange = proxy.get("/").send();
                assert_eq!(exchange.is_pending(), held.len() < 4, "step {step}");
                held.extend(exchange.is_pending().then_some(exchange));
            }
            5 | 6 => held.pop().iter().for_each(Exchange::leave),
            _ => {
                proxy.tell("upstream");
                assert!(held.drain(..).all(|exchange| exchange.status() == 200));
            }
        }
        assert_eq!(in_flight(proxy), held.len() as u64, "step {step}");
    }
}

#[tollgate_testkit::test(Limit)]
fn a_limit_of_nothing_is_refused_by_name(proxy: &mut Proxy) {
    for (configuration, words) in [
        (json!({ "max_in_flight": 0 }), "`max_in_flight`: found 0"),
        (json!({ "max_in_flight": "many" }), "`max_in_flight`: found \"many\""),
        (json!({}), "`max_in_flight`"),
    ] {
        let refusal = proxy.try_configure(configuration).unwrap_err();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
