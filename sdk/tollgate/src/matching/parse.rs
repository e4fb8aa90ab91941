//! Reads matches from configuration.
//!
//! By hand, and all kinds of entries by the same code: the tests stand beside `name` in one object,
//! exactly one of them must be there, and serde's `flatten` and `untagged` would blur both the check
//! for unknown fields and the errors. What serde derives for each kind would cost a module 30 KiB.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::config::{
    ClaimMatch, ClaimPath, CookieMatch, HeaderMatch, IntegerRange, Match, PeerMatch, Principal,
    QueryMatch, Test, ValueMatch,
};

/// The fields of an entry: those of its kind, the tests, and what goes with them.
macro_rules! fields {
    ($($own:expr),*) => {
        &[
            $($own,)* "exact", "prefix", "suffix", "contains", "regex", "any_of", "range", "gte",
            "lte", "semver", "present", "ignore_case", "invert",
        ]
    };
}

const TESTS: &str = "exactly one of `exact`, `prefix`, `suffix`, `contains`, `regex`, `any_of`, \
     `range`, `gte`, `lte`, `semver`, `present`";

/// As derived code has it: the errors of configuration repeat no string that stands in the place of
/// an object, since it may be a secret that slipped up a level.
const OBJECT: &str = "a map";

/// An entry of any kind; what its kind does not have is empty.
pub(super) struct Entry {
    name: String,
    pointer: Option<String>,
    claim: ClaimPath,
    principal: Option<Principal>,
    value: ValueMatch,
}

/// A kind of entry.
pub(super) trait Kind: From<Entry> {
    /// The names of its fields.
    const FIELDS: &'static [&'static str];
}

macro_rules! kinds {
    ($($kind:ident: $($own:ident)*;)*) => {$(
        impl Kind for $kind {
            const FIELDS: &'static [&'static str] = fields!($(stringify!($own)),*);
        }

        impl From<Entry> for $kind {
            fn from(entry: Entry) -> Self {
                Self { $($own: entry.$own,)* value: entry.value }
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                EntrySeed { fields: Self::FIELDS }.deserialize(deserializer).map(Self::from)
            }
        }
    )*};
}

kinds! {
    HeaderMatch: name;
    CookieMatch: name pointer;
    QueryMatch: name;
    ClaimMatch: claim;
    PeerMatch: principal;
}

impl Kind for ValueMatch {
    const FIELDS: &'static [&'static str] = fields!();
}

impl From<Entry> for ValueMatch {
    fn from(entry: Entry) -> Self {
        entry.value
    }
}

impl<'de> Deserialize<'de> for ValueMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EntrySeed { fields: Self::FIELDS }.deserialize(deserializer).map(Self::from)
    }
}

/// Reads an entry with these fields.
#[derive(Clone, Copy)]
struct EntrySeed {
    fields: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for EntrySeed {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_struct("Entry", self.fields, self)
    }
}

impl<'de> Visitor<'de> for EntrySeed {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut read = Fields::default();
        while let Some(name) = map.next_key::<String>()? {
            match self.fields.iter().find(|field| **field == name) {
                Some(name) => map.next_value_seed(FieldSeed { name, read: &mut read })?,
                None => return Err(A::Error::unknown_field(&name, self.fields)),
            }
        }
        read.finish(self.fields)
    }
}

/// The fields of an entry read so far.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    pointer: Option<String>,
    claim: Option<ClaimPath>,
    principal: Option<Principal>,
    test: Option<(&'static str, Test)>,
    /// A test beside the first.
    second: Option<&'static str>,
    ignore_case: Option<bool>,
    invert: Option<bool>,
}

/// Reads the field of this name.
struct FieldSeed<'a> {
    name: &'static str,
    read: &'a mut Fields,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        let Self { name, read } = self;
        let twice = match name {
            "name" => read.name.replace(String::deserialize(value)?).is_some(),
            "pointer" => read.pointer.replace(String::deserialize(value)?).is_some(),
            "claim" => read.claim.replace(ClaimPath::deserialize(value)?).is_some(),
            "principal" => read.principal.replace(Principal::deserialize(value)?).is_some(),
            "ignore_case" => read.ignore_case.replace(bool::deserialize(value)?).is_some(),
            "invert" => read.invert.replace(bool::deserialize(value)?).is_some(),
            test => read.add(test, read_test(test, value)?),
        };
        if twice { Err(D::Error::duplicate_field(name)) } else { Ok(()) }
    }
}

