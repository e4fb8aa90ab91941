//! The tests that a value may have to pass, here the value of a header.

use crate::common::{holds, only, rollout, rule};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// The test with one more field.
fn with(mut test: Value, field: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut test {
        fields.insert(field.to_owned(), value);
    }
    test
}

/// Serves v2 to requests whose `x-value` passes the test.
#[track_caller]
fn start(proxy: &mut Proxy, test: &Value) {
    only(proxy, json!({ "headers": [with(test.clone(), "name", json!("x-value"))] }));
}

fn passes(proxy: &Proxy, value: impl AsRef<[u8]>) -> bool {
    holds(proxy.get("/").header("x-value", value))
}

#[track_caller]
fn check(proxy: &mut Proxy, test: Value, passing: &[&str], failing: &[&str]) {
    start(proxy, &test);
    for value in passing {
        assert!(passes(proxy, value), "{test} and {value:.40?}");
    }
    for value in failing {
        assert!(!passes(proxy, value), "{test} and {value:.40?}");
    }
}

#[tollgate_testkit::test(Canary)]
fn exact_is_the_whole_value_in_its_case(proxy: &mut Proxy) {
    check(proxy, json!({ "exact": "on" }), &["on"], &["On", "on1", "xon", "o", "", "on,on"]);
}

