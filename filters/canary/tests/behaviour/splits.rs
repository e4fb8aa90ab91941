//! Splits: who is told apart by what, and which variant they get.

use crate::common::{
    self, DEFAULT, FLAG, ROUTING, decision, decisions, one, rollout, serve, split, start,
    with_cookie,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate::bucketing::murmur3_x86_32;
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// Where flagd's `fractional`, second version, puts a user among so many shares.
fn bucket(user: impl AsRef<[u8]>, total: u64) -> u64 {
    let hash = murmur3_x86_32(&[FLAG.as_bytes(), user.as_ref()].concat(), 0);
    u64::from(hash).wrapping_mul(total) >> 32
}

/// What is decided about a user of whom `v1` shares of `total` give v1.
fn predicted(user: impl AsRef<[u8]>, v1: u64, total: u64) -> &'static str {
    if bucket(user, total) < v1 { "v1 SPLIT" } else { "v2 SPLIT" }
}

fn users() -> impl Iterator<Item = String> {
    (0..200).map(|user| format!("user-{user}"))
}

fn of_user(proxy: &Proxy, user: impl AsRef<[u8]>) -> String {
    decision(proxy.get("/").header("x-user-id", user))
}

/// A flag with these variants and shares; which variant each user gets.
#[track_caller]
fn check(
    proxy: &mut Proxy,
    flag: &str,
    bucketing: &str,
    weights: &[(&str, u32)],
    users: &[(&str, &str)],
) {
    let names: Vec<_> = weights.iter().map(|(name, _)| *name).collect();
    serve(proxy);
    proxy.configure(json!({
        "flag": flag,
        "routing_header": ROUTING,
        "variants": names,
        "default_variant": names.first(),
        "bucketing": bucketing,
        "rules": [{ "name": "all", "split": {
            "by": [{ "header": "x-user-id" }],
            "weights": weights.iter().copied().collect::<BTreeMap<_, _>>(),
        } }],
    }));
    for (user, variant) in users {
        let exchange = proxy.get("/").header("x-user-id", user).send();
        assert_eq!(one(&exchange.upstream_request().headers, ROUTING), *variant, "{flag} {user}");
    }
}

/// open-feature/flagd-testbed, evaluator/gherkin/fractional.feature
#[tollgate_testkit::test(Canary)]
fn users_fall_where_flagds_own_tests_say_they_do(proxy: &mut Proxy) {
    let suits = [("clubs", 25), ("diamonds", 25), ("hearts", 25), ("spades", 25)];
    let users = [
        ("jack", "hearts"),
        ("queen", "spades"),
        ("ten", "clubs"),
        ("nine", "diamonds"),
        ("3", "clubs"),
    ];
    check(proxy, "fractional-flag", "fractional", &suits, &users);
    let users = [("jon@company.com", "heads"), ("jane@company.com", "tails")];
    let sides = [("heads", 1), ("tails", 1)];
    check(proxy, "fractional-flag-shorthand", "fractional", &sides, &users);
}

/// Unleash/client-specification, 08-variants
#[tollgate_testkit::test(Canary)]
fn users_fall_where_unleashs_own_tests_of_variants_say_they_do(proxy: &mut Proxy) {
    type Shares = &'static [(&'static str, u32)];
    type Users = &'static [(&'static str, &'static str)];
    let cases: [(&str, Shares, Users); 5] = [
        ("Feature.Variants.A", &[("variant1", 1)], &[("0", "variant1")]),
        (
            "Feature.Variants.B",
            &[("variant1", 1), ("variant2", 1)],
            &[("2", "variant2"), ("0", "variant1")],
        ),
        (
            "Feature.Variants.C",
            &[("variant1", 33), ("variant2", 33), ("variant3", 33)],
            &[("232", "variant1"), ("607", "variant2"), ("656", "variant3")],
        ),
        (
            "Feature.Variants.D",
            &[("variant1", 1), ("variant2", 49), ("variant3", 50)],
            &[("712", "variant1"), ("525", "variant2"), ("537", "variant3")],
        ),
        (
            "Feature.Variants.override.D",
            &[("variant1", 33), ("variant2", 33), ("variant3", 34)],
            &[("388", "variant2")],
        ),
    ];
    for (flag, shares, users) in cases {
        check(proxy, flag, "unleash", shares, users);
    }
}

