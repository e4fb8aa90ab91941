//! What holds for the configuration of any filter.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate::config::schemars::{JsonSchema, SchemaGenerator};
use tollgate::config::{self, ConfigError};

use super::protobuf;

/// The fields of filters whose members an operator names.
const MAPS: [&str; 2] = ["providers", "weights"];

/// Stands for a secret in configurations; no error may repeat it.
const SECRET: &str = "correct-horse-battery-staple";

/// Texts that are longer may be secrets, which errors must not repeat.
const LONGEST: usize = 64;

/// Reads a configuration from any bytes, and checks it as the filter does.
///
/// It is accepted in the other spelling of protobuf JSON and as a `Struct` as well, or not at all; errors
/// are one line, and repeat no secret.
pub(crate) fn check<T: DeserializeOwned + Debug + JsonSchema>(
    bytes: &[u8],
    compile: impl Fn(T) -> Result<(), ConfigError>,
) {
    let accepts = |bytes: &[u8]| {
        let read: T = config::from_slice(bytes)?;
        let shown = format!("{read:?}");
        compile(read).map(|()| shown)
    };
    let outcome = accepts(bytes);
    if let Err(error) = &outcome {
        check_error(error, bytes);
    }
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };

    let camel = written(&in_camel_case(&json, &fields::<T>()));
    let secret = written(&with_secret(&json, false));
    for other in [&camel, &secret] {
        if let Err(error) = accepts(other) {
            check_error(&error, other);
            // A fuzzer may find the text itself, and write it where it is no secret.
            let is_secret = !json.to_string().contains(SECRET);
            assert!(!(is_secret && error.to_string().contains(SECRET)), "it is shown: {error}");
        }
    }
    let Ok(shown) = outcome else { return };
    assert_eq!(accepts(&camel).as_ref(), Ok(&shown), "in camelCase");
    if numbers_are_doubles(&json) {
        let structure = protobuf::encode(&json);
        assert_eq!(accepts(&structure).as_ref(), Ok(&shown), "as a Struct");
    }
}

fn check_error(error: &ConfigError, bytes: &[u8]) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!text.is_empty());
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut long = Vec::new();
    each_text(&json, &mut |value| {
        if value.chars().count() > LONGEST {
            long.push(value.to_owned());
        }
    });
    assert!(long.iter().all(|value| !text.contains(value.as_str())), "a long text is shown");
}

fn each_text(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        Value::Object(members) => members.values().for_each(|member| each_text(member, visit)),
        _ => {}
    }
}

fn written(json: &Value) -> Vec<u8> {
    serde_json::to_vec(json).expect("a value can be written")
}

/// The names of all fields that a configuration may have.
fn fields<T: JsonSchema>() -> BTreeSet<String> {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let mut fields = BTreeSet::new();
    each_property(schema.as_value(), &mut |name| {
        fields.insert(name.to_owned());
    });
    fields
}

fn each_property(schema: &Value, visit: &mut impl FnMut(&str)) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| each_property(item, visit)),
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                properties.keys().for_each(|name| visit(name));
            }
            members.values().for_each(|member| each_property(member, visit));
        }
        _ => {}
    }
}

/// The same configuration with its fields in camelCase.
fn in_camel_case(value: &Value, fields: &BTreeSet<String>) -> Value {
    let Value::Object(members) = value else {
        return match value {
            Value::Array(items) => items.iter().map(|item| in_camel_case(item, fields)).collect(),
            other => other.clone(),
        };
    };
    let mut renamed = Map::new();
    for (name, member) in members {
        let member = match member {
            Value::Object(named) if MAPS.contains(&name.as_str()) => {
                named.iter().map(|(name, it)| (name.clone(), in_camel_case(it, fields))).collect()
            }
            member => in_camel_case(member, fields),
        };
        let name = if fields.contains(name) { camel_case(name) } else { name.clone() };
        renamed.insert(name, member);
    }
    renamed.into()
}

fn camel_case(name: &str) -> String {
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        return name.to_owned();
    }
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        camel + &initial.to_ascii_uppercase() + rest
    })
}

/// The same configuration with every text in a place for secrets replaced.
fn with_secret(value: &Value, within: bool) -> Value {
    match value {
        Value::String(_) if within => SECRET.into(),
        Value::Array(items) => items.iter().map(|item| with_secret(item, within)).collect(),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| {
                let secret = within || matches!(name.as_str(), "local_jwks" | "localJwks");
                (name.clone(), with_secret(member, secret))
            };
            members.iter().map(member).collect()
        }
        other => other.clone(),
    }
}

/// Whether a `Struct`, which has no other numbers, can have these.
fn numbers_are_doubles(value: &Value) -> bool {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            number.is_f64()
                || number.as_u64().or(number.as_i64().map(i64::unsigned_abs)) <= Some(EXACT)
        }
        Value::Array(items) => items.iter().all(numbers_are_doubles),
        Value::Object(members) => members.values().all(numbers_are_doubles),
        _ => true,
    }
}
