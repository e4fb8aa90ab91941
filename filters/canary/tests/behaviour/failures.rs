//! When something fails: the request goes on, with the default variant where nothing could be decided.

use crate::common::{
    self, DEFAULT, MATCHED, ROUTING, decision, decision_on, decisions, failures, only, rollout,
    rule, serve, start, with_cookie,
};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_canary::Canary;
use tollgate_testkit::abi::{LogLevel, Status};
use tollgate_testkit::{FailurePolicy, Proxy};

/// What a host that answers nonsense says of the client's certificate.
fn break_peers(proxy: &mut Proxy) {
    proxy.attribute(&["connection", "peer_certificate_valid"], [7]);
}

fn on_header() -> Value {
    let condition = json!({ "headers": [{ "name": "x-canary", "exact": "always" }] });
    json!({ "name": "header", "match": condition, "variant": "v2" })
}

fn on_peer() -> Value {
    json!({ "name": "peer", "match": { "peer": [{ "prefix": "spiffe://" }] }, "variant": "v2" })
}

#[tollgate_testkit::test(Canary)]
fn a_fact_that_cannot_be_read_gives_the_default_variant(proxy: &mut Proxy) {
    break_peers(proxy);
    start(proxy, json!([on_peer(), { "name": "rest", "variant": "v2" }]));
    assert_eq!(decision(proxy.get("/")), "v1 ERROR");
    assert_eq!(decisions(proxy, "v1", "error"), 1);
}

#[tollgate_testkit::test(Canary)]
fn a_fact_that_cannot_be_read_is_not_taken_for_absent(proxy: &mut Proxy) {
    break_peers(proxy);
    for condition in [
        json!({ "peer": [{ "present": false }] }),
        json!({ "not": { "peer": [{ "present": true }] } }),
        json!({ "any": [{ "peer": [{ "present": true }] }, { "path": [{ "exact": "/" }] }] }),
    ] {
        start(proxy, rule(condition.clone()));
        assert_eq!(decision(proxy.get("/")), "v1 ERROR", "{condition}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_fact_that_no_rule_needs_is_not_read(proxy: &mut Proxy) {
    break_peers(proxy);
    start(proxy, json!([on_header(), on_peer()]));
    assert_eq!(decision(proxy.get("/").header("x-canary", "always")), MATCHED);
    assert_eq!(decision(proxy.get("/")), "v1 ERROR");
    // A request that fails another condition of the same match.
    only(proxy, json!({ "path": [{ "exact": "/a" }], "peer": [{ "present": true }] }));
    assert_eq!(decision(proxy.get("/b")), DEFAULT);
    assert_eq!(decision(proxy.get("/a")), "v1 ERROR");
}

#[tollgate_testkit::test(Canary)]
fn a_disabled_rollout_reads_nothing(proxy: &mut Proxy) {
    break_peers(proxy);
    serve(proxy);
    proxy.configure(common::rollout_with(json!([on_peer()]), "enabled", json!(false)));
    assert_eq!(decision(proxy.get("/")), "v1 DISABLED");
}

#[tollgate_testkit::test(Canary)]
fn the_default_variant_of_a_failure_may_be_any(proxy: &mut Proxy) {
    break_peers(proxy);
    serve(proxy);
    proxy.configure(common::rollout_with(json!([on_peer()]), "default_variant", json!("v2")));
    assert_eq!(decision(proxy.get("/")), "v2 ERROR");
}

#[tollgate_testkit::test(Canary)]
fn a_failure_is_logged_with_what_could_not_be_read(proxy: &mut Proxy) {
    break_peers(proxy);
    start(proxy, json!([on_peer()]));
    decision(proxy.get("/"));
    let log = proxy.log();
    let line = log.iter().find(|line| line.level == LogLevel::Warn);
    let message = line.map(|line| line.message.as_str()).unwrap_or_default();
    let start = "tollgate canary: a request gets the default variant: \
        connection.peer_certificate_valid";
    assert!(message.starts_with(start), "{log:?}");
}

#[tollgate_testkit::test(Canary)]
fn requests_before_and_behind_a_failure_are_decided(proxy: &mut Proxy) {
    break_peers(proxy);
    start(proxy, json!([on_header(), on_peer()]));
    for _ in 0..3 {
        assert_eq!(decision(proxy.get("/").header("x-canary", "always")), MATCHED);
        assert_eq!(decision(proxy.get("/")), "v1 ERROR");
    }
    assert_eq!((decisions(proxy, "v1", "error"), failures(proxy)), (3, 0));
}

#[tollgate_testkit::test(Canary)]
fn a_host_that_cannot_clear_the_route_cache_lets_the_request_pass(proxy: &mut Proxy) {
    proxy.host(|host| {
        host.set_foreign_function("clear_route_cache", |_| Err(Status::NOT_FOUND));
    });
    start(proxy, json!([on_header()]));
    // A header that was changed makes the host choose the route again by itself.
    let exchange = proxy.get("/").header("x-canary", "always").header(ROUTING, "v1").send();
    assert_eq!(decision_on(&exchange), MATCHED);
    assert_eq!(failures(proxy), 1);
    assert!(!proxy.log().is_empty());
    assert_eq!(decision(proxy.get("/").header(ROUTING, "v2")), DEFAULT);
    assert_eq!(failures(proxy), 2);
}

#[tollgate_testkit::test(Canary)]
fn a_vm_that_has_died_fails_requests_unless_it_is_said(proxy: &mut Proxy) {
    start(proxy, json!([on_header()]));
    proxy.crash_worker(1);
    // Else a client could choose its variant by itself.
    let exchange = proxy.get("/").header(ROUTING, "v2").send();
    assert_eq!(exchange.status(), 503);
    assert!(exchange.try_upstream_request().is_none());
}

/// What `FAIL_OPEN` costs: nobody takes a client's routing header away.
#[tollgate_testkit::test(Canary)]
fn a_vm_that_has_died_decides_nothing_where_requests_may_pass_without_it(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Open);
    start(proxy, json!([on_header()]));
    proxy.crash_worker(1);
    for (request, cluster) in [
        (proxy.get("/").header("x-canary", "always"), "v1"),
        (proxy.get("/").header(ROUTING, "v2"), "v2"),
    ] {
        let exchange = request.send();
        assert_eq!(
            (exchange.status(), exchange.upstream_request().cluster.as_str()),
            (200, cluster)
        );
        assert_eq!(exchange.response().header(common::VARIANT).as_deref(), Some("forged"));
    }
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 0);
}

