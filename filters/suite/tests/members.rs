//! Members together: their order, what one finds out for those behind it, answers and pauses of one that
//! concern the others.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{
    OPEN, aborts, breaker, canary, canary_by_cookie, counter, delays, forged_token, gauge, get,
    jwt_auth, limit, served, start, start_shop, token,
};
use serde_json::json;
use std::time::Duration;
use tollgate_suite::Suite;
use tollgate_testkit::abi::Status;
use tollgate_testkit::{FailurePolicy, Proxy};

const ABORT: &str = "x-envoy-fault-abort-request";

#[tollgate_testkit::test(Suite)]
fn a_request_without_a_token_reaches_no_member_behind_and_no_upstream(proxy: &mut Proxy) {
    start_shop(proxy);
    let denied = proxy.get("/").header(ABORT, "503").send().response();
    assert_eq!((denied.status, denied.text().as_str()), (401, "Jwt is missing"));
    assert_eq!(denied.header("x-served-by"), None, "canary has decided nothing");
    assert_eq!(served(proxy), (0, 0));
    assert_eq!(counter(proxy, "jwt_auth.denied"), 1);
    assert_eq!(counter(proxy, "fault.aborts_injected"), 0);
    let names = proxy.metrics();
    assert!(names.names().all(|(_, name)| !name.ends_with("in_flight")), "no breaker saw it");
}

#[tollgate_testkit::test(Suite)]
fn verified_claims_reach_canary_without_a_header(proxy: &mut Proxy) {
    start_shop(proxy);
    let exchange = get(proxy, "/", &["staff", "internal"]).send();
    assert_eq!(exchange.status(), 200);
    assert_eq!(served(proxy), (0, 1));
    let seen = exchange.upstream_request();
    assert_eq!(seen.header_values("x-variant"), ["v2"]);
    let has_groups = |value: &[u8]| String::from_utf8_lossy(value).contains("internal");
    assert!(seen.headers.iter().all(|(_, value)| !has_groups(value)), "no header has them");
}

#[tollgate_testkit::test(Suite)]
fn claims_reach_canary_also_if_the_token_goes_no_further(proxy: &mut Proxy) {
    let mut jwt_auth = jwt_auth();
    jwt_auth["jwt_auth"]["providers"]["accounts"]["forward"] = json!(false);
    start(proxy, [jwt_auth, canary()]);
    let seen = get(proxy, "/", &["internal"]).send().upstream_request();
    assert_eq!((seen.cluster.as_str(), seen.header("authorization")), ("new", None));
}

#[tollgate_testkit::test(Suite)]
fn what_a_client_says_about_itself_decides_nothing(proxy: &mut Proxy) {
    start_shop(proxy);
    let exchange = get(proxy, "/", &["staff"]).header("x-variant", "v2").send();
    assert_eq!(exchange.upstream_request().header_values("x-variant"), ["v1"]);
    assert_eq!(served(proxy), (1, 0));
}

#[tollgate_testkit::test(Suite)]
fn claims_are_those_of_their_own_request(proxy: &mut Proxy) {
    start_shop(proxy);
    for groups in [&["internal"][..], &[], &["internal"], &["staff"]] {
        assert_eq!(get(proxy, "/", groups).on_worker(1).send().status(), 200);
    }
    assert_eq!(served(proxy), (2, 2));
}

#[tollgate_testkit::test(Suite)]
fn claims_of_a_token_that_is_not_genuine_reach_nobody(proxy: &mut Proxy) {
    start_shop(proxy);
    let token = forged_token(&json!({ "groups": ["internal"] }));
    let denied = proxy.get("/").header("authorization", format!("Bearer {token}")).send();
    assert_eq!(
        (denied.status(), denied.response().text().as_str()),
        (401, "Jwt verification fails")
    );
    assert_eq!(served(proxy), (0, 0));
}

#[tollgate_testkit::test(Suite)]
fn claims_reach_no_member_in_front(proxy: &mut Proxy) {
    start(proxy, [canary(), jwt_auth()]);
    assert_eq!(get(proxy, "/", &["internal"]).send().status(), 200);
    assert_eq!(served(proxy), (1, 0), "canary decides before there are any");
}