fn read_test<'de, D: Deserializer<'de>>(name: &str, value: D) -> Result<Test, D::Error> {
    Ok(match name {
        "any_of" => Test::AnyOf(Vec::deserialize(value)?),
        "range" => Test::Range(IntegerRange::deserialize(value)?),
        "gte" => Test::Gte(f64::deserialize(value)?),
        "lte" => Test::Lte(f64::deserialize(value)?),
        "present" => Test::Present(bool::deserialize(value)?),
        _ => {
            let text = String::deserialize(value)?;
            match name {
                "prefix" => Test::Prefix(text),
                "suffix" => Test::Suffix(text),
                "contains" => Test::Contains(text),
                "regex" => Test::Regex(text),
                "semver" => Test::Semver(text),
                _ => Test::Exact(text),
            }
        }
    })
}

impl Fields {
    /// Whether the test was there before.
    fn add(&mut self, name: &'static str, test: Test) -> bool {
        match &self.test {
            None => {
                self.test = Some((name, test));
                false
            }
            Some((first, _)) => {
                self.second = Some(name);
                *first == name
            }
        }
    }

    fn finish<E: Error>(self, fields: &[&str]) -> Result<Entry, E> {
        if fields.contains(&"name") && self.name.is_none() {
            return Err(E::missing_field("name"));
        }
        if fields.contains(&"claim") && self.claim.is_none() {
            return Err(E::missing_field("claim"));
        }
        let test = match (self.test, self.second) {
            (Some((_, test)), None) => test,
            (Some((first, _)), Some(second)) => {
                let found = format!("`{first}` and `{second}`");
                return Err(E::invalid_value(Unexpected::Other(&found), &TESTS));
            }
            (None, _) => return Err(E::invalid_value(Unexpected::Other("none of them"), &TESTS)),
        };
        let (ignore_case, invert) = (self.ignore_case == Some(true), self.invert == Some(true));
        Ok(Entry {
            name: self.name.unwrap_or_default(),
            pointer: self.pointer,
            claim: self.claim.unwrap_or_default(),
            principal: self.principal,
            value: ValueMatch { test, ignore_case, invert },
        })
    }
}

/// Reads a list of entries.
struct EntriesSeed(EntrySeed);

impl<'de> DeserializeSeed<'de> for EntriesSeed {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entry>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = items.next_element_seed(self.0)? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

fn entries<'de, K: Kind, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<K>, A::Error> {
    let entries = map.next_value_seed(EntriesSeed(EntrySeed { fields: K::FIELDS }))?;
    Ok(entries.into_iter().map(K::from).collect())
}

impl<'de> Deserialize<'de> for Match {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Match", CONDITIONS, MatchVisitor)
    }
}

/// The fields of a match.
pub(super) const CONDITIONS: &[&str] = &[
    "headers",
    "cookies",
    "query",
    "path",
    "method",
    "host",
    "source_ip",
    "claims",
    "peer",
    "any",
    "not",
];

struct MatchVisitor;

impl<'de> Visitor<'de> for MatchVisitor {
    type Value = Match;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Match, A::Error> {
        let (mut read, mut source_ip) = (Match::default(), None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "headers" => read.headers = entries(&mut map)?,
                "cookies" => read.cookies = entries(&mut map)?,
                "query" => read.query = entries(&mut map)?,
                "path" => read.path = entries(&mut map)?,
                "method" => read.method = entries(&mut map)?,
                "host" => read.host = entries(&mut map)?,
                "source_ip" => {
                    if source_ip.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field("source_ip"));
                    }
                }
                "claims" => read.claims = entries(&mut map)?,
                "peer" => read.peer = entries(&mut map)?,
                "any" => read.any = map.next_value()?,
                "not" => read.not = Some(Box::new(map.next_value()?)),
                other => return Err(A::Error::unknown_field(other, CONDITIONS)),
            }
        }
        read.source_ip = source_ip.unwrap_or_default();
        Ok(read)
    }
}

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimPathVisitor)
    }
}

struct ClaimPathVisitor;

impl<'de> Visitor<'de> for ClaimPathVisitor {
    type Value = ClaimPath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ClaimPath::ALLOWED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ClaimPath, E> {
        ClaimPath::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ClaimPath, A::Error> {
        let mut segments = Vec::<String>::new();
        while let Some(segment) = items.next_element()? {
            segments.push(segment);
        }
        ClaimPath::new(segments)
            .ok_or_else(|| A::Error::invalid_value(Unexpected::Other("no name"), &self))
    }
}
