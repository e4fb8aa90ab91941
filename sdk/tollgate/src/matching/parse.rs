//! Reads matches from configuration.
//!
//! By hand: the kinds stand beside `name` in one object, exactly one of them must be there, and
//! serde's `flatten` and `untagged` would blur both the check for unknown fields and the errors.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::config::HeaderName;

use super::{CookieMatch, HeaderMatch, Test, ValueMatch};

/// `name` first: [`ValueMatch`] knows all but that.
const FIELDS: &[&str] = &[
    "name",
    "exact",
    "prefix",
    "suffix",
    "contains",
    "any_of",
    "present",
    "ignore_case",
    "invert",
];

const KINDS: &str = "exactly one of `exact`, `prefix`, `suffix`, `contains`, `any_of`, `present`";

impl<'de> Deserialize<'de> for ValueMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for HeaderMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (MatchedName(name), value) = deserializer.deserialize_map(EntryVisitor(PhantomData))?;
        // Envoy has turned every `host` into `:authority` before a filter sees it.
        let name = if name == "host" { ":authority".to_owned() } else { name };
        Ok(Self { name, value })
    }
}

impl<'de> Deserialize<'de> for CookieMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, value) = deserializer.deserialize_map(EntryVisitor(PhantomData))?;
        Ok(Self { name, value })
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = ValueMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a match such as {exact: \"on\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ValueMatch, A::Error> {
        let mut fields = Fields::default();
        let names = FIELDS.split_first().map_or(FIELDS, |(_, names)| names);
        while let Some(name) = map.next_key::<String>()? {
            fields.read(&name, &mut map, names)?;
        }
        fields.finish()
    }
}

/// A match with a name, which is an `N`.
struct EntryVisitor<N>(PhantomData<N>);

impl<'de, N: Deserialize<'de>> Visitor<'de> for EntryVisitor<N> {
    type Value = (N, ValueMatch);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a match such as {name: flag, exact: \"on\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut entry_name, mut fields) = (None, Fields::default());
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "name" => entry_name = Some(map.next_value()?),
                other => fields.read(other, &mut map, FIELDS)?,
            }
        }
        let entry_name = entry_name.ok_or_else(|| A::Error::missing_field("name"))?;
        Ok((entry_name, fields.finish()?))
    }
}

/// The fields of a [`ValueMatch`] read so far.
#[derive(Default)]
struct Fields {
    tests: Vec<(&'static str, Test)>,
    ignore_case: Option<bool>,
    invert: Option<bool>,
}

impl Fields {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
        names: &'static [&'static str],
    ) -> Result<(), A::Error> {
        let test = match name {
            "exact" => ("exact", Test::Exact(map.next_value()?)),
            "prefix" => ("prefix", Test::Prefix(map.next_value::<NotEmpty>()?.0)),
            "suffix" => ("suffix", Test::Suffix(map.next_value::<NotEmpty>()?.0)),
            "contains" => ("contains", Test::Contains(map.next_value::<NotEmpty>()?.0)),
            "any_of" | "anyOf" => ("any_of", Test::AnyOf(map.next_value::<SomeTexts>()?.0)),
            "present" => ("present", Test::Present(map.next_value()?)),
            "ignore_case" | "ignoreCase" => {
                return once(&mut self.ignore_case, "ignore_case", map.next_value()?);
            }
            "invert" => return once(&mut self.invert, "invert", map.next_value()?),
            other => return Err(A::Error::unknown_field(other, names)),
        };
        self.tests.push(test);
        Ok(())
    }

    fn finish<E: Error>(self) -> Result<ValueMatch, E> {
        let found = match self.tests.as_slice() {
            [] => "none of them".to_owned(),
            [_] => String::new(),
            [(first, _), .., (last, _)] => format!("`{first}` and `{last}`"),
        };
        let (ignore_case, invert) = (self.ignore_case == Some(true), self.invert == Some(true));
        let mut tests = self.tests.into_iter();
        match (tests.next(), tests.next()) {
            (Some((_, Test::Present(_))), None) if ignore_case || invert => Err(E::invalid_value(
                Unexpected::Other("`present` with `ignore_case` or `invert`"),
                &"`present: true` or `present: false` alone",
            )),
            (Some((_, test)), None) => Ok(ValueMatch { test, ignore_case, invert }),
            _ => Err(E::invalid_value(Unexpected::Other(&found), &KINDS)),
        }
    }
}

fn once<E: Error>(field: &mut Option<bool>, name: &'static str, value: bool) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// A text that every value would begin with, end with and contain is a mistake.
struct NotEmpty(String);

impl<'de> Deserialize<'de> for NotEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let allowed = "a string that is not empty (`present: true` matches any value)";
        refuse_if(text.is_empty(), &text, allowed)?;
        Ok(Self(text))
    }
}

/// A list without a text would match nothing.
struct SomeTexts(Vec<String>);

impl<'de> Deserialize<'de> for SomeTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::deserialize(deserializer)?;
        match texts.len() {
            0 => Err(Error::invalid_length(0, &"at least one string")),
            _ => Ok(Self(texts)),
        }
    }
}

/// The name of a header or of a pseudo-header, in lower case.
struct MatchedName(String);

impl<'de> Deserialize<'de> for MatchedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let field = HeaderName::parse(name.strip_prefix(':').unwrap_or(&name));
        refuse_if(field.is_none(), &name, HeaderName::ALLOWED)?;
        Ok(Self(name.to_ascii_lowercase()))
    }
}

fn refuse_if<E: Error>(wrong: bool, found: &str, allowed: &'static str) -> Result<(), E> {
    match wrong {
        true => Err(E::invalid_value(Unexpected::Str(found), &allowed)),
        false => Ok(()),
    }
}
