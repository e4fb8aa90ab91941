//! Sets of HTTP statuses, as operators write them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// The statuses that HTTP has (RFC 9110, section 15).
const FIRST: u16 = 100;
const LAST: u16 = 599;

/// One HTTP status or a range of them: `429`, `"429"` or `"500-599"`, from 100 to 599.
///
/// ```
/// use tollgate::status::StatusRange;
///
/// let errors = StatusRange::parse("500-599").unwrap();
/// assert!(errors.contains(503) && !errors.contains(429));
/// assert_eq!(StatusRange::parse("5xx"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        r#"an HTTP status from 100 to 599, such as 429, or a range of them, such as "500-599""#;

    /// From `first` to `last`, both in; nothing when one of them is no status or they are the wrong
    /// way round.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (FIRST <= first && first <= last && last <= LAST).then_some(Self { first, last })
    }

    /// Reads one status or two with a `-` between them; nothing when `text` is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Self::new(three_digits(first)?, three_digits(last)?)
    }

    /// Whether a status is in the range.
    #[must_use]
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

fn three_digits(text: &str) -> Option<u16> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Shows it as it is written.
impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusRangeVisitor)
    }
}

struct StatusRangeVisitor;

impl Visitor<'_> for StatusRangeVisitor {
    type Value = StatusRange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(StatusRange::ALLOWED)
    }

    fn visit_u64<E: Error>(self, status: u64) -> Result<StatusRange, E> {
        let range = u16::try_from(status).ok().and_then(|status| StatusRange::new(status, status));
        range.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(status), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatusRange, E> {
        StatusRange::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for StatusRange {
    fn schema_name() -> Cow<'static, str> {
        "StatusRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "status range",
            "description": "An HTTP status from 100 to 599, or a range of them with both ends in it, \
                such as `500-599`.",
            "anyOf": [
                { "type": "integer", "minimum": FIRST, "maximum": LAST },
                { "type": "string", "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$" },
            ],
            "examples": ["500-599", 429],
        })
    }
}

/// A set of HTTP statuses: a list of [`StatusRange`]s, such as `["500-599", 429]`.
///
/// ```
/// use tollgate::config;
/// use tollgate::status::StatusSet;
///
/// let failures: StatusSet = config::from_slice(br#"["500-599", 429]"#).unwrap();
/// assert!(failures.contains(503) && failures.contains(429));
/// assert!(!failures.contains(404));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StatusSet(Vec<StatusRange>);

impl StatusSet {
    /// Whether a status is in the set.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(status))
    }

    /// Whether no status is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<StatusRange> for StatusSet {
    fn from_iter<I: IntoIterator<Item = StatusRange>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;

    #[test]
    fn statuses_and_ranges_are_read_with_both_ends() {
        let set: StatusSet = from_slice(br#"["500-599", 429, "404", 418.0, "408-408"]"#).unwrap();
        for status in [404, 408, 418, 429, 500, 599] {
            assert!(set.contains(status), "{status}");
        }
        for status in [0, 99, 200, 403, 405, 428, 430, 499, 600, u16::MAX] {
            assert!(!set.contains(status), "{status}");
        }
    }

    #[test]
    fn an_empty_set_has_no_status() {
        let set: StatusSet = from_slice(b"[]").unwrap();
        assert!(set.is_empty() && (0..=u16::MAX).all(|status| !set.contains(status)));
    }

    #[test]
    fn what_is_no_status_is_refused_by_its_place() {
        for json in [
            "99",
            "600",
            "-429",
            "429.5",
            "70000",
            "\"5xx\"",
            "\"500-\"",
            "\"-599\"",
            "\"599-500\"",
            "\"500-600\"",
            "\"50-599\"",
            "\"500 - 599\"",
            "\"+429\"",
            "\"0429\"",
            "\"\"",
            "\"a\"",
            "true",
            "null",
            "{}",
        ] {
            let error = from_slice::<StatusSet>(format!("[200, {json}]").as_bytes()).unwrap_err();
            assert_eq!(error.path, "[1]", "{json}");
            assert_eq!(error.allowed, StatusRange::ALLOWED, "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_set_agrees_with_its_ranges(
            ends in prop::collection::vec((100u16..=599, 100u16..=599), 0..6), status: u16,
        ) {
            let ranges = ends.iter().filter_map(|(first, last)| StatusRange::new(*first, *last));
            let set: StatusSet = ranges.collect();
            let expected = ends.iter().any(|(first, last)| (first..=last).contains(&&status));
            prop_assert_eq!(set.contains(status), expected);
        }

        #[test]
        fn what_is_shown_is_read_back(first in 100u16..=599, last in 100u16..=599) {
            if let Some(range) = StatusRange::new(first, last) {
                prop_assert_eq!(StatusRange::parse(&range.to_string()), Some(range));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9-]{0,8}", any: String) {
            let _ = (StatusRange::parse(&text), StatusRange::parse(&any));
        }
    }
}