/// Unleash/client-specification, 12-custom-stickiness and 16-strategy-variants: the flag is the group.
#[tollgate_testkit::test(Canary)]
fn users_fall_where_unleashs_own_tests_of_strategies_say_they_do(proxy: &mut Proxy) {
    let colours = [("blue", 25), ("red", 25), ("green", 25), ("yellow", 25)];
    let users = [("616", "blue"), ("503", "red"), ("438", "green"), ("44", "yellow")];
    let flag = "Feature.flexible.rollout.custom.stickiness_100";
    check(proxy, flag, "unleash", &colours, &users);
    let users = [("5", "A"), ("0", "B"), ("1", "A"), ("2", "B")];
    check(proxy, "a", "unleash", &[("A", 1), ("B", 1)], &users);
}

/// Unleash/client-specification, 08-variants
#[tollgate_testkit::test(Canary)]
fn unleashs_overrides_are_a_rule_before_the_split(proxy: &mut Proxy) {
    serve(proxy);
    let overridden = json!({ "headers": [{ "name": "x-user-id", "any_of": ["132", "61"] }] });
    proxy.configure(json!({
        "flag": "Feature.Variants.override.D",
        "routing_header": ROUTING,
        "variants": ["variant1", "variant2", "variant3"],
        "default_variant": "variant3",
        "bucketing": "unleash",
        "rules": [
            { "name": "override", "match": overridden, "variant": "variant1" },
            { "name": "all", "split": {
                "by": [{ "header": "x-user-id" }],
                "weights": { "variant1": 33, "variant2": 33, "variant3": 34 },
            } },
        ],
    }));
    for (user, variant) in [("132", "variant1"), ("61", "variant1"), ("388", "variant2")] {
        let exchange = proxy.get("/").header("x-user-id", user).send();
        assert_eq!(one(&exchange.upstream_request().headers, ROUTING), variant, "{user}");
    }
}

#[tollgate_testkit::test(Canary)]
fn unleashs_bucketing_is_not_flagds(proxy: &mut Proxy) {
    let by = json!([{ "header": "x-user-id" }]);
    start(proxy, split(by.clone(), 50, 50));
    let flagds: Vec<_> = users().map(|user| of_user(proxy, user)).collect();
    proxy.configure(common::rollout_with(split(by, 50, 50), "bucketing", json!("unleash")));
    let same = users().zip(&flagds).filter(|(user, other)| of_user(proxy, user) == **other).count();
    assert!((60..=140).contains(&same), "{same} of 200");
}

