use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate::config::from_slice;
use tollgate::cookies::Cookies;
use tollgate::headers::HeaderMap;
use tollgate::matching::{Claims, KnownFacts, Peer};
use tollgate::{HostError, abi};

use super::*;
use crate::config::Config;

fn rollout(rules: &Value) -> Rollout {
    let config = json!({
        "flag": "voting-app",
        "routing_header": "x-tollgate-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": rules,
    });
    from_slice::<Config>(config.to_string().as_bytes())
        .and_then(Rollout::try_from)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn split_by(by: Value, v1: u32, v2: u32) -> Value {
    json!({"name": "split", "split": {"by": by, "weights": {"v1": v1, "v2": v2}}})
}

fn decide(rollout: &Rollout, headers: &[(&str, &str)]) -> Decision {
    let headers = HeaderMap::from_pairs(headers.iter().copied());
    decide_with(rollout, &headers, &mut fastrand::Rng::with_seed(7))
}

fn decide_with(rollout: &Rollout, headers: &HeaderMap, rng: &mut fastrand::Rng) -> Decision {
    rollout.decide(&KnownFacts::new(headers), rng).unwrap()
}

/// Variant and reason.
fn outcome<'a>(rollout: &'a Rollout, headers: &[(&str, &str)]) -> (&'a str, &'static str) {
    let decision = decide(rollout, headers);
    (rollout.variant(decision), decision.reason.as_str())
}

fn overrides() -> Rollout {
    rollout(&json!([
        {"name": "always", "match": {"headers": [{"name": "x-canary", "exact": "always"}]}, "variant": "v2"},
        {"name": "never", "match": {"headers": [{"name": "x-canary", "exact": "never"}]}, "variant": "v1"},
        {"name": "cookie", "match": {"cookies": [{"name": "featureflag", "exact": "on"}]}, "variant": "v2"},
    ]))
}

#[test]
fn the_feature_flag_cookie_gives_the_canary() {
    let rollout = overrides();
    assert_eq!(outcome(&rollout, &[("cookie", "a=b; featureflag=on")]), ("v2", "TARGETING_MATCH"));
    assert_eq!(outcome(&rollout, &[("cookie", "featureflag=off")]), ("v1", "DEFAULT"));
    assert_eq!(outcome(&rollout, &[]), ("v1", "DEFAULT"));
}

#[test]
fn the_first_rule_that_decides_wins_and_is_named() {
    let rollout = overrides();
    let decision = decide(&rollout, &[("x-canary", "never"), ("cookie", "featureflag=on")]);
    assert_eq!((rollout.variant(decision), rollout.rule(decision)), ("v1", Some("never")));
    let decision = decide(&rollout, &[("x-canary", "maybe"), ("cookie", "featureflag=on")]);
    assert_eq!((rollout.variant(decision), rollout.rule(decision)), ("v2", Some("cookie")));
    assert_eq!(rollout.rule(decide(&rollout, &[])), None);
}

#[test]
fn all_entries_of_a_match_must_hold() {
    let rollout = rollout(&json!([{
        "name": "both",
        "match": {
            "headers": [{"name": "x-a", "exact": "1"}, {"name": "x-b", "exact": "2"}],
            "cookies": [{"name": "c", "present": true}],
        },
        "variant": "v2",
    }]));
    let all = [("x-a", "1"), ("x-b", "2"), ("cookie", "c=")];
    assert_eq!(outcome(&rollout, &all).0, "v2");
    for missing in 0..all.len() {
        let mut headers = all.to_vec();
        headers.remove(missing);
        assert_eq!(outcome(&rollout, &headers), ("v1", "DEFAULT"));
    }
}

