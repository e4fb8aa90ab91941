//! What the client is told of the decision.

use crate::common::{
    REASON, ROUTING, VARIANT, one, rollout, rollout_with, rule, serve, split, start, with_cookie,
};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_canary::Canary;
use tollgate_testkit::{Answer, Exchange, Proxy, Route};

fn rules() -> Value {
    rule(json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] }))
}

/// What the client was told.
#[track_caller]
fn told(exchange: &Exchange) -> (u16, String, String) {
    let response = exchange.response();
    (response.status, one(&response.headers, VARIANT), one(&response.headers, REASON))
}

fn matched(status: u16) -> (u16, String, String) {
    (status, "v2".to_owned(), "TARGETING_MATCH".to_owned())
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_the_variant_and_the_reason(proxy: &mut Proxy) {
    start(proxy, rules());
    assert_eq!(told(&with_cookie(proxy, "featureflag=on").send()), matched(200));
    let default = (200, "v1".to_owned(), "DEFAULT".to_owned());
    assert_eq!(told(&proxy.get("/").send()), default);
}

#[tollgate_testkit::test(Canary)]
fn every_reason_is_told_in_openfeatures_words(proxy: &mut Proxy) {
    serve(proxy);
    let by = json!([{ "header": "x-user-id" }]);
    for (config, expected) in [
        (rollout(json!([])), "STATIC"),
        (rollout(rule(json!({ "path": [{ "exact": "/" }] }))), "TARGETING_MATCH"),
        (rollout(split(by.clone(), 0, 1)), "SPLIT"),
        (rollout(rules()), "DEFAULT"),
        (rollout_with(rules(), "enabled", json!(false)), "DISABLED"),
    ] {
        proxy.configure(config);
        assert_eq!(told(&proxy.get("/").header("x-user-id", "a").send()).2, expected);
    }
    proxy.attribute(&["connection", "mtls"], [9]);
    proxy.configure(rollout(rule(json!({ "peer": [{ "present": true }] }))));
    assert_eq!(told(&proxy.get("/").send()).2, "ERROR");
}

#[tollgate_testkit::test(Canary)]
fn what_an_upstream_says_of_the_variant_is_replaced(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| {
        let forged = Answer::status(200).header(VARIANT, "v1").header("X-Served-Variant", "v3");
        forged.header(REASON, "STATIC").header(REASON, "ERROR")
    });
    proxy.configure(rollout(rules()));
    assert_eq!(told(&with_cookie(proxy, "featureflag=on").send()), matched(200));
}

