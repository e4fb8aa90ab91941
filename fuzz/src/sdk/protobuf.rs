use prost::Message;
use serde_json::{Map, Number, Value};
use tollgate::config;

/// A `google.protobuf.Struct` on the wire: what is accepted is what `prost` reads, and is read again from
/// what `prost` writes; what `prost` would write itself is accepted if JSON can have it.
pub fn protobuf(data: &[u8]) {
    // JSON goes first, and so does nothing at all.
    if data.trim_ascii().is_empty() || serde_json::from_slice::<Value>(data).is_ok() {
        return;
    }
    let read = config::from_slice::<Value>(data).ok();
    let oracle = Struct::decode(data).ok();
    if let Some(value) = &read {
        assert!(oracle.is_some(), "accepted, and no Struct: {value}");
        assert_eq!(config::from_slice::<Value>(&encode(value)).as_ref(), Ok(value));
    }
    let Some(oracle) = oracle.filter(|oracle| is_canonical(oracle, data)) else { return };
    let expected = oracle.json(0);
    assert_eq!(read.map(as_doubles), expected);
}

/// Whether nothing is there twice, unknown, or written in another way than usual.
fn is_canonical(structure: &Struct, data: &[u8]) -> bool {
    // The order of members is free.
    structure.encoded_len() == data.len()
        && Struct::decode(&*structure.encode_to_vec()).as_ref() == Ok(structure)
        && structure.is_whole()
}

/// The deepest nesting that a configuration may have.
const MAX_DEPTH: usize = 64;

/// A JSON object as a `Struct` on the wire.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(members) => structure(members).encode_to_vec(),
        _ => Vec::new(),
    }
}

fn structure(members: &Map<String, Value>) -> Struct {
    let field = |(name, value): (&String, &Value)| (name.clone(), proto_value(value));
    Struct { fields: members.iter().map(field).collect() }
}

fn proto_value(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::Null(0),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(number) => Kind::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::Text(text.clone()),
        Value::Array(items) => Kind::List(List { values: items.iter().map(proto_value).collect() }),
        Value::Object(members) => Kind::Struct(structure(members)),
    };
    ProtoValue { kind: Some(kind) }
}

/// With every number as a double, as in a `Struct`.
fn as_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(as_doubles).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, as_doubles(value))).collect()
        }
        other => other,
    }
}

#[derive(Clone, PartialEq, Message)]
struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: std::collections::BTreeMap<String, ProtoValue>,
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
    Text(String),
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

impl Struct {
    /// Whether every value has a kind.
    fn is_whole(&self) -> bool {
        self.fields.values().all(ProtoValue::is_whole)
    }

    /// Nothing when JSON cannot have it, or it is too deep.
    fn json(self, depth: usize) -> Option<Value> {
        let depth = depth + 1;
        let member = |(name, value): (String, ProtoValue)| Some((name, value.json(depth)?));
        let members: Option<Map<_, _>> = self.fields.into_iter().map(member).collect();
        members.filter(|_| depth <= MAX_DEPTH).map(Value::Object)
    }
}

impl ProtoValue {
    fn is_whole(&self) -> bool {
        match &self.kind {
            None => false,
            Some(Kind::Struct(structure)) => structure.is_whole(),
            Some(Kind::List(list)) => list.values.iter().all(Self::is_whole),
            Some(_) => true,
        }
    }

    fn json(self, depth: usize) -> Option<Value> {
        Some(match self.kind? {
            Kind::Null(_) => Value::Null,
            Kind::Number(number) => Value::Number(Number::from_f64(number)?),
            Kind::Text(text) => Value::String(text),
            Kind::Bool(value) => Value::Bool(value),
            Kind::Struct(structure) => structure.json(depth)?,
            Kind::List(list) if depth < MAX_DEPTH => {
                list.values.into_iter().map(|item| item.json(depth + 1)).collect::<Option<_>>()?
            }
            Kind::List(_) => return None,
        })
    }
}
