//! Several workers, each with a VM of its own, and several listeners in one VM.

use crate::common::{
    self, DEFAULT, FLAG, MATCHED, decision, decisions, rollout, rollout_with, rule, serve, split,
    start, with_cookie,
};
use serde_json::{Value, json};
use tollgate::bucketing::fractional;
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

const WORKERS: usize = 4;

#[tollgate_testkit::test(Canary)]
fn every_worker_decides_the_same_about_a_user(proxy: &mut Proxy) {
    proxy.workers(WORKERS);
    start(proxy, split(json!([{ "cookie": "uid" }, { "random": true }]), 90, 10));
    for user in (0..100).map(|user| format!("user-{user}")) {
        let expected = match fractional(FLAG.as_bytes(), user.as_bytes(), &[90, 10]) {
            Some(0) => "v1 SPLIT",
            _ => "v2 SPLIT",
        };
        for worker in 1..=WORKERS {
            let request = with_cookie(proxy, format!("uid={user}")).on_worker(worker);
            assert_eq!(decision(request), expected, "{user} on {worker}");
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn every_worker_has_the_rules(proxy: &mut Proxy) {
    proxy.workers(WORKERS);
    start(proxy, rule(json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] })));
    for worker in 1..=WORKERS {
        let cookie = |cookie| decision(with_cookie(proxy, cookie).on_worker(worker));
        assert_eq!((cookie("featureflag=on"), cookie("a=b")), (MATCHED.into(), DEFAULT.into()));
    }
}

#[tollgate_testkit::test(Canary)]
fn the_decisions_of_all_workers_are_counted_together(proxy: &mut Proxy) {
    proxy.workers(WORKERS);
    start(proxy, rule(json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] })));
    for request in 0..20 {
        let cookie = if request < 8 { "featureflag=on" } else { "a=b" };
        decision(with_cookie(proxy, cookie));
    }
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 8);
    assert_eq!(decisions(proxy, "v1", "default"), 12);
}

#[tollgate_testkit::test(Canary)]
fn workers_do_not_draw_the_same_numbers(proxy: &mut Proxy) {
    proxy.workers(2).seed(3);
    start(proxy, split(json!([{ "random": true }]), 50, 50));
    let draw = |worker| {
        let draws = (0..64).map(|_| decision(proxy.get("/").on_worker(worker)));
        draws.collect::<Vec<_>>()
    };
    let (first, second) = (draw(1), draw(2));
    assert_ne!(first, second);
    for draws in [first, second] {
        assert!(draws.contains(&"v1 SPLIT".to_owned()) && draws.contains(&"v2 SPLIT".to_owned()));
    }
}

#[tollgate_testkit::test(Canary)]
fn requests_on_all_workers_at_the_same_time_keep_their_decisions(proxy: &mut Proxy) {
    proxy.workers(WORKERS);
    start(proxy, split(json!([{ "cookie": "uid" }]), 50, 50));
    let begun: Vec<_> = (0..40)
        .map(|user| (user, proxy.post("/").header("cookie", format!("uid={user}")).begin()))
        .collect();
    for (user, exchange) in begun.iter().rev() {
        exchange.end();
        let alone = decision(with_cookie(proxy, format!("uid={user}")));
        assert_eq!(common::decision_on(exchange), alone, "{user}");
    }
}

/// Serves two flags, each at a listener of its own.
#[track_caller]
fn two_listeners(proxy: &mut Proxy, first: Value, second: Value) {
    serve(proxy);
    let configured = proxy.try_configure_listeners([("first", first), ("second", second)]);
    assert_eq!(configured, Ok(()));
}

#[tollgate_testkit::test(Canary)]
fn listeners_in_one_vm_have_their_own_rules(proxy: &mut Proxy) {
    let on_path = |path: &str| rollout(rule(json!({ "path": [{ "exact": path }] })));
    two_listeners(proxy, on_path("/a"), on_path("/b"));
    for (listener, path, expected) in
        [(0, "/a", MATCHED), (0, "/b", DEFAULT), (1, "/a", DEFAULT), (1, "/b", MATCHED)]
    {
        assert_eq!(decision(proxy.get(path).at_listener(listener)), expected, "{listener} {path}");
    }
}

#[tollgate_testkit::test(Canary)]
fn listeners_in_one_vm_count_by_their_own_flag(proxy: &mut Proxy) {
    let all = || json!([{ "name": "all", "variant": "v2" }]);
    two_listeners(proxy, rollout(all()), rollout_with(all(), "flag", json!("other")));
    for _ in 0..3 {
        decision(proxy.get("/"));
        decision(proxy.get("/").at_listener(1));
    }
    decision(proxy.get("/").at_listener(1));
    assert_eq!(decisions(proxy, "v2", "targeting_match"), 3);
    let other = "tollgate.canary.flag=other.reason=targeting_match.variant=v2.decisions";
    assert_eq!(proxy.counter(other), 4);
}

#[tollgate_testkit::test(Canary)]
fn listeners_with_the_same_flag_agree_about_a_user(proxy: &mut Proxy) {
    let by_cookie = rollout(split(json!([{ "cookie": "uid" }]), 50, 50));
    let by_header = rollout(split(json!([{ "header": "x-user-id" }]), 50, 50));
    two_listeners(proxy, by_cookie, by_header);
    for user in (0..50).map(|user| format!("user-{user}")) {
        let by_cookie = with_cookie(proxy, format!("uid={user}"));
        let by_header = proxy.get("/").header("x-user-id", &user).at_listener(1);
        assert_eq!(decision(by_cookie), decision(by_header), "{user}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_configuration_that_is_refused_at_one_listener_names_the_mistake(proxy: &mut Proxy) {
    let wrong = rollout_with(json!([]), "default_variant", json!("v3"));
    let refusal = proxy.try_configure_listeners([("first", rollout(json!([]))), ("second", wrong)]);
    assert!(refusal.is_err_and(|said| said.contains("`default_variant`: found \"v3\"")));
}

#[tollgate_testkit::test(Canary)]
fn no_decision_needs_shared_data_or_a_tick_or_a_call(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, split(json!([{ "cookie": "uid" }, { "random": true }]), 50, 50));
    for user in 0..20 {
        decision(with_cookie(proxy, format!("uid={user}")));
        decision(proxy.get("/"));
    }
    for worker in 0..=2 {
        assert!(proxy.tick_periods(worker).is_empty());
        let costs = if worker > 0 { proxy.costs(worker) } else { None };
        let Some(costs) = costs else { continue };
        for call in ["proxy_get_shared_data", "proxy_set_shared_data", "proxy_http_call"] {
            assert_eq!(costs.total().host_calls.get(call), None, "{call}");
        }
    }
}
