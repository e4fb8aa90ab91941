//! Decisions of canary by the claims of the token that jwt-auth has verified in front of it.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test that goes wrong panics")]

mod common;

use common::{canary, jwt_auth, token};
use serde_json::{Value, json};
use tollgate::bucketing::fractional;
use tollgate_suite::Suite;
use tollgate_testkit::{Proxy, Request};

/// Has canary decide by these rules behind a jwt-auth that wants a token, but for `/open`.
#[track_caller]
fn start(proxy: &mut Proxy, rules: &Value) {
    let (mut jwt_auth, mut canary) = (jwt_auth(), canary());
    if let Value::Array(all) = &mut jwt_auth["jwt_auth"]["rules"] {
        all.insert(0, json!({ "match": { "prefix": "/open" } }));
    }
    canary["canary"]["rules"] = rules.clone();
    canary["canary"]["response"] = json!({ "reason_header": "x-reason" });
    common::start(proxy, [jwt_auth, canary]);
}

fn with_claims(proxy: &Proxy, path: &str, claims: &Value) -> Request {
    proxy.get(path).header("authorization", format!("Bearer {}", token(claims)))
}

/// The variant that a request got, and why.
#[track_caller]
fn decision(request: Request) -> String {
    let exchange = request.send();
    let text = |header: Option<String>| header.unwrap_or_default();
    let variant = text(exchange.upstream_request().header("x-variant"));
    format!("{variant} {}", text(exchange.response().header("x-reason")))
}

/// A test, and values of the claim `realm.it` that pass it and that do not.
type Case = (Value, Vec<Value>, Vec<Value>);

/// Checks each test at a path of its own: to configure jwt-auth takes the most time.
#[track_caller]
fn check(proxy: &mut Proxy, cases: &[Case]) {
    let rule = |(index, (test, ..)): (usize, &Case)| {
        let mut claim = test.clone();
        if let Value::Object(fields) = &mut claim {
            fields.insert("claim".to_owned(), json!("realm.it"));
        }
        let condition = json!({ "path": [{ "exact": format!("/{index}") }], "claims": [claim] });
        json!({ "name": format!("rule-{index}"), "match": condition, "variant": "v2" })
    };
    start(proxy, &cases.iter().enumerate().map(rule).collect());
    for (index, (test, passing, failing)) in cases.iter().enumerate() {
        let of = |value: &Value| {
            let claims = json!({ "realm": { "it": value } });
            decision(with_claims(proxy, &format!("/{index}"), &claims))
        };
        for value in passing {
            assert_eq!(of(value), "v2 TARGETING_MATCH", "{test} and {value}");
        }
        for value in failing {
            assert_eq!(of(value), "v1 DEFAULT", "{test} and {value}");
        }
    }
}

#[tollgate_testkit::test(Suite)]
fn a_claim_of_text_passes_the_tests_of_text(proxy: &mut Proxy) {
    let tests = [
        json!({ "exact": "abc" }),
        json!({ "exact": "ABC", "ignore_case": true }),
        json!({ "prefix": "ab" }),
        json!({ "suffix": "bc" }),
        json!({ "contains": "b" }),
        json!({ "any_of": ["abc", "d"] }),
        json!({ "regex": "a.c" }),
        json!({ "exact": "xyz", "invert": true }),
    ];
    let case = |test| (test, vec![json!("abc")], vec![json!("xyz")]);
    check(proxy, &tests.map(case));
}

#[tollgate_testkit::test(Suite)]
fn a_claim_of_a_list_passes_when_an_element_does(proxy: &mut Proxy) {
    let with = vec![json!(["internal"]), json!(["staff", "internal"])];
    let longer = json!(["internal-audit"]);
    let without = vec![json!([]), longer.clone(), json!([["internal"]]), json!([null, 1])];
    check(
        proxy,
        &[
            (json!({ "contains": "internal" }), with.clone(), without.clone()),
            (json!({ "exact": "internal" }), with.clone(), without.clone()),
            (json!({ "prefix": "internal-" }), vec![longer], with.clone()),
            (json!({ "exact": "internal", "invert": true }), without, with),
        ],
    );
}

#[tollgate_testkit::test(Suite)]
fn numbers_and_booleans_are_as_good_as_their_text(proxy: &mut Proxy) {
    let range = json!({ "range": { "start": 3, "end": 5 } });
    check(
        proxy,
        &[
            (json!({ "exact": "true" }), vec![json!(true), json!("true")], vec![json!(false)]),
            (json!({ "exact": "5" }), vec![json!(5), json!("5"), json!([5])], vec![json!(50)]),
            (range, vec![json!(3), json!("4"), json!(4.5)], vec![json!(5), json!(2), json!("a")]),
            (json!({ "gte": 18 }), vec![json!(18), json!(30.5)], vec![json!(17.9), json!(true)]),
            (json!({ "semver": ">=2" }), vec![json!("2.1.0")], vec![json!("1.0.0"), json!(2)]),
        ],
    );
}

