use super::*;
use crate::testing::World;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::slice;
use tollgate::HostError;
use tollgate::abi::Status;
use tollgate::properties::Text;

fn read<T: serde::de::DeserializeOwned>(config: &Value) -> Result<T, ConfigError> {
    tollgate::config::from_slice(config.to_string().as_bytes())
}

/// A condition on the claim `c`.
fn condition(test: Value) -> Result<ClaimMatch, ConfigError> {
    let mut config = json!({ "claim": "c" });
    config.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
    read(&config).and_then(|config| ClaimMatch::new(&config))
}

fn holds(test: Value, claim: Value) -> bool {
    let claims = Map::from_iter([("c".to_owned(), claim)]);
    condition(test).unwrap().matches(&claims)
}

fn holds_without_claim(test: Value) -> bool {
    condition(test).unwrap().matches(&Map::new())
}

fn inverted(test: &Value) -> Value {
    let mut test = test.clone();
    test["invert"] = json!(true);
    test
}

type Values = Vec<Value>;

/// Tests with values that pass, values that do not, and values that they are not about.
fn tests() -> [(Value, Values, Values, Values); 11] {
    let (texts, numbers) = (vec![json!("5"), json!("")], vec![json!(5), json!(0.5)]);
    let (lists, object) = (vec![json!([["a"]])], json!({"a": 5}));
    let besides = |others: &[Value]| [others, &lists, slice::from_ref(&object)].concat();
    let only_texts = besides(&[numbers.clone(), vec![json!(true)]].concat());
    let only_numbers = besides(&[texts.clone(), vec![json!(true)]].concat());
    [
        (json!({"exact": "5"}), vec![json!("5")], vec![json!("6"), json!("")], only_texts.clone()),
        (
            json!({"exact": 5}),
            vec![json!(5), json!(5.0)],
            vec![json!(6), json!(5.5), json!(-5)],
            only_numbers.clone(),
        ),
        (
            json!({"exact": true}),
            vec![json!(true)],
            vec![json!(false)],
            besides(&[texts.clone(), numbers.clone(), vec![json!("true"), json!(1)]].concat()),
        ),
        (
            json!({"any_of": ["a", 5]}),
            vec![json!("a"), json!(5)],
            vec![json!("5"), json!(6)],
            besides(&[json!(true)]),
        ),
        (
            json!({"prefix": "ab"}),
            vec![json!("abc")],
            vec![json!("a"), json!("xab")],
            only_texts.clone(),
        ),
        (
            json!({"suffix": "bc"}),
            vec![json!("abc")],
            vec![json!("c"), json!("bcx")],
            only_texts.clone(),
        ),
        (
            json!({"regex": "a+"}),
            vec![json!("aa")],
            vec![json!("aab"), json!("")],
            only_texts.clone(),
        ),
        (json!({"contains": "b"}), vec![json!("b")], vec![json!("a")], only_texts),
        (
            json!({"gte": 2}),
            vec![json!(2), json!(2.5), json!(u64::MAX)],
            vec![json!(1), json!(1.99), json!(i64::MIN)],
            only_numbers.clone(),
        ),
        (
            json!({"lte": 2.5}),
            vec![json!(2), json!(2.5), json!(-7)],
            vec![json!(3), json!(2.6)],
            only_numbers.clone(),
        ),
        (
            json!({"gte": 1, "lte": 3}),
            vec![json!(1), json!(2.5), json!(3)],
            vec![json!(0), json!(3.1)],
            only_numbers,
        ),
    ]
}

#[test]
fn a_test_passes_values_of_its_type_only_and_inverted_too() {
    for (test, passing, failing, foreign) in tests() {
        let inverted = inverted(&test);
        for value in passing {
            assert!(holds(test.clone(), value.clone()), "{test} {value}");
            assert!(!holds(inverted.clone(), value.clone()), "{inverted} {value}");
        }
        for value in failing {
            assert!(!holds(test.clone(), value.clone()), "{test} {value}");
            assert!(holds(inverted.clone(), value.clone()), "{inverted} {value}");
        }
        for value in foreign {
            assert!(!holds(test.clone(), value.clone()), "{test} {value}");
            assert!(!holds(inverted.clone(), value.clone()), "{inverted} {value}");
        }
    }
}

#[test]
fn one_element_of_a_list_is_enough_and_inverted_each_must_fail_the_test() {
    for (test, passing, failing, foreign) in tests() {
        let inverted = inverted(&test);
        let (good, bad, other) = (&passing[0], &failing[0], &foreign[0]);
        for (list, direct, opposite) in [
            (json!([bad, good]), true, false),
            (json!([other, good]), true, false),
            (json!([bad, bad]), false, true),
            (json!([bad, other]), false, false),
            (json!([bad, null]), false, false),
            (json!([]), false, true),
        ] {
            assert_eq!(holds(test.clone(), list.clone()), direct, "{test} {list}");
            assert_eq!(holds(inverted.clone(), list.clone()), opposite, "{inverted} {list}");
        }
    }
}