#[tollgate_testkit::test(Canary)]
fn bucketing_is_flagds_unless_it_is_said(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "header": "x-user-id" }]), 90, 10));
    for user in users() {
        assert_eq!(of_user(proxy, &user), predicted(&user, 90, 100), "{user}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_split_of_ten_percent_gives_about_ten_percent(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "header": "x-user-id" }]), 90, 10));
    for user in 0..1000 {
        of_user(proxy, format!("user-{user}"));
    }
    let v2 = decisions(proxy, "v2", "split");
    assert!((80..=120).contains(&v2), "{v2} of 1000");
}

#[tollgate_testkit::test(Canary)]
fn the_same_user_always_gets_the_same_variant(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "cookie": "uid" }, { "random": true }]), 50, 50));
    for user in users().take(20) {
        let first = decision(with_cookie(proxy, format!("uid={user}")));
        for request in [
            with_cookie(proxy, format!("uid={user}")),
            with_cookie(proxy, format!("a=b; uid={user}; c=d")),
            with_cookie(proxy, format!("uid=\"{user}\"")).http2(),
            proxy.post("/other?a=b").header("cookie", format!("uid={user}")).host("b.example"),
        ] {
            assert_eq!(decision(request), first, "{user}");
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn another_flag_draws_its_users_by_itself(proxy: &mut Proxy) {
    let by = json!([{ "header": "x-user-id" }]);
    start(proxy, split(by.clone(), 50, 50));
    let first: Vec<_> = users().map(|user| of_user(proxy, user)).collect();
    proxy.configure(common::rollout_with(split(by, 50, 50), "flag", json!("other")));
    let same = users().zip(&first).filter(|(user, first)| of_user(proxy, user) == **first).count();
    assert!((60..=140).contains(&same), "{same} of 200");
}

#[tollgate_testkit::test(Canary)]
fn two_splits_of_one_flag_put_a_user_in_the_same_place(proxy: &mut Proxy) {
    let mut rules = split(json!([{ "header": "x-user-id" }]), 70, 30);
    rules[0]["match"] = json!({ "path": [{ "exact": "/a" }] });
    let second = json!({ "by": [{ "header": "x-user-id" }], "weights": { "v1": 7, "v2": 3 } });
    let rules = json!([rules[0], { "name": "second", "split": second }]);
    start(proxy, rules);
    for user in users() {
        let of = |path| decision(proxy.get(path).header("x-user-id", &user));
        assert_eq!(of("/a"), of("/b"), "{user}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_variant_whose_share_grows_keeps_its_users(proxy: &mut Proxy) {
    serve(proxy);
    let mut in_v2 = Vec::<String>::new();
    for percent in [0, 1, 5, 10, 25, 50, 75, 99, 100] {
        let by = json!([{ "header": "x-user-id" }]);
        proxy.configure(rollout(split(by, 100 - percent, percent)));
        let now = users().filter(|user| of_user(proxy, user) == "v2 SPLIT").collect::<Vec<_>>();
        assert!(in_v2.iter().all(|user| now.contains(user)), "{percent}");
        in_v2 = now;
    }
    assert_eq!(in_v2.len(), 200);
}

#[tollgate_testkit::test(Canary)]
fn a_share_of_0_gets_nobody_and_the_only_share_everybody(proxy: &mut Proxy) {
    serve(proxy);
    for (v1, v2, expected) in
        [(1, 0, "v1 SPLIT"), (0, 1, "v2 SPLIT"), (0, 2_147_483_647, "v2 SPLIT")]
    {
        for by in [json!([{ "header": "x-user-id" }]), json!([{ "random": true }])] {
            proxy.configure(rollout(split(by, v1, v2)));
            for user in users().take(50) {
                assert_eq!(of_user(proxy, user), expected, "{v1}/{v2}");
            }
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn a_variant_without_a_share_gets_nobody(proxy: &mut Proxy) {
    let rules = json!([{ "name": "split", "split": {
        "by": [{ "header": "x-user-id" }], "weights": { "v2": 3 },
    } }]);
    start(proxy, rules);
    assert!(users().all(|user| of_user(proxy, user) == "v2 SPLIT"));
}

#[tollgate_testkit::test(Canary)]
fn shares_are_in_the_order_of_the_variants(proxy: &mut Proxy) {
    serve(proxy);
    let mut config = rollout(split(json!([{ "header": "x-user-id" }]), 30, 70));
    config["variants"] = json!(["v2", "v1"]);
    proxy.configure(config);
    for user in users() {
        let expected = if bucket(&user, 100) < 70 { "v2 SPLIT" } else { "v1 SPLIT" };
        assert_eq!(of_user(proxy, &user), expected, "{user}");
    }
}

#[tollgate_testkit::test(Canary)]
fn shares_need_not_add_up_to_a_hundred(proxy: &mut Proxy) {
    serve(proxy);
    for (v1, v2) in [(1, 1), (2, 1), (999, 1), (1_000_000_000, 1_147_483_647)] {
        proxy.configure(rollout(split(json!([{ "header": "x-user-id" }]), v1, v2)));
        for user in users() {
            let (v1, total) = (u64::from(v1), u64::from(v1).saturating_add(u64::from(v2)));
            assert_eq!(
                of_user(proxy, &user),
                predicted(&user, v1, total),
                "{user} {v1} of {total}"
            );
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn the_first_key_that_a_request_has_tells_users_apart(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "cookie": "uid" }, { "header": "x-user-id" }]), 50, 50));
    for (cookie, header) in users().zip(users().skip(7)) {
        let request = |line| with_cookie(proxy, line).header("x-user-id", &header);
        assert_eq!(decision(request(format!("uid={cookie}"))), predicted(&cookie, 50, 100));
        assert_eq!(decision(request("other=1".to_owned())), predicted(&header, 50, 100));
    }
}

#[tollgate_testkit::test(Canary)]
fn an_empty_value_tells_nobody_apart(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "cookie": "uid" }, { "header": "x-user-id" }]), 50, 50));
    for line in ["uid=", "uid=\"\"", "uid= ", "uid", "uid=;uid=a"] {
        assert_eq!(decision(with_cookie(proxy, line)), DEFAULT, "{line}");
        let request = with_cookie(proxy, line).header("x-user-id", "");
        assert_eq!(decision(request.header("x-user-id", "b")), predicted("b", 50, 100), "{line}");
    }
    assert_eq!(decision(proxy.get("/").header("x-user-id", "")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn the_first_line_of_a_header_that_is_not_empty_tells_users_apart(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "header": "X-User-Id" }]), 50, 50));
    for (first, second) in users().zip(users().skip(1)).take(50) {
        let request = proxy.get("/").header("x-user-id", &first).header("x-user-id", &second);
        assert_eq!(decision(request), predicted(&first, 50, 100));
        let request = proxy.get("/").header("X-USER-ID", "").header("x-user-id", &second);
        assert_eq!(decision(request), predicted(&second, 50, 100));
    }
}

