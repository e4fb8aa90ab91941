//! What has a breaker of its own: clusters, or values of a header.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{answer, counter_of, detecting, gauge_of, is_overflow, is_refused_as_open, start};
use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::{Exchange, Proxy, Route};

const OVERFLOWED: &str = "tollgate.circuit_breaker.keys_overflowed";

/// A breaker for each value of `x-key`, which one error opens.
fn by_header() -> Value {
    json!({ "key": { "header": "x-key" }, "outlierDetection": { "consecutive5xxErrors": 1 } })
}

fn get(proxy: &Proxy, path: &str, key: impl AsRef<[u8]>) -> Exchange {
    proxy.get(path).header("x-key", key).send()
}

/// Whether the breaker of this value of `x-key` is open. Asking is a request.
fn is_open(proxy: &Proxy, key: impl AsRef<[u8]>) -> bool {
    is_refused_as_open(&get(proxy, "/", key))
}

/// By the path's first letter.
fn route_to_each(proxy: &mut Proxy, clusters: &[&str]) {
    for (index, cluster) in clusters.iter().enumerate() {
        proxy.route(Route::to(cluster).prefix(&format!("/50{index}")));
        proxy.upstream(cluster, answer);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_cluster_has_a_breaker_of_its_own(proxy: &mut Proxy) {
    route_to_each(proxy, &["one", "two"]);
    proxy.configure(detecting());
    common::send(proxy, "/500", 3);
    assert_eq!((gauge_of(proxy, "one", "state"), gauge_of(proxy, "two", "state")), (2, 0));
    assert!(is_refused_as_open(&proxy.get("/500").send()));
    assert_eq!(proxy.get("/501").send().status(), 501);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_cluster_may_be_named_as_the_key(proxy: &mut Proxy) {
    let mut config = detecting();
    config["key"] = json!("cluster");
    start(proxy, config);
    common::open(proxy);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn clusters_whose_names_look_alike_in_metrics_share_one_breaker(proxy: &mut Proxy) {
    route_to_each(proxy, &["a.b", "a_b"]);
    proxy.configure(detecting());
    for path in ["/500", "/501", "/500"] {
        assert!(!is_refused_as_open(&proxy.get(path).send()));
    }
    for path in ["/500", "/501"] {
        assert!(is_refused_as_open(&proxy.get(path).send()), "{path}");
    }
    assert_eq!(gauge_of(proxy, "a_b", "state"), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_name_has_only_letters_digits_dashes_and_underscores_in_metrics(proxy: &mut Proxy) {
    let cluster = "outbound|8080|v1|Reviews-2.default.svc";
    route_to_each(proxy, &[cluster]);
    proxy.configure(detecting());
    common::send(proxy, "/500", 3);
    assert_eq!(gauge_of(proxy, "outbound_8080_v1_Reviews-2_default_svc", "state"), 2);
    assert!(proxy.log().iter().any(|it| it.message.contains(cluster)), "the log has it as it is");
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_value_of_the_header_has_a_breaker_of_its_own(proxy: &mut Proxy) {
    start(proxy, by_header());
    get(proxy, "/500", "v2");
    assert!(is_open(proxy, "v2"));
    assert!(!is_open(proxy, "v1"));
    assert_eq!((gauge_of(proxy, "v1", "state"), gauge_of(proxy, "v2", "state")), (0, 2));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_value_of_the_header_has_the_limit_to_itself(proxy: &mut Proxy) {
    let mut config = common::limited_to(1);
    config["key"] = json!({ "header": "x-key" });
    start(proxy, config);
    for key in ["v1", "v2"] {
        assert!(get(proxy, "/held", key).is_pending(), "{key}");
        assert!(is_overflow(&get(proxy, "/held", key)), "{key}");
        assert_eq!(gauge_of(proxy, key, "in_flight"), 1, "{key}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_request_without_the_header_is_counted_by_its_cluster(proxy: &mut Proxy) {
    start(proxy, by_header());
    proxy.get("/500").send();
    assert_eq!(common::gauge(proxy, "state"), 2);
    assert!(common::is_open(proxy));
    assert!(!is_open(proxy, "v1"));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_value_that_is_called_as_the_cluster_shares_its_breaker(proxy: &mut Proxy) {
    start(proxy, by_header());
    get(proxy, "/500", "upstream");
    assert!(common::is_open(proxy));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_header_may_be_written_in_any_case(proxy: &mut Proxy) {
    let mut config = by_header();
    config["key"] = json!({ "header": "X-Key" });
    start(proxy, config);
    get(proxy, "/500", "v2");
    assert!(is_open(proxy, "v2"));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn values_differ_by_their_case(proxy: &mut Proxy) {
    start(proxy, by_header());
    get(proxy, "/500", "V2");
    assert!(!is_open(proxy, "v2"));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn of_several_values_the_first_counts(proxy: &mut Proxy) {
    start(proxy, by_header());
    proxy.get("/500").header("x-key", "one").header("x-key", "two").send();
    assert!(is_open(proxy, "one"));
    assert!(!is_open(proxy, "two"));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_empty_value_is_a_value(proxy: &mut Proxy) {
    start(proxy, by_header());
    get(proxy, "/500", "");
    assert_eq!((gauge_of(proxy, "_", "state"), common::gauge(proxy, "state")), (2, 0));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_value_need_not_be_text(proxy: &mut Proxy) {
    start(proxy, by_header());
    get(proxy, "/500", b"v\xff");
    assert!(is_open(proxy, b"v\xff"));
    assert!(!is_open(proxy, b"v"));
    assert_eq!(proxy.counter("tollgate.circuit_breaker.failures"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn long_values_that_differ_at_their_ends_only_have_a_breaker_each(proxy: &mut Proxy) {
    start(proxy, by_header());
    let [one, two] = ["1", "2"].map(|end| "x".repeat(1000) + end);
    get(proxy, "/500", &one);
    assert!(is_open(proxy, &one));
    assert!(!is_open(proxy, &two));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn values_that_are_too_long_share_one_breaker(proxy: &mut Proxy) {
    start(proxy, by_header());
    let [one, two] = ["1", "2"].map(|end| "x".repeat(1024) + end);
    get(proxy, "/500", &one);
    assert!(is_open(proxy, &two));
    assert_eq!(gauge_of(proxy, "_overflow", "state"), 2);
    assert_eq!(proxy.counter(OVERFLOWED), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn at_most_256_keys_have_a_breaker_of_their_own(proxy: &mut Proxy) {
    start(proxy, by_header());
    for key in 0..256 {
        get(proxy, "/", format!("key-{key}"));
    }
    assert_eq!(proxy.counter(OVERFLOWED), 0);
    get(proxy, "/500", "one-more");
    assert!(is_open(proxy, "and-another"), "they share one");
    assert!(!is_open(proxy, "key-0"), "the first go on by themselves");
    assert!(!is_open(proxy, "key-255"));
    assert_eq!(proxy.counter(OVERFLOWED), 2);
    assert_eq!(counter_of(proxy, "_overflow", "opened"), 1);
}
