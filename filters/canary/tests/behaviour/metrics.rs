//! What is counted.

use crate::common::{
    FLAG, decision, decisions, rollout, rollout_with, rule, serve, start, with_cookie,
};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::abi::MetricKind;
use tollgate_testkit::{Answer, Proxy};

fn rules() -> Value {
    json!([
        {
            "name": "never",
            "match": { "headers": [{ "name": "x-canary", "exact": "never" }] },
            "variant": "v1",
        },
        {
            "name": "cookie",
            "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
            "variant": "v2",
        },
        { "name": "split", "split": { "by": [{ "cookie": "uid" }], "weights": { "v2": 1 } } },
    ])
}

/// Every counter of decisions that is not 0, by variant and reason.
fn counted(proxy: &Proxy) -> Vec<(String, u64)> {
    let metrics = proxy.metrics();
    let decisions = metrics.names().filter(|(_, name)| name.ends_with(".decisions"));
    decisions
        .map(|(_, name)| (name.to_owned(), metrics.counter(name)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[tollgate_testkit::test(Canary)]
fn every_request_is_counted_once_by_variant_and_reason(proxy: &mut Proxy) {
    start(proxy, rules());
    for (times, request) in [
        (5, (|proxy| proxy.get("/")) as fn(&Proxy) -> _),
        (7, |proxy| with_cookie(proxy, "featureflag=on")),
        (3, |proxy| proxy.get("/").header("x-canary", "never")),
        (11, |proxy| with_cookie(proxy, "uid=user-1").http2()),
    ] {
        for _ in 0..times {
            decision(request(proxy));
        }
    }
    let name = |reason: &str, variant: &str| {
        format!("tollgate.canary.flag={FLAG}.reason={reason}.variant={variant}.decisions")
    };
    let expected = [
        (name("default", "v1"), 5),
        (name("split", "v2"), 11),
        (name("targeting_match", "v1"), 3),
        (name("targeting_match", "v2"), 7),
    ];
    assert_eq!(counted(proxy), expected);
}

#[tollgate_testkit::test(Canary)]
fn every_counter_is_there_before_the_first_request(proxy: &mut Proxy) {
    start(proxy, rules());
    let metrics = proxy.metrics();
    let reasons = ["default", "disabled", "error", "split", "static", "targeting_match"];
    let mut expected = vec![
        "tollgate.canary.failures".to_owned(),
        format!("tollgate.canary.flag={FLAG}.cookies_truncated"),
    ];
    for reason in reasons {
        for variant in ["v1", "v2"] {
            let of = format!("tollgate.canary.flag={FLAG}.reason={reason}.variant={variant}");
            expected.push(of + ".decisions");
        }
    }
    let names: Vec<_> = metrics.names().collect();
    assert_eq!(
        names,
        expected.iter().map(|it| (MetricKind::Counter, it.as_str())).collect::<Vec<_>>()
    );
}

#[tollgate_testkit::test(Canary)]
fn a_request_is_counted_when_it_is_decided_whatever_becomes_of_it(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::reset());
    proxy.configure(rollout(rules()));
    let exchange = with_cookie(proxy, "featureflag=on").begin();
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 1);
    exchange.end();
    assert_eq!(exchange.status(), 503);
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 1);
}

#[tollgate_testkit::test(Canary)]
fn what_a_tag_cannot_have_is_written_as_an_underscore(proxy: &mut Proxy) {
    serve(proxy);
    let mut config = rollout(json!([{ "name": "all", "variant": "v2.0+rc/1" }]));
    config["flag"] = json!("voting.app=a:b");
    config["variants"] = json!(["v1", "v2.0+rc/1"]);
    proxy.configure(config);
    assert_eq!(decision(proxy.get("/")), "v2.0+rc/1 TARGETING_MATCH");
    let name =
        "tollgate.canary.flag=voting_app_a_b.reason=targeting_match.variant=v2_0_rc_1.decisions";
    assert_eq!(proxy.counter(name), 1);
}

#[tollgate_testkit::test(Canary)]
fn the_names_of_rules_and_users_are_in_no_metric(proxy: &mut Proxy) {
    start(proxy, rules());
    decision(with_cookie(proxy, "uid=alice"));
    decision(with_cookie(proxy, "featureflag=on"));
    let metrics = proxy.metrics();
    assert_eq!(metrics.names().count(), 14);
    assert!(metrics.names().all(|(_, name)| !name.contains("alice") && !name.contains("never")));
}

#[tollgate_testkit::test(Canary)]
fn counters_go_on_when_the_configuration_changes(proxy: &mut Proxy) {
    start(proxy, rules());
    decision(with_cookie(proxy, "featureflag=on"));
    proxy.configure(rollout(rule(json!({ "path": [{ "exact": "/" }] }))));
    decision(proxy.get("/"));
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 2);
    proxy.configure(rollout_with(rules(), "flag", json!("other")));
    decision(with_cookie(proxy, "featureflag=on"));
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 2);
    let other = "tollgate.canary.flag=other.reason=targeting_match.variant=v2.decisions";
    assert_eq!(proxy.counter(other), 1);
}

#[tollgate_testkit::test(Canary)]
fn cookies_that_were_not_read_are_counted_once_a_request(proxy: &mut Proxy) {
    start(proxy, rules());
    let truncated = format!("tollgate.canary.flag={FLAG}.cookies_truncated");
    for requests in 1..=3 {
        decision(with_cookie(proxy, "a=b; ".repeat(400)));
        assert_eq!(proxy.counter(&truncated), requests);
    }
}

#[tollgate_testkit::test(Canary)]
fn no_value_of_a_request_is_logged(proxy: &mut Proxy) {
    proxy.attribute(&["connection", "mtls"], [9]).log_level(tollgate_testkit::abi::LogLevel::Trace);
    start(
        proxy,
        rule(json!({
            "cookies": [{ "name": "session", "present": true }],
            "peer": [{ "present": true }],
        })),
    );
    decision(
        with_cookie(proxy, "session=secret-1; uid=secret-2").header("authorization", "secret-3"),
    );
    assert!(!proxy.log().is_empty());
    for line in proxy.log() {
        assert!(!line.message.contains("secret"), "{}", line.message);
    }
}
