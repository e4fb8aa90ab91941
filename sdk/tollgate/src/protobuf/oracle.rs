//! `google.protobuf.Struct` as prost derives it: the oracle of what is read by hand.

use prost::Message;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) fields: BTreeMap<String, ProtoValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoValue {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
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
pub(crate) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<ProtoValue>,
}

fn proto(json: &Value) -> ProtoValue {
    let kind = match json {
        Value::Null => Kind::Null(0),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(number) => Kind::Number(number.as_f64().unwrap()),
        Value::String(text) => Kind::String(text.clone()),
        Value::Array(items) => Kind::List(List { values: items.iter().map(proto).collect() }),
        Value::Object(_) => Kind::Struct(message(json)),
    };
    ProtoValue { kind: Some(kind) }
}

/// The message for a JSON object.
pub(crate) fn message(json: &Value) -> Struct {
    let members = json.as_object().unwrap();
    Struct { fields: members.iter().map(|(name, json)| (name.clone(), proto(json))).collect() }
}

/// A JSON object on the wire.
pub(crate) fn bytes(json: &Value) -> Vec<u8> {
    message(json).encode_to_vec()
}