#[tollgate_testkit::test(Suite)]
fn canary_without_jwt_auth_has_no_claims(proxy: &mut Proxy) {
    start(proxy, [canary()]);
    assert_eq!(get(proxy, "/", &["internal"]).send().status(), 200);
    assert_eq!(served(proxy), (1, 0));
}

#[tollgate_testkit::test(Suite)]
fn claims_reach_members_behind_one_that_waits(proxy: &mut Proxy) {
    start(proxy, [jwt_auth(), delays("2s"), canary()]);
    let exchanges = [get(proxy, "/", &["internal"]).send(), get(proxy, "/", &[]).send()];
    proxy.advance(Duration::from_secs(2));
    exchanges.iter().for_each(|it| assert_eq!(it.status(), 200));
    let [internal, other] = exchanges.map(|it| it.upstream_request().header("x-variant"));
    assert_eq!((internal.as_deref(), other.as_deref()), (Some("v2"), Some("v1")));
    assert_eq!(served(proxy), (1, 1));
}

#[tollgate_testkit::test(Suite)]
fn a_fault_behind_jwt_auth_is_for_requests_with_a_token(proxy: &mut Proxy) {
    start(proxy, [jwt_auth(), aborts()]);
    assert_eq!(proxy.get("/").header(ABORT, "418").send().status(), 401);
    assert_eq!(get(proxy, "/", &[]).header(ABORT, "418").send().status(), 418);
}

#[tollgate_testkit::test(Suite)]
fn a_fault_in_front_of_jwt_auth_is_for_every_request(proxy: &mut Proxy) {
    start(proxy, [aborts(), jwt_auth()]);
    assert_eq!(proxy.get("/").header(ABORT, "418").send().status(), 418);
    assert_eq!(counter(proxy, "jwt_auth.denied"), 0);
    assert_eq!(proxy.get("/").send().status(), 401);
}

#[tollgate_testkit::test(Suite)]
fn an_abort_is_no_failure_of_the_upstream(proxy: &mut Proxy) {
    start_shop(proxy);
    for _ in 0..5 {
        let answer = get(proxy, "/", &[]).header(ABORT, "503").send().response();
        assert_eq!((answer.status, answer.text().as_str()), (503, "fault filter abort"));
        assert_eq!(answer.details, "fault_filter_abort");
    }
    assert_eq!(served(proxy), (0, 0));
    assert_eq!(counter(proxy, "fault.aborts_injected"), 5);
    assert_eq!(get(proxy, "/", &[]).send().status(), 200);
}

#[tollgate_testkit::test(Suite)]
fn an_abort_behind_the_breaker_is_no_failure_and_gives_its_place_back(proxy: &mut Proxy) {
    let with_limit = json!({ "circuit_breaker": {
        "connectionPool": { "http": { "http2MaxRequests": 1 } },
        "outlierDetection": { "consecutive5xxErrors": 2 },
    } });
    start(proxy, [with_limit, aborts()]);
    for _ in 0..5 {
        let answer = proxy.get("/").header(ABORT, "503").send();
        assert_eq!(answer.details(), "fault_filter_abort");
        assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 0);
    }
    assert_eq!(gauge(proxy, "circuit_breaker.old.state"), 0);
    assert_eq!(proxy.get("/").send().status(), 200);
}

#[tollgate_testkit::test(Suite)]
fn a_probe_that_another_member_answers_lets_another_one_in(proxy: &mut Proxy) {
    start(proxy, [breaker(), aborts()]);
    let get = |path: &str| proxy.get(path).header("x-variant", "v1");
    assert_eq!([get("/500").send().status(), get("/500").send().status()], [500, 500]);
    proxy.advance(Duration::from_secs(60));
    assert_eq!(get("/").header(ABORT, "503").send().details(), "fault_filter_abort");
    assert_eq!(gauge(proxy, "circuit_breaker.v1.state"), 1);
    assert_eq!(get("/").send().status(), 200);
    assert_eq!(gauge(proxy, "circuit_breaker.v1.state"), 0);
    assert_eq!(counter(proxy, "circuit_breaker.v1.probes"), 2);
}