#[tollgate_testkit::test(Canary)]
fn a_user_is_the_bytes_of_a_value(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "cookie": "uid" }, { "header": "x-user-id" }]), 50, 50));
    let long = vec![b'u'; 60_000];
    for user in [&b"\xff\xfe"[..], b"\xff", "zoë".as_bytes(), b"a b", b"%61", b"A", b"a", &long] {
        assert_eq!(of_user(proxy, user), predicted(user, 50, 100), "{}", user.escape_ascii());
    }
    let cookie = [&b"uid="[..], b"\xff\xfe\x80"].concat();
    assert_eq!(decision(with_cookie(proxy, cookie)), predicted(b"\xff\xfe\x80", 50, 100));
}

#[tollgate_testkit::test(Canary)]
fn who_cannot_be_told_apart_is_left_to_the_next_rule(proxy: &mut Proxy) {
    let first = &split(json!([{ "cookie": "uid" }]), 1, 0)[0];
    start(proxy, json!([first, { "name": "rest", "variant": "v2" }]));
    assert_eq!(decision(with_cookie(proxy, "uid=a")), "v1 SPLIT");
    assert_eq!(decision(proxy.get("/")), "v2 TARGETING_MATCH");
}

#[tollgate_testkit::test(Canary)]
fn who_cannot_be_told_apart_is_drawn_anew_each_time_if_that_is_configured(proxy: &mut Proxy) {
    proxy.seed(7);
    start(proxy, split(json!([{ "cookie": "uid" }, { "random": true }]), 90, 10));
    for _ in 0..1000 {
        decision(proxy.get("/"));
    }
    let v2 = decisions(proxy, "v2", "split");
    // Six standard deviations to either side.
    assert!((43..=157).contains(&v2), "{v2} of 1000");
    assert_eq!(decisions(proxy, "v1", "split").saturating_add(v2), 1000);
}

#[tollgate_testkit::test(Canary)]
fn chance_decides_nothing_about_who_can_be_told_apart(proxy: &mut Proxy) {
    serve(proxy);
    for seed in 0..5 {
        proxy.seed(seed);
        proxy.configure(rollout(split(json!([{ "cookie": "uid" }, { "random": true }]), 50, 50)));
        let decided = decision(with_cookie(proxy, "uid=alice"));
        assert_eq!(decided, predicted("alice", 50, 100), "{seed}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_split_with_a_match_is_about_those_that_match(proxy: &mut Proxy) {
    let mut rules = split(json!([{ "header": "x-user-id" }]), 0, 1);
    rules[0]["match"] = json!({ "headers": [{ "name": "x-beta", "present": true }] });
    start(proxy, rules);
    assert_eq!(decision(proxy.get("/").header("x-user-id", "a").header("x-beta", "")), "v2 SPLIT");
    assert_eq!(decision(proxy.get("/").header("x-user-id", "a")), DEFAULT);
    assert_eq!(decision(proxy.get("/").header("x-beta", "")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn a_user_cannot_be_named_by_a_pseudo_header_or_the_routing_header(proxy: &mut Proxy) {
    for name in [":path", ROUTING] {
        let error = proxy.try_configure(rollout(split(json!([{ "header": name }]), 1, 1)));
        assert!(error.is_err_and(|it| it.contains("`rules[0].split.by[0].header`")), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn many_variants_share_a_split(proxy: &mut Proxy) {
    let names: Vec<_> = (0..20).map(|variant| format!("v{variant}")).collect();
    let weights: serde_json::Map<_, _> = names.iter().map(|it| (it.clone(), json!(5))).collect();
    serve(proxy);
    let mut config = rollout(split(json!([{ "header": "x-user-id" }]), 1, 1));
    config["variants"] = json!(names);
    config["rules"][0]["split"]["weights"] = Value::Object(weights);
    proxy.configure(config);
    for user in users() {
        let expected = format!("v{} SPLIT", bucket(&user, 100) / 5);
        assert_eq!(of_user(proxy, &user), expected, "{user}");
    }
}
