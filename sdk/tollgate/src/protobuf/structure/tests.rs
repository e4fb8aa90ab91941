use super::*;
use crate::config::from_slice;
use crate::protobuf::oracle::{Kind, ProtoValue, Struct, bytes};
use proptest::prelude::*;
use prost::Message;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn every_kind_of_value_survives() {
    let json = json!({
        "null": null, "bool": true, "no": false, "number": 1.5, "zero": 0.0, "text": "x",
        "empty": {}, "none": [], "": "no name",
        "list": [1.0, "two", [false], { "three": -3.0 }],
    });
    assert_eq!(object(&bytes(&json)), Ok(json));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    limit: u8,
    names: Vec<String>,
}

#[test]
fn a_struct_is_as_good_as_text() {
    let json = json!({ "limit": 7, "names": ["a"] });
    let expected = Config { limit: 7, names: vec!["a".to_owned()] };
    assert_eq!(from_slice::<Config>(&bytes(&json)).unwrap(), expected);
    assert_eq!(from_slice::<Config>(json.to_string().as_bytes()).unwrap(), expected);
}

#[test]
fn what_is_wrong_in_a_struct_is_named() {
    let error = from_slice::<Config>(&bytes(&json!({ "limit": 256, "names": [] }))).unwrap_err();
    assert_eq!(error.to_string(), "`limit`: found 256, allowed: a whole number from 0 to 255");
}

/// A line feed begins a `Struct`, and is white space in JSON.
#[test]
fn broken_text_after_a_line_feed_is_reported_as_broken_text() {
    let error = from_slice::<Config>(b"\n{\"limit\": }").unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn a_number_that_is_not_finite_is_refused() {
    let value = ProtoValue { kind: Some(Kind::Number(f64::NAN)) };
    let fields = BTreeMap::from([("limit".to_owned(), value)]);
    assert_eq!(object(&Struct { fields }.encode_to_vec()), Err(Malformed));
}

#[test]
fn nesting_beyond_the_limit_is_refused() {
    let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({ "x": inner }));
    assert!(object(&bytes(&nested(MAX_DEPTH - 1))).is_ok());
    assert_eq!(object(&bytes(&nested(MAX_DEPTH))), Err(Malformed));
}

#[test]
fn a_path_leads_through_objects_and_lists() {
    let json = json!({ "a": { "b": [10.0, { "c": "deep" }], "null": null }, "": { "": true } });
    let structure = bytes(&json);
    let at = |path: &[&str]| value_at(&structure, path).unwrap();
    assert_eq!(at(&["a", "b", "1", "c"]), Some(json!("deep")));
    assert_eq!(at(&["a", "b", "0"]), Some(json!(10.0)));
    assert_eq!(at(&["a", "null"]), Some(Value::Null));
    assert_eq!(at(&["", ""]), Some(json!(true)));
    assert_eq!(at(&[]), Some(json));
    for absent in [
        &["b"][..],
        &["a", "x"],
        &["a", "b", "2"],
        &["a", "b", "-1"],
        &["a", "b", "x"],
        &["a", "b", "0", "c"],
        &["a", "null", "c"],
    ] {
        assert_eq!(at(absent), None, "{absent:?}");
    }
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let twice = [bytes(&json!({ "a": 1.0 })), bytes(&json!({ "a": 2.0 }))].concat();
    assert_eq!(value_at(&twice, &["a"]), Ok(Some(json!(2.0))));
    assert_eq!(object(&twice), Ok(json!({ "a": 2.0 })));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-1e9..1e9f64).prop_map(|number| json!(number)),
        ".*".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(prop_oneof!["[ab01]", ".*"], inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_protobuf_library_writes_is_read_the_same(value in any_json()) {
        let json = json!({ "value": value });
        prop_assert_eq!(object(&bytes(&json)), Ok(json));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = object(&bytes);
        let _ = value_at(&bytes, &["a", "0", ""]);
    }

    #[test]
    fn a_path_finds_what_decoding_everything_finds(
        value in any_json(),
        path in prop::collection::vec(prop_oneof!["[ab01]", ".*"], 0..4),
    ) {
        let json = json!({ "a": value });
        let path: Vec<_> = std::iter::once("a").chain(path.iter().map(String::as_str)).collect();
        let expected = path.iter().try_fold(&json, |json, part| match json {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            other => other.get(part),
        });
        prop_assert_eq!(value_at(&bytes(&json), &path), Ok(expected.cloned()));
    }

    #[test]
    fn a_truncated_struct_is_never_more_than_a_beginning(value in any_json(), keep in 0.0..1.0f64) {
        let bytes = bytes(&json!({ "value": value }));
        let cut = (bytes.len() as f64 * keep) as usize;
        prop_assume!(cut > 0);
        prop_assert_eq!(object(&bytes[..cut]), Err(Malformed));
    }
}