/// In one filter the breaker cannot see the cluster of the route that canary's header leads to: Envoy has
/// not chosen it yet (envoy#20157). So its key is that header.
#[tollgate_testkit::test(Suite)]
fn the_breaker_of_one_version_opens_and_the_other_version_goes_on(proxy: &mut Proxy) {
    start_shop(proxy);
    for _ in 0..2 {
        assert_eq!(get(proxy, "/500", &["internal"]).send().status(), 500);
    }
    let open = get(proxy, "/", &["internal"]).send().response();
    assert_eq!((open.status, open.text().as_str()), (503, OPEN));
    assert_eq!(served(proxy), (0, 2));
    assert_eq!(get(proxy, "/", &["staff"]).send().status(), 200);
    assert_eq!(gauge(proxy, "circuit_breaker.v2.state"), 2);
    assert_eq!(gauge(proxy, "circuit_breaker.v1.state"), 0);
}

#[tollgate_testkit::test(Suite)]
fn an_answer_of_a_member_passes_those_in_front_as_a_response(proxy: &mut Proxy) {
    start_shop(proxy);
    for _ in 0..2 {
        get(proxy, "/500", &["internal"]).send();
    }
    let refused = get(proxy, "/", &["internal"]).send().response();
    assert_eq!(refused.text(), OPEN);
    assert_eq!(refused.header("x-served-by").as_deref(), Some("v2"));
    let aborted = get(proxy, "/", &[]).header(ABORT, "418").send().response();
    assert_eq!((aborted.status, aborted.header("x-served-by").as_deref()), (418, Some("v1")));
}

#[tollgate_testkit::test(Suite)]
fn responses_pass_the_members_in_reverse(proxy: &mut Proxy) {
    let members = [canary_by_cookie("x-variant", "first"), canary_by_cookie("x-other", "second")];
    start(proxy, members);
    let response = proxy.get("/").header("cookie", "first=on").send().response();
    assert_eq!(
        response.header("x-served-by").as_deref(),
        Some("v2"),
        "the first has the last word"
    );
    let response = proxy.get("/").header("cookie", "second=on").send().response();
    assert_eq!(response.header("x-served-by").as_deref(), Some("v1"));
}

#[tollgate_testkit::test(Suite)]
fn a_member_that_waits_holds_the_request_for_those_behind(proxy: &mut Proxy) {
    start(proxy, [delays("3s"), limit(2)]);
    let delayed = [proxy.get("/").send(), proxy.get("/").send()];
    assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 0);
    assert_eq!(served(proxy), (0, 0));
    proxy.advance(Duration::from_secs(3));
    delayed.iter().for_each(|it| assert_eq!(it.status(), 200));
    assert_eq!(counter(proxy, "fault.delays_injected"), 2);
}

#[tollgate_testkit::test(Suite)]
fn a_request_that_waits_has_its_place_in_members_in_front(proxy: &mut Proxy) {
    start(proxy, [limit(1), delays("3s")]);
    let delayed = proxy.get("/").send();
    assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 1);
    assert_eq!(proxy.get("/").send().details(), "circuit_breaker_overflow");
    proxy.advance(Duration::from_secs(3));
    assert_eq!(delayed.status(), 200);
    assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 0);
}

#[tollgate_testkit::test(Suite)]
fn a_client_that_leaves_while_a_member_waits_gives_every_place_back(proxy: &mut Proxy) {
    start(proxy, [limit(1), delays("3s"), canary()]);
    let active = "fault.plugin=plugin.active_faults";
    let delayed = proxy.get("/").send();
    assert_eq!((gauge(proxy, "circuit_breaker.old.in_flight"), gauge(proxy, active)), (1, 1));
    delayed.leave();
    assert_eq!((gauge(proxy, "circuit_breaker.old.in_flight"), gauge(proxy, active)), (0, 0));
    proxy.advance(Duration::from_secs(3));
    assert_eq!(served(proxy), (0, 0));
}

