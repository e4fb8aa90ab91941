//! A serde deserializer over [`Value`] whose errors know their path.
//!
//! Ours, and not `serde_json`'s with its text-only error, so that what serde knows of a refusal
//! (found, expected, which names there are) reaches [`ConfigError`] as it is.
//!
//! Each method accepts only the kind of value that it is asked for, although serde would let it
//! offer any: that is what keeps derived code, which there is a lot of in a module, small.
//!
//! A struct and an enum say which names they know. So it is here that both spellings of protobuf JSON
//! become the one that derived code compares with, and that an unknown field is refused: no type can
//! forget either.

mod choice;

use std::mem::take;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::{Number, Value};

use super::error::{ConfigError, Refusal, describe};
use super::spelling::known;
use crate::json::path;
use choice::Choice;

/// The names of a struct's fields, or of an enum's variants.
type Names = &'static [&'static str];

/// Reads a `T` out of a JSON value.
pub(super) fn from_value<T: DeserializeOwned>(mut value: Value) -> Result<T, ConfigError> {
    let found = describe(unexpected(&value));
    T::deserialize(ValueDeserializer(&mut value)).map_err(|error| error.about(&found).into())
}

/// Takes the value out of its place: to hand on where it is takes less code than to hand on itself.
struct ValueDeserializer<'a>(&'a mut Value);

macro_rules! read {
    ($($read:ident: $($method:ident)+;)+) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            $read(self.0, visitor)
        }
    )+)+};
}

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = Refusal;

    read! {
        anything: deserialize_any;
        boolean: deserialize_bool;
        number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
            deserialize_f32 deserialize_f64;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        list: deserialize_seq deserialize_bytes deserialize_byte_buf;
        map: deserialize_map;
        null: deserialize_unit;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        null(self.0, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        list(self.0, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        list(self.0, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        structure(self.0, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_enum(Choice::new(self.0, variants)?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }
}

fn anything<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    match value {
        Value::Null => null(value, visitor),
        Value::Bool(_) => boolean(value, visitor),
        Value::Number(_) => number(value, visitor),
        Value::String(_) => text(value, visitor),
        Value::Array(_) => list(value, visitor),
        Value::Object(_) => map(value, visitor),
    }
}

fn null<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    match value {
        Value::Null => visitor.visit_unit(),
        other => Err(refused(other, &visitor)),
    }
}

#[inline(never)]
fn boolean<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    match value {
        Value::Bool(value) => visitor.visit_bool(*value),
        other => Err(refused(other, &visitor)),
    }
}

#[inline(never)]
fn number<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    let Value::Number(number) = value else { return Err(refused(value, &visitor)) };
    match whole(number) {
        Unexpected::Unsigned(value) => visitor.visit_u64(value),
        Unexpected::Signed(value) => visitor.visit_i64(value),
        _ => visitor.visit_f64(number.as_f64().unwrap_or_default()),
    }
}

#[inline(never)]
fn text<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    match value {
        Value::String(text) => visitor.visit_string(take(text)),
        other => Err(refused(other, &visitor)),
    }
}

#[inline(never)]
fn list<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    let mut elements = Elements::of(value, &visitor)?;
    let read = visitor.visit_seq(&mut *elements)?;
    elements.finish().map(|()| read)
}

fn map<'de, V: Visitor<'de>>(value: &mut Value, visitor: V) -> Result<V::Value, Refusal> {
    object(value, None, visitor)
}

/// Not from a list: derived code would take its elements for the fields in their order.
fn structure<'de, V: Visitor<'de>>(
    value: &mut Value,
    fields: Names,
    visitor: V,
) -> Result<V::Value, Refusal> {
    object(value, Some(fields), visitor)
}

#[inline(never)]
fn object<'de, V: Visitor<'de>>(
    value: &mut Value,
    fields: Option<Names>,
    visitor: V,
) -> Result<V::Value, Refusal> {
    let mut members = Members::of(value, fields, &visitor)?;
    let read = visitor.visit_map(&mut *members)?;
    members.finish().map(|()| read)
}

/// In a box: to hold and to drop it takes less code.
struct Elements {
    items: std::vec::IntoIter<Value>,
    length: usize,
    /// The element that was taken last.
    item: Value,
    /// What that was.
    found: String,
}

// Not generic: there is one copy for all types.
impl Elements {
    #[inline(never)]
    fn of(value: &mut Value, expected: &dyn Expected) -> Result<Box<Self>, Refusal> {
        match value {
            Value::Array(items) => {
                let length = items.len();
                let (items, item) = (take(items).into_iter(), Value::Null);
                Ok(Box::new(Self { items, length, item, found: String::new() }))
            }
            other => Err(refused(other, expected)),
        }
    }

