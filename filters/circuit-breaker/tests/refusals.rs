//! What an operator may not write: each is refused with the path of the field.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

use serde_json::{Value, json};
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_testkit::Proxy;

/// Each of these is refused, in a line that contains the text.
#[track_caller]
fn are_refused(proxy: &mut Proxy, configs: &[(Value, &str)]) {
    for (config, text) in configs {
        match proxy.try_configure(config.clone()) {
            Ok(()) => panic!("accepted: {config}"),
            Err(said) => assert!(said.contains(text), "{config}: {said}"),
        }
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_field_that_is_not_known_is_refused_with_its_path(proxy: &mut Proxy) {
    let unknown = [
        (json!({ "conectionPool": {} }), "`conectionPool`"),
        (json!({ "connectionPool": { "udp": {} } }), "`connectionPool.udp`"),
        (json!({ "connectionPool": { "tcp": { "max": 1 } } }), "`connectionPool.tcp.max`"),
        (json!({ "connectionPool": { "http": { "max": 1 } } }), "`connectionPool.http.max`"),
        (json!({ "outlierDetection": { "errors": 1 } }), "`outlierDetection.errors`"),
        (json!({ "breaker": { "mode": "enforce" } }), "`breaker.mode`"),
        (json!({ "breaker": { "open": { "jitter": 1 } } }), "`breaker.open.jitter`"),
        (json!({ "breaker": { "halfOpen": { "ramp": 1 } } }), "`breaker.halfOpen.ramp`"),
        (json!({ "trafficPolicy": { "key": "cluster" } }), "`trafficPolicy.key`"),
    ];
    are_refused(proxy, &unknown);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_istio_has_and_a_filter_cannot_do_is_refused_with_its_path(proxy: &mut Proxy) {
    let policy = |policy: Value| json!({ "trafficPolicy": policy });
    let unsupported = [
        (policy(json!({ "loadBalancer": { "simple": "RANDOM" } })), "`trafficPolicy.loadBalancer`"),
        (policy(json!({ "portLevelSettings": [] })), "`trafficPolicy.portLevelSettings`"),
        (policy(json!({ "tls": { "mode": "DISABLE" } })), "`trafficPolicy.tls`"),
        (
            policy(json!({ "connectionPool": { "tcp": { "connectTimeout": "30ms" } } })),
            "`trafficPolicy.connectionPool.tcp.connectTimeout`",
        ),
        (
            policy(json!({ "outlierDetection": { "minHealthPercent": 50 } })),
            "`trafficPolicy.outlierDetection.minHealthPercent`",
        ),
        (
            json!({ "outlierDetection": { "splitExternalLocalOriginErrors": true } }),
            "`outlierDetection.splitExternalLocalOriginErrors`",
        ),
        (
            json!({ "outlierDetection": { "consecutiveLocalOriginFailures": 5 } }),
            "`outlierDetection.consecutiveLocalOriginFailures`",
        ),
    ];
    are_refused(proxy, &unsupported);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_number_of_connections_is_a_whole_number_from_1(proxy: &mut Proxy) {
    let connections =
        |value: Value| json!({ "connectionPool": { "tcp": { "maxConnections": value } } });
    for wrong in [json!(0), json!(-1), json!(1.5), json!("1"), json!(4_294_967_296_u64), json!([])]
    {
        are_refused(proxy, &[(connections(wrong), "`connectionPool.tcp.maxConnections`")]);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_number_of_requests_is_a_whole_number_from_1(proxy: &mut Proxy) {
    let requests =
        |value: Value| json!({ "connectionPool": { "http": { "http2MaxRequests": value } } });
    for wrong in [json!(0), json!(-1), json!(1.5), json!("1"), json!(4_294_967_296_u64), json!({})]
    {
        are_refused(proxy, &[(requests(wrong), "`connectionPool.http.http2MaxRequests`")]);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn pending_requests_are_a_whole_number(proxy: &mut Proxy) {
    let path = "`connectionPool.http.http1MaxPendingRequests`";
    for wrong in [json!(-1), json!(1.5), json!("1"), json!(true)] {
        let http = json!({ "http1MaxPendingRequests": wrong });
        are_refused(proxy, &[(json!({ "connectionPool": { "http": http } }), path)]);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn fields_without_effect_are_checked_as_well(proxy: &mut Proxy) {
    let wrong = [
        (
            json!({ "connectionPool": { "http": { "maxRetries": -1 } } }),
            "`connectionPool.http.maxRetries`",
        ),
        (
            json!({ "connectionPool": { "http": { "maxRequestsPerConnection": "1" } } }),
            "`connectionPool.http.maxRequestsPerConnection`",
        ),
        (
            json!({ "outlierDetection": { "maxEjectionPercent": 101 } }),
            "`outlierDetection.maxEjectionPercent`: found 101, allowed: a whole number from 0 to 100",
        ),
    ];
    are_refused(proxy, &wrong);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn numbers_of_errors_are_whole_numbers(proxy: &mut Proxy) {
    for field in ["consecutive5xxErrors", "consecutiveErrors", "consecutiveGatewayErrors"] {
        for wrong in [json!(-1), json!(0.5), json!("5"), json!(false)] {
            let config = json!({ "outlierDetection": { field: wrong } });
            are_refused(proxy, &[(config, &format!("`outlierDetection.{field}`"))]);
        }
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn times_are_positive_durations(proxy: &mut Proxy) {
    for wrong in [json!("0s"), json!("-3s"), json!("3"), json!("3 parsecs"), json!(3), json!("")] {
        let detection = |field: &str| json!({ "outlierDetection": { field: wrong } });
        let times = [
            (detection("interval"), "`outlierDetection.interval`"),
            (detection("baseEjectionTime"), "`outlierDetection.baseEjectionTime`"),
            (json!({ "breaker": { "open": { "max": wrong } } }), "`breaker.open.max`"),
            (
                json!({ "breaker": { "halfOpen": { "maxWait": wrong } } }),
                "`breaker.halfOpen.maxWait`",
            ),
        ];
        are_refused(proxy, &times);
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn numbers_of_probes_are_whole_numbers_from_1(proxy: &mut Proxy) {
    for field in ["maxProbes", "successThreshold"] {
        for wrong in [json!(0), json!(-1), json!(1.5), json!("1")] {
            let config = json!({ "breaker": { "halfOpen": { field: wrong } } });
            are_refused(proxy, &[(config, &format!("`breaker.halfOpen.{field}`"))]);
        }
    }
}

#[tollgate_testkit::test(CircuitBreaker)]
fn a_key_is_the_cluster_or_a_header(proxy: &mut Proxy) {
    let wrong = [
        (json!({ "key": "route" }), "`key`"),
        (json!({ "key": 1 }), "`key`"),
        (json!({ "key": { "cookie": "x" } }), "`key"),
        (json!({ "key": { "header": "" } }), "`key.header`"),
        (json!({ "key": { "header": ":path" } }), "`key.header`: found \":path\""),
        (json!({ "key": { "header": "x y" } }), "`key.header`: found \"x y\""),
    ];
    are_refused(proxy, &wrong);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn two_names_for_one_thing_are_not_given_at_once(proxy: &mut Proxy) {
    let both = json!({ "consecutiveErrors": 1, "consecutive5xxErrors": 1 });
    let twice = [
        (
            json!({ "outlierDetection": both }),
            "`outlier_detection.consecutive_errors`: found `consecutive_5xx_errors` beside it",
        ),
        (
            json!({ "trafficPolicy": { "outlierDetection": both } }),
            "`traffic_policy.outlier_detection.consecutive_errors`: found `consecutive_5xx_errors` beside it",
        ),
        (
            json!({ "trafficPolicy": {}, "connectionPool": {} }),
            "`traffic_policy`: found `connection_pool` or `outlier_detection` beside it",
        ),
        (
            json!({ "trafficPolicy": {}, "outlierDetection": {} }),
            "`traffic_policy`: found `connection_pool` or `outlier_detection` beside it",
        ),
    ];
    are_refused(proxy, &twice);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn one_field_in_both_spellings_at_once_is_refused(proxy: &mut Proxy) {
    let twice = [
        (json!({ "connectionPool": {}, "connection_pool": {} }), "connection"),
        (
            json!({ "outlierDetection": { "baseEjectionTime": "1s", "base_ejection_time": "2s" } }),
            "jection",
        ),
    ];
    are_refused(proxy, &twice);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_is_no_object_is_refused(proxy: &mut Proxy) {
    let wrong = [
        (json!([]), "found"),
        (json!("connectionPool"), "found"),
        (json!({ "connectionPool": 3 }), "`connectionPool`"),
        (json!({ "connectionPool": { "tcp": [] } }), "`connectionPool.tcp`"),
        (json!({ "outlierDetection": true }), "`outlierDetection`"),
        (json!({ "breaker": "open" }), "`breaker`"),
    ];
    are_refused(proxy, &wrong);
}

#[tollgate_testkit::test(CircuitBreaker)]
fn what_is_no_json_is_refused(proxy: &mut Proxy) {
    for bytes in [&b"connectionPool: {}"[..], b"{", b"{} {}", b"\xff"] {
        assert!(proxy.try_configure_bytes([("plugin", bytes.to_vec())]).is_err(), "{bytes:?}");
    }
}