#[tollgate_testkit::test(Canary)]
fn without_names_of_headers_the_client_is_told_nothing(proxy: &mut Proxy) {
    serve(proxy);
    let mut without = rollout(rules());
    if let Value::Object(fields) = &mut without {
        fields.remove("response");
    }
    for config in [
        without,
        rollout_with(rules(), "response", json!({})),
        rollout_with(rules(), "response", json!({ "variant_header": "", "reason_header": "" })),
    ] {
        proxy.configure(config);
        let response = with_cookie(proxy, "featureflag=on").send().response();
        // What the upstream says is its own business.
        assert_eq!(one(&response.headers, VARIANT), "forged");
        assert_eq!(one(&response.headers, REASON), "forged");
        let says_v2 = |(_, value): (&[u8], &[u8])| value == b"v2" || value == b"TARGETING_MATCH";
        assert!(!response.headers.iter().any(says_v2), "{response:?}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_client_may_be_told_one_of_the_two(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(rules(), "response", json!({ "variant_header": "X-V" })));
    let response = proxy.get("/").send().response();
    assert_eq!(response.header("x-v").as_deref(), Some("v1"));
    assert!(response.headers.iter().all(|(_, value)| value != b"DEFAULT"));
    proxy.configure(rollout_with(rules(), "response", json!({ "reason_header": "X-R" })));
    let response = proxy.get("/").send().response();
    assert_eq!(response.header("x-r").as_deref(), Some("DEFAULT"));
    assert!(response.headers.iter().all(|(_, value)| value != b"v1"));
}

#[tollgate_testkit::test(Canary)]
fn the_routing_header_may_be_the_name_that_the_client_is_told(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(rules(), "response", json!({ "variant_header": ROUTING })));
    let response = with_cookie(proxy, "featureflag=on").send().response();
    assert_eq!(one(&response.headers, ROUTING), "v2");
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_whatever_the_status(proxy: &mut Proxy) {
    serve(proxy);
    for status in [201, 204, 304, 404, 500, 503] {
        proxy.upstream("v2", move |_| Answer::status(status));
        proxy.configure(rollout(rules()));
        assert_eq!(told(&with_cookie(proxy, "featureflag=on").send()), matched(status));
    }
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_when_the_upstream_breaks_off(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::reset());
    proxy.configure(rollout(rules()));
    assert_eq!(told(&with_cookie(proxy, "featureflag=on").send()), matched(503));
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_when_the_upstream_takes_too_long(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::never());
    proxy.configure(rollout(rules()));
    let exchange = with_cookie(proxy, "featureflag=on").send();
    proxy.advance(Duration::from_secs(16));
    assert_eq!(told(&exchange), matched(504));
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_when_there_is_no_route_for_the_variant(proxy: &mut Proxy) {
    proxy.upstream("v1", |_| Answer::status(200)).route(Route::to("v1").header(ROUTING, "v1"));
    proxy.configure(rollout(rules()));
    let exchange = with_cookie(proxy, "featureflag=on").send();
    assert_eq!(told(&exchange), matched(404));
    assert_eq!(exchange.details(), "route_not_found");
    assert_eq!(told(&proxy.get("/").send()).0, 200);
}

#[tollgate_testkit::test(Canary)]
fn the_client_is_told_when_the_cluster_of_the_variant_is_gone(proxy: &mut Proxy) {
    proxy.route(Route::to("gone").header(ROUTING, "v2")).route(Route::to("upstream"));
    proxy.configure(rollout(rules()));
    assert_eq!(told(&with_cookie(proxy, "featureflag=on").send()), matched(503));
}

#[tollgate_testkit::test(Canary)]
fn a_grpc_call_is_decided_and_answered_like_any_other(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::grpc("pong")).speaks_http2("v2");
    proxy.upstream("v1", |_| Answer::grpc_status(14, "gone")).speaks_http2("v1");
    proxy.configure(rollout(rules()));
    let exchange =
        proxy.post("/Service/Call").grpc("ping").header("cookie", "featureflag=on").send();
    assert_eq!(told(&exchange), matched(200));
    assert_eq!(exchange.response().trailers.get("grpc-status"), Some(&b"0"[..]));
    let exchange = proxy.post("/Service/Call").grpc("ping").send();
    assert_eq!(told(&exchange), (200, "v1".to_owned(), "DEFAULT".to_owned()));
    assert_eq!(exchange.response().header("grpc-status").as_deref(), Some("14"));
}

#[tollgate_testkit::test(Canary)]
fn a_streamed_response_passes_as_it_comes(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| {
        let second = Duration::from_secs(1);
        Answer::status(200).head().wait(second).body("one ").wait(second).body("two")
    });
    proxy.configure(rollout(rules()));
    let exchange = with_cookie(proxy, "featureflag=on").send();
    let so_far = || exchange.try_response().map(|it| (it.header(VARIANT), it.text()));
    assert_eq!(so_far(), Some((Some("v2".to_owned()), String::new())));
    proxy.advance(Duration::from_millis(1500));
    assert_eq!(so_far(), Some((Some("v2".to_owned()), "one ".to_owned())));
    proxy.advance(Duration::from_secs(1));
    assert_eq!(exchange.response().text(), "one two");
}

#[tollgate_testkit::test(Canary)]
fn the_answer_to_head_is_told_too(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::status(200));
    proxy.configure(rollout(rules()));
    let request = proxy.request("HEAD", "/").header("cookie", "featureflag=on");
    assert_eq!(told(&request.send()), matched(200));
}

#[tollgate_testkit::test(Canary)]
fn an_upstreams_other_headers_pass_unchanged(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v1", |_| {
        let answer = Answer::status(200).header("set-cookie", "a=1").header("set-cookie", "b=2");
        answer.header("x-bytes", b"\xff\xfe").body("body")
    });
    proxy.configure(rollout(rules()));
    let response = proxy.get("/").send().response();
    let cookies: Vec<_> = response.headers.get_all("set-cookie").collect();
    assert_eq!(cookies, [b"a=1", b"b=2"]);
    assert_eq!(response.headers.get("x-bytes"), Some(&b"\xff\xfe"[..]));
    assert_eq!(response.text(), "body");
}