#[tollgate_testkit::test(Suite)]
fn delays_of_several_members_add_up(proxy: &mut Proxy) {
    start(proxy, [delays("2s"), delays("3s")]);
    let exchange = proxy.get("/").send();
    proxy.advance(Duration::from_millis(4999));
    assert!(exchange.try_upstream_request().is_none());
    proxy.advance(Duration::from_millis(2));
    assert_eq!(exchange.status(), 200);
    assert_eq!(counter(proxy, "fault.delays_injected"), 2);
}

#[tollgate_testkit::test(Suite)]
fn members_of_one_kind_have_a_count_of_active_faults_each(proxy: &mut Proxy) {
    start(proxy, [delays("2s"), delays("3s")]);
    proxy.get("/").send();
    let active = |plugin| gauge(proxy, &format!("fault.plugin={plugin}.active_faults"));
    assert_eq!((active("plugin"), active("plugin_2")), (1, 0));
    proxy.advance(Duration::from_millis(2001));
    assert_eq!((active("plugin"), active("plugin_2")), (0, 1));
    proxy.advance(Duration::from_millis(3001));
    assert_eq!((active("plugin"), active("plugin_2")), (0, 0));
}

#[tollgate_testkit::test(Suite)]
fn several_canaries_decide_each_for_its_own_header(proxy: &mut Proxy) {
    let members = [canary_by_cookie("x-variant", "first"), canary_by_cookie("x-other", "second")];
    start(proxy, members);
    let exchange = proxy.get("/").header("cookie", "first=on").send();
    let seen = exchange.upstream_request();
    assert_eq!(seen.header_values("x-variant"), ["v2"]);
    assert_eq!(seen.header_values("x-other"), ["v1"]);
    assert_eq!(served(proxy), (0, 1));
}

#[tollgate_testkit::test(Suite)]
fn several_breakers_have_to_agree(proxy: &mut Proxy) {
    start(proxy, [limit(5), breaker()]);
    let get = |path: &str| proxy.get(path).header("x-variant", "v1");
    let held = [(); 5].map(|()| get("/held").send());
    assert_eq!(get("/").send().details(), "circuit_breaker_overflow");
    assert_eq!(gauge(proxy, "circuit_breaker.v1.in_flight"), 5, "which it did not reach");
    proxy.tell("old");
    held.iter().for_each(|it| assert_eq!(it.status(), 200));

    assert_eq!([get("/500").send().status(), get("/500").send().status()], [500, 500]);
    assert_eq!(get("/").send().details(), "circuit_breaker_open");
    assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 0, "its place is given back");
}

#[tollgate_testkit::test(Suite)]
fn several_jwt_auths_have_to_agree(proxy: &mut Proxy) {
    let mut stricter = jwt_auth();
    stricter["jwt_auth"]["providers"]["accounts"]["audiences"] = json!(["shop"]);
    start(proxy, [jwt_auth(), stricter]);
    assert_eq!(get(proxy, "/", &[]).send().status(), 403);
    let token = token(&json!({ "aud": "shop" }));
    let exchange = proxy.get("/").header("authorization", format!("Bearer {token}")).send();
    assert_eq!(exchange.status(), 200);
    assert_eq!((counter(proxy, "jwt_auth.allowed"), counter(proxy, "jwt_auth.denied")), (3, 1));
}

#[tollgate_testkit::test(Suite)]
fn any_member_may_be_alone(proxy: &mut Proxy) {
    for member in [jwt_auth(), canary(), aborts(), breaker()] {
        let name = member.to_string();
        start(proxy, [member]);
        assert_eq!(get(proxy, "/", &[]).send().status(), 200, "{name}");
    }
}

#[tollgate_testkit::test(Suite)]
fn a_member_counts_under_its_own_name(proxy: &mut Proxy) {
    start_shop(proxy);
    get(proxy, "/", &["internal"]).send();
    let decisions = "canary.flag=shop.reason=targeting_match.variant=v2.decisions";
    for (name, count) in [("jwt_auth.allowed", 1), (decisions, 1), ("jwt_auth.denied", 0)] {
        assert_eq!(counter(proxy, name), count, "{name}");
    }
}

