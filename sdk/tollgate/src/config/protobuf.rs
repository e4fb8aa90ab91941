//! A configuration that is a `google.protobuf.Struct`: Envoy hands over its bytes on the wire, not
//! JSON (`MessageUtil::anyToBytes` unwraps only `StringValue` and `BytesValue`).

use std::collections::BTreeMap;

use prost::Message;
use serde_json::{Number, Value as Json};

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

/// What a `google.protobuf.Value` holds; null as an enumeration with the one value 0.
#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Struct(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

/// The object that a `Struct` on the wire stands for; nothing when the bytes are none, or a number is
/// not finite. Nesting is bounded by prost's own limit of 100.
pub(super) fn object(bytes: &[u8]) -> Option<Json> {
    from_struct(Struct::decode(bytes).ok()?)
}

fn from_struct(object: Struct) -> Option<Json> {
    let members = object.fields.into_iter().map(|(name, value)| Some((name, from_value(value)?)));
    members.collect::<Option<_>>().map(Json::Object)
}

fn from_value(value: Value) -> Option<Json> {
    Some(match value.kind? {
        Kind::Null(_) => Json::Null,
        Kind::Number(number) => Json::Number(Number::from_f64(number)?),
        Kind::String(text) => Json::String(text),
        Kind::Bool(value) => Json::Bool(value),
        Kind::Struct(object) => from_struct(object)?,
        Kind::List(list) => {
            Json::Array(list.values.into_iter().map(from_value).collect::<Option<_>>()?)
        }
    })
}

/// The bytes of the `Struct` that stands for `json`, for tests.
#[cfg(test)]
pub(super) fn bytes(json: &Json) -> Vec<u8> {
    fn value(json: &Json) -> Value {
        let kind = match json {
            Json::Null => Kind::Null(0),
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(number) => Kind::Number(number.as_f64().unwrap()),
            Json::String(text) => Kind::String(text.clone()),
            Json::Array(items) => Kind::List(List { values: items.iter().map(value).collect() }),
            Json::Object(_) => Kind::Struct(structure(json)),
        };
        Value { kind: Some(kind) }
    }
    fn structure(json: &Json) -> Struct {
        let members = json.as_object().unwrap();
        Struct { fields: members.iter().map(|(name, json)| (name.clone(), value(json))).collect() }
    }
    structure(json).encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use serde::Deserialize;
    use serde_json::json;

    #[test]
    fn every_kind_of_value_survives() {
        let json = json!({
            "null": null, "bool": true, "number": 1.5, "text": "x", "empty": {}, "none": [],
            "list": [1.0, "two", [false], { "three": 3.0 }],
        });
        assert_eq!(object(&bytes(&json)), Some(json));
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
        let error =
            from_slice::<Config>(&bytes(&json!({ "limit": 256, "names": [] }))).unwrap_err();
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
        let fields =
            BTreeMap::from([("limit".to_owned(), Value { kind: Some(Kind::Number(f64::NAN)) })]);
        assert!(from_slice::<Config>(&Struct { fields }.encode_to_vec()).is_err());
    }
}
