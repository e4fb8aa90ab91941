use super::*;
use proptest::prelude::*;

fn matches(json: Value, value: &str) -> bool {
    value_matcher(json).matches([value])
}

fn matches_json(json: Value, value: Value) -> bool {
    value_matcher(json).matches_json(Some(&value))
}

#[test]
fn each_test_of_text_asks_what_its_name_says() {
    for (json, yes, no) in [
        (json!({"exact": "on"}), "on", "one"),
        (json!({"exact": ""}), "", "on"),
        (json!({"prefix": "on"}), "one", "no"),
        (json!({"suffix": "on"}), "non", "one"),
        (json!({"contains": "on"}), "none", "o-n"),
        (json!({"regex": "o[m-n]"}), "on", "one"),
        (json!({"any_of": ["on", "yes"]}), "yes", "y"),
        (json!({"anyOf": ["on", "yes"]}), "on", ""),
    ] {
        assert!(matches(json.clone(), yes), "{json} {yes}");
        assert!(!matches(json.clone(), no), "{json} {no}");
        assert!(!matches(json.clone(), "ON"), "{json} ON");
    }
}

#[test]
fn a_value_shorter_than_the_text_is_no_match() {
    for test in ["exact", "prefix", "suffix", "contains", "regex"] {
        assert!(!matches(json!({ test: "canary" }), "cana"), "{test}");
        assert!(!matches(json!({ test: "canary" }), ""), "{test}");
    }
}

#[test]
fn ignore_case_is_about_ascii_letters_only() {
    for test in ["exact", "prefix", "suffix", "contains", "regex"] {
        for spelling in ["ignore_case", "ignoreCase"] {
            assert!(matches(json!({ test: "oN", spelling: true }), "On"), "{test}");
        }
        assert!(!matches(json!({ test: "É", "ignore_case": true }), "é"), "{test}");
    }
    assert!(matches(json!({"any_of": ["a", "B"], "ignore_case": true}), "b"));
}

#[test]
fn present_asks_whether_there_is_a_value() {
    let there = value_matcher(json!({"present": true}));
    let absent = value_matcher(json!({"present": false}));
    assert!(there.matches([""]) && !there.matches::<&str>([]));
    assert!(absent.matches::<&str>([]) && !absent.matches([""]));
}

/// One of each test but `present`.
fn tests() -> [Value; 10] {
    [
        json!({"exact": "on"}),
        json!({"prefix": "on"}),
        json!({"suffix": "on"}),
        json!({"contains": "on"}),
        json!({"regex": "on"}),
        json!({"any_of": ["on"]}),
        json!({"range": {"start": 1, "end": 2}}),
        json!({"gte": 1}),
        json!({"lte": 1}),
        json!({"semver": ">=1.0.0"}),
    ]
}

#[test]
fn a_missing_value_matches_nothing_inverted_or_not() {
    for mut test in tests() {
        for invert in [false, true] {
            test["invert"] = json!(invert);
            assert!(!value_matcher(test.clone()).matches::<&str>([]), "{test}");
            assert!(!value_matcher(test.clone()).matches_json(None), "{test}");
            assert!(!matches_json(test.clone(), Value::Null), "{test}");
        }
    }
}

#[test]
fn invert_holds_when_no_value_passes() {
    let inverted = value_matcher(json!({"exact": "on", "invert": true}));
    assert!(inverted.matches(["off", "of"]));
    assert!(!inverted.matches(["off", "on"]));
}

#[test]
fn values_that_are_not_utf8_are_compared_as_bytes() {
    let value = [b"\xff\xfeon".as_slice()];
    assert!(value_matcher(json!({"suffix": "on"})).matches(value));
    assert!(!value_matcher(json!({"prefix": "on"})).matches(value));
    assert!(value_matcher(json!({"contains": "o"})).matches(value));
}

#[test]
fn values_that_are_not_utf8_match_no_regular_expression() {
    let value = [b"\xffon".as_slice()];
    for pattern in [".*", "(?s).*", ".*on"] {
        assert!(!value_matcher(json!({ "regex": pattern })).matches(value), "{pattern}");
        assert!(value_matcher(json!({ "regex": pattern, "invert": true })).matches(value));
    }
}