#[test]
fn an_absent_claim_fulfils_nothing_but_that_it_is_absent() {
    for (test, ..) in tests() {
        for test in [inverted(&test), test] {
            assert!(!holds_without_claim(test.clone()), "{test}");
            assert!(!holds(test.clone(), Value::Null), "{test}");
        }
    }
    for value in [json!(""), json!(0), json!(false), json!([]), json!({})] {
        assert!(holds(json!({"present": true}), value.clone()), "{value}");
        assert!(!holds(json!({"present": false}), value.clone()), "{value}");
    }
    assert!(!holds_without_claim(json!({"present": true})));
    assert!(holds_without_claim(json!({"present": false})));
    assert!(holds(json!({"present": false}), Value::Null));
}

#[test]
fn a_part_of_a_text_is_not_a_part_of_a_list() {
    let admin = json!({"contains": "admin"});
    assert!(holds(admin.clone(), json!("the-admin-role")));
    assert!(holds(admin.clone(), json!(["user", "admin"])));
    assert!(!holds(admin, json!(["the-admin-role"])));
}

#[test]
fn numbers_are_compared_as_exactly_as_they_are_written() {
    let large = 9_007_199_254_740_993_u64;
    assert!(holds(json!({ "exact": large }), json!(large)));
    assert!(!holds(json!({ "exact": large }), json!(large - 1)));
    assert!(!holds(json!({ "lte": large - 1 }), json!(large)));
}

#[test]
fn a_path_leads_through_objects_and_may_have_names_with_dots() {
    let claims = json!({"a": {"b": {"c": "x"}}, "a.b": {"c": "y"}, "l": [{"c": "x"}]});
    let claims = claims.as_object().unwrap();
    let matches = |path: Value, value: &str| {
        let mut config = json!({ "exact": value });
        config.as_object_mut().unwrap().extend(path.as_object().unwrap().clone());
        ClaimMatch::new(&read(&config).unwrap()).unwrap().matches(claims)
    };
    assert!(matches(json!({"claim": "a.b.c"}), "x"));
    assert!(matches(json!({"claim_path": [{"key": "a.b"}, {"key": "c"}]}), "y"));
    assert!(!matches(json!({"claim": "l.c"}), "x"));
    assert!(!matches(json!({"claim": "a.b.c.d"}), "x"));
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_field() {
    for (test, path) in [
        (json!({}), ""),
        (json!({"exact": 1, "any_of": [1]}), ""),
        (json!({"gte": 1, "present": true}), ""),
        (json!({"lte": 1, "prefix": "a"}), ""),
        (json!({"exact": 1, "claim_path": [{"key": "a"}]}), ""),
        (json!({"claim": "", "exact": 1}), "claim"),
        (json!({"claim": "a..b", "exact": 1}), "claim"),
        (json!({"any_of": []}), "any_of"),
        (json!({"any_of": [1, null]}), "any_of[1]"),
        (json!({"any_of": [["a"]]}), "any_of[0]"),
        (json!({"exact": {}}), "exact"),
        (json!({"gte": "1"}), "gte"),
        (json!({"gte": 3, "lte": 2}), "gte"),
        (json!({"prefix": ""}), "prefix"),
        (json!({"suffix": ""}), "suffix"),
        (json!({"contains": ""}), "contains"),
        (json!({"regex": ""}), "regex"),
        (json!({"regex": "("}), "regex"),
        (json!({"present": true, "invert": true}), "invert"),
        (json!({"ignore_case": true, "exact": "a"}), "ignore_case"),
    ] {
        let error = condition(test.clone()).unwrap_err();
        assert_eq!(error.path, path, "{test}: {error}");
    }
    for path in [json!([]), json!([{"key": "a"}, {"key": ""}])] {
        let config = read(&json!({"claim_path": path, "exact": 1})).unwrap();
        assert_eq!(ClaimMatch::new(&config).unwrap_err().path, "claim_path");
    }
}

fn scopes(names: &[&str]) -> Result<Scopes, ConfigError> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    Scopes::new(&names)
}

#[test]
fn every_scope_is_needed_in_scope_or_scp_as_a_text_or_a_list() {
    let needed = scopes(&["read", "write"]).unwrap();
    for (claims, expected) in [
        (json!({"scope": "read write"}), true),
        (json!({"scope": "write other  read"}), true),
        (json!({"scope": ["read", "write"]}), true),
        (json!({"scp": "read write"}), true),
        (json!({"scp": ["write", "read", 5]}), true),
        (json!({"scope": "read", "scp": ["write"]}), true),
        (json!({"scope": "read"}), false),
        (json!({"scope": "readwrite"}), false),
        (json!({"scope": "READ write"}), false),
        (json!({"scope": ["read write"]}), false),
        (json!({"scope": {"read": true, "write": true}}), false),
        (json!({"scopes": "read write"}), false),
        (json!({}), false),
    ] {
        assert_eq!(needed.are_in(claims.as_object().unwrap()), expected, "{claims}");
    }
}

#[test]
fn a_client_with_too_few_scopes_is_told_all_that_are_needed() {
    let denial = scopes(&["read", "write:x"]).unwrap().denial();
    assert_eq!(denial.failure, Failure::ScopesNotSufficient);
    assert_eq!(denial.scope.as_deref(), Some("read write:x"));
}

