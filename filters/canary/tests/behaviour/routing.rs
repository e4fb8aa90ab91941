//! The routing header: it is the filter's alone, and the route is chosen by it.

use crate::common::{
    self, DEFAULT, MATCHED, ROUTING, decision, one, rollout, rollout_with, rule, serve, start,
    with_cookie,
};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::{Answer, Proxy, Request, Route};

fn rules() -> Value {
    rule(json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] }))
}

/// The same request with every way to send a routing header of one's own.
fn spoofed(request: impl Fn() -> Request) -> Vec<Request> {
    let lines = |lines: &[(&str, &[u8])]| {
        lines.iter().fold(request(), |request, (name, value)| request.header(name, value))
    };
    let large = vec![b'v'; 60_000];
    let mut requests = vec![
        lines(&[(ROUTING, b"v2")]),
        lines(&[(ROUTING, b"v1")]),
        lines(&[(ROUTING, b"")]),
        lines(&[(ROUTING, b"v3")]),
        lines(&[(ROUTING, b"v2"), (ROUTING, b"v2"), (ROUTING, b"v1")]),
        lines(&[("X-Tollgate-Variant", b"v2")]),
        lines(&[("X-TOLLGATE-VARIANT", b"v2"), (ROUTING, b"v2"), ("x-Tollgate-variant", b"v3")]),
        lines(&[(ROUTING, b"v2, v2")]),
        lines(&[(ROUTING, b"v2,v1")]),
        lines(&[(ROUTING, b" v2 ")]),
        lines(&[(ROUTING, b"\xff\xfe")]),
        lines(&[(ROUTING, &large)]),
        lines(&[("connection", ROUTING.as_bytes()), (ROUTING, b"v2")]),
    ];
    requests.push((0..500).fold(request(), |request, _| request.header(ROUTING, "v2")));
    requests
}

