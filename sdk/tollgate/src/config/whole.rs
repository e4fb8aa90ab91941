//! Whole numbers within bounds.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};

/// A whole number from `LEAST` to `MOST`: the bounds stand once, for reading, errors and schema.
///
/// ```
/// use tollgate::config::{Whole, from_slice};
///
/// let percent: Whole<0, 100> = from_slice(b"100").unwrap();
/// assert_eq!(percent.get(), 100);
/// let error = from_slice::<Whole<0, 100>>(b"101").unwrap_err();
/// assert_eq!(error.to_string(), "(root): found 101, allowed: a whole number from 0 to 100");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole<const LEAST: u32, const MOST: u32>(u32);

/// A whole number that is not 0.
pub type AtLeastOne = Whole<1, { u32::MAX }>;

/// An HTTP status that a filter can answer with.
pub type HttpStatus = Whole<200, 599>;

impl<const LEAST: u32, const MOST: u32> Whole<LEAST, MOST> {
    /// The number, if it is within the bounds.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if LEAST <= number && number <= MOST { Some(Self(number)) } else { None }
    }

    /// A number that stands in the code, for a default; one out of bounds does not compile.
    ///
    /// ```
    /// use tollgate::config::AtLeastOne;
    ///
    /// assert_eq!(AtLeastOne::constant::<3>().get(), 3);
    /// ```
    #[must_use]
    pub const fn constant<const NUMBER: u32>() -> Self {
        const { assert!(LEAST <= NUMBER && NUMBER <= MOST) };
        Self(NUMBER)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl HttpStatus {
    /// The status, as requests and responses have it.
    #[must_use]
    pub const fn code(self) -> u16 {
        // It is at most 599.
        self.0 as u16
    }
}

impl<const LEAST: u32, const MOST: u32> fmt::Display for Whole<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const LEAST: u32, const MOST: u32> Serialize for Whole<LEAST, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u32(Bounds { least: LEAST, most: MOST }).map(Self)
    }
}

/// Not generic: one copy of its code serves all bounds.
struct Bounds {
    least: u32,
    most: u32,
}

impl Visitor<'_> for Bounds {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.least, self.most)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number)
            .ok()
            .filter(|number| (self.least..=self.most).contains(number))
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

impl<const LEAST: u32, const MOST: u32> JsonSchema for Whole<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole_from_{LEAST}_to_{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}
