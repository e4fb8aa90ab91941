use super::*;
use crate::config::from_slice;
use proptest::prelude::*;
use serde_json::{Value, json};

fn value_match(json: Value) -> ValueMatch {
    from_slice(json.to_string().as_bytes()).unwrap()
}

fn header_match(json: Value) -> HeaderMatch {
    from_slice(json.to_string().as_bytes()).unwrap()
}

fn cookie_match(json: Value) -> CookieMatch {
    from_slice(json.to_string().as_bytes()).unwrap()
}

#[test]
fn a_match_on_host_looks_at_the_authority() {
    let headers = HeaderMap::from_pairs([(":authority", "vote.example")]);
    assert!(header_match(json!({ "name": "Host", "exact": "vote.example" })).matches(&headers));
}

fn refusal<T: serde::de::DeserializeOwned>(json: Value) -> String {
    from_slice::<T>(json.to_string().as_bytes()).err().unwrap().to_string()
}

fn matches(json: Value, value: &str) -> bool {
    value_match(json).matches([value.as_bytes()])
}

#[test]
fn each_kind_asks_what_its_name_says() {
    for (json, yes, no) in [
        (json!({"exact": "on"}), "on", "one"),
        (json!({"exact": ""}), "", "on"),
        (json!({"prefix": "on"}), "one", "no"),
        (json!({"suffix": "on"}), "non", "one"),
        (json!({"contains": "on"}), "none", "o-n"),
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
    for kind in ["exact", "prefix", "suffix", "contains"] {
        assert!(!matches(json!({ kind: "canary" }), "cana"), "{kind}");
        assert!(!matches(json!({ kind: "canary" }), ""), "{kind}");
    }
}

#[test]
fn ignore_case_is_about_ascii_letters_only() {
    for kind in ["exact", "prefix", "suffix", "contains"] {
        for spelling in ["ignore_case", "ignoreCase"] {
            assert!(matches(json!({ kind: "oN", spelling: true }), "On"), "{kind}");
        }
        assert!(!matches(json!({ kind: "É", "ignore_case": true }), "é"), "{kind}");
    }
    assert!(matches(json!({"any_of": ["a", "B"], "ignore_case": true}), "b"));
}

#[test]
fn present_asks_whether_there_is_a_value() {
    let (there, absent) =
        (value_match(json!({"present": true})), value_match(json!({"present": false})));
    assert!(there.matches([b"".as_slice()]) && !there.matches([]));
    assert!(absent.matches([]) && !absent.matches([b"".as_slice()]));
}

#[test]
fn a_missing_value_matches_nothing_inverted_or_not() {
    for invert in [false, true] {
        for json in [
            json!({"exact": "on", "invert": invert}),
            json!({"prefix": "on", "invert": invert}),
            json!({"any_of": ["on"], "invert": invert}),
        ] {
            assert!(!value_match(json.clone()).matches([]), "{json}");
        }
    }
}

#[test]
fn invert_holds_when_no_value_passes() {
    let inverted = value_match(json!({"exact": "on", "invert": true}));
    assert!(inverted.matches([b"off".as_slice(), b"of"]));
    assert!(!inverted.matches([b"off".as_slice(), b"on"]));
}

#[test]
fn each_header_line_is_tried_by_itself() {
    let headers =
        HeaderMap::from_pairs([("x-canary", "never, always"), ("x-canary", "always"), ("a", "b")]);
    assert!(header_match(json!({"name": "x-canary", "exact": "always"})).matches(&headers));
    assert!(!header_match(json!({"name": "x-canary", "exact": "never"})).matches(&headers));
    assert!(
        !header_match(json!({"name": "x-canary", "exact": "always", "invert": true}))
            .matches(&headers)
    );
    assert!(header_match(json!({"name": "x-none", "present": false})).matches(&headers));
}

#[test]
fn header_names_have_no_case_and_may_be_pseudo_headers() {
    let headers = HeaderMap::from_pairs([(":path", "/beta/1"), ("x-user", "a")]);
    let user = header_match(json!({"name": "X-User", "exact": "a"}));
    assert_eq!(user.name(), "x-user");
    assert!(user.matches(&headers));
    assert!(header_match(json!({"name": ":path", "prefix": "/beta/"})).matches(&headers));
}

#[test]
fn the_first_cookie_of_a_name_counts() {
    let headers = HeaderMap::from_pairs([("cookie", "f=off; f=on; F=x; sign=\"a=b\"")]);
    let cookies = Cookies::new(&headers);
    assert!(cookie_match(json!({"name": "f", "exact": "off"})).matches(&cookies));
    assert!(!cookie_match(json!({"name": "f", "exact": "on"})).matches(&cookies));
    assert!(cookie_match(json!({"name": "F", "exact": "x"})).matches(&cookies));
    assert!(cookie_match(json!({"name": "sign", "exact": "a=b"})).matches(&cookies));
    assert!(cookie_match(json!({"name": "g", "present": false})).matches(&cookies));
}

#[test]
fn values_that_are_not_utf8_are_compared_as_bytes() {
    let value = [b"\xff\xfeon".as_slice()];
    assert!(value_match(json!({"suffix": "on"})).matches(value));
    assert!(!value_match(json!({"prefix": "on"})).matches(value));
    assert!(value_match(json!({"contains": "o"})).matches(value));
}

#[test]
fn an_entry_needs_exactly_one_kind() {
    let kinds =
        "allowed: exactly one of `exact`, `prefix`, `suffix`, `contains`, `any_of`, `present`";
    assert_eq!(
        refusal::<Vec<HeaderMatch>>(json!([{"name": "a", "present": true}, {"name": "x-canary"}])),
        format!("`[1]`: found none of them, {kinds}")
    );
    assert_eq!(
        refusal::<CookieMatch>(json!({"name": "a", "exact": "b", "prefix": "c"})),
        format!("(root): found `exact` and `prefix`, {kinds}")
    );
    assert_eq!(
        refusal::<ValueMatch>(json!({"invert": true})),
        format!("(root): found none of them, {kinds}")
    );
}

#[test]
fn yamls_bare_on_is_refused_with_the_advice_to_quote_it() {
    let advice = "allowed: a string (put it in quotes)";
    for value in [json!(true), json!(1), json!(-1), json!(1.5), json!(1.0)] {
        let message = refusal::<CookieMatch>(json!({"name": "featureflag", "exact": value}));
        assert!(message.starts_with("`exact`: found ") && message.ends_with(advice), "{message}");
    }
    let message = refusal::<ValueMatch>(json!({"any_of": ["on", true]}));
    assert_eq!(message, format!("`any_of[1]`: found true, {advice}"));
    let message = refusal::<HeaderMatch>(json!({"name": true, "exact": "a"}));
    assert_eq!(message, format!("`name`: found true, {advice}"));
}

#[test]
fn a_match_that_is_surely_a_mistake_is_refused() {
    for kind in ["prefix", "suffix", "contains"] {
        let message = refusal::<ValueMatch>(json!({ kind: "" }));
        assert!(message.starts_with(&format!("`{kind}`: found \"\", allowed: ")), "{message}");
    }
    assert_eq!(
        refusal::<ValueMatch>(json!({"any_of": []})),
        "`any_of`: found 0 elements, allowed: at least one string"
    );
    for field in ["ignore_case", "invert"] {
        let message = refusal::<ValueMatch>(json!({"present": false, field: true}));
        assert!(message.contains("`present: false` alone"), "{message}");
    }
    assert!(
        refusal::<ValueMatch>(json!({"ignore_case": true, "ignoreCase": true})).contains("twice")
    );
    assert!(
        refusal::<ValueMatch>(json!({"any_of": ["a"], "anyOf": ["a"]}))
            .contains("`any_of` and `any_of`")
    );
}

#[test]
fn unknown_fields_are_refused_by_name() {
    assert_eq!(
        refusal::<HeaderMatch>(json!({"name": "a", "regex": ".*"})),
        "`regex`: found an unknown field, allowed: `name`, `exact`, `prefix`, `suffix`, \
         `contains`, `any_of`, `present`, `ignore_case`, `invert`"
    );
    assert!(!refusal::<ValueMatch>(json!({"name": "a"})).contains("allowed: `name`"));
}

#[test]
fn names_that_no_request_can_have_are_refused() {
    for name in ["", "a b", "a:b", ":", "é", "a\n"] {
        let message = refusal::<HeaderMatch>(json!({"name": name, "exact": "on"}));
        assert!(message.starts_with("`name`: found "), "{message}");
    }
    for name in ["", "a=b", "a;b", " a", "a\t"] {
        let message = refusal::<CookieMatch>(json!({"name": name, "exact": "on"}));
        assert!(message.starts_with("`name`: found "), "{message}");
    }
    assert_eq!(
        refusal::<CookieMatch>(json!({"exact": "on"})),
        "`name`: found nothing, allowed: a value, since the field is required"
    );
}

proptest! {
    #[test]
    fn kinds_agree_with_the_standard_library(value in "[ab]{0,6}", text in "[ab]{1,3}") {
        prop_assert_eq!(matches(json!({"exact": text}), &value), value == text);
        prop_assert_eq!(matches(json!({"prefix": text}), &value), value.starts_with(&text));
        prop_assert_eq!(matches(json!({"suffix": text}), &value), value.ends_with(&text));
        prop_assert_eq!(matches(json!({"contains": text}), &value), value.contains(&text));
    }

    #[test]
    fn a_value_that_is_there_matches_either_plain_or_inverted(
        values in prop::collection::vec(any::<Vec<u8>>(), 1..4), text in "[a-b]{1,2}",
    ) {
        for kind in ["exact", "prefix", "suffix", "contains"] {
            let plain = value_match(json!({ kind: text }));
            let inverted = ValueMatch { invert: true, ..plain.clone() };
            let values = || values.iter().map(Vec::as_slice);
            prop_assert_ne!(plain.matches(values()), inverted.matches(values()));
        }
    }
}
