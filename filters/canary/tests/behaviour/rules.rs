//! Which rule decides, and what is decided when none does.

use crate::common::{
    self, DEFAULT, MATCHED, ROUTING, decision, one, rollout, rollout_with, serve, start,
    with_cookie,
};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// The README's rules: by header, never by header, by cookie, and ten percent of the users.
fn rules() -> Value {
    let on_header = |name: &str, value: &str, variant: &str| {
        let condition = json!({ "headers": [{ "name": "x-canary", "exact": value }] });
        json!({ "name": name, "match": condition, "variant": variant })
    };
    json!([
        on_header("override-by-header", "always", "v2"),
        on_header("never-by-header", "never", "v1"),
        {
            "name": "feature-flag-cookie",
            "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
            "variant": "v2",
        },
        { "name": "ten-percent", "split": {
            "by": [{ "cookie": "uid" }, { "header": "x-user-id" }],
            "weights": { "v1": 0, "v2": 10 },
        } },
    ])
}

#[tollgate_testkit::test(Canary)]
fn the_first_rule_that_matches_decides(proxy: &mut Proxy) {
    start(proxy, rules());
    let never = || with_cookie(proxy, "featureflag=on; uid=a").header("x-canary", "never");
    assert_eq!(decision(never()), "v1 TARGETING_MATCH");
    assert_eq!(decision(never().header("x-canary", "always")), MATCHED);
    assert_eq!(decision(with_cookie(proxy, "featureflag=on; uid=a")), MATCHED);
    assert_eq!(decision(with_cookie(proxy, "featureflag=off; uid=a")), "v2 SPLIT");
    assert_eq!(decision(with_cookie(proxy, "featureflag=off")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn the_order_of_rules_is_theirs_in_the_configuration(proxy: &mut Proxy) {
    let Value::Array(mut reversed) = rules() else { return };
    reversed.reverse();
    start(proxy, Value::Array(reversed));
    let all = || with_cookie(proxy, "featureflag=on; uid=a").header("x-canary", "never");
    assert_eq!(decision(all()), "v2 SPLIT");
    let without_user = with_cookie(proxy, "featureflag=on").header("x-canary", "never");
    assert_eq!(decision(without_user), MATCHED);
    let both = proxy.get("/").header("x-canary", "always").header("x-canary", "never");
    assert_eq!(decision(both), "v1 TARGETING_MATCH");
}

#[tollgate_testkit::test(Canary)]
fn a_rule_without_a_match_is_about_every_request(proxy: &mut Proxy) {
    start(proxy, json!([{ "name": "all", "variant": "v2" }]));
    assert_eq!(decision(proxy.get("/")), MATCHED);
    assert_eq!(decision(proxy.post("/a").http2().header("x-canary", "never")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn rules_behind_one_that_always_decides_are_not_reached(proxy: &mut Proxy) {
    start(proxy, json!([{ "name": "all", "variant": "v2" }, { "name": "rest", "variant": "v1" }]));
    assert_eq!(decision(proxy.get("/")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_rule_may_give_the_default_variant(proxy: &mut Proxy) {
    start(proxy, json!([{ "name": "all", "variant": "v1" }]));
    assert_eq!(decision(proxy.get("/")), "v1 TARGETING_MATCH");
}

#[tollgate_testkit::test(Canary)]
fn a_request_that_no_rule_is_about_gets_the_default_variant(proxy: &mut Proxy) {
    start(proxy, rules());
    assert_eq!(decision(proxy.get("/")), DEFAULT);
    proxy.configure(rollout_with(rules(), "default_variant", json!("v2")));
    assert_eq!(decision(proxy.get("/")), "v2 DEFAULT");
}

#[tollgate_testkit::test(Canary)]
fn the_default_variant_need_not_be_the_first(proxy: &mut Proxy) {
    serve(proxy);
    let mut config = rollout(rules());
    for (variants, default) in [(["v1", "v2"], "v2"), (["v2", "v1"], "v1"), (["v2", "v1"], "v2")] {
        config["variants"] = json!(variants);
        config["default_variant"] = json!(default);
        proxy.configure(config.clone());
        assert_eq!(decision(proxy.get("/")), format!("{default} DEFAULT"));
        assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
    }
}

#[tollgate_testkit::test(Canary)]
fn without_rules_the_decision_is_static(proxy: &mut Proxy) {
    start(proxy, json!([]));
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), "v1 STATIC");
    let mut config = rollout(json!([]));
    if let Value::Object(fields) = &mut config {
        fields.remove("rules");
    }
    proxy.configure(config);
    assert_eq!(decision(proxy.get("/")), "v1 STATIC");
}

#[tollgate_testkit::test(Canary)]
fn the_kill_switch_gives_everyone_the_default_variant(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(rules(), "enabled", json!(false)));
    for request in [
        proxy.get("/"),
        with_cookie(proxy, "featureflag=on"),
        with_cookie(proxy, "uid=a"),
        proxy.get("/").header("x-canary", "always"),
        proxy.get("/").http2().header(ROUTING, "v2"),
    ] {
        assert_eq!(decision(request), "v1 DISABLED");
    }
    assert_eq!(common::decisions(proxy, "v1", "disabled"), 5);
}

#[tollgate_testkit::test(Canary)]
fn a_rollout_without_rules_can_be_disabled(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(json!([]), "enabled", json!(false)));
    assert_eq!(decision(proxy.get("/")), "v1 DISABLED");
}

#[tollgate_testkit::test(Canary)]
fn a_rollout_is_enabled_unless_it_is_said(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(rollout_with(rules(), "enabled", json!(true)));
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
    proxy.configure(rollout(rules()));
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_variant_may_be_any_visible_text(proxy: &mut Proxy) {
    serve(proxy);
    for variant in ["v2.1-rc+7", "a=b;c", "\"quoted\"", "{}", "~!@#$%^&*()", &"v".repeat(1000)] {
        let mut config = rollout(json!([{ "name": "all", "variant": variant }]));
        config["variants"] = json!(["v1", variant]);
        proxy.configure(config);
        let exchange = proxy.get("/").send();
        assert_eq!(one(&exchange.upstream_request().headers, ROUTING), variant);
        assert_eq!(one(&exchange.response().headers, common::VARIANT), variant);
    }
}

#[tollgate_testkit::test(Canary)]
fn a_rollout_of_one_variant_is_possible(proxy: &mut Proxy) {
    serve(proxy);
    let mut config = rollout(json!([{ "name": "all", "split": {
        "by": [{ "random": true }], "weights": { "v1": 1 },
    } }]));
    config["variants"] = json!(["v1"]);
    proxy.configure(config);
    assert_eq!(decision(proxy.get("/")), "v1 SPLIT");
}

#[tollgate_testkit::test(Canary)]
fn the_last_of_a_hundred_rules_decides(proxy: &mut Proxy) {
    let rule = |index: u32| {
        let condition = json!({ "headers": [{ "name": "x-tenant", "exact": index.to_string() }] });
        json!({ "name": format!("tenant-{index}"), "match": condition, "variant": "v2" })
    };
    start(proxy, (0..100).map(rule).collect());
    for (tenant, expected) in [("0", MATCHED), ("50", MATCHED), ("99", MATCHED), ("100", DEFAULT)] {
        assert_eq!(decision(proxy.get("/").header("x-tenant", tenant)), expected, "{tenant}");
    }
}