#[tollgate_testkit::test(Canary)]
fn exact_may_be_empty(proxy: &mut Proxy) {
    check(proxy, json!({ "exact": "" }), &[""], &["a", "\"\""]);
    assert!(!holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn prefix_is_the_beginning_of_a_value(proxy: &mut Proxy) {
    check(proxy, json!({ "prefix": "v2" }), &["v2", "v2.1", "v22"], &["", "v", "V2", "av2"]);
}

#[tollgate_testkit::test(Canary)]
fn suffix_is_the_end_of_a_value(proxy: &mut Proxy) {
    let test = json!({ "suffix": ".example" });
    check(proxy, test, &[".example", "a.example"], &["", "example", "a.examples", "a.Example"]);
}

#[tollgate_testkit::test(Canary)]
fn contains_is_somewhere_in_a_value(proxy: &mut Proxy) {
    let test = json!({ "contains": "aba" });
    check(proxy, test, &["aba", "xaba", "abax", "ababa"], &["", "ab", "aBa", "a,b,a"]);
}

#[tollgate_testkit::test(Canary)]
fn any_of_is_one_of_several(proxy: &mut Proxy) {
    let test = json!({ "any_of": ["red", "green", ""] });
    check(proxy, test, &["red", "green", ""], &["blue", "red,green", "gree", "Red"]);
}

#[tollgate_testkit::test(Canary)]
fn a_regular_expression_must_match_the_whole_value(proxy: &mut Proxy) {
    check(proxy, json!({ "regex": "v[0-9]+" }), &["v1", "v12"], &["v", "v1.2", "av1", ""]);
    check(proxy, json!({ "regex": "a|bc" }), &["a", "bc"], &["ac", "abc", "b"]);
    check(proxy, json!({ "regex": ".*b.*" }), &["b", "abc"], &["", "ac"]);
}

#[tollgate_testkit::test(Canary)]
fn a_regular_expression_matches_characters_and_not_bytes(proxy: &mut Proxy) {
    check(proxy, json!({ "regex": "." }), &["a", "é", "💩"], &["ab", "éé", ""]);
}

#[tollgate_testkit::test(Canary)]
fn a_regular_expression_cannot_be_made_slow_by_a_value(proxy: &mut Proxy) {
    let long = "a".repeat(20_000);
    check(proxy, json!({ "regex": "(a+)+" }), &[&long], &[&(long.clone() + "b")]);
}

#[tollgate_testkit::test(Canary)]
fn a_range_has_its_start_and_not_its_end(proxy: &mut Proxy) {
    let test = json!({ "range": { "start": -2, "end": 10 } });
    check(proxy, test, &["-2", "-1", "0", "9", "09"], &["-3", "10", "1.5", "1e0", "+1", "", "a"]);
}

#[tollgate_testkit::test(Canary)]
fn a_number_of_more_than_64_bits_is_in_no_range(proxy: &mut Proxy) {
    let all = json!({ "range": { "start": i64::MIN, "end": i64::MAX } });
    let largest = (i64::MAX - 1).to_string();
    let smallest = i64::MIN.to_string();
    let failing = ["9223372036854775808", "-9223372036854775809", &"9".repeat(60_000)];
    check(proxy, all, &[&largest, &smallest], &failing);
}

#[tollgate_testkit::test(Canary)]
fn gte_and_lte_include_their_bound(proxy: &mut Proxy) {
    check(proxy, json!({ "gte": 5 }), &["5", "6", "500"], &["4", "-5", "", "5.0", "five"]);
    check(proxy, json!({ "lte": 5 }), &["5", "4", "-500"], &["6", "", "5.0", "five"]);
    check(proxy, json!({ "gte": 4.5 }), &["5"], &["4"]);
}

#[tollgate_testkit::test(Canary)]
fn a_version_must_fulfil_all_parts_of_a_requirement(proxy: &mut Proxy) {
    let test = json!({ "semver": ">=1.2.0, <2" });
    let failing = ["1.1.9", "2.0.0", "2.0.0-beta", "1.2", "v1.2.0", "1.2.0.0", "", "01.2.0"];
    check(proxy, test, &["1.2.0", "1.10.0", "1.9.9+build"], &failing);
}

#[tollgate_testkit::test(Canary)]
fn a_version_is_compared_as_the_operator_says(proxy: &mut Proxy) {
    check(proxy, json!({ "semver": "=1.2" }), &["1.2.0", "1.2.9"], &["1.3.0", "1.1.0"]);
    check(proxy, json!({ "semver": ">1.2.3" }), &["1.2.4", "1.10.0"], &["1.2.3", "1.2.3-rc.1"]);
    check(proxy, json!({ "semver": "<=1.2.3" }), &["1.2.3", "1.2.3-rc.1"], &["1.2.4"]);
    check(proxy, json!({ "semver": "~1.2.3" }), &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]);
    check(proxy, json!({ "semver": "^1.2.3" }), &["1.2.3", "1.9.0"], &["2.0.0", "1.2.2"]);
}

#[tollgate_testkit::test(Canary)]
fn a_version_without_its_last_numbers_stands_for_all_that_begin_so(proxy: &mut Proxy) {
    check(proxy, json!({ "semver": "=2" }), &["2.0.0-beta", "2.0.0", "2.9.9"], &["3.0.0"]);
    check(proxy, json!({ "semver": ">=2" }), &["2.0.0-beta", "3.0.0"], &["1.9.9"]);
    check(proxy, json!({ "semver": "<2" }), &["1.9.9", "1.0.0-beta"], &["2.0.0-beta"]);
}

#[tollgate_testkit::test(Canary)]
fn present_is_about_being_there_whatever_the_value(proxy: &mut Proxy) {
    check(proxy, json!({ "present": true }), &["", "a", "false"], &[]);
    assert!(!holds(proxy.get("/")));
    check(proxy, json!({ "present": false }), &[], &["", "a", "false"]);
    assert!(holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn case_is_ignored_where_that_is_asked_for(proxy: &mut Proxy) {
    for test in ["exact", "prefix", "suffix", "contains", "regex"] {
        check(proxy, json!({ test: "aLways", "ignore_case": true }), &["AlWAYS", "always"], &["a"]);
    }
    let any_of = json!({ "any_of": ["aLways", "b"], "ignore_case": true });
    check(proxy, any_of, &["ALWAYS", "B"], &["a"]);
    check(proxy, json!({ "exact": "a", "ignore_case": false }), &["a"], &["A"]);
}

#[tollgate_testkit::test(Canary)]
fn only_the_case_of_a_to_z_is_ignored(proxy: &mut Proxy) {
    check(proxy, json!({ "exact": "straße", "ignore_case": true }), &["STRAßE"], &["STRASSE"]);
    check(proxy, json!({ "exact": "é", "ignore_case": true }), &["é"], &["É"]);
    check(proxy, json!({ "exact": "[", "ignore_case": true }), &["["], &["{"]);
    check(proxy, json!({ "regex": "é", "ignore_case": true }), &["é"], &["É"]);
}

#[tollgate_testkit::test(Canary)]
fn invert_is_the_opposite_of_every_test(proxy: &mut Proxy) {
    for (test, passing, failing) in [
        (json!({ "exact": "a" }), "b", "a"),
        (json!({ "prefix": "a" }), "ba", "ab"),
        (json!({ "suffix": "a" }), "ab", "ba"),
        (json!({ "contains": "a" }), "b", "bab"),
        (json!({ "any_of": ["a", "b"] }), "c", "b"),
        (json!({ "regex": "a+" }), "ab", "aa"),
        (json!({ "range": { "start": 1, "end": 2 } }), "2", "1"),
        (json!({ "gte": 1 }), "0", "1"),
        (json!({ "lte": 1 }), "2", "1"),
        (json!({ "semver": ">=1" }), "0.9.0", "1.0.0"),
    ] {
        check(proxy, with(test, "invert", json!(true)), &[passing], &[failing]);
    }
}

#[tollgate_testkit::test(Canary)]
fn a_missing_value_matches_nothing_inverted_or_not(proxy: &mut Proxy) {
    for test in [
        json!({ "exact": "a" }),
        json!({ "exact": "a", "invert": true }),
        json!({ "any_of": ["a"], "invert": true, "ignore_case": true }),
        json!({ "range": { "start": 1, "end": 2 }, "invert": true }),
        json!({ "semver": "=1", "invert": true }),
        json!({ "regex": "", "invert": true }),
    ] {
        start(proxy, &test);
        assert!(!holds(proxy.get("/")), "{test}");
    }
}

#[tollgate_testkit::test(Canary)]
fn values_that_are_not_utf8_are_compared_byte_by_byte(proxy: &mut Proxy) {
    for (test, expected) in [
        (json!({ "exact": "v2" }), false),
        (json!({ "prefix": "v2" }), true),
        (json!({ "suffix": "v2" }), false),
        (json!({ "contains": "v2" }), true),
        (json!({ "regex": "v2.*" }), false),
        (json!({ "regex": "v2.*", "invert": true }), true),
        (json!({ "semver": ">=0" }), false),
        (json!({ "gte": 0 }), false),
        (json!({ "present": true }), true),
        (json!({ "contains": "\u{fffd}" }), false),
    ] {
        start(proxy, &test);
        assert_eq!(passes(proxy, b"v2\xff"), expected, "{test}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_value_of_60_kib_is_compared_whole(proxy: &mut Proxy) {
    let long = "v".repeat(60_000);
    let (one_less, other) = (&long[1..], long.clone() + "w");
    check(proxy, json!({ "exact": long }), &[&long], &[one_less, &other]);
    check(proxy, json!({ "suffix": "vw" }), &[&other], &[&long]);
    check(proxy, json!({ "contains": "w" }), &[&other], &[&long]);
}

#[tollgate_testkit::test(Canary)]
fn both_spellings_of_a_test_are_the_same(proxy: &mut Proxy) {
    check(proxy, json!({ "anyOf": ["A"], "ignoreCase": true }), &["a"], &["b"]);
    check(proxy, json!({ "any_of": ["A"], "ignore_case": true }), &["a"], &["b"]);
    proxy.configure(rollout(rule(json!({ "sourceIp": ["192.0.2.0/24"] }))));
    assert!(holds(proxy.get("/")));
    proxy.configure(rollout(rule(json!({ "source_ip": ["192.0.2.0/24"] }))));
    assert!(holds(proxy.get("/")));
}
