//! What operators read when a configuration is wrong, to the letter.

use serde_json::{Value, json};

use tollgate_e2e::modules;
use tollgate_testkit::{self as testkit, Proxy};

use super::filters::{filter, jwks, right};

/// Each filter with the mistakes in its configuration: where, what, and the message.
fn cases() -> Vec<(&'static str, &'static str, Option<Value>, &'static str)> {
    vec![
        // Misspelt and misplaced names.
        (
            "fault",
            "/delay/fixd_delay",
            Some(json!("1s")),
            "`delay.fixd_delay`: found an unknown field, allowed: `fixed_delay`, \
             `header_delay`, `percentage`; did you mean `fixed_delay`?",
        ),
        (
            "fault",
            "/delay/percent",
            Some(json!(5)),
            "`delay.percent`: found an unknown field, allowed: `fixed_delay`, `header_delay`, \
             `percentage`; did you mean `percentage`?",
        ),
        (
            "fault",
            "/abort/httpstatus",
            Some(json!(503)),
            "`abort.httpstatus`: found an unknown field, allowed: `http_status`, `grpc_status`, \
             `header_abort`, `percentage`; did you mean `http_status`?",
        ),
        (
            "circuit-breaker",
            "/conectionPool",
            Some(json!({})),
            "`conectionPool`: found an unknown field, allowed: `connection_pool`, \
             `outlier_detection`, `traffic_policy`, `key`, `breaker`; did you mean \
             `connectionPool`?",
        ),
        (
            "circuit-breaker",
            "/connectionPool/maxConnections",
            Some(json!(1)),
            "`connectionPool.maxConnections`: found an unknown field, allowed: `tcp`, `http`",
        ),
        (
            "circuit-breaker",
            "/outlierDetection/consecutive5xxError",
            Some(json!(1)),
            "`outlierDetection.consecutive5xxError`: found an unknown field, allowed: \
             `consecutive_5xx_errors`, `consecutive_errors`, `consecutive_gateway_errors`, \
             `interval`, `base_ejection_time`, `max_ejection_percent`; did you mean \
             `consecutive5xxErrors`?",
        ),
        (
            "circuit-breaker",
            "/outlierDetection/minHealthPercent",
            Some(json!(50)),
            "`outlierDetection.minHealthPercent`: found an unknown field, allowed: \
             `consecutive_5xx_errors`, `consecutive_errors`, `consecutive_gateway_errors`, \
             `interval`, `base_ejection_time`, `max_ejection_percent`",
        ),
        (
            "jwt-auth",
            "/providers/main/isuer",
            Some(json!("x")),
            "`providers.main.isuer`: found an unknown field, allowed: `issuer`, `audiences`, \
             `subjects`, `local_jwks`, `remote_jwks`, `discovery`, `unknown_kid_refetch`, \
             `on_keys_unavailable`, `stale_if_error`, `algorithms`, `forward`, `from_headers`, `from_params`, \
             `from_cookies`, `clock_skew_seconds`, `require_expiration`, `max_lifetime`, \
             `max_token_bytes`, `required_type`, `certificate_bound`, `jwt_cache_config`, `claim_to_headers`, \
             `forward_payload_header`, `pad_forward_payload_header`, `payload_in_metadata`, \
             `normalize_payload_in_metadata`, `header_in_metadata`, `failed_status_in_metadata`, \
             `clear_route_cache`; did you mean `issuer`?",
        ),
        (
            "jwt-auth",
            "/providers/main/remote_jwks",
            Some(json!({})),
            "`providers.main.remote_jwks.http_uri`: found nothing, allowed: a value, since the field \
             is required",
        ),
        (
            "canary",
            "/routing-header",
            Some(json!("x-v")),
            "`routing-header`: found an unknown field, allowed: `flag`, `routing_header`, \
             `variants`, `default_variant`, `bucketing`, `enabled`, `rules`, `response`; did you \
             mean `routing_header`?",
        ),
        (
            "canary",
            "/rules/0/match/cookie",
            Some(json!([])),
            "`rules[0].match.cookie`: found an unknown field, allowed: `headers`, `cookies`, \
             `query`, `path`, `method`, `host`, `source_ip`, `claims`, `peer`, `any`, `not`; did \
             you mean `cookies`?",
        ),
        (
            "canary",
            "/rules/0/match/cookies/0/exakt",
            Some(json!("on")),
            "`rules[0].match.cookies[0].exakt`: found an unknown field, allowed: `name`, \
             `pointer`, `exact`, `prefix`, `suffix`, `contains`, `regex`, `any_of`, `range`, \
             `gte`, `lte`, `semver`, `present`, `ignore_case`, `invert`; did you mean `exact`?",
        ),
        (
            "canary",
            "/rules/0/match/sourceIP",
            Some(json!(["::1"])),
            "`rules[0].match.sourceIP`: found an unknown field, allowed: `headers`, `cookies`, \
             `query`, `path`, `method`, `host`, `source_ip`, `claims`, `peer`, `any`, `not`; did \
             you mean `sourceIp`?",
        ),
        (
            "canary",
            "/rules/1/split/by/0",
            Some(json!({ "cokie": "uid" })),
            "`rules[1].split.by[0].cokie`: found an unknown field, allowed: `cookie`, `header`, \
             `claim`, `source_ip`, `random`; did you mean `cookie`?",
        ),
        (
            "fault",
            "/delay/percentage/denominator",
            Some(json!("HUNDERD")),
            "`delay.percentage.denominator`: found \"HUNDERD\", allowed: `HUNDRED`, \
             `TEN_THOUSAND`, `MILLION`; did you mean `HUNDRED`?",
        ),
        (
            "fault",
            "/delay/percentage/denominator",
            Some(json!("hundred")),
            "`delay.percentage.denominator`: found \"hundred\", allowed: `HUNDRED`, \
             `TEN_THOUSAND`, `MILLION`; did you mean `HUNDRED`?",
        ),
        (
            "circuit-breaker",
            "/key",
            Some(json!("clusters")),
            "`key`: found \"clusters\", allowed: `cluster`, `header`; did you mean `cluster`?",
        ),
        // Wrong types.
        (
            "canary",
            "/rules/0/match/cookies/0/exact",
            Some(json!(true)),
            "`rules[0].match.cookies[0].exact`: found true, allowed: a string (put it in \
             quotes)",
        ),
        (
            "canary",
            "/enabled",
            Some(json!("true")),
            "`enabled`: found \"true\", allowed: true or false, without quotes",
        ),
        ("canary", "/variants", Some(json!("v1")), "`variants`: found a string, allowed: a list"),
        (
            "canary",
            "/rules",
            Some(json!({ "name": "all" })),
            "`rules`: found an object, allowed: a list",
        ),
        (
            "canary",
            "/rules/1/split/by/0",
            Some(json!("uid")),
            "`rules[1].split.by[0]`: found \"uid\", allowed: `cookie`, `header`, `claim`, \
             `source_ip`, `random`",
        ),
        (
            "canary",
            "/rules/1/split/by/2",
            Some(json!("random")),
            "`rules[1].split.by[2]`: found `random` alone, allowed: {random: ...}",
        ),
        (
            "canary",
            "/rules/1/split/by/0",
            Some(json!({ "cookie": "uid", "header": "x" })),
            "`rules[1].split.by[0]`: found an object with 2 members, allowed: an object with \
             one of `cookie`, `header`, `claim`, `source_ip`, `random`",
        ),
        (
            "fault",
            "/delay/fixed_delay",
            Some(json!(3)),
            "`delay.fixed_delay`: found 3, allowed: a duration with its unit in quotes, such as \
             \"0.25s\", \"250ms\" or \"1h30m\", not negative",
        ),
        (
            "fault",
            "/abort/http_status",
            Some(json!("503")),
            "`abort.http_status`: found \"503\", allowed: a whole number from 200 to 599, \
             without quotes",
        ),
        (
            "fault",
            "/delay/percentage",
            Some(json!(50)),
            "`delay.percentage`: found 50, allowed: a percentage, such as {numerator: 5, \
             denominator: HUNDRED} or {value: 12.5}",
        ),
        ("fault", "/delay", Some(json!("1s")), "`delay`: found a string, allowed: an object"),
        (
            "jwt-auth",
            "/providers/main/audiences",
            Some(json!("api.example")),
            "`providers.main.audiences`: found a string, allowed: a list",
        ),
        (
            "jwt-auth",
            "/providers/main/forward",
            Some(json!("yes")),
            "`providers.main.forward`: found \"yes\", allowed: true or false",
        ),
        (
            "jwt-auth",
            "/providers",
            Some(json!([])),
            "`providers`: found a list, allowed: an object",
        ),
        ("jwt-auth", "/rules", Some(Value::Null), "`rules`: found null, allowed: a list"),
        // Out of range.
        (
            "fault",
            "/delay/fixed_delay",
            Some(json!("0s")),
            "`delay.fixed_delay`: found \"0s\", allowed: a duration above 0, such as \"30s\"",
        ),
        (
            "fault",
            "/delay/fixed_delay",
            Some(json!("-1s")),
            "`delay.fixed_delay`: found \"-1s\", allowed: a duration with its unit in quotes, \
             such as \"0.25s\", \"250ms\" or \"1h30m\", not negative",
        ),
        (
            "fault",
            "/delay/fixed_delay",
            Some(json!("1 s")),
            "`delay.fixed_delay`: found \"1 s\", allowed: a duration with its unit in quotes, \
             such as \"0.25s\", \"250ms\" or \"1h30m\", not negative",
        ),
        (
            "fault",
            "/abort/http_status",
            Some(json!(600)),
            "`abort.http_status`: found 600, allowed: a whole number from 200 to 599",
        ),
        (
            "fault",
            "/delay/percentage/numerator",
            Some(json!(101)),
            "`delay.percentage`: found 101 of 100, allowed: a numerator from 0 to the \
             denominator, 100",
        ),
        (
            "fault",
            "/abort/percentage/value",
            Some(json!(100.5)),
            "`abort.percentage`: found 100.5, allowed: a number of per cent from 0 to 100, in \
             steps of 0.0001",
        ),
        (
            "fault",
            "/max_active_faults",
            Some(json!(-1)),
            "`max_active_faults`: found -1, allowed: a whole number from 0 to 4294967295",
        ),
        (
            "circuit-breaker",
            "/connectionPool/tcp/maxConnections",
            Some(json!(0)),
            "`connectionPool.tcp.maxConnections`: found 0, allowed: a whole number from 1 to \
             4294967295",
        ),
        (
            "circuit-breaker",
            "/outlierDetection/maxEjectionPercent",
            Some(json!(101)),
            "`outlierDetection.maxEjectionPercent`: found 101, allowed: a whole number from 0 \
             to 100",
        ),
        (
            "canary",
            "/routing_header",
            Some(json!("x variant")),
            "`routing_header`: found \"x variant\", allowed: the name of a header, such as \
             \"x-user-id\"",
        ),
        (
            "canary",
            "/rules/1/split/weights/v2",
            Some(json!(0.5)),
            "`rules[1].split.weights.v2`: found 0.5, allowed: a whole number from 0 to \
             4294967295",
        ),
        (
            "canary",
            "/rules/2/match/source_ip/0",
            Some(json!("10.0.0.1/8")),
            "`rules[2].match.source_ip[0]`: found \"10.0.0.1/8\", allowed: an IP address or a \
             block without bits after its prefix, such as \"10.0.0.0/8\"",
        ),
        (
            "canary",
            "/rules/2/match/any/1/host/0/exact",
            Some(json!(1)),
            "`rules[2].match.any[1].host[0].exact`: found 1, allowed: a string (put it in quotes)",
        ),
        (
            "canary",
            "/rules/2/match/claims/0/claim",
            Some(json!("realm..groups")),
            "`rules[2].match.claims[0].claim`: found \"realm..groups\", allowed: the path of a \
             claim, such as \"realm.groups\" or [\"https://example.com/roles\", \"admin\"]",
        ),
        (
            "canary",
            "/rules/2/match/peer/1/principal",
            Some(json!("uri")),
            "`rules[2].match.peer[1].principal`: found \"uri\", allowed: `uri_san`, `dns_san`, \
             `subject`",
        ),
        // Missing, doubled, contradictory.
        (
            "canary",
            "/rules/2/match/headers/0/exact",
            Some(json!("on")),
            "`rules[2].match.headers[0]`: found `exact` and `present`, allowed: exactly one of \
             `exact`, `prefix`, `suffix`, `contains`, `regex`, `any_of`, `range`, `gte`, `lte`, \
             `semver`, `present`",
        ),
        (
            "canary",
            "/routing_header",
            None,
            "`routing_header`: found nothing, allowed: a value, since the field is required",
        ),
        (
            "canary",
            "/routingHeader",
            Some(json!("x-v")),
            "`routing_header`: found the field twice, allowed: each field once, in one of its \
             spellings",
        ),
        (
            "canary",
            "/default_variant",
            Some(json!("v3")),
            "`default_variant`: found \"v3\", allowed: one of the variants: \"v1\", \"v2\"",
        ),
        (
            "canary",
            "/rules/1/variant",
            Some(json!("v2")),
            "`rules[1]`: found both, allowed: exactly one of `variant`, `split`",
        ),
        (
            "fault",
            "/delay/header_delay",
            Some(json!({})),
            "`delay`: found `fixed_delay`, `header_delay`, allowed: exactly one of \
             `fixed_delay`, `header_delay`",
        ),
        (
            "fault",
            "/abort",
            Some(json!({})),
            "`abort`: found none of them, allowed: exactly one of `http_status`, `grpc_status`, \
             `header_abort`",
        ),
        (
            "jwt-auth",
            "/rules/1/requires/provider_name",
            Some(json!("mian")),
            "`rules[1].requires.provider_name`: found \"mian\", allowed: \"main\"",
        ),
        (
            "jwt-auth",
            "/rules/0/match",
            Some(json!({})),
            "`rules[0].match`: found none of them, allowed: exactly one of `prefix`, `path`, \
             `safe_regex`, `path_separated_prefix`, `path_match_policy`, `connect_matcher`",
        ),
        (
            "jwt-auth",
            "/providers/main/claim_to_headers/0/header_name",
            Some(json!(":path")),
            "`providers.main.claim_to_headers[0].header_name`: found \":path\", allowed: the \
             name of a header, such as \"x-user-id\"",
        ),
        (
            "circuit-breaker",
            "/trafficPolicy",
            Some(json!({})),
            "`traffic_policy`: found `connection_pool` or `outlier_detection` beside it, \
             allowed: either `traffic_policy` or its fields, not both",
        ),
        (
            "circuit-breaker",
            "/outlierDetection/consecutiveErrors",
            Some(json!(1)),
            "`outlier_detection.consecutive_errors`: found `consecutive_5xx_errors` beside it, \
             allowed: one of the two, which mean the same here",
        ),
        // Keys and other secrets.
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({ "filename": "/etc/jwks.json" })),
            "`providers.main.local_jwks.filename`: found a file name, allowed: `inline_string` \
             or `environment_variable`, since a WebAssembly module cannot read files",
        ),
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({ "environment_variable": "JWK" })),
            "`providers.main.local_jwks.environment_variable`: found `JWK`, which the VM does \
             not have, allowed: a variable that Envoy gives to the VM by \
             `vm_config.environment_variables`, in `key_values` or `host_env_keys`",
        ),
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({ "inline_string": { "keys": [] } })),
            "`providers.main.local_jwks.inline_string`: found an object, \
             allowed: a string (put it in quotes)",
        ),
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({ "keys": [] })),
            "`providers.main.local_jwks.keys`: found an unknown field, \
             allowed: `inline_string`, `environment_variable`",
        ),
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({ "inline_string": "{\"keys\": [1]}" })),
            "`providers.main.local_jwks.inline_string`: found Jwks doesn't have any valid public \
             key; keys[0]: not an object, allowed: a JWK set, an object of certificates by \
             key ids, or a public key in PEM, with a key for one of the algorithms: RSA of 2048 to \
             8192 bits, EC on P-256, P-384 or P-521, OKP on Ed25519, oct of as many bytes as the hash",
        ),
        (
            "jwt-auth",
            "/providers/main/local_jwks",
            Some(json!({})),
            "`providers.main.local_jwks`: found neither, \
             allowed: exactly one of `inline_string`, `environment_variable`",
        ),
    ]
}

