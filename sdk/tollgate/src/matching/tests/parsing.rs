use super::*;
use proptest::prelude::*;

/// The refusal of one header's match.
fn of_header(json: Value) -> String {
    refusal(json!({ "headers": [json] }))
}

#[test]
fn every_condition_of_the_contract_is_read() {
    let condition: Match = read(&json!({
        "headers": [{"name": "x-canary", "exact": "always"}],
        "cookies": [{"name": "prefs", "pointer": "/beta", "exact": "true"}],
        "query": [{"name": "beta", "any_of": ["1"]}],
        "path": [{"prefix": "/"}],
        "method": [{"exact": "GET"}],
        "host": [{"exact": "vote.example"}],
        "source_ip": ["10.0.0.0/8", "::1"],
        "claims": [{"claim": "realm.groups", "contains": "internal"}],
        "peer": [{"principal": "uri_san", "prefix": "spiffe://"}],
        "any": [{"path": [{"prefix": "/a"}]}, {"path": [{"prefix": "/b"}]}],
        "not": {"method": [{"exact": "POST"}]},
    }));
    assert_eq!(
        condition.cookies,
        [CookieMatch {
            name: "prefs".to_owned(),
            pointer: Some("/beta".to_owned()),
            value: ValueMatch {
                test: Test::Exact("true".to_owned()),
                ignore_case: false,
                invert: false,
            },
        }]
    );
    assert_eq!(condition.claims[0].claim.segments(), ["realm", "groups"]);
    assert_eq!(condition.peer[0].principal, Some(Principal::UriSan));
    assert_eq!((condition.any.len(), condition.source_ip.len()), (2, 2));
    assert!(condition.not.is_some() && condition.compile().is_ok());
}

#[test]
fn both_spellings_of_a_name_are_one_field() {
    assert_eq!(
        read::<Match>(&json!({"sourceIp": ["::1"]})),
        read::<Match>(&json!({"source_ip": ["::1"]}))
    );
    let camel = json!({"anyOf": ["a"], "ignoreCase": true});
    let snake = json!({"any_of": ["a"], "ignore_case": true});
    assert_eq!(read::<ValueMatch>(&camel), read::<ValueMatch>(&snake));
    for twice in [
        json!({"sourceIp": [], "source_ip": []}),
        json!({"path": [{"exact": "a", "ignoreCase": false, "ignore_case": false}]}),
        json!({"path": [{"any_of": ["a"], "anyOf": ["a"]}]}),
    ] {
        assert!(refusal(twice).contains("found the field twice"));
    }
}

#[test]
fn an_entry_needs_exactly_one_test() {
    let tests = "allowed: exactly one of `exact`, `prefix`, `suffix`, `contains`, `regex`, \
         `any_of`, `range`, `gte`, `lte`, `semver`, `present`";
    assert_eq!(
        refusal(json!({"headers": [{"name": "a", "present": true}, {"name": "x-canary"}]})),
        format!("`headers[1]`: found none of them, {tests}")
    );
    assert_eq!(
        refusal(json!({"cookies": [{"name": "a", "exact": "b", "prefix": "c"}]})),
        format!("`cookies[0]`: found `exact` and `prefix`, {tests}")
    );
    assert_eq!(
        refusal(json!({"any": [{"path": [{"invert": true}]}]})),
        format!("`any[0].path[0]`: found none of them, {tests}")
    );
}

#[test]
fn yamls_bare_on_is_refused_with_the_advice_to_quote_it() {
    let advice = "allowed: a string (put it in quotes)";
    for value in [json!(true), json!(1), json!(-1), json!(1.5), json!(1.0)] {
        let message = of_header(json!({"name": "featureflag", "exact": value}));
        assert!(message.starts_with("`headers[0].exact`: found "), "{message}");
        assert!(message.ends_with(advice), "{message}");
    }
    let message = of_header(json!({"name": "a", "any_of": ["on", true]}));
    assert_eq!(message, format!("`headers[0].any_of[1]`: found true, {advice}"));
    let message = of_header(json!({"name": true, "exact": "a"}));
    assert_eq!(message, format!("`headers[0].name`: found true, {advice}"));
}