#[tollgate_testkit::test(Suite)]
fn bodies_and_trailers_pass_all_members(proxy: &mut Proxy) {
    proxy.workers(1);
    start(proxy, [jwt_auth(), canary(), aborts(), breaker(), delays("1s")]);
    let token = token(&json!({}));
    let request = proxy.post("/").header("authorization", format!("Bearer {token}"));
    let exchange = request.chunk("a body ").chunk("in parts").trailers([("x-end", "1")]).send();
    proxy.advance(Duration::from_secs(1));
    assert_eq!(exchange.status(), 200);
    let seen = exchange.upstream_request();
    assert_eq!(seen.body, b"a body in parts");
    assert_eq!(seen.trailers.get("x-end"), Some(&b"1"[..]));
}

#[tollgate_testkit::test(Suite)]
fn a_grpc_caller_is_answered_in_grpc_by_any_member(proxy: &mut Proxy) {
    start_shop(proxy);
    let denied = proxy.post("/shop.Cart/Get").grpc("").send().response();
    assert_eq!((denied.status, denied.header("grpc-status").as_deref()), (200, Some("16")));
    assert_eq!(denied.header("grpc-message").as_deref(), Some("Jwt is missing"));
    let token = token(&json!({}));
    let call = proxy.post("/shop.Cart/Get").header("authorization", format!("Bearer {token}"));
    let aborted = call.header("x-envoy-fault-abort-grpc-request", "8").grpc("").send().response();
    assert_eq!(aborted.header("grpc-status").as_deref(), Some("8"));
}

/// Canary lets pass what it fails on, and so do the others behind it.
#[tollgate_testkit::test(Suite)]
fn a_member_that_fails_is_dealt_with_by_its_own_policy(proxy: &mut Proxy) {
    proxy.host(|host| {
        host.set_foreign_function("clear_route_cache", |_| Err(Status::INTERNAL_FAILURE));
    });
    start_shop(proxy);
    assert_eq!(get(proxy, "/", &["internal"]).send().status(), 200);
    assert_eq!(counter(proxy, "canary.failures"), 1);
    assert_eq!(proxy.get("/").send().status(), 401, "jwt_auth goes on");
    let aborted = get(proxy, "/", &[]).header(ABORT, "418").send();
    assert_eq!(aborted.status(), 418, "and so does fault, behind the one that failed");
    assert_eq!(counter(proxy, "canary.failures"), 2);
    for name in ["jwt_auth.failures", "fault.failures", "circuit_breaker.failures"] {
        assert_eq!(counter(proxy, name), 0, "{name}");
    }
}

#[tollgate_testkit::test(Suite)]
fn a_vm_that_dies_takes_no_place_for_good(proxy: &mut Proxy) {
    proxy.workers(2).failure_policy(FailurePolicy::Reload);
    start(proxy, [jwt_auth(), limit(2)]);
    for _ in 0..2 {
        get(proxy, "/never", &[]).on_worker(1).send();
    }
    proxy.crash_worker(1);
    let refused = get(proxy, "/", &[]).on_worker(2).send();
    assert_eq!(refused.details(), "circuit_breaker_overflow");
    assert_eq!(proxy.get("/").on_worker(1).send().status(), 401, "the new VM refuses as the old");
    proxy.advance(Duration::from_secs(7));
    assert_eq!(get(proxy, "/", &[]).on_worker(2).send().status(), 200);
    assert_eq!(gauge(proxy, "circuit_breaker.old.in_flight"), 0);
}

#[tollgate_testkit::test(Suite)]
fn the_state_of_a_breaker_survives_a_new_configuration(proxy: &mut Proxy) {
    start_shop(proxy);
    for _ in 0..2 {
        get(proxy, "/500", &["internal"]).send();
    }
    proxy.configure(common::suite([jwt_auth(), canary(), breaker()]));
    assert_eq!(get(proxy, "/", &["internal"]).send().response().text(), OPEN);
    assert_eq!(get(proxy, "/", &[]).send().status(), 200);
}
