//! What an operator may write, and what is told of what has no effect.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{counter, gauge, is_overflow, seconds, send, start, wait_for_a_probe};
use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::Proxy;

/// The warnings, each from the field on.
#[track_caller]
fn warnings(proxy: &mut Proxy, config: Value) -> Vec<String> {
    proxy.configure(config);
    let line = |message: &str| Some(message.strip_prefix("tollgate circuit_breaker: ")?.to_owned());
    proxy.log_of(1).iter().filter_map(|it| line(&it.message)).collect()
}

#[tollgate_testkit::test(CircuitBreaker)]
fn an_empty_configuration_lets_everything_pass(proxy: &mut Proxy) {
    start(proxy, json!({}));
    send(proxy, "/500", 20).iter().for_each(|it| assert_eq!(it.status(), 500));
    assert!(proxy.log().is_empty(), "{:?}", proxy.log());
}

#[tollgate_testkit::test(CircuitBreaker)]
fn no_configuration_at_all_is_an_empty_one(proxy: &mut Proxy) {
    assert_eq!(proxy.try_configure_bytes([("plugin", Vec::new())]), Ok(()));
    assert_eq!(proxy.get("/").send().status(), 200);
}

/// Every field, in the spelling of protobuf or of its JSON.
fn every_field(name: fn(&str) -> String) -> Value {
    let object = |fields: Vec<(&str, Value)>| {
        Value::Object(fields.into_iter().map(|(field, value)| (name(field), value)).collect())
    };
    let http = object(vec![
        ("http1_max_pending_requests", json!(1)),
        ("http2_max_requests", json!(1024)),
        ("max_requests_per_connection", json!(1)),
        ("max_retries", json!(3)),
    ]);
    let tcp = object(vec![("max_connections", json!(1))]);
    let half_open = object(vec![
        ("max_probes", json!(2)),
        ("success_threshold", json!(2)),
        ("max_wait", json!("4s")),
    ]);
    let detection = object(vec![
        ("consecutive_5xx_errors", json!(3)),
        ("consecutive_gateway_errors", json!(7)),
        ("interval", json!("1s")),
        ("base_ejection_time", json!("10s")),
        ("max_ejection_percent", json!(100)),
    ]);
    object(vec![
        ("connection_pool", object(vec![("tcp", tcp), ("http", http)])),
        ("outlier_detection", detection),
        ("key", json!("cluster")),
        ("breaker", object(vec![("open", json!({ "max": "1m" })), ("half_open", half_open)])),
    ])
}