#[test]
fn a_test_that_cannot_be_meant_is_refused_by_path() {
    let large = format!("[a-z]{{{}}}", 1_000);
    let long = "a".repeat(Regex::MAX_PATTERN + 1);
    for (test, start) in [
        (
            json!({"prefix": ""}),
            "`path[0].prefix`: found \"\", allowed: a string that is not empty",
        ),
        (json!({"suffix": ""}), "`path[0].suffix`: found \"\", "),
        (json!({"contains": ""}), "`path[0].contains`: found \"\", "),
        (json!({"any_of": []}), "`path[0].any_of`: found an empty list, allowed: at least one"),
        (
            json!({"range": {"start": 5, "end": 5}}),
            "`path[0].range`: found 5 to 5, allowed: `start` below `end`, which is not in it",
        ),
        (
            json!({"range": {"start": 5}}),
            "`path[0].range.end`: found nothing, allowed: a value, since the field is required",
        ),
        (
            json!({"range": {"start": 1.5, "end": 5}}),
            "`path[0].range.start`: found 1.5, allowed: a whole number from -9223372036854775808",
        ),
        (
            json!({"range": {"from": 5}}),
            "`path[0].range.from`: found an unknown field, allowed: `start`, `end`",
        ),
        (json!({"gte": "5"}), "`path[0].gte`: found \"5\", allowed: a number"),
        (
            json!({"semver": "1.2.0"}),
            "`path[0].semver`: found \"1.2.0\", allowed: a requirement on versions, such as",
        ),
        (json!({"regex": "a("}), "`path[0].regex`: found \"a(\" (found open group without closing"),
        (json!({"regex": "a)|(b"}), "`path[0].regex`: found \"a)|(b\" ("),
        (json!({"regex": "(?=a)"}), "`path[0].regex`: found \"(?=a)\" ("),
        (json!({"regex": "\\1"}), "`path[0].regex`: found \"\\\\1\" ("),
        (json!({"regex": "\\p{Greek}"}), "`path[0].regex`: found \"\\\\p{Greek}\" ("),
        (json!({ "regex": large }), "`path[0].regex`: found \"[a-z]{1000}\" ("),
        (json!({"regex": "(((a{99}){99}){99}){99}"}), "`path[0].regex`: found "),
        (json!({"regex": "(?:){4294967295}"}), "`path[0].regex`: found "),
        (
            json!({ "regex": long }),
            "`path[0].regex`: found a string of 1025 characters (it has more than 1024 bytes), \
             allowed: a regular expression of at most 1024 bytes",
        ),
        (
            json!({"present": false, "invert": true}),
            "`path[0].invert`: found true with `present`, allowed: `present: true` or",
        ),
    ] {
        let message = refusal(json!({ "path": [test] }));
        assert!(message.starts_with(start), "expected {start}\n     got {message}");
        assert!(message.contains(", allowed: "), "{message}");
    }
}