#[test]
fn a_match_looks_at_every_part_of_a_request() {
    let request = [
        (":method", "GET"),
        (":authority", "vote.example:8080"),
        (":path", "/vote/a?beta=1"),
        ("x-app-version", "1.4.2"),
        ("cookie", "prefs={\"beta\":true}"),
    ];
    for (condition, expected) in [
        (json!({"host": [{"exact": "vote.example"}], "path": [{"prefix": "/vote/"}]}), "v2"),
        (json!({"method": [{"any_of": ["GET", "HEAD"]}]}), "v2"),
        (json!({"query": [{"name": "beta", "exact": "1"}]}), "v2"),
        (json!({"headers": [{"name": "x-app-version", "semver": ">=1.2.0, <2"}]}), "v2"),
        (json!({"headers": [{"name": "x-app-version", "regex": "1[.].*"}]}), "v2"),
        (json!({"cookies": [{"name": "prefs", "pointer": "/beta", "exact": "true"}]}), "v2"),
        (json!({"any": [{"path": [{"exact": "/"}]}, {"method": [{"exact": "GET"}]}]}), "v2"),
        (json!({"not": {"method": [{"exact": "GET"}]}}), "v1"),
        (json!({"path": [{"contains": "beta"}]}), "v1"),
        (json!({"source_ip": ["10.0.0.0/8"]}), "v1"),
        (json!({"claims": [{"claim": "sub", "present": true}]}), "v1"),
        (json!({"peer": [{"prefix": "spiffe://"}]}), "v1"),
    ] {
        let rollout = rollout(&json!([{"name": "a", "match": condition, "variant": "v2"}]));
        assert_eq!(outcome(&rollout, &request).0, expected, "{condition}");
    }
}

#[test]
fn source_claims_and_peer_are_what_the_caller_says() {
    let headers = HeaderMap::default();
    let claims = json!({"groups": ["internal"]});
    let peer = Peer { uri_sans: vec![b"spiffe://a/b".to_vec()], ..Peer::default() };
    let facts = KnownFacts::new(&headers)
        .with_source_ip("::ffff:10.1.2.3".parse().unwrap())
        .with_claims(claims.as_object().unwrap())
        .with_peer(&peer);
    for condition in [
        json!({"source_ip": ["10.0.0.0/8"]}),
        json!({"claims": [{"claim": "groups", "contains": "internal"}]}),
        json!({"peer": [{"principal": "uri_san", "exact": "spiffe://a/b"}]}),
    ] {
        let rollout = rollout(&json!([{"name": "a", "match": condition, "variant": "v2"}]));
        let decision = rollout.decide(&facts, &mut fastrand::Rng::with_seed(7)).unwrap();
        assert_eq!(decision.reason, Reason::TargetingMatch, "{condition}");
    }
}

#[test]
fn users_are_told_apart_by_claim_and_by_address() {
    let headers = HeaderMap::default();
    let pick = |by: Value, facts: &KnownFacts<'_>| {
        let rollout = rollout(&json!([split_by(json!([by]), 1, 1)]));
        let decision = rollout.decide(facts, &mut fastrand::Rng::with_seed(7)).unwrap();
        (decision.reason == Reason::Split).then_some(decision.variant)
    };
    let bucket = |user: &str| bucketing::fractional(b"voting-app", user.as_bytes(), &[1, 1]);
    for user in ["alice", "bob", "carol", "dave"] {
        let claims = json!({ "sub": user });
        let facts = KnownFacts::new(&headers).with_claims(claims.as_object().unwrap());
        assert_eq!(pick(json!({"claim": "sub"}), &facts), bucket(user));
    }
    let claims = json!({"id": 5.0, "empty": "", "list": ["a"], "realm": {"id": true}});
    let facts = KnownFacts::new(&headers).with_claims(claims.as_object().unwrap());
    assert_eq!(pick(json!({"claim": "id"}), &facts), bucket("5"));
    assert_eq!(pick(json!({"claim": ["realm", "id"]}), &facts), bucket("true"));
    for absent in ["empty", "list", "realm", "sub"] {
        assert_eq!(pick(json!({ "claim": absent }), &facts), None, "{absent}");
    }
    for (address, user) in [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
    ] {
        let facts = KnownFacts::new(&headers).with_source_ip(address.parse().unwrap());
        for spelling in ["source_ip", "sourceIp"] {
            assert_eq!(pick(json!({ spelling: true }), &facts), bucket(user), "{address}");
        }
    }
    assert_eq!(pick(json!({"source_ip": true}), &KnownFacts::new(&headers)), None);
}