#[test]
fn a_regular_expression_must_match_the_whole_value() {
    for (pattern, value, expected) in [
        ("a", "a", true),
        ("a", "banana", false),
        (".*a.*", "banana", true),
        // The first alternative that matches somewhere is not the one that matches all.
        ("a|ab", "ab", true),
        ("a|b", "ab", false),
        ("a|b", "b", true),
        ("a*?", "aaa", true),
        ("^a$", "a", true),
        ("", "", true),
        ("", "a", false),
        ("a", "a\n", false),
        ("(?m)^b$", "a\nb", false),
        (".", "\n", false),
        ("(?s).", "\n", true),
        ("(?i)on", "ON", true),
        (r"v\d+(\.\d+)?", "v12.3", true),
        (r"\d", "٣", false),
        (".", "é", true),
        (r"^(.*?;)?(user=x)(;.*)?$", "a=b;user=x;c=d", true),
    ] {
        assert_eq!(matches(json!({ "regex": pattern }), value), expected, "{pattern} {value:?}");
    }
}

#[test]
fn a_regular_expression_takes_time_in_proportion_to_the_value() {
    // Exponential where engines backtrack, and quadratic in many others.
    for pattern in ["(a*)*b", "(a|aa)+b", "(a?){30}a{30}b", "(.*)(.*)(.*)(.*)b"] {
        assert!(!matches(json!({ "regex": pattern }), &"a".repeat(20_000)), "{pattern}");
    }
}

#[test]
fn a_range_has_its_start_and_not_its_end() {
    let range = json!({"range": {"start": -5, "end": 10}});
    for value in ["-5", "-1", "0", "-0", "00", "9", "009"] {
        assert!(matches(range.clone(), value), "{value}");
    }
    for value in ["-6", "10", "", "-", "+1", " 1", "1 ", "1.0", "1e0", "0x1", "--1", "٣", "a"] {
        assert!(!matches(range.clone(), value), "{value:?}");
    }
    let all = json!({"range": {"start": i64::MIN, "end": i64::MAX}});
    assert!(matches(all.clone(), "-9223372036854775808"));
    assert!(!matches(all.clone(), "9223372036854775807"));
    assert!(!matches(all, "-9223372036854775809"));
}

#[test]
fn bounds_have_their_ends() {
    for (json, value, expected) in [
        (json!({"gte": 18}), "18", true),
        (json!({"gte": 18}), "17", false),
        (json!({"gte": 17.5}), "18", true),
        (json!({"lte": -0.5}), "-1", true),
        (json!({"lte": -0.5}), "0", false),
        (json!({"gte": 0}), "1.5", false),
        (json!({"gte": 0}), "", false),
    ] {
        assert_eq!(matches(json.clone(), value), expected, "{json} {value}");
    }
}

#[test]
fn versions_are_compared_as_versions() {
    let requirement = json!({"semver": ">=1.2.0, <2"});
    for (version, expected) in
        [("1.2.0", true), ("1.10.0", true), ("1.1.9", false), ("2.0.0", false), ("v1.2.0", false)]
    {
        assert_eq!(matches(requirement.clone(), version), expected, "{version}");
    }
}

#[test]
fn json_scalars_are_as_good_as_their_text() {
    for (json, value, expected) in [
        (json!({"exact": "true"}), json!(true), true),
        (json!({"exact": "false"}), json!(false), true),
        (json!({"exact": "5"}), json!(5), true),
        (json!({"exact": "5"}), json!(5.0), true),
        (json!({"exact": "1.5"}), json!(1.5), true),
        (json!({"exact": ""}), json!(""), true),
        (json!({"prefix": "1"}), json!(12), true),
        (json!({"any_of": ["1", "2"]}), json!(2), true),
        (json!({"regex": "[0-9]+"}), json!(12), true),
        (json!({"contains": "min"}), json!("administrator"), true),
        (json!({"exact": "null"}), json!(null), false),
        (json!({"semver": ">=1"}), json!("1.2.3"), true),
    ] {
        assert_eq!(matches_json(json.clone(), value.clone()), expected, "{json} {value}");
    }
}

#[test]
fn json_numbers_are_compared_as_numbers() {
    let range = json!({"range": {"start": 1, "end": 10}});
    for (value, expected) in [
        (json!(1), true),
        (json!(9), true),
        (json!(10), false),
        (json!(0.5), false),
        (json!(9.5), true),
        (json!("9"), true),
        (json!("9.5"), false),
        (json!(u64::MAX), false),
        (json!(1e300), false),
        (json!(true), false),
    ] {
        assert_eq!(matches_json(range.clone(), value.clone()), expected, "{value}");
    }
    for (json, value, expected) in [
        (json!({"gte": 0.8}), json!(0.8), true),
        (json!({"gte": 0.8}), json!(0.79), false),
        (json!({"gte": 0.8}), json!("1"), true),
        (json!({"lte": 3}), json!(3), true),
        (json!({"lte": 3}), json!(u64::MAX), false),
        (json!({"lte": 3}), json!("three"), false),
        (json!({"gte": 0}), json!(true), false),
    ] {
        assert_eq!(matches_json(json.clone(), value.clone()), expected, "{json} {value}");
    }
}