fn snake_case(name: &str) -> String {
    name.to_owned()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

/// The limit, the threshold, the open time, the probes and their waiting time of [`every_field`].
#[track_caller]
fn does_what_every_field_says(proxy: &mut Proxy, config: Value) {
    start(proxy, config);
    let held = send(proxy, "/held", 3);
    assert_eq!(held.iter().map(is_overflow).collect::<Vec<_>>(), [false, false, true]);
    proxy.tell("upstream");
    wait_for_a_probe(proxy);
    let probes = send(proxy, "/never", 3);
    assert_eq!(probes.iter().filter(|it| it.is_pending()).count(), 2);
    proxy.advance(seconds(4));
    probes.iter().for_each(|it| it.leave());
    send(proxy, "/", 1);
    assert_eq!(gauge(proxy, "state"), 1);
    send(proxy, "/", 1);
    assert_eq!(gauge(proxy, "state"), 0);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_field_may_be_spelt_as_in_protobuf(proxy: &mut Proxy) {
    does_what_every_field_says(proxy, every_field(snake_case));
}

#[tollgate_testkit::test(CircuitBreaker)]
fn every_field_may_be_spelt_as_in_json(proxy: &mut Proxy) {
    let config = every_field(camel_case);
    assert_eq!(config["connectionPool"]["http"]["http2MaxRequests"], 1024);
    assert_eq!(config["outlierDetection"]["consecutive5xxErrors"], 3);
    does_what_every_field_says(proxy, config);
}

/// As the Bookinfo task of Istio's documentation has it, "Circuit Breaking".
#[tollgate_testkit::test(CircuitBreaker)]
fn the_traffic_policy_of_a_destination_rule_works_as_it_is(proxy: &mut Proxy) {
    let policy = json!({ "trafficPolicy": {
        "connectionPool": {
            "tcp": { "maxConnections": 1 },
            "http": { "http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1 },
        },
        "outlierDetection": {
            "consecutive5xxErrors": 1,
            "interval": "1s",
            "baseEjectionTime": "3m",
            "maxEjectionPercent": 100,
        },
    } });
    start(proxy, policy);
    let held = send(proxy, "/held", 3);
    assert_eq!(held.iter().map(is_overflow).collect::<Vec<_>>(), [false, false, true]);
    proxy.tell("upstream");
    send(proxy, "/500", 1);
    let refused = proxy.get("/").send().response();
    assert_eq!(refused.header("retry-after").as_deref(), Some("180"));
    assert_eq!(counter(proxy, "opened"), 1);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn the_numbers_of_a_struct_are_doubles(proxy: &mut Proxy) {
    let pool =
        json!({ "tcp": { "maxConnections": 1.0 }, "http": { "http1MaxPendingRequests": 0.0 } });
    start(
        proxy,
        json!({ "connectionPool": pool, "outlierDetection": { "consecutiveErrors": 2.0 } }),
    );
    let held = send(proxy, "/held", 2);
    assert!(is_overflow(&held[1]));
    proxy.tell("upstream");
    send(proxy, "/500", 2);
    assert_eq!(gauge(proxy, "state"), 2);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn times_are_written_as_in_protobuf_or_as_in_istio(proxy: &mut Proxy) {
    for (time, told) in [
        ("7s", "7"),
        ("0.25s", "1"),
        ("2.5s", "3"),
        ("250ms", "1"),
        ("3m", "180"),
        ("1h30m", "5400"),
    ] {
        let detection =
            json!({ "consecutiveErrors": 1, "baseEjectionTime": time, "interval": "1ns" });
        start(proxy, json!({ "outlierDetection": detection }));
        send(proxy, "/500", 1);
        let refused = proxy.get("/").send().response();
        assert_eq!(refused.header("retry-after").as_deref(), Some(told), "{time}");
        proxy.advance(seconds(86_400));
        send(proxy, "/", 1);
        proxy.advance(seconds(1));
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_a_filter_cannot_enforce_is_accepted_and_told(proxy: &mut Proxy) {
    let http = json!({ "maxRequestsPerConnection": 1, "maxRetries": 3 });
    let config = json!({
        "connectionPool": { "http": http },
        "outlierDetection": { "maxEjectionPercent": 100 },
    });
    let told = warnings(proxy, config);
    let expected = ["maxRequestsPerConnection", "maxRetries", "maxEjectionPercent"];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (line, field) in told.iter().zip(expected) {
        let begin =
            format!("{field} has no effect: a filter cannot enforce it; set the cluster's ");
        assert!(line.starts_with(&begin), "{line}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn half_a_limit_is_told_to_be_none(proxy: &mut Proxy) {
    let halves = [
        (json!({ "tcp": { "maxConnections": 1 } }), "maxConnections has no effect: "),
        (
            json!({ "http": { "http1MaxPendingRequests": 1 } }),
            "http1MaxPendingRequests has no effect: ",
        ),
    ];
    for (pool, begin) in halves {
        let told = warnings(proxy, json!({ "connectionPool": pool }));
        assert!(told.last().is_some_and(|line| line.starts_with(begin)), "{told:?}");
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn how_it_closes_is_told_to_be_of_no_use_if_nothing_opens_it(proxy: &mut Proxy) {
    let told = warnings(proxy, json!({ "breaker": { "halfOpen": { "maxProbes": 2 } } }));
    assert_eq!(told, ["breaker has no effect: nothing opens it; give outlierDetection too"]);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_whole_limit_is_told_nothing_of(proxy: &mut Proxy) {
    let pool = json!({ "tcp": { "maxConnections": 1 }, "http": { "http1MaxPendingRequests": 1 } });
    let told =
        warnings(proxy, json!({ "connectionPool": pool, "outlierDetection": {}, "breaker": {} }));
    assert_eq!(told, [""; 0]);
}