#[test]
fn needs_are_those_of_all_rules() {
    let rules = json!([
        {"name": "a", "match": {"cookies": [{"name": "a", "exact": "b"}]}, "variant": "v2"},
        {"name": "b", "match": {"not": {"peer": [{"exact": "b"}]}}, "variant": "v2"},
        split_by(json!([{"claim": "sub"}, {"source_ip": true}, {"random": true}]), 1, 1),
    ]);
    let needs = rollout(&rules).needs();
    let expected =
        Needs { cookies: true, peer: true, claims: true, source_ip: true, ..Needs::default() };
    assert_eq!(needs, expected);
    assert_eq!(rollout(&json!([])).needs(), Needs::default());
}

/// A request of which nothing but its headers can be read.
struct Broken<'a>(&'a HeaderMap, Cookies<'a>);

const ERROR: HostError = HostError::new("proxy_get_property", abi::Status::InternalFailure);

impl Facts for Broken<'_> {
    fn headers(&self) -> Result<&HeaderMap> {
        Ok(self.0)
    }

    fn cookies(&self) -> Result<&Cookies<'_>> {
        Ok(&self.1)
    }

    fn source_ip(&self) -> Result<Option<std::net::IpAddr>> {
        Err(ERROR)
    }

    fn claims(&self) -> Result<Option<&Claims>> {
        Err(ERROR)
    }

    fn peer(&self) -> Result<Option<&Peer>> {
        Err(ERROR)
    }
}

#[test]
fn what_cannot_be_read_is_an_error_when_a_rule_gets_so_far() {
    let headers = HeaderMap::from_pairs([("x-canary", "always")]);
    let always = json!({"name": "a", "match": {"headers": [{"name": "x-canary", "exact": "always"}]}, "variant": "v2"});
    for rule in [
        json!({"name": "b", "match": {"not": {"source_ip": ["::1"]}}, "variant": "v2"}),
        split_by(json!([{"claim": "sub"}, {"random": true}]), 1, 1),
    ] {
        let decide = |rules: Value| {
            let facts = Broken(&headers, Cookies::new(&headers));
            rollout(&rules).decide(&facts, &mut fastrand::Rng::with_seed(7))
        };
        assert_eq!(decide(json!([rule, always])), Err(ERROR));
        assert_eq!(decide(json!([always, rule])).unwrap().reason, Reason::TargetingMatch);
    }
}

#[test]
fn no_rules_are_static_and_a_disabled_rollout_says_so() {
    let mut rollout = rollout(&json!([]));
    assert_eq!(outcome(&rollout, &[]), ("v1", "STATIC"));
    rollout.enabled = false;
    assert_eq!(outcome(&rollout, &[]), ("v1", "DISABLED"));
    let mut rollout = overrides();
    rollout.enabled = false;
    assert_eq!(outcome(&rollout, &[("x-canary", "always")]), ("v1", "DISABLED"));
}

#[test]
fn a_failure_gives_the_default_variant() {
    let rollout = overrides();
    let decision = rollout.failed();
    assert_eq!((rollout.variant(decision), decision.reason.as_str()), ("v1", "ERROR"));
}

#[test]
fn a_rule_without_a_match_is_about_every_request() {
    let rollout = rollout(&json!([{"name": "all", "variant": "v2"}]));
    assert_eq!(outcome(&rollout, &[]), ("v2", "TARGETING_MATCH"));
}

#[test]
fn a_rule_with_match_and_split_splits_those_that_match() {
    let mut rule = split_by(json!([{"header": "x-user-id"}]), 0, 1);
    rule["match"] = json!({"headers": [{"name": "x-beta", "present": true}]});
    let rollout = rollout(&json!([rule]));
    assert_eq!(outcome(&rollout, &[("x-user-id", "a"), ("x-beta", "")]), ("v2", "SPLIT"));
    assert_eq!(outcome(&rollout, &[("x-user-id", "a")]), ("v1", "DEFAULT"));
}

/// Users of whom flagd puts one in each half of `voting-app` (the hash is not ours to choose).
fn halves() -> (String, String) {
    let half = |wanted| {
        let user = |n: u32| format!("user-{n}");
        let in_half = |user: &String| {
            bucketing::fractional(b"voting-app", user.as_bytes(), &[1, 1]) == Some(wanted)
        };
        (0..).map(user).find(in_half).unwrap()
    };
    (half(0), half(1))
}