#[tollgate_testkit::test(Suite)]
fn a_claim_that_is_null_is_missing_and_an_object_is_there(proxy: &mut Proxy) {
    let object = json!({ "exact": "a" });
    let there = vec![json!(""), json!([]), object.clone()];
    check(
        proxy,
        &[
            (json!({ "present": true }), there.clone(), vec![Value::Null]),
            (json!({ "present": false }), vec![Value::Null], there),
            (json!({ "exact": "a" }), vec![json!("a")], vec![object, Value::Null]),
            (json!({ "exact": "a", "invert": true }), vec![json!("b")], vec![Value::Null]),
        ],
    );
}

#[tollgate_testkit::test(Suite)]
fn a_path_leads_through_objects_and_may_have_names_with_dots(proxy: &mut Proxy) {
    let path = json!(["https://example.com/roles", "admin"]);
    let claims = json!([{ "claim": path, "exact": "yes" }]);
    start(proxy, &json!([{ "name": "rule", "match": { "claims": claims }, "variant": "v2" }]));
    let of = |claims: Value| decision(with_claims(proxy, "/", &claims));
    assert_eq!(
        of(json!({ "https://example.com/roles": { "admin": "yes" } })),
        "v2 TARGETING_MATCH"
    );
    for claims in [
        json!({ "https://example": { "com/roles": { "admin": "yes" } } }),
        json!({ "https://example.com/roles.admin": "yes" }),
        json!({ "https://example.com/roles": [{ "admin": "yes" }] }),
        json!({ "admin": "yes" }),
        json!({}),
    ] {
        assert_eq!(of(claims.clone()), "v1 DEFAULT", "{claims}");
    }
}

#[tollgate_testkit::test(Suite)]
fn a_request_whose_token_was_not_verified_has_no_claims(proxy: &mut Proxy) {
    let absent = json!({ "claims": [{ "claim": "sub", "present": false }] });
    start(proxy, &json!([{ "name": "anonymous", "match": absent, "variant": "v2" }]));
    let with_token = |path| with_claims(proxy, path, &json!({ "sub": "a" }));
    assert_eq!(decision(proxy.get("/open")), "v2 TARGETING_MATCH");
    assert_eq!(decision(with_token("/open")), "v2 TARGETING_MATCH");
    assert_eq!(decision(with_token("/")), "v1 DEFAULT");
}

#[tollgate_testkit::test(Suite)]
fn users_are_told_apart_by_a_claim(proxy: &mut Proxy) {
    let split = |by: Value| {
        let split = json!({ "by": [{ "claim": by }], "weights": { "v1": 50, "v2": 50 } });
        json!([{ "name": "half", "split": split }])
    };
    let expected = |user: &str| match fractional(b"shop", user.as_bytes(), &[50, 50]) {
        Some(0) => "v1 SPLIT",
        _ => "v2 SPLIT",
    };
    start(proxy, &split(json!("sub")));
    for user in (0..20).map(|user| format!("user-{user}")) {
        assert_eq!(
            decision(with_claims(proxy, "/", &json!({ "sub": user }))),
            expected(&user),
            "{user}"
        );
    }
    start(proxy, &split(json!(["tenant", "id"])));
    for (id, user) in
        [(json!(5), "5"), (json!(5.0), "5"), (json!(true), "true"), (json!("zoë"), "zoë")]
    {
        let request = with_claims(proxy, "/", &json!({ "tenant": { "id": id } }));
        assert_eq!(decision(request), expected(user), "{id}");
    }
}

#[tollgate_testkit::test(Suite)]
fn a_claim_that_names_nobody_leaves_users_to_the_next_key(proxy: &mut Proxy) {
    let by = json!([{ "claim": "id" }, { "header": "x-user-id" }]);
    let split = json!({ "by": by, "weights": { "v2": 1 } });
    start(proxy, &json!([{ "name": "all", "split": split }]));
    for id in [json!(""), json!([]), json!(["a"]), json!({ "a": 1 }), Value::Null] {
        let request = || with_claims(proxy, "/", &json!({ "id": id }));
        assert_eq!(decision(request()), "v1 DEFAULT", "{id}");
        assert_eq!(decision(request().header("x-user-id", "a")), "v2 SPLIT", "{id}");
    }
    assert_eq!(decision(proxy.get("/open")), "v1 DEFAULT");
}
