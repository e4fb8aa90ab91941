//! `google.protobuf.Struct`: JSON in protobuf, as configurations and metadata come.

use super::{Fields, Malformed, Wire, map_entry};
use serde_json::{Map, Number, Value};

/// The deepest nesting; a `Struct` spends three levels of messages on one level of JSON.
const MAX_DEPTH: u32 = 64;

/// `Struct { map<string, Value> fields = 1; }`.
const FIELDS: u64 = 1;

/// The object that a `Struct` stands for; refused when a number is not finite, or when it is nested
/// too deeply.
pub(crate) fn object(bytes: &[u8]) -> Result<Value, Malformed> {
    structure(bytes, MAX_DEPTH).map(Value::Object)
}

/// What a `Struct` has at `path`: names of members, and positions (`"0"`) in lists. Nothing else of
/// it is decoded.
pub(crate) fn value_at(structure: &[u8], path: &[&str]) -> Result<Option<Value>, Malformed> {
    let Some((first, rest)) = path.split_first() else { return object(structure).map(Some) };
    let mut found = map_entry(structure, FIELDS, first)?;
    for part in rest {
        let Some(value) = found else { return Ok(None) };
        found = step(value, part)?;
    }
    found.map(|found| value(found, MAX_DEPTH)).transpose()
}

/// What a `Value` that is an object or a list has at `part`.
fn step<'a>(value: &'a [u8], part: &str) -> Result<Option<&'a [u8]>, Malformed> {
    match Fields(value).last().transpose()? {
        Some((5, Wire::Bytes(structure))) => map_entry(structure, FIELDS, part),
        Some((6, Wire::Bytes(list))) => match part.parse() {
            Ok(position) => items(list).nth(position).transpose(),
            Err(_) => Ok(None),
        },
        _ => Ok(None),
    }
}

fn structure(bytes: &[u8], depth: u32) -> Result<Map<String, Value>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let mut members = Map::new();
    for field in Fields(bytes) {
        let (FIELDS, Wire::Bytes(entry)) = field? else { return Err(Malformed) };
        let (name, value) = member(entry, depth)?;
        members.insert(name, value);
    }
    Ok(members)
}

/// An entry of `fields`: `{ string key = 1; Value value = 2; }`.
fn member(bytes: &[u8], depth: u32) -> Result<(String, Value), Malformed> {
    let (mut name, mut member) = (String::new(), None);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(key)) => name = text(key)?,
            (2, Wire::Bytes(bytes)) => member = Some(value(bytes, depth)?),
            _ => return Err(Malformed),
        }
    }
    Ok((name, member.ok_or(Malformed)?))
}

/// `Value`, whose `kind` is one of `null_value = 1`, `number_value = 2`, `string_value = 3`,
/// `bool_value = 4`, `struct_value = 5` and `list_value = 6`; the last one counts.
fn value(bytes: &[u8], depth: u32) -> Result<Value, Malformed> {
    let mut value = None;
    for field in Fields(bytes) {
        value = Some(match field? {
            (1, Wire::Varint(_)) => Value::Null,
            (2, Wire::Fixed64(bits)) => number(f64::from_bits(bits))?,
            (3, Wire::Bytes(bytes)) => Value::String(text(bytes)?),
            (4, Wire::Varint(number)) => Value::Bool(number != 0),
            (5, Wire::Bytes(bytes)) => Value::Object(structure(bytes, depth)?),
            (6, Wire::Bytes(bytes)) => Value::Array(list(bytes, depth)?),
            _ => return Err(Malformed),
        });
    }
    value.ok_or(Malformed)
}

fn list(bytes: &[u8], depth: u32) -> Result<Vec<Value>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    items(bytes).map(|item| value(item?, depth)).collect()
}

/// `ListValue { repeated Value values = 1; }`.
fn items(list: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields(list).map(|field| match field? {
        (1, Wire::Bytes(item)) => Ok(item),
        _ => Err(Malformed),
    })
}

fn number(number: f64) -> Result<Value, Malformed> {
    Number::from_f64(number).map(Value::Number).ok_or(Malformed)
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests;