#[test]
fn the_first_key_that_is_present_tells_users_apart() {
    let by = json!([{"cookie": "uid"}, {"header": "x-user-id"}]);
    let rollout = rollout(&json!([split_by(by, 50, 50)]));
    let (first, second) = halves();
    let (cookie, header) = (format!("uid={first}"), second.as_str());
    assert_eq!(outcome(&rollout, &[("cookie", &cookie)]), ("v1", "SPLIT"));
    assert_eq!(outcome(&rollout, &[("x-user-id", header)]), ("v2", "SPLIT"));
    assert_eq!(outcome(&rollout, &[("cookie", &cookie), ("x-user-id", header)]), ("v1", "SPLIT"));
    assert_eq!(outcome(&rollout, &[("cookie", "uid="), ("x-user-id", header)]), ("v2", "SPLIT"));
    assert_eq!(outcome(&rollout, &[("cookie", "uid=\"\""), ("x-user-id", "")]), ("v1", "DEFAULT"));
    assert_eq!(outcome(&rollout, &[("x-user-id", ""), ("x-user-id", header)]), ("v2", "SPLIT"));
}

#[test]
fn a_split_without_a_user_leaves_the_decision_to_the_next_rule() {
    let rollout = rollout(&json!([
        split_by(json!([{"cookie": "uid"}]), 0, 1),
        {"name": "rest", "variant": "v1"},
    ]));
    assert_eq!(outcome(&rollout, &[("cookie", "uid=a")]), ("v2", "SPLIT"));
    assert_eq!(rollout.rule(decide(&rollout, &[])), Some("rest"));
}

#[test]
fn a_user_is_in_flagds_bucket_of_flag_and_key() {
    let rollout = rollout(&json!([split_by(json!([{"header": "x-user-id"}]), 90, 10)]));
    for user in 0..1000 {
        let user = format!("user-{user}");
        let expected = bucketing::fractional(b"voting-app", user.as_bytes(), &[90, 10]);
        assert_eq!(Some(decide(&rollout, &[("x-user-id", &user)]).variant), expected);
    }
}

#[test]
fn a_user_is_in_unleashs_bucket_where_that_is_configured() {
    // Unleash/client-specification, 08-variants: the flag is `Feature.Variants.C`.
    let config = json!({
        "flag": "Feature.Variants.C",
        "routing_header": "x-variant",
        "variants": ["variant1", "variant2", "variant3"],
        "default_variant": "variant1",
        "bucketing": "unleash",
        "rules": [{"name": "all", "split": {
            "by": [{"header": "x-user-id"}],
            "weights": {"variant1": 33, "variant2": 33, "variant3": 33},
        }}],
    });
    let config: Config = from_slice(config.to_string().as_bytes()).unwrap();
    let rollout = Rollout::try_from(config).unwrap();
    for (user, variant) in [("232", "variant1"), ("607", "variant2"), ("656", "variant3")] {
        assert_eq!(outcome(&rollout, &[("x-user-id", user)]), (variant, "SPLIT"), "{user}");
    }
}

#[test]
fn a_user_key_need_not_be_utf8() {
    let rollout = rollout(&json!([split_by(json!([{"cookie": "uid"}]), 0, 1)]));
    let headers = HeaderMap::from_pairs([("cookie", b"uid=\xff\xfe".as_slice())]);
    let decision = decide_with(&rollout, &headers, &mut fastrand::Rng::with_seed(7));
    assert_eq!((decision.variant, decision.reason), (1, Reason::Split));
}

#[test]
fn one_percent_of_a_million_users_gets_the_canary() {
    let rollout = rollout(&json!([split_by(json!([{"header": "x-user-id"}]), 99, 1)]));
    let canary = (0..1_000_000)
        .filter(|user| decide(&rollout, &[("x-user-id", &format!("user-{user}"))]).variant == 1)
        .count();
    // 0.05 percentage points
    assert!((9_500..=10_500).contains(&canary), "{canary}");
}