#[test]
fn ignore_case_is_refused_where_it_says_nothing() {
    for test in [
        json!({"range": {"start": 1, "end": 2}}),
        json!({"gte": 1}),
        json!({"lte": 1}),
        json!({"semver": ">=1"}),
        json!({"present": true}),
    ] {
        let (name, mut entry) = (test.as_object().unwrap().keys().next().cloned(), test);
        entry["ignore_case"] = json!(true);
        let message = refusal(json!({ "path": [entry] }));
        let start =
            format!("`path[0].ignore_case`: found true with `{}`, allowed: ", name.unwrap());
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn unknown_fields_are_refused_with_those_of_their_kind() {
    let tests = "`exact`, `prefix`, `suffix`, `contains`, `regex`, `any_of`, `range`, `gte`, \
         `lte`, `semver`, `present`, `ignore_case`, `invert`";
    for (kind, own, foreign) in [
        ("headers", "`name`, ", "pointer"),
        ("cookies", "`name`, `pointer`, ", "claim"),
        ("query", "`name`, ", "pointer"),
        ("path", "", "name"),
        ("method", "", "name"),
        ("host", "", "name"),
        ("claims", "`claim`, ", "name"),
        ("peer", "`principal`, ", "name"),
    ] {
        for (field, hint) in [(foreign, ""), ("exakt", "; did you mean `exact`?")] {
            assert_eq!(
                refusal(json!({ kind: [{ field: "a" }] })),
                format!("`{kind}[0].{field}`: found an unknown field, allowed: {own}{tests}{hint}")
            );
        }
    }
    assert_eq!(
        refusal(json!({"cookie": []})),
        "`cookie`: found an unknown field, allowed: `headers`, `cookies`, `query`, `path`, \
         `method`, `host`, `source_ip`, `claims`, `peer`, `any`, `not`; did you mean `cookies`?"
    );
}

#[test]
fn names_that_no_request_can_have_are_refused() {
    for name in ["", "a b", "a:b", ":", "é", "a\n"] {
        let message = of_header(json!({"name": name, "exact": "on"}));
        assert!(message.starts_with("`headers[0].name`: found "), "{message}");
    }
    for name in ["", "a=b", "a;b", " a", "a\t"] {
        let message = refusal(json!({"cookies": [{"name": name, "exact": "on"}]}));
        assert!(message.starts_with("`cookies[0].name`: found "), "{message}");
    }
    let message = refusal(json!({"query": [{"name": "", "exact": "on"}]}));
    assert!(message.starts_with("`query[0].name`: found \"\", allowed: "), "{message}");
    for claim in [json!(""), json!("."), json!("a."), json!("a..b"), json!([]), json!(5)] {
        let message = refusal(json!({"claims": [{"claim": claim, "exact": "on"}]}));
        assert!(message.starts_with("`claims[0].claim`: found "), "{message}");
        assert!(message.contains("allowed: the path of a claim, such as \"realm.groups\""));
    }
    for kind in ["headers", "cookies", "query"] {
        assert_eq!(
            refusal(json!({ kind: [{"exact": "on"}] })),
            format!(
                "`{kind}[0].name`: found nothing, allowed: a value, since the field is required"
            )
        );
    }
    assert!(refusal(json!({"claims": [{"exact": "on"}]})).starts_with("`claims[0].claim`: "));
}

#[test]
fn what_is_no_pointer_address_or_principal_is_refused() {
    for (condition, start) in [
        (
            json!({"cookies": [{"name": "a", "pointer": "beta", "exact": "b"}]}),
            "`cookies[0].pointer`: found \"beta\", allowed: a JSON pointer (RFC 6901)",
        ),
        (
            json!({"source_ip": ["::1", "10.1.2.3/8"]}),
            "`source_ip[1]`: found \"10.1.2.3/8\", allowed: an IP address or a block",
        ),
        (
            json!({"peer": [{"principal": "email", "exact": "b"}]}),
            "`peer[0].principal`: found \"email\", allowed: `uri_san`, `dns_san`, `subject`",
        ),
    ] {
        let message = refusal(condition);
        assert!(message.starts_with(start), "expected {start}\n     got {message}");
    }
}

#[test]
fn a_match_without_a_condition_is_refused_at_every_depth() {
    let allowed = "allowed: at least one of `headers`, `cookies`, `query`, `path`, `method`, \
         `host`, `source_ip`, `claims`, `peer`, `any`, `not`";
    for (condition, path) in [
        (json!({}), "(root)"),
        (json!({"headers": [], "source_ip": [], "any": []}), "(root)"),
        (json!({"not": {}}), "`not`"),
        (json!({"any": [{"path": [{"prefix": "/"}]}, {}]}), "`any[1]`"),
        (json!({"not": {"any": [{"not": {}}]}}), "`not.any[0].not`"),
    ] {
        assert_eq!(refusal(condition), format!("{path}: found no condition, {allowed}"));
    }
}

#[test]
fn a_wrong_type_is_refused_with_what_is_right() {
    for (condition, message) in [
        (json!([]), "(root): found a list, allowed: an object"),
        (json!({"headers": {}}), "`headers`: found an object, allowed: a list"),
        (json!({"headers": ["a"]}), "`headers[0]`: found a string, allowed: an object"),
        (json!({"not": []}), "`not`: found a list, allowed: an object"),
        (
            json!({"path": [{"exact": "a", "invert": "no"}]}),
            "`path[0].invert`: found \"no\", allowed: true or false",
        ),
    ] {
        assert_eq!(refusal(condition), message);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "name",
        "pointer",
        "claim",
        "principal",
        "exact",
        "regex",
        "any_of",
        "range",
        "semver",
        "present",
        "invert",
        "ignore_case",
        "headers",
        "cookies",
        "path",
        "claims",
        "source_ip",
        "any",
        "not",
        "start",
        "end",
    ]);
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        "[a-z/.*(]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..4)
                .prop_map(|members| members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_compiled_or_refused_in_one_line(json in any_json()) {
        let compiled = from_slice::<Match>(json.to_string().as_bytes()).and_then(|m| m.compile());
        if let Err(error) = compiled {
            let message = error.to_string();
            prop_assert!(message.contains(": found ") && message.contains(", allowed: "), "{}", message);
            prop_assert!(!message.contains(char::is_control));
        }
    }
}
