//! A serde deserializer over [`Value`] whose errors know their path.
//!
//! Ours, and not `serde_json`'s with its text-only error, so that what serde knows of a refusal
//! (found, expected, which names there are) reaches [`ConfigError`] as it is.

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

use super::error::{ConfigError, describe};
use crate::json::path;

pub(super) struct ValueDeserializer(pub(super) Value);

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let found = describe(unexpected(&self.0));
        let result = match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => number(&value, visitor),
            Value::String(value) => visitor.visit_string(value),
            Value::Array(items) => list(items, visitor),
            Value::Object(members) => object(members, visitor),
        };
        result.map_err(|error| error.about(|| found))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            Value::Object(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members::new(members)))
            }
            other => Self(other).deserialize_any(visitor),
        }
    }

    /// Not from a list: derived code would take its elements for the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::Array(_) => Err(ConfigError::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

/// A `Struct` makes every number a double, so a double without a fraction is a whole number.
fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, ConfigError> {
    if let Some(value) = number.as_u64() {
        return visitor.visit_u64(value);
    }
    if let Some(value) = number.as_i64() {
        return visitor.visit_i64(value);
    }
    // The casts are exact: the value has no fraction and is in range. 2^63 and 2^64 as doubles.
    match number.as_f64().unwrap_or_default() {
        value if value.fract() != 0.0 => visitor.visit_f64(value),
        value if (0.0..18_446_744_073_709_551_616.0).contains(&value) => {
            visitor.visit_u64(value as u64)
        }
        value if (-9_223_372_036_854_775_808.0..0.0).contains(&value) => {
            visitor.visit_i64(value as i64)
        }
        value => visitor.visit_f64(value),
    }
}

fn list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, ConfigError> {
    let length = items.len();
    let mut elements = Elements { items: items.into_iter(), index: 0 };
    let value = visitor.visit_seq(&mut elements)?;
    match elements.items.len() {
        0 => Ok(value),
        _ => Err(ConfigError::invalid_length(length, &"fewer elements")),
    }
}

fn object<'de, V: Visitor<'de>>(
    members: Map<String, Value>,
    visitor: V,
) -> Result<V::Value, ConfigError> {
    let length = members.len();
    let mut members = Members::new(members);
    let value = visitor.visit_map(&mut members)?;
    match members.members.len() {
        0 => Ok(value),
        _ => Err(ConfigError::invalid_length(length, &"fewer members")),
    }
}

struct Elements {
    items: std::vec::IntoIter<Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = ConfigError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ConfigError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index = index.saturating_add(1);
        match seed.deserialize(ValueDeserializer(item)) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.at(path::index(index))),
        }
    }
}

struct Members {
    members: serde_json::map::IntoIter,
    current: Option<(String, Value)>,
}

impl Members {
    fn new(members: Map<String, Value>) -> Self {
        Self { members: members.into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = ConfigError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ConfigError> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.current = Some((name.clone(), value));
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, ConfigError> {
        let Some((name, value)) = self.current.take() else {
            return Err(ConfigError::custom("a value was asked for before its name"));
        };
        seed.deserialize(ValueDeserializer(value)).map_err(|error| error.at(path::member(&name)))
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Unexpected::Unsigned(value),
            (_, Some(value)) => Unexpected::Signed(value),
            _ => Unexpected::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
