//! Filters whose workers meet: what is held, counted and shared by all of them.

#![allow(missing_docs, reason = "a filter for tests alone")]

use serde_json::json;
use std::time::Duration;
use tollgate::prelude::*;
use tollgate::shared::{Reservation, SharedCell, SharedGauge, Update};
use tollgate_testkit::{Answer, Exchange, FailurePolicy, Filter, Proxy};

/// Counts requests, in shared data; holds a place for each, in a gauge.
pub struct Counter {
    count: SharedCell<u64>,
    held: SharedGauge,
}

#[derive(Deserialize)]
pub struct Config {}

#[tollgate::filter]
impl HttpFilter for Counter {
    const NAME: &'static str = "counter";
    type Config = Config;
    type State = std::cell::Cell<Option<Reservation>>;

    fn configure(_: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let held = SharedGauge::new(setup.metrics(), "held")
            .map_err(|error| ConfigError::new("held", error.to_string(), "a gauge"))?;
        Ok(Self { count: SharedCell::new("count", 1), held })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        request.state().set(self.held.reserve(u64::MAX)?);
        let update =
            self.count.update(|count| Ok::<_, ()>(count.unwrap_or_default().saturating_add(1)))?;
        let Update::Stored(count) = update else { return Ok(Flow::Continue) };
        request.headers_mut().set("x-count", count.to_string().as_bytes())?;
        Ok(Flow::Continue)
    }

    fn end(&self, _: &End<'_, Self::State>) {}
}

fn counting() -> Proxy {
    let mut proxy = Proxy::new(Filter::native::<Counter>());
    proxy.workers(4);
    proxy
}

fn count(proxy: &Proxy) -> String {
    proxy.get("/").send().upstream_request().header("x-count").unwrap_or_default()
}

#[test]
fn requests_to_all_workers_are_counted_together() {
    let mut proxy = counting();
    proxy.configure(json!({}));
    let counts: Vec<_> = (0..8).map(|_| count(&proxy)).collect();
    assert_eq!(counts, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn an_update_between_a_read_and_a_write_is_not_lost() {
    let mut proxy = counting();
    let other = |data: &mut tollgate_testkit::simulated::SharedData, key: &[u8]| {
        // Another worker counts a request of its own, once.
        let Ok((value, _)) = data.get(key) else { return };
        let mut value = value.to_vec();
        if let Some(last) = value.last_mut().filter(|last| **last == 1) {
            *last = 2;
            data.set(key, &value, 0).expect("it is there");
        }
    };
    proxy.host(move |host| host.set_meanwhile(other));
    proxy.configure(json!({}));
    assert_eq!(count(&proxy), "1");
    assert_eq!(count(&proxy), "3");
}

#[test]
fn a_place_is_given_back_however_a_request_ends() {
    let mut proxy = counting();
    proxy.upstream("upstream", |request| match request.path().as_str() {
        "/reset" => Answer::reset(),
        "/never" => Answer::never(),
        _ => Answer::status(200),
    });
    proxy.configure(json!({}));
    let held = |proxy: &Proxy| proxy.gauge("tollgate.counter.held");
    proxy.get("/").send();
    proxy.get("/reset").send();
    assert_eq!(held(&proxy), 0);
    let waiting = proxy.get("/never").send();
    assert_eq!(held(&proxy), 1);
    waiting.leave();
    assert_eq!(held(&proxy), 0);
    let _late = proxy.get("/never").send();
    proxy.advance(Duration::from_secs(15));
    assert_eq!(held(&proxy), 0);
}

#[test]
fn places_that_a_dead_worker_held_are_given_back_by_another() {
    let mut proxy = counting();
    proxy.upstream("upstream", |_| Answer::never());
    proxy.configure(json!({}));
    let _requests: Vec<_> = (0..100).map(|_| proxy.get("/").on_worker(1).send()).collect();
    let _other = proxy.get("/").on_worker(2).send();
    assert_eq!(proxy.gauge("tollgate.counter.held"), 101);
    proxy.crash_worker(1);
    proxy.advance(Duration::from_secs(7));
    assert_eq!(proxy.gauge("tollgate.counter.held"), 1);
}

#[test]
fn what_becomes_of_streams_of_a_dead_vm_is_nothing_to_the_one_in_its_place() {
    let mut proxy = counting();
    proxy.failure_policy(FailurePolicy::Reload).workers(1);
    proxy.upstream("upstream", |_| Answer::never());
    proxy.configure(json!({}));
    let of_dead: Vec<_> = (0..3).map(|_| proxy.get("/").send()).collect();
    proxy.crash_worker(1);
    let _of_new: Vec<_> = (0..2).map(|_| proxy.get("/").send()).collect();
    of_dead.iter().for_each(Exchange::leave);
    assert_eq!(proxy.gauge("tollgate.counter.held"), 5);
    proxy.advance(Duration::from_secs(7));
    assert_eq!(proxy.gauge("tollgate.counter.held"), 2);
}
