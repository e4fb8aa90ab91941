//! What the tests share: upstreams that answer as they are told, breakers, and what they count.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use serde_json::{Value, json};
use std::time::Duration;
use tollgate_testkit::{Answer, Exchange, Proxy, UpstreamRequest};

/// The body of an answer in the place of one request too many.
pub(crate) const OVERFLOW: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

/// The body of an answer while the breaker is open.
pub(crate) const OPEN: &str = "circuit breaker open";

/// How long a breaker that [`detects`](detecting) is open the first time.
pub(crate) const OPEN_TIME: Duration = Duration::from_secs(10);

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// At most so many requests in flight.
pub(crate) fn limited_to(limit: u32) -> Value {
    json!({ "connectionPool": { "http": { "http2MaxRequests": limit } } })
}

/// Opens after three errors, for [`OPEN_TIME`] the first time.
pub(crate) fn detecting() -> Value {
    json!({ "outlierDetection": { "consecutive5xxErrors": 3, "baseEjectionTime": "10s" } })
}

/// As [`detecting`], with this under `breaker`.
pub(crate) fn detecting_with(breaker: Value) -> Value {
    let mut config = detecting();
    config["breaker"] = breaker;
    config
}

/// An answer by the path: `/500` or another status, `/reset`, `/never`; `/held` waits to be told, and so
/// does `/held/500`; all else is 200.
pub(crate) fn answer(request: &UpstreamRequest) -> Answer {
    let path = request.path();
    let status = |path: &str| Answer::status(path.trim_start_matches('/').parse().unwrap_or(200));
    match path.as_str() {
        "/reset" => Answer::reset(),
        "/never" => Answer::never(),
        "/half" => Answer::status(200).body("half").told().body("whole"),
        "/broken" => Answer::status(200).body("half").break_off(),
        path => match path.strip_prefix("/held") {
            Some(rest) => status(rest).when_told(),
            None => status(path),
        },
    }
}

/// Configures a proxy whose upstream [answers](answer) by the path.
#[track_caller]
pub(crate) fn start(proxy: &mut Proxy, config: Value) {
    proxy.upstream("upstream", answer);
    proxy.configure(config);
}

/// A counter of the breaker of a key.
pub(crate) fn counter_of(proxy: &Proxy, key: &str, stat: &str) -> u64 {
    proxy.counter(&format!("tollgate.circuit_breaker.{key}.{stat}"))
}

/// A gauge of the breaker of a key.
pub(crate) fn gauge_of(proxy: &Proxy, key: &str, stat: &str) -> u64 {
    proxy.gauge(&format!("tollgate.circuit_breaker.{key}.{stat}"))
}

/// A counter of the breaker of the cluster `upstream`.
pub(crate) fn counter(proxy: &Proxy, stat: &str) -> u64 {
    counter_of(proxy, "upstream", stat)
}

/// A gauge of the breaker of the cluster `upstream`.
pub(crate) fn gauge(proxy: &Proxy, stat: &str) -> u64 {
    gauge_of(proxy, "upstream", stat)
}

pub(crate) fn in_flight(proxy: &Proxy) -> u64 {
    gauge(proxy, "in_flight")
}

/// Sends so many requests for a path.
pub(crate) fn send(proxy: &Proxy, path: &str, times: usize) -> Vec<Exchange> {
    (0..times).map(|_| proxy.get(path).send()).collect()
}

/// Makes a breaker that [detects](detecting) open.
#[track_caller]
pub(crate) fn open(proxy: &Proxy) {
    send(proxy, "/500", 3);
    assert_eq!(gauge(proxy, "state"), 2, "three errors open it");
}

/// Makes it open, and lets its first open time pass.
#[track_caller]
pub(crate) fn wait_for_a_probe(proxy: &Proxy) {
    open(proxy);
    proxy.advance(OPEN_TIME);
}

/// Whether a request is refused because the breaker is not closed. Asking is a request.
pub(crate) fn is_open(proxy: &Proxy) -> bool {
    is_refused_as_open(&proxy.get("/").send())
}

pub(crate) fn is_refused_as_open(exchange: &Exchange) -> bool {
    exchange.try_response().is_some_and(|response| response.text() == OPEN)
}

pub(crate) fn is_overflow(exchange: &Exchange) -> bool {
    exchange.try_response().is_some_and(|response| response.text() == OVERFLOW)
}

/// The lines that tell of the breaker's state, from the breaker's name on.
pub(crate) fn transitions(proxy: &Proxy) -> Vec<String> {
    let line = |message: &str| {
        let of_breaker = message.strip_prefix("tollgate circuit_breaker: upstream: ")?;
        Some(of_breaker.to_owned())
    };
    proxy.log().iter().filter_map(|it| line(&it.message)).collect()
}
