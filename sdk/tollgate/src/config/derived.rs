//! What the code is made of that [`Deserialize`](macro@super::Deserialize) derives.
//!
//! Nearly all of it is here, and there is one copy of it for all types: what is derived is no more than
//! which field stands behind which name. It is for every format, although it is for the configuration
//! that it is small: the types of that are most of a module otherwise.

use std::fmt;

pub use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Unexpected};

/// The names of a struct's fields, or of an enum's variants.
type Names = &'static [&'static str];

/// A struct while its fields are read.
pub trait Fields<'de> {
    /// What the struct is called.
    const STRUCT: &'static str;
    /// The names of its fields.
    const NAMES: Names;

    /// Reads the field of an index in [`NAMES`](Self::NAMES).
    fn read<V: Values<'de>>(&mut self, field: usize, values: &mut V) -> Result<(), V::Error>;
}

/// Where the values of fields come from.
pub trait Values<'de> {
    /// Why one is refused.
    type Error;

    /// Puts the next value into the seed's place.
    fn next<S: DeserializeSeed<'de, Value = ()>>(&mut self, place: S) -> Result<(), Self::Error>;
}

/// The place of a field that has a value already, its default.
pub struct Optional<'a, T>(pub &'a mut T);

/// The place of a field that must be there.
pub struct Required<'a, T>(pub &'a mut Option<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Optional<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = T::deserialize(deserializer)?;
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Required<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = Some(T::deserialize(deserializer)?);
        Ok(())
    }
}

/// Reads the fields of a struct.
pub fn read<'de, D, F>(deserializer: D, fields: &mut F) -> Result<(), D::Error>
where
    D: Deserializer<'de>,
    F: Fields<'de>,
{
    deserializer.deserialize_struct(F::STRUCT, F::NAMES, Reader(fields))
}

/// Reads the fields of a variant that has some.
pub fn read_variant<'de, A, F>(variant: A, fields: &mut F) -> Result<(), A::Error>
where
    A: VariantAccess<'de>,
    F: Fields<'de>,
{
    variant.struct_variant(F::NAMES, Reader(fields))
}

/// Reads an enum whose variants are names: the index of one.
pub fn unit_variant<'de, D>(
    deserializer: D,
    name: &'static str,
    variants: Names,
) -> Result<usize, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_enum(name, variants, UnitVariant { name, variants })
}

/// Reads which variant there is: its index.
pub fn variant<'de, A: EnumAccess<'de>>(
    data: A,
    variants: Names,
) -> Result<(usize, A::Variant), A::Error> {
    data.variant_seed(Name { of: Of::Variant, names: variants })
}

/// The error of the first field that is missing.
#[cold]
#[inline(never)]
pub fn missing<E: Error>(fields: &[(&'static str, bool)]) -> E {
    let missing = fields.iter().find(|(_, missing)| *missing);
    E::missing_field(missing.map_or("", |(name, _)| name))
}

struct Reader<'a, F>(&'a mut F);

impl<'de, F: Fields<'de>> Visitor<'de> for Reader<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting_struct(F::STRUCT, f)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        read_members(&mut Members(members), F::NAMES, &mut |field, values| {
            self.0.read(field, values)
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        let mut elements = Elements { elements, read: 0, expected: F::STRUCT };
        (0..F::NAMES.len()).try_for_each(|field| self.0.read(field, &mut elements))
    }
}

#[inline(never)]
fn expecting_struct(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "struct {name}")
}

/// Reads a field by its index.
type Read<'a, V, E> = &'a mut dyn FnMut(usize, &mut V) -> Result<(), E>;

#[inline(never)]
fn read_members<'de, A: MapAccess<'de>>(
    members: &mut Members<A>,
    names: Names,
    read: Read<'_, Members<A>, A::Error>,
) -> Result<(), A::Error> {
    let mut read_before = vec![false; names.len()];
    while let Some(field) = members.0.next_key_seed(Name { of: Of::Field, names })? {
        if let Some(read_before) = read_before.get_mut(field)
            && std::mem::replace(read_before, true)
        {
            return Err(A::Error::duplicate_field(names.get(field).copied().unwrap_or_default()));
        }
        read(field, members)?;
    }
    Ok(())
}

/// Fields by their names.
struct Members<A>(A);

impl<'de, A: MapAccess<'de>> Values<'de> for Members<A> {
    type Error = A::Error;

    fn next<S: DeserializeSeed<'de, Value = ()>>(&mut self, place: S) -> Result<(), A::Error> {
        self.0.next_value_seed(place)
    }
}

/// Fields in their order, as formats without names have them.
struct Elements<A> {
    elements: A,
    read: usize,
    expected: &'static str,
}

impl<'de, A: SeqAccess<'de>> Values<'de> for Elements<A> {
    type Error = A::Error;

    fn next<S: DeserializeSeed<'de, Value = ()>>(&mut self, place: S) -> Result<(), A::Error> {
        match self.elements.next_element_seed(place)? {
            Some(()) => self.read = self.read.saturating_add(1),
            None => return Err(A::Error::invalid_length(self.read, &self.expected)),
        }
        Ok(())
    }
}

struct UnitVariant {
    name: &'static str,
    variants: Names,
}

impl<'de> Visitor<'de> for UnitVariant {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enum {}", self.name)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<usize, A::Error> {
        let (index, content) = variant(data, self.variants)?;
        content.unit_variant()?;
        Ok(index)
    }
}

/// Becomes the index of a name.
#[derive(Clone, Copy)]
struct Name {
    of: Of,
    names: Names,
}

#[derive(Clone, Copy)]
enum Of {
    Field,
    Variant,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.of {
            Of::Field => "the name of a field",
            Of::Variant => "the name of a variant",
        })
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let index = self.names.iter().position(|it| *it == name);
        index.ok_or_else(|| match self.of {
            Of::Field => E::unknown_field(name, self.names),
            Of::Variant => E::unknown_variant(name, self.names),
        })
    }

    /// Formats without names count.
    fn visit_u64<E: Error>(self, index: u64) -> Result<usize, E> {
        let known = usize::try_from(index).ok().filter(|index| *index < self.names.len());
        known.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(index), &self))
    }
}