#[test]
fn a_scope_is_one_word_that_a_challenge_can_name() {
    for (names, path) in [
        (&[][..], "scopes"),
        (&["a", ""], "scopes[1]"),
        (&["a b"], "scopes[0]"),
        (&["a\""], "scopes[0]"),
        (&["a\\"], "scopes[0]"),
        (&["a\r\nx: y"], "scopes[0]"),
        (&["é"], "scopes[0]"),
    ] {
        assert_eq!(scopes(names).unwrap_err().path, path, "{names:?}");
    }
}

/// Whether a client with these names may call.
fn admits(config: Value, peer: Option<(Option<&str>, Option<&str>)>) -> bool {
    let conditions = Conditions::new(&read(&json!({ "peer": config })).unwrap()).unwrap();
    let peer = peer.map(|(uri, dns)| Peer { uri: uri.map(Text::from), dns: dns.map(Text::from) });
    let world = World { peer, ..World::default() };
    match conditions.check(None, &world) {
        Ok(()) => true,
        Err(Refusal::Denied(denial)) => {
            assert_eq!(denial.failure, Failure::PeerNotAllowed);
            false
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_client_is_known_by_a_name_of_the_right_kind() {
    let shop = "spiffe://cluster.local/ns/a/sa/shop";
    let names = || {
        json!([
            {"uri": {"prefix": "spiffe://cluster.local/ns/a/"}},
            {"dns": {"exact": "audit.example", "ignore_case": true}},
        ])
    };
    assert!(admits(names(), Some((Some(shop), None))));
    assert!(admits(names(), Some((None, Some("AUDIT.example")))));
    assert!(!admits(names(), Some((Some("spiffe://cluster.local/ns/ab/sa/x"), None))));
    assert!(!admits(names(), Some((Some("audit.example"), Some(shop)))));
    assert!(!admits(names(), Some((None, None))));
    assert!(!admits(names(), None));
}

#[test]
fn a_name_of_a_client_has_one_kind_and_a_test() {
    for (peer, path) in [
        (json!([]), "peer"),
        (json!([{}]), "peer[0]"),
        (json!([{"uri": {"exact": "a"}, "dns": {"exact": "a"}}]), "peer[0]"),
        (json!([{"dns": {"exact": "a"}}, {"uri": {}}]), "peer[1].uri"),
        (json!([{"dns": {"suffix": ""}}]), "peer[0].dns.suffix"),
    ] {
        let error = Conditions::new(&read(&json!({ "peer": peer })).unwrap()).unwrap_err();
        assert_eq!(error.path, path, "{peer}: {error}");
    }
}

#[test]
fn claims_come_before_scopes_and_those_before_the_client() {
    let config = json!({
        "claims": [{"claim": "a", "exact": 1}, {"claim": "b", "present": true}],
        "scopes": ["s"],
        "peer": [{"uri": {"exact": "u"}}],
    });
    let conditions = Conditions::new(&read(&config).unwrap()).unwrap();
    assert!(conditions.need_claims());
    let world = World::default();
    let refusal = |claims: Option<Value>| {
        let claims = claims.map(|claims| claims.as_object().cloned().unwrap());
        match conditions.check(claims.as_ref(), &world) {
            Err(Refusal::Denied(denial)) => Some(denial.failure),
            _ => None,
        }
    };
    assert_eq!(refusal(None), Some(Failure::ClaimsNotAllowed));
    assert_eq!(refusal(Some(json!({"a": 1}))), Some(Failure::ClaimsNotAllowed));
    assert_eq!(refusal(Some(json!({"a": 1, "b": 1}))), Some(Failure::ScopesNotSufficient));
    assert_eq!(world.asked.get(), 0, "the host was asked in vain");
    let all = json!({"a": 1, "b": 1, "scope": "s"});
    assert_eq!(refusal(Some(all)), Some(Failure::PeerNotAllowed));
}

#[test]
fn a_client_that_the_host_does_not_tell_of_does_not_pass() {
    let error = HostError::new("connection.mtls", Status::InternalFailure);
    let world = World { fails: Some(error), ..World::default() };
    let config = read(&json!({"peer": [{"uri": {"exact": "u"}}]})).unwrap();
    let conditions = Conditions::new(&config).unwrap();
    assert!(!conditions.need_claims());
    assert!(matches!(conditions.check(None, &world), Err(Refusal::Host(_))));
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab5]{0,2}".prop_map(Value::from),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_claim_fulfils_a_test_and_its_inversion(claim in any_json(), index in 0..11_usize) {
        let test = tests()[index].0.clone();
        let both = holds(test.clone(), claim.clone()) && holds(inverted(&test), claim);
        prop_assert!(!both);
    }

    #[test]
    fn a_scope_that_is_not_a_word_of_the_claim_is_not_held(text in "[ab ]{0,8}", name in "[ab]{1,3}") {
        let needed = scopes(&[&name]).unwrap();
        let claims = json!({ "scope": text });
        let expected = text.split_whitespace().any(|word| word == name);
        prop_assert_eq!(needed.are_in(claims.as_object().unwrap()), expected);
    }
}