/// A configuration that is right but for one value.
fn wrong(name: &str, pointer: &str, value: Option<Value>) -> Value {
    let mut config = right(name);
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    let parent = config.pointer_mut(parent).unwrap_or_else(|| panic!("{name} has no {parent}"));
    match (parent, value) {
        (Value::Object(parent), Some(value)) => drop(parent.insert(member.to_owned(), value)),
        (Value::Object(parent), None) => drop(parent.remove(member)),
        (parent, value) => parent[member.parse::<usize>().unwrap()] = value.unwrap(),
    }
    config
}

#[test]
fn a_wrong_configuration_is_refused_with_the_path_what_was_found_and_what_is_allowed() {
    for (name, pointer, value, message) in cases() {
        let config = wrong(name, pointer, value);
        let error = (filter(name).check)(&config).expect_err(pointer).to_string();
        assert_eq!(error, message, "{name} {pointer}");
    }
}

/// Every refusal as a proxy logs it.
fn is_logged_by(run: impl Fn(&str) -> testkit::Filter) {
    for (name, pointer, value, message) in cases() {
        let mut proxy = Proxy::new(run(name));
        proxy.variable("JWKS", &jwks().to_string());
        let said = proxy.try_configure(wrong(name, pointer, value)).expect_err(pointer);
        let name = name.replace('-', "_");
        assert_eq!(said, format!("tollgate {name}: configuration refused: {message}"), "{pointer}");
    }
}

#[test]
fn a_refusal_is_one_line_of_the_log_natively() {
    is_logged_by(|name| match name {
        "canary" => testkit::Filter::native::<tollgate_canary::Canary>(),
        "circuit-breaker" => testkit::Filter::native::<tollgate_circuit_breaker::CircuitBreaker>(),
        "fault" => testkit::Filter::native::<tollgate_fault::Fault>(),
        "jwt-auth" => testkit::Filter::native::<tollgate_jwt_auth::JwtAuth>(),
        other => panic!("no filter {other}"),
    });
}

#[test]
fn a_refusal_is_one_line_of_the_log_as_a_module() {
    is_logged_by(|name| {
        let path = modules::path(name).expect("it is built");
        testkit::Filter::module(testkit::Module::load(path).expect("it is a module"))
    });
}