    #[inline(never)]
    fn advance(&mut self) -> bool {
        let Some(item) = self.items.next() else { return false };
        self.found = describe(unexpected(&item));
        self.item = item;
        true
    }

    #[cold]
    #[inline(never)]
    fn within(&self, error: Refusal) -> Refusal {
        let taken = self.length.saturating_sub(self.items.len());
        error.about(&self.found).at(path::index(taken.saturating_sub(1)))
    }

    #[inline(never)]
    #[expect(clippy::boxed_local, reason = "it is moved by its address, which is less code")]
    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        match self.items.len() {
            0 => Ok(()),
            _ => Err(Refusal::invalid_length(self.length, &"fewer elements")),
        }
    }
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        if !self.advance() {
            return Ok(None);
        }
        let read = seed.deserialize(ValueDeserializer(&mut self.item));
        read.map(Some).map_err(|error| self.within(error))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// In a box, likewise.
struct Members {
    members: serde_json::map::IntoIter,
    length: usize,
    /// The only names there may be.
    fields: Option<Names>,
    /// The name that was asked for last, as it is written.
    name: String,
    /// Its value, until that is taken.
    value: Value,
    /// What that was.
    found: String,
}

// Not generic: there is one copy for all types.
impl Members {
    #[inline(never)]
    fn of(
        value: &mut Value,
        fields: Option<Names>,
        expected: &dyn Expected,
    ) -> Result<Box<Self>, Refusal> {
        match value {
            Value::Object(members) => Ok(Box::new(Self {
                length: members.len(),
                members: take(members).into_iter(),
                fields,
                name: String::new(),
                value: Value::Null,
                found: String::new(),
            })),
            other => Err(refused(other, expected)),
        }
    }

    /// The next member's name, as code knows it.
    #[inline(never)]
    fn advance(&mut self) -> Result<Option<String>, Refusal> {
        let Some((written, value)) = self.members.next() else { return Ok(None) };
        let name = match self.fields {
            None => written.clone(),
            Some(fields) => match known(&written, fields) {
                Some(name) => name.to_owned(),
                None => return Err(Refusal::unknown_field(&written, fields)),
            },
        };
        self.found = describe(unexpected(&value));
        self.name = written;
        self.value = value;
        Ok(Some(name))
    }

    #[cold]
    #[inline(never)]
    fn within(&self, error: Refusal) -> Refusal {
        within_member(error, &self.found, &self.name)
    }

    #[inline(never)]
    #[expect(clippy::boxed_local, reason = "it is moved by its address, which is less code")]
    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        match self.members.len() {
            0 => Ok(()),
            _ => Err(Refusal::invalid_length(self.length, &"fewer members")),
        }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        self.advance()?.map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let read = seed.deserialize(ValueDeserializer(&mut self.value));
        read.map_err(|error| self.within(error))
    }
}

/// Reads the value of the member `name`.
#[inline(never)]
fn member<'de, S: DeserializeSeed<'de>>(
    name: &str,
    value: &mut Value,
    seed: S,
) -> Result<S::Value, Refusal> {
    let found = describe(unexpected(value));
    seed.deserialize(ValueDeserializer(value)).map_err(|error| within_member(error, &found, name))
}

#[cold]
#[inline(never)]
fn within_member(error: Refusal, found: &str, name: &str) -> Refusal {
    error.about(found).at(path::member(name))
}

#[cold]
#[inline(never)]
fn refused(value: &Value, expected: &dyn Expected) -> Refusal {
    Refusal::invalid_type(unexpected(value), expected)
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => whole(number),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

/// A number, as a whole one where it is: a `Struct` makes every number a double, so one without a
/// fraction must be as good as if it were written without.
fn whole(number: &Number) -> Unexpected<'static> {
    if let Some(value) = number.as_u64() {
        return Unexpected::Unsigned(value);
    }
    if let Some(value) = number.as_i64() {
        return Unexpected::Signed(value);
    }
    // The casts are exact: the value has no fraction and is in range. 2^64 and 2^63 as doubles.
    match number.as_f64().unwrap_or_default() {
        value if value.fract() != 0.0 => Unexpected::Float(value),
        value if (0.0..18_446_744_073_709_551_616.0).contains(&value) => {
            Unexpected::Unsigned(value as u64)
        }
        value if (-9_223_372_036_854_775_808.0..0.0).contains(&value) => {
            Unexpected::Signed(value as i64)
        }
        value => Unexpected::Float(value),
    }
}