/// Checks that a client's routing header changes nothing about what is decided.
#[track_caller]
fn check(proxy: &Proxy, cookie: &str, expected: &str) {
    let over_http1 = || with_cookie(proxy, cookie);
    let over_http2 = || with_cookie(proxy, cookie).http2();
    for request in spoofed(over_http1).into_iter().chain(spoofed(over_http2)) {
        assert_eq!(decision(request), expected);
    }
    assert_eq!(common::failures(proxy), 0);
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_decide_when_no_rule_does(proxy: &mut Proxy) {
    start(proxy, rules());
    check(proxy, "theme=dark", DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_overrule_a_rule(proxy: &mut Proxy) {
    start(proxy, rules());
    check(proxy, "featureflag=on", MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_decide_without_rules(proxy: &mut Proxy) {
    start(proxy, json!([]));
    check(proxy, "featureflag=on", "v1 STATIC");
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_decide_while_the_rollout_is_disabled(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(rules(), "enabled", json!(false)));
    check(proxy, "featureflag=on", "v1 DISABLED");
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_overrule_a_split(proxy: &mut Proxy) {
    start(proxy, common::split(json!([{ "cookie": "uid" }]), 1, 0));
    check(proxy, "uid=a", "v1 SPLIT");
}

#[tollgate_testkit::test(Canary)]
fn a_clients_routing_header_does_not_decide_when_a_fact_cannot_be_read(proxy: &mut Proxy) {
    proxy.attribute(&["connection", "peer_certificate_valid"], [7]);
    start(proxy, rule(json!({ "peer": [{ "present": false }] })));
    check(proxy, "featureflag=on", "v1 ERROR");
}

#[tollgate_testkit::test(Canary)]
fn a_routing_header_that_a_client_hides_in_trailers_stays_there(proxy: &mut Proxy) {
    start(proxy, rules());
    let exchange = proxy.post("/").http2().chunk("a").trailers([(ROUTING, "v2")]).send();
    assert_eq!(common::decision_on(&exchange), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn a_header_that_only_looks_like_the_routing_header_passes(proxy: &mut Proxy) {
    start(proxy, rules());
    for name in ["x-tollgate-variant-2", "x_tollgate_variant", "tollgate-variant"] {
        let exchange = proxy.get("/").header(name, "v2").send();
        assert_eq!(common::decision_on(&exchange), DEFAULT, "{name}");
        assert_eq!(exchange.upstream_request().header(name).as_deref(), Some("v2"), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_route_is_chosen_by_the_decision_and_not_by_what_the_client_sent(proxy: &mut Proxy) {
    start(proxy, rules());
    // Before the filter the route was v2's; after it, it is v1's. And the other way round.
    let exchange = proxy.get("/").header(ROUTING, "v2").send();
    assert_eq!(exchange.upstream_request().cluster, "v1");
    let exchange = with_cookie(proxy, "featureflag=on").header(ROUTING, "v1").send();
    assert_eq!(exchange.upstream_request().cluster, "v2");
    assert_eq!((proxy.requests("v1").len(), proxy.requests("v2").len()), (1, 1));
}

#[tollgate_testkit::test(Canary)]
fn a_route_for_every_variant_is_taken(proxy: &mut Proxy) {
    let variants = ["v1", "v2", "v3"];
    for variant in variants {
        proxy.upstream(variant, |_| Answer::status(200));
        proxy.route(Route::to(variant).header(ROUTING, variant));
    }
    let rule = |variant: &&str| json!({ "name": variant, "match": { "path": [{ "suffix": variant }] }, "variant": variant });
    let mut config = rollout(variants.iter().map(rule).collect());
    config["variants"] = json!(variants);
    proxy.configure(config);
    for variant in variants {
        let exchange = proxy.get(&format!("/{variant}")).send();
        assert_eq!(exchange.upstream_request().cluster, variant);
    }
}

#[tollgate_testkit::test(Canary)]
fn the_routing_header_may_have_any_name_in_any_case(proxy: &mut Proxy) {
    proxy.upstream("v2", |_| Answer::status(200)).upstream("v1", |_| Answer::status(200));
    for name in ["X-Version", "x-version", "X-VERSION", "version", "x_version", "x-envoy-variant"] {
        proxy.route(Route::to("v2").header(name, "v2"));
        proxy.configure(rollout_with(rules(), "routing_header", json!(name)));
        let exchange = with_cookie(proxy, "featureflag=on").header(name, "v1").send();
        let seen = exchange.upstream_request();
        assert_eq!(
            (seen.cluster.as_str(), one(&seen.headers, name).as_str()),
            ("v2", "v2"),
            "{name}"
        );
    }
}

#[tollgate_testkit::test(Canary)]
fn everything_else_of_a_request_stays_as_it_was(proxy: &mut Proxy) {
    start(proxy, rules());
    let request = proxy.post("/vote?a=b").host("vote.example").header("x-a", b"\xff").body("x");
    let exchange = request.header("x-a", "2").header("accept", "*/*").send();
    let seen = exchange.upstream_request();
    let header = |name| seen.headers.get_all(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(header(":path"), [b"/vote?a=b"]);
    assert_eq!(header(":method"), [b"POST"]);
    assert_eq!(header(":authority"), [b"vote.example"]);
    assert_eq!(header("x-a"), [&b"\xff"[..], b"2"]);
    assert_eq!(header("accept"), [b"*/*"]);
    assert_eq!(seen.body, b"x");
}

#[tollgate_testkit::test(Canary)]
fn requests_at_the_same_time_do_not_get_each_others_decision(proxy: &mut Proxy) {
    serve(proxy);
    for version in ["v1", "v2"] {
        proxy.upstream(version, move |_| Answer::status(200).body(version).when_told());
    }
    proxy.configure(rollout(rules()));
    let cookies = ["featureflag=on", "featureflag=off"];
    let exchanges: Vec<_> = cookies.iter().cycle().take(40).collect();
    let exchanges: Vec<_> =
        exchanges.into_iter().map(|cookie| (cookie, with_cookie(proxy, cookie).send())).collect();
    // The later ones are answered first.
    assert!(proxy.tell("v2"));
    assert!(proxy.tell("v1"));
    for (cookie, exchange) in exchanges {
        let expected = if *cookie == "featureflag=on" { MATCHED } else { DEFAULT };
        assert_eq!(common::decision_on(&exchange), expected);
    }
}

#[tollgate_testkit::test(Canary)]
fn a_client_that_leaves_early_was_counted_once(proxy: &mut Proxy) {
    serve(proxy);
    proxy.upstream("v2", |_| Answer::never());
    proxy.configure(rollout(rules()));
    let exchange = with_cookie(proxy, "featureflag=on").send();
    exchange.leave();
    let exchange = with_cookie(proxy, "featureflag=on").begin();
    exchange.leave();
    assert_eq!(common::decisions(proxy, "v2", "targeting_match"), 2);
    assert_eq!(common::failures(proxy), 0);
    assert_eq!(decision(proxy.get("/")), DEFAULT);
}
