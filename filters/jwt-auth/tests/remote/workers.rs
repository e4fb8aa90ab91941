//! Several workers, and one that fails.

use crate::common::*;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{FailurePolicy, Proxy};

#[tollgate_testkit::test(JwtAuth)]
fn one_worker_fetches_and_the_others_wait_for_it(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).after(millis(300)));
    proxy.workers(3);
    start(proxy, provider(json!({})));
    let waiting: Vec<_> = (0..30).map(|number| present_to(proxy, 1 + number % 3, OLD)).collect();
    proxy.advance(millis(290));
    assert!(waiting.iter().all(|exchange| exchange.is_pending()));
    proxy.advance(millis(100));
    assert!(waiting.iter().all(|exchange| exchange.status() == 200));
    assert_eq!(fetches(proxy), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_one_worker_has_fetched_another_has_at_once(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    proxy.workers(2);
    start(proxy, provider(json!({})));
    assert_eq!(present_to(proxy, 1, OLD).status(), 200);
    assert_eq!(present_to(proxy, 2, OLD).status(), 200);
    proxy.advance(seconds(30));
    issuer.has(&[NEW]);
    assert_eq!(present_to(proxy, 1, NEW).status(), 200);
    // The key is unknown to the second one, which finds it without a fetch.
    assert_eq!(present_to(proxy, 2, NEW).status(), 200);
    assert_eq!(fetches(proxy), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_worker_learns_within_a_second_that_a_key_is_gone(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    proxy.workers(2);
    start(proxy, provider(json!({})));
    assert_eq!(present_to(proxy, 2, OLD).status(), 200);
    issuer.has(&[NEW]);
    proxy.advance(seconds(30));
    assert_eq!(present_to(proxy, 1, NEW).status(), 200);
    proxy.advance(seconds(1));
    is_denied(&present_to(proxy, 2, OLD), 401, NO_KEY);
    assert_eq!(fetches(proxy), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_unknown_key_at_many_workers_causes_one_fetch(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    proxy.workers(4);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    proxy.advance(seconds(30));
    issuer.answers(set(&[OLD]).after(millis(100)));
    let asked: Vec<_> = (0..40).map(|number| present_to(proxy, 1 + number % 4, NEW)).collect();
    proxy.advance(millis(200));
    asked.iter().for_each(|exchange| is_denied(exchange, 401, NO_KEY));
    assert_eq!(fetches(proxy), 2);
}

#[tollgate_testkit::test(JwtAuth)]
fn with_async_fetch_one_of_all_workers_fetches(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    proxy.workers(4);
    start(proxy, provider_with(json!({ "async_fetch": {} })));
    proxy.advance(seconds(600));
    assert_eq!(fetches(proxy), 3);
    for worker in 1..=4 {
        assert_eq!(present_to(proxy, worker, OLD).status(), 200);
    }
    assert_eq!(fetches(proxy), 3);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_worker_that_dies_while_it_fetches_is_waited_for_no_longer_than_a_fetch(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[]);
    issuer.answers(set(&[OLD]).after(seconds(1)));
    proxy.workers(2).failure_policy(FailurePolicy::Reload);
    start(proxy, provider(json!({})));
    let _lost = present_to(proxy, 1, OLD);
    proxy.advance(millis(10));
    proxy.crash_worker(1);
    issuer.has(&[OLD]);
    let waiting = present_to(proxy, 2, OLD);
    proxy.advance(millis(1980));
    assert!(waiting.is_pending());
    // No longer than its own `timeout` of 2 s,
    proxy.advance(millis(20));
    is_denied(&waiting, 503, FETCH_FAILED);
    // and after that of the fetch which never ended, this worker fetches.
    proxy.advance(millis(150));
    assert_eq!(present_to(proxy, 2, OLD).status(), 200);
    assert_eq!(fetches(proxy), 2);
}
