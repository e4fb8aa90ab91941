//! A configuration that is a `google.protobuf.Struct`: Envoy hands over its bytes on the wire, not
//! JSON (`MessageUtil::anyToBytes` unwraps only `StringValue` and `BytesValue`).
//!
//! Read by hand (<https://protobuf.dev/programming-guides/encoding/>): a derived decoder of this one
//! recursive message costs each module 30 KiB.

use serde_json::{Map, Number, Value};

/// The deepest nesting; a `Struct` spends three levels of messages on one level of JSON.
const MAX_DEPTH: u32 = 64;

/// The object that a `google.protobuf.Struct` on the wire stands for; nothing when the bytes are
/// none, a number is not finite, or it is nested too deeply.
pub(super) fn object(bytes: &[u8]) -> Option<Value> {
    structure(bytes, MAX_DEPTH).map(Value::Object)
}

/// `Struct { map<string, Value> fields = 1; }`: a map is a list of entries.
fn structure(bytes: &[u8], depth: u32) -> Option<Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    let mut members = Map::new();
    for field in Fields(bytes) {
        let (1, Wire::Bytes(entry)) = field? else { return None };
        let (name, value) = member(entry, depth)?;
        members.insert(name, value);
    }
    Some(members)
}

/// An entry of `fields`: `{ string key = 1; Value value = 2; }`.
fn member(bytes: &[u8], depth: u32) -> Option<(String, Value)> {
    let (mut name, mut member) = (String::new(), None);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(key)) => name = text(key)?,
            (2, Wire::Bytes(bytes)) => member = Some(value(bytes, depth)?),
            _ => return None,
        }
    }
    Some((name, member?))
}

/// `Value`, whose `kind` is one of `null_value = 1`, `number_value = 2`, `string_value = 3`,
/// `bool_value = 4`, `struct_value = 5` and `list_value = 6`; the last one counts.
fn value(bytes: &[u8], depth: u32) -> Option<Value> {
    let mut value = None;
    for field in Fields(bytes) {
        value = Some(match field? {
            (1, Wire::Varint(_)) => Value::Null,
            (2, Wire::Double(number)) => Value::Number(Number::from_f64(number)?),
            (3, Wire::Bytes(bytes)) => Value::String(text(bytes)?),
            (4, Wire::Varint(number)) => Value::Bool(number != 0),
            (5, Wire::Bytes(bytes)) => Value::Object(structure(bytes, depth)?),
            (6, Wire::Bytes(bytes)) => Value::Array(list(bytes, depth)?),
            _ => return None,
        });
    }
    value
}

/// `ListValue { repeated Value values = 1; }`.
fn list(bytes: &[u8], depth: u32) -> Option<Vec<Value>> {
    let depth = depth.checked_sub(1)?;
    let items = Fields(bytes).map(|field| match field? {
        (1, Wire::Bytes(bytes)) => value(bytes, depth),
        _ => None,
    });
    items.collect()
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A field's value, in the three wire types that a `Struct` is made of.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order, each with its number; `None` once the bytes make no sense.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Double(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first; the top bit says that another byte follows.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;
    use prost::Message;
    use serde::Deserialize;
    use serde_json::json;
    use std::collections::BTreeMap;

    /// The messages as prost derives them: the oracle.
    #[derive(Clone, PartialEq, Message)]
    struct Struct {
        #[prost(btree_map = "string, message", tag = "1")]
        fields: BTreeMap<String, ProtoValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct ProtoValue {
        #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
        kind: Option<Kind>,
    }

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

    #[derive(Clone, PartialEq, Message)]
    struct List {
        #[prost(message, repeated, tag = "1")]
        values: Vec<ProtoValue>,
    }

    fn proto(json: &Value) -> ProtoValue {
        let kind = match json {
            Value::Null => Kind::Null(0),
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => Kind::Number(number.as_f64().unwrap()),
            Value::String(text) => Kind::String(text.clone()),
            Value::Array(items) => Kind::List(List { values: items.iter().map(proto).collect() }),
            Value::Object(_) => Kind::Struct(proto_struct(json)),
        };
        ProtoValue { kind: Some(kind) }
    }

    fn proto_struct(json: &Value) -> Struct {
        let members = json.as_object().unwrap();
        Struct { fields: members.iter().map(|(name, json)| (name.clone(), proto(json))).collect() }
    }

    fn bytes(json: &Value) -> Vec<u8> {
        proto_struct(json).encode_to_vec()
    }

    #[test]
    fn every_kind_of_value_survives() {
        let json = json!({
            "null": null, "bool": true, "no": false, "number": 1.5, "zero": 0.0, "text": "x",
            "empty": {}, "none": [], "": "no name",
            "list": [1.0, "two", [false], { "three": -3.0 }],
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
        let value = ProtoValue { kind: Some(Kind::Number(f64::NAN)) };
        let fields = BTreeMap::from([("limit".to_owned(), value)]);
        assert_eq!(object(&Struct { fields }.encode_to_vec()), None);
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({ "x": inner }));
        assert!(object(&bytes(&nested(MAX_DEPTH - 1))).is_some());
        assert_eq!(object(&bytes(&nested(MAX_DEPTH))), None);
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
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_protobuf_library_writes_is_read_the_same(value in any_json()) {
            let json = json!({ "value": value });
            prop_assert_eq!(object(&bytes(&json)), Some(json));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = object(&bytes);
        }

        #[test]
        fn a_truncated_struct_is_never_more_than_a_beginning(value in any_json(), keep in 0.0..1.0f64) {
            let bytes = bytes(&json!({ "value": value }));
            let cut = (bytes.len() as f64 * keep) as usize;
            prop_assume!(cut > 0);
            prop_assert_eq!(object(&bytes[..cut]), None);
        }
    }
}
