use super::*;
use std::time;

fn compile(json: &str) -> Result<Settings, String> {
    tollgate::config::from_slice::<Config>(json.as_bytes())
        .and_then(Config::compile)
        .map_err(|error| error.to_string())
}

fn limit(pool: &str) -> u64 {
    compile(&format!(r#"{{"connectionPool": {pool}}}"#)).unwrap().limit
}

#[test]
fn active_and_pending_requests_add_up_to_the_limit() {
    let pool = r#"{"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}"#;
    assert_eq!(limit(pool), 2);
}

#[test]
fn http2_max_requests_bounds_the_limit_in_any_case() {
    let tcp = r#""tcp": {"maxConnections": 100}"#;
    assert_eq!(limit(&format!(r#"{{{tcp}, "http": {{"http2MaxRequests": 7}}}}"#)), 7);
    assert_eq!(limit(r#"{"http": {"http2MaxRequests": 7}}"#), 7);
}

#[test]
fn a_limit_that_is_not_given_is_no_limit() {
    assert_eq!(compile("{}").unwrap().limit, u64::MAX);
    assert_eq!(limit(r#"{"tcp": {"maxConnections": 1}}"#), u64::MAX);
    assert_eq!(limit(r#"{"http": {"http1MaxPendingRequests": 1}}"#), u64::MAX);
}

#[test]
fn no_pending_requests_leaves_the_connections() {
    let pool = r#"{"tcp": {"maxConnections": 3}, "http": {"http1MaxPendingRequests": 0}}"#;
    assert_eq!(limit(pool), 3);
}

#[test]
fn without_outlier_detection_nothing_opens_the_breaker() {
    assert_eq!(compile("{}").unwrap().detectors, None);
}

#[test]
fn outlier_detection_has_istios_defaults() {
    let settings = compile(r#"{"outlierDetection": {}}"#).unwrap();
    let detectors = Detectors { consecutive_5xx: Some(5), consecutive_gateway: None };
    assert_eq!(settings.detectors, Some(detectors));
    assert_eq!(settings.policy.base, time::Duration::from_secs(30));
    assert_eq!(settings.policy.interval, time::Duration::from_secs(10));
    assert_eq!(settings.policy.max, time::Duration::from_secs(300));
}

#[test]
fn a_threshold_of_zero_turns_a_detector_off() {
    let detectors =
        |json: &str| compile(&format!(r#"{{"outlierDetection": {json}}}"#)).unwrap().detectors;
    assert_eq!(detectors(r#"{"consecutive5xxErrors": 0}"#), None);
    assert_eq!(
        detectors(r#"{"consecutive_5xx_errors": 0, "consecutiveGatewayErrors": 2}"#),
        Some(Detectors { consecutive_5xx: None, consecutive_gateway: Some(2) })
    );
    assert_eq!(
        detectors(r#"{"consecutiveErrors": 1}"#),
        Some(Detectors { consecutive_5xx: Some(1), consecutive_gateway: None })
    );
}

#[test]
fn a_base_ejection_time_over_the_maximum_raises_the_maximum() {
    let settings = compile(r#"{"outlierDetection": {"baseEjectionTime": "10m"}}"#).unwrap();
    assert_eq!(settings.policy.max, time::Duration::from_secs(600));
}

#[test]
fn what_istio_has_no_words_for_is_read() {
    let settings = compile(
        r#"{"breaker": {
            "open": {"max": "1m"},
            "halfOpen": {"maxProbes": 3, "successThreshold": 2, "maxWait": "1s"}
        }}"#,
    )
    .unwrap();
    assert_eq!((settings.policy.max_probes, settings.policy.success_threshold), (3, 2));
    assert_eq!(settings.policy.max_wait, time::Duration::from_secs(1));
    assert_eq!(settings.policy.max, time::Duration::from_secs(60));
}

#[test]
fn fields_without_effect_are_told_with_where_to_set_them() {
    let settings = compile(
        r#"{"trafficPolicy": {
            "connectionPool": {"http": {"maxRequestsPerConnection": 1, "maxRetries": 3}},
            "outlierDetection": {"maxEjectionPercent": 100}
        }}"#,
    )
    .unwrap();
    let fields: Vec<_> = settings.without_effect.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["maxRequestsPerConnection", "maxRetries", "maxEjectionPercent"]);
}

#[test]
fn half_a_limit_is_told_to_be_none() {
    let told = |json: &str| {
        let settings = compile(json).unwrap();
        settings.without_effect.iter().map(|(field, _)| *field).collect::<Vec<_>>()
    };
    let connections = r#"{"connectionPool": {"tcp": {"maxConnections": 1}}}"#;
    assert_eq!(told(connections), ["maxConnections"]);
    let pending = r#"{"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}"#;
    assert_eq!(told(pending), ["http1MaxPendingRequests"]);
    assert_eq!(told(r#"{"breaker": {"halfOpen": {"maxProbes": 2}}}"#), ["breaker"]);
    let whole = r#"{"connectionPool": {
        "tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}
    }}"#;
    assert_eq!(told(whole), [""; 0]);
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    for (json, message) in [
        (
            r#"{"connectionPool": {"tcp": {"maxConnections": 0}}}"#,
            "`connectionPool.tcp.maxConnections`: found 0, allowed: a whole number from 1",
        ),
        (
            r#"{"trafficPolicy": {"connectionPool": {"http": {"http2MaxRequests": 0}}}}"#,
            "`trafficPolicy.connectionPool.http.http2MaxRequests`: found 0, allowed:",
        ),
        (
            r#"{"connectionPool": {"tcp": {"maxConnections": -1}}}"#,
            "`connectionPool.tcp.maxConnections`: found -1, allowed: a whole number from 1",
        ),
        (
            r#"{"outlierDetection": {"baseEjectionTime": "-3s"}}"#,
            "`outlierDetection.baseEjectionTime`: found \"-3s\", allowed: a duration",
        ),
        (
            r#"{"outlierDetection": {"interval": "0s"}}"#,
            "`outlierDetection.interval`: found \"0s\", allowed: a duration above 0",
        ),
        (
            r#"{"outlierDetection": {"maxEjectionPercent": 101}}"#,
            "`outlierDetection.maxEjectionPercent`: found 101, allowed: a whole number from 0 to 100",
        ),
        (
            r#"{"outlierDetection": {"consecutiveErrors": 1, "consecutive5xxErrors": 1}}"#,
            "`outlier_detection.consecutive_errors`: found `consecutive_5xx_errors` beside it",
        ),
        (
            r#"{"trafficPolicy": {}, "connectionPool": {}}"#,
            "`traffic_policy`: found `connection_pool` or `outlier_detection` beside it",
        ),
        (r#"{"breaker": {"halfOpen": {"maxProbes": 0}}}"#, "`breaker.halfOpen.maxProbes`: found 0"),
        (r#"{"key": "route"}"#, "`key`: "),
        (r#"{"conectionPool": {}}"#, "`conectionPool`: "),
        (
            r#"{"outlierDetection": {"minHealthPercent": 50}}"#,
            "`outlierDetection.minHealthPercent`: ",
        ),
    ] {
        let error = compile(json).unwrap_err();
        assert!(error.contains(message), "{json}: {error}");
    }
}

#[test]
fn a_breaker_is_of_a_cluster_unless_a_header_is_named() {
    assert_eq!(compile("{}").unwrap().key, Key::Cluster);
    assert_eq!(compile(r#"{"key": "cluster"}"#).unwrap().key, Key::Cluster);
    let header = compile(r#"{"key": {"header": "X-Variant"}}"#).unwrap().key;
    assert_eq!(header, Key::Header(HeaderName::parse("x-variant").unwrap()));
    let error = compile(r#"{"key": {"header": ":path"}}"#).unwrap_err().to_string();
    assert!(error.starts_with("`key.header`: found \":path\""), "{error}");
}