#[tollgate_testkit::test(Canary)]
fn a_vm_that_is_made_anew_decides_as_the_one_before(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload);
    serve(proxy);
    proxy.configure(rollout(common::split(json!([{ "cookie": "uid" }]), 50, 50)));
    let decide = |proxy: &Proxy| {
        let user = |user: u32| decision(with_cookie(proxy, format!("uid={user}")));
        (0..50).map(user).collect::<Vec<_>>()
    };
    let before = decide(proxy);
    proxy.crash_worker(1);
    assert_eq!(decide(proxy), before);
    proxy.crash_worker(1);
    proxy.advance(Duration::from_secs(2));
    assert_eq!(decide(proxy), before);
    let all = decisions(proxy, "v1", "split").saturating_add(decisions(proxy, "v2", "split"));
    assert_eq!(all, 150);
}

#[tollgate_testkit::test(Canary)]
fn a_vm_that_has_died_does_not_take_the_others_with_it(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, json!([on_header()]));
    proxy.crash_worker(1);
    let request = || proxy.get("/").header("x-canary", "always");
    assert_eq!(request().on_worker(1).send().status(), 503);
    assert_eq!(decision(request().on_worker(2)), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_request_that_is_on_its_way_when_the_vm_dies_is_not_decided_again(proxy: &mut Proxy) {
    start(proxy, json!([on_header()]));
    let exchange = proxy.post("/").header("x-canary", "always").begin();
    assert_eq!(exchange.upstream_request().cluster, "v2");
    proxy.crash_worker(1);
    exchange.end();
    assert_eq!((proxy.requests("v1").len(), proxy.requests("v2").len()), (0, 1));
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 1);
}
