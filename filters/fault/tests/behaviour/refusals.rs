//! Configurations that are refused, and what the operator reads.

use super::*;
use tollgate_fault::Fault;

/// Each is refused, in words that have this in them.
#[track_caller]
fn assert_refused<'a>(proxy: &mut Proxy, cases: impl IntoIterator<Item = (Value, &'a str)>) {
    for (configuration, words) in cases {
        let shown = configuration.to_string();
        let refusal = proxy.try_configure(configuration).expect_err(&shown);
        assert!(refusal.contains(words), "{shown}: {refusal}");
    }
}

fn delay(json: Value) -> Value {
    json!({ "delay": json })
}

fn abort(json: Value) -> Value {
    json!({ "abort": json })
}

fn percentage(json: Value) -> Value {
    json!({ "abort": { "http_status": 503, "percentage": json } })
}

#[tollgate_testkit::test(Fault)]
fn a_misspelt_field_is_named_with_what_was_meant(proxy: &mut Proxy) {
    assert_refused(
        proxy,
        [
            (
                json!({ "delays": {} }),
                "`delays`: found an unknown field, allowed: `delay`, `abort`",
            ),
            (
                delay(json!({ "fixd_delay": "1s" })),
                "`delay.fixd_delay`: found an unknown field, allowed: `fixed_delay`, `header_delay`, \
                 `percentage`; did you mean `fixed_delay`?",
            ),
            (abort(json!({ "httpstatus": 503 })), "`abort.httpstatus`: found an unknown field"),
            (
                json!({ "maxActiveFault": 1 }),
                "`maxActiveFault`: found an unknown field, allowed: `delay`, `abort`, \
                 `max_active_faults`; did you mean `maxActiveFaults`?",
            ),
            (
                delay(json!({ "header_delay": { "name": "x" } })),
                "`delay.header_delay.name`: found an unknown field",
            ),
            (
                abort(json!({ "header_abort": { "name": "x" } })),
                "`abort.header_abort.name`: found an unknown field",
            ),
            (
                percentage(json!({ "percent": 5 })),
                "`abort.percentage.percent`: found an unknown field",
            ),
        ],
    );
}