#[test]
fn each_element_of_a_json_list_is_a_value() {
    let groups = json!(["beta", "internal", 7, true]);
    for (json, expected) in [
        (json!({"exact": "internal"}), true),
        (json!({"prefix": "int"}), true),
        (json!({"exact": "7"}), true),
        (json!({"gte": 7}), true),
        (json!({"range": {"start": 0, "end": 7}}), false),
        (json!({"any_of": ["a", "beta"]}), true),
        (json!({"exact": "gamma"}), false),
        (json!({"exact": "gamma", "invert": true}), true),
        (json!({"exact": "beta", "invert": true}), false),
        (json!({"present": true}), true),
    ] {
        assert_eq!(matches_json(json.clone(), groups.clone()), expected, "{json}");
    }
}

#[test]
fn contains_asks_for_an_element_of_a_json_list() {
    for (json, value, expected) in [
        (json!({"contains": "internal"}), json!(["beta", "internal"]), true),
        (json!({"contains": "intern"}), json!(["beta", "internal"]), false),
        (json!({"contains": "INTERNAL", "ignore_case": true}), json!(["internal"]), true),
        (json!({"contains": "7"}), json!([7]), true),
        (json!({"contains": "a"}), json!([["a"]]), false),
        (json!({"contains": "intern"}), json!("internal"), true),
    ] {
        assert_eq!(matches_json(json.clone(), value.clone()), expected, "{json} {value}");
    }
}

#[test]
fn an_empty_json_list_is_there_and_has_no_value() {
    assert!(matches_json(json!({"present": true}), json!([])));
    assert!(!matches_json(json!({"exact": ""}), json!([])));
    assert!(matches_json(json!({"exact": "a", "invert": true}), json!([])));
}

#[test]
fn a_json_object_is_there_and_passes_no_other_test() {
    assert!(matches_json(json!({"present": true}), json!({})));
    assert!(!matches_json(json!({"present": false}), json!({})));
    for mut test in tests() {
        assert!(!matches_json(test.clone(), json!({"on": "on"})), "{test}");
        test["invert"] = json!(true);
        assert!(matches_json(test.clone(), json!({"on": "on"})), "{test}");
    }
}

proptest! {
    #[test]
    fn tests_of_text_agree_with_the_standard_library(value in "[ab]{0,6}", text in "[ab]{1,3}") {
        prop_assert_eq!(matches(json!({"exact": text}), &value), value == text);
        prop_assert_eq!(matches(json!({"prefix": text}), &value), value.starts_with(&text));
        prop_assert_eq!(matches(json!({"suffix": text}), &value), value.ends_with(&text));
        prop_assert_eq!(matches(json!({"contains": text}), &value), value.contains(&text));
        let (exact, prefix) = (json!({"regex": text}), json!({"regex": format!("{text}.*")}));
        prop_assert_eq!(matches(exact, &value), value == text);
        prop_assert_eq!(matches(prefix, &value), value.starts_with(&text));
    }

    #[test]
    fn a_range_agrees_with_the_standard_library(value: i64, start: i64, end: i64) {
        prop_assume!(start < end);
        let range = json!({"range": {"start": start, "end": end}});
        prop_assert_eq!(matches(range.clone(), &value.to_string()), (start..end).contains(&value));
        prop_assert_eq!(matches_json(range, json!(value)), (start..end).contains(&value));
    }

    #[test]
    fn a_value_that_is_there_matches_either_plain_or_inverted(
        values in prop::collection::vec(any::<Vec<u8>>(), 1..4), index in 0usize..10,
    ) {
        let mut test = tests()[index].clone();
        let plain = value_matcher(test.clone());
        test["invert"] = json!(true);
        prop_assert_ne!(plain.matches(&values), value_matcher(test).matches(&values));
    }

    #[test]
    fn one_value_matches_as_a_list_of_it_does(text in "[on0-9.]{0,4}", index in 0usize..10) {
        let test = value_matcher(tests()[index].clone());
        prop_assume!(index != 3);
        prop_assert_eq!(test.matches([&text]), test.matches_json(Some(&json!(text))));
        prop_assert_eq!(test.matches([&text]), test.matches_json(Some(&json!([text]))));
    }

    #[test]
    fn any_pattern_is_compiled_or_refused(pattern in r"[a-c(){}|*+?\[\]^$.\\0-9:i,=<>-]{0,24}", any: String, value: String) {
        for pattern in [pattern, any] {
            if let Ok(regex) = Regex::new(&pattern, false) {
                let _ = regex.matches(value.as_bytes());
            }
        }
    }
}
