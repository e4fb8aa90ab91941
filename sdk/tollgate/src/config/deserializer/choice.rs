//! Variants of enums.

use std::mem::take;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

use super::{Names, list, member, structure, unexpected};
use crate::config::error::{Refusal, describe, names};
use crate::config::spelling::known;
use crate::json::path;

/// A variant: its name alone, or an object with one member, which has the variant's name.
pub(super) struct Choice {
    variant: &'static str,
    /// As it is written.
    name: String,
    content: Option<Value>,
}

impl Choice {
    pub(super) fn new(value: &mut Value, variants: Names) -> Result<Self, Refusal> {
        let (name, content) = match take(value) {
            Value::String(name) => (name, None),
            Value::Object(members) if members.len() == 1 => {
                let only = members.into_iter().next();
                only.map(|(name, content)| (name, Some(content))).unwrap_or_default()
            }
            other => return Err(no_variant(&other, variants)),
        };
        match (known(&name, variants), &content) {
            (Some(variant), _) => Ok(Self { variant, name, content }),
            (None, Some(_)) => Err(Refusal::unknown_field(&name, variants)),
            (None, None) => Err(Refusal::unknown_variant(&name, variants)),
        }
    }

    /// What the variant holds.
    fn content(self) -> Result<(String, Value), Refusal> {
        let Self { variant, name, content } = self;
        content.map(|content| (name, content)).ok_or_else(|| {
            Refusal::new("", format!("`{variant}` alone"), format!("{{{variant}: ...}}"))
        })
    }
}

#[cold]
#[inline(never)]
fn no_variant(value: &Value, variants: Names) -> Refusal {
    let names = names(variants);
    match value.as_object().map(Map::len) {
        Some(length) => Refusal::new(
            "",
            format!("an object with {length} members"),
            format!("an object with one of {names}"),
        ),
        None => Refusal::new(
            "",
            describe(unexpected(value)),
            format!("one of {names}, by name or as an object"),
        ),
    }
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        let name: StringDeserializer<Refusal> = self.variant.to_owned().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        match self.content {
            None => Ok(()),
            Some(_) => {
                let allowed = format!("`{}` alone, as a string", self.variant);
                Err(Refusal::new("", "an object", allowed))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        let (name, mut value) = self.content()?;
        member(&name, &mut value, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let (name, mut value) = self.content()?;
        list(&mut value, visitor).map_err(|error| error.at(path::member(&name)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let (name, mut value) = self.content()?;
        structure(&mut value, fields, visitor).map_err(|error| error.at(path::member(&name)))
    }
}