/// A field that is honoured half would be worse than none.
#[tollgate_testkit::test(Fault)]
fn fields_of_envoys_filter_that_are_not_supported_are_refused_by_name(proxy: &mut Proxy) {
    let limit = json!({ "fixed_limit": { "limit_kbps": 1 }, "percentage": always() });
    assert_refused(
        proxy,
        [
            (json!({ "upstream_cluster": "backend" }), "`upstream_cluster`: "),
            (json!({ "headers": [{ "name": "x", "present_match": true }] }), "`headers`: "),
            (json!({ "downstream_nodes": ["node"] }), "`downstream_nodes`: "),
            (json!({ "response_rate_limit": limit }), "`response_rate_limit`: "),
            (json!({ "delay_percent_runtime": "key" }), "`delay_percent_runtime`: "),
            (json!({ "abort_http_status_runtime": "key" }), "`abort_http_status_runtime`: "),
            (
                json!({ "disable_downstream_cluster_stats": true }),
                "`disable_downstream_cluster_stats`: ",
            ),
            (json!({ "filter_metadata": {} }), "`filter_metadata`: "),
            (abort(json!({ "http2_error": "x", "http_status": 503 })), "`abort.http2_error`: "),
            (delay(json!({ "exponential_delay": "1s" })), "`delay.exponential_delay`: "),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_delay_needs_exactly_one_source(proxy: &mut Proxy) {
    let allowed = "allowed: exactly one of `fixed_delay`, `header_delay`";
    let none = format!("`delay`: found none of them, {allowed}");
    let both = format!("`delay`: found `fixed_delay`, `header_delay`, {allowed}");
    assert_refused(
        proxy,
        [
            (delay(json!({})), none.as_str()),
            (delay(json!({ "percentage": always() })), &none),
            (delay(json!({ "fixed_delay": "1s", "header_delay": {} })), &both),
            (delay(json!({ "fixedDelay": "1s", "headerDelay": {} })), &both),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn an_abort_needs_exactly_one_source(proxy: &mut Proxy) {
    let allowed = "allowed: exactly one of `http_status`, `grpc_status`, `header_abort`";
    let none = format!("`abort`: found none of them, {allowed}");
    let two = format!("`abort`: found `http_status`, `grpc_status`, {allowed}");
    let all = format!("`abort`: found `http_status`, `grpc_status`, `header_abort`, {allowed}");
    let everything = json!({ "http_status": 503, "grpc_status": 5, "header_abort": {} });
    assert_refused(
        proxy,
        [
            (abort(json!({})), none.as_str()),
            (abort(json!({ "percentage": always() })), &none),
            (abort(json!({ "http_status": 503, "grpc_status": 5 })), &two),
            (abort(everything), &all),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_delay_must_be_a_duration_above_zero(proxy: &mut Proxy) {
    for wrong in ["-1s", "1", "1d", "", "1 s", "1e3s", "s", "0.0000000001s", "315576000001s"] {
        let found = format!("`delay.fixed_delay`: found {wrong:?}, allowed: a duration");
        assert_refused(proxy, [(delayed(wrong), found.as_str())]);
    }
    for zero in ["0", "0s", "0.000s", "0h0m"] {
        let found = format!("`delay.fixed_delay`: found {zero:?}, allowed: a duration above 0");
        assert_refused(proxy, [(delayed(zero), found.as_str())]);
    }
    assert_refused(
        proxy,
        [
            (
                delay(json!({ "fixed_delay": 5 })),
                "`delay.fixed_delay`: found 5, allowed: a duration",
            ),
            (delay(json!({ "fixed_delay": ["1s"] })), "`delay.fixed_delay`: found "),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_status_must_be_one(proxy: &mut Proxy) {
    let http = "allowed: a whole number from 200 to 599";
    for (wrong, shown) in
        [(json!(199), "199"), (json!(600), "600"), (json!(-1), "-1"), (json!(0), "0")]
    {
        let found = format!("`abort.http_status`: found {shown}, {http}");
        assert_refused(proxy, [(abort(json!({ "http_status": wrong })), found.as_str())]);
    }
    assert_refused(
        proxy,
        [
            (abort(json!({ "http_status": 503.5 })), "`abort.http_status`: found 503.5, allowed: "),
            (
                abort(json!({ "http_status": "503" })),
                "`abort.http_status`: found \"503\", allowed: ",
            ),
            (abort(json!({ "http_status": true })), "`abort.http_status`: found true, allowed: "),
            (
                abort(json!({ "grpc_status": 17 })),
                "`abort.grpc_status`: found 17, allowed: a gRPC status: a number from 0 to 16",
            ),
            (abort(json!({ "grpcStatus": "DOWN" })), "found \"DOWN\", allowed: a gRPC status"),
            (abort(json!({ "grpc_status": "unavailable" })), "found \"unavailable\", allowed: "),
            (abort(json!({ "grpc_status": -1 })), "`abort.grpc_status`: found -1, allowed: "),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_percentage_must_be_one(proxy: &mut Proxy) {
    assert_refused(
        proxy,
        [
            (
                percentage(json!({ "numerator": 101 })),
                "`abort.percentage`: found 101 of 100, allowed: a numerator from 0 to the \
                 denominator, 100",
            ),
            (
                percentage(json!({ "numerator": 10_001, "denominator": "TEN_THOUSAND" })),
                "`abort.percentage`: found 10001 of 10000, ",
            ),
            (
                percentage(json!({ "numerator": -1 })),
                "`abort.percentage.numerator`: found -1, allowed: a whole number",
            ),
            (
                percentage(json!({ "numerator": 5, "denominator": "THOUSAND" })),
                "`abort.percentage.denominator`: found \"THOUSAND\", allowed: `HUNDRED`, \
                 `TEN_THOUSAND`, `MILLION`",
            ),
            (percentage(json!({ "value": 100.5 })), "`abort.percentage`: found 100.5, allowed: "),
            (percentage(json!({ "value": -1 })), "`abort.percentage`: found -1, allowed: "),
            (
                percentage(json!({ "value": 0.00001 })),
                "`abort.percentage`: found 0.00001, allowed: ",
            ),
            (
                percentage(json!({ "value": 5, "numerator": 5 })),
                "`abort.percentage`: found `value` beside `numerator` or `denominator`",
            ),
            (percentage(json!(5)), "`abort.percentage`: found 5, allowed: a percentage"),
            (
                delay(json!({ "fixed_delay": "1s", "percentage": { "numerator": 200 } })),
                "`delay.percentage`: found 200 of 100",
            ),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_maximum_must_be_a_whole_number(proxy: &mut Proxy) {
    let allowed = "allowed: a whole number from 0 to 4294967295";
    for (wrong, shown) in [
        (json!(-1), "-1"),
        (json!(1.5), "1.5"),
        (json!("3"), "\"3\""),
        (json!(4_294_967_296_u64), "4294967296"),
    ] {
        let found = format!("`max_active_faults`: found {shown}, {allowed}");
        assert_refused(proxy, [(json!({ "max_active_faults": wrong }), found.as_str())]);
    }
}

#[tollgate_testkit::test(Fault)]
fn the_path_in_a_refusal_is_spelt_as_the_operator_has_spelt_it(proxy: &mut Proxy) {
    assert_refused(
        proxy,
        [
            (abort(json!({ "httpStatus": 600 })), "`abort.httpStatus`: found 600"),
            (delay(json!({ "fixedDelay": "0s" })), "`delay.fixedDelay`: found \"0s\""),
            (json!({ "maxActiveFaults": -1 }), "`maxActiveFaults`: found -1"),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn a_field_that_is_there_twice_is_refused(proxy: &mut Proxy) {
    for twice in [
        r#"{ "delay": { "fixed_delay": "1s", "fixedDelay": "2s" } }"#,
        r#"{ "delay": { "fixed_delay": "1s", "fixed_delay": "2s" } }"#,
        r#"{ "max_active_faults": 1, "maxActiveFaults": 1 }"#,
    ] {
        let refusal = proxy.try_configure_bytes([("plugin", twice.into())]).unwrap_err();
        assert!(refusal.contains("twice") || refusal.contains("duplicate"), "{twice}: {refusal}");
    }
}

#[tollgate_testkit::test(Fault)]
fn what_is_no_json_object_is_refused(proxy: &mut Proxy) {
    for wrong in ["{", "[]", "5", "null", "delay: {}", "{}{}", r#"{"delay": {},}"#, "\u{feff}{"] {
        let refusal = proxy.try_configure_bytes([("plugin", wrong.into())]).expect_err(wrong);
        assert!(refusal.contains("configuration"), "{wrong}: {refusal}");
    }
    let refusal = proxy.try_configure_bytes([("plugin", b"{\n  \"delay\": x }".to_vec())]);
    assert!(refusal.is_err_and(|refusal| refusal.contains("line 2")));
    assert!(proxy.try_configure_bytes([("plugin", b"\xff\xfe\xfd".to_vec())]).is_err());
}

#[tollgate_testkit::test(Fault)]
fn a_part_that_is_of_another_kind_is_refused(proxy: &mut Proxy) {
    assert_refused(
        proxy,
        [
            (json!({ "delay": "1s" }), "`delay`: found a string, allowed: an object"),
            (json!({ "abort": 503 }), "`abort`: found 503, allowed: an object"),
            (json!({ "abort": [] }), "`abort`: found a list, allowed: an object"),
            (
                delay(json!({ "header_delay": true })),
                "`delay.header_delay`: found true, allowed: an object",
            ),
        ],
    );
}

#[tollgate_testkit::test(Fault)]
fn one_wrong_listener_is_enough_for_a_refusal(proxy: &mut Proxy) {
    let plugins = [("one", aborted(503)), ("two", aborted(600))];
    let refusal = proxy.try_configure_listeners(plugins).unwrap_err();
    assert!(refusal.contains("`abort.http_status`: found 600"), "{refusal}");
}

#[tollgate_testkit::test(Fault)]
fn after_a_refusal_a_right_configuration_works(proxy: &mut Proxy) {
    assert!(proxy.try_configure(aborted(600)).is_err());
    proxy.configure(aborted(503));
    assert_eq!(proxy.get("/").send().status(), 503);
}