#[test]
fn a_random_split_is_drawn_anew_for_every_request() {
    let rollout = rollout(&json!([split_by(json!([{"cookie": "uid"}, {"random": true}]), 90, 10)]));
    let mut rng = fastrand::Rng::with_seed(1);
    let nobody = HeaderMap::default();
    let canary =
        (0..100_000).filter(|_| decide_with(&rollout, &nobody, &mut rng).variant == 1).count();
    assert!((9_500..=10_500).contains(&canary), "{canary}");
    assert_eq!(decide_with(&rollout, &nobody, &mut rng).reason, Reason::Split);
}

#[test]
fn only_a_random_split_draws() {
    let rollout = rollout(&json!([split_by(json!([{"header": "x-user-id"}]), 90, 10)]));
    let mut rng = fastrand::Rng::with_seed(1);
    let headers = HeaderMap::from_pairs([("x-user-id", "a")]);
    decide_with(&rollout, &headers, &mut rng);
    assert_eq!(rng.get_seed(), fastrand::Rng::with_seed(1).get_seed());
}

#[test]
fn cookies_beyond_the_limits_are_ignored_and_reported() {
    let rollout = overrides();
    let many = "x=1; ".repeat(180);
    let decision = decide(&rollout, &[("cookie", &(many.clone() + "featureflag=on"))]);
    assert_eq!((decision.reason, decision.cookies_truncated), (Reason::Default, true));
    let decision = decide(&rollout, &[("cookie", &format!("featureflag=on; {many}"))]);
    assert_eq!((decision.reason, decision.cookies_truncated), (Reason::TargetingMatch, false));
}

proptest! {
    #[test]
    fn any_bytes_are_an_ordinary_decision(
        headers: Vec<(Vec<u8>, Vec<u8>)>, cookies: Vec<Vec<u8>>, canary: Vec<u8>, seed: u64,
    ) {
        let rollout = rollout(&json!([
            {"name": "h", "match": {"headers": [{"name": "x-canary", "contains": "a", "ignore_case": true}]}, "variant": "v2"},
            split_by(json!([{"cookie": "uid"}, {"header": "x-user-id"}, {"random": true}]), 1, 1),
        ]));
        let lines = cookies.into_iter().map(|cookie| (b"cookie".to_vec(), cookie));
        let canary = (b"x-canary".to_vec(), canary);
        let map = HeaderMap::from_pairs(headers.into_iter().chain(lines).chain([canary]));
        let decision = decide_with(&rollout, &map, &mut fastrand::Rng::with_seed(seed));
        prop_assert!(["v1", "v2"].contains(&rollout.variant(decision)));
    }

    #[test]
    fn the_same_user_always_gets_the_same_variant(
        user in "[!-:<-~]{1,20}", other: String, seed: u64, v1 in 0u32..1000, v2 in 1u32..1000,
    ) {
        let rollout = rollout(&json!([split_by(json!([{"header": "x-user-id"}, {"random": true}]), v1, v2)]));
        let alone = HeaderMap::from_pairs([("x-user-id", &user)]);
        let among = HeaderMap::from_pairs([("x-other", &other), ("x-user-id", &user)]);
        prop_assert_eq!(
            decide_with(&rollout, &alone, &mut fastrand::Rng::with_seed(seed)),
            decide_with(&rollout, &among, &mut fastrand::Rng::with_seed(seed.wrapping_add(1))),
        );
    }

    #[test]
    fn ramping_the_canary_up_never_takes_it_from_a_user(user: String, percent in 0u32..=100, more in 0u32..=100) {
        prop_assume!(!user.is_empty() && percent <= more);
        let at = |percent: u32| {
            let rollout = rollout(&json!([split_by(json!([{"header": "u"}]), 100 - percent, percent)]));
            decide(&rollout, &[("u", &user)]).variant
        };
        if at(percent) == 1 {
            prop_assert_eq!(at(more), 1);
        }
    }

    #[test]
    fn a_variant_of_weight_0_gets_nobody(user in "[a-z]{1,9}", weight in 1u32..1000, seed: u64) {
        for by in [json!([{"header": "u"}]), json!([{"random": true}])] {
            let rollout = rollout(&json!([split_by(by, weight, 0)]));
            let headers = HeaderMap::from_pairs([("u", &user)]);
            let decision = decide_with(&rollout, &headers, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!((decision.variant, decision.reason), (0, Reason::Split));
        }
    }
}
