//! Lengths of time, in the spellings of protobuf JSON and of Istio.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};

/// A length of time, never negative, exact to the nanosecond.
///
/// Written as protobuf JSON does (`"0.25s"`) or as Go and Istio do (`"250ms"`, `"3m"`,
/// `"1h30m"`): numbers with a unit of `h`, `m`, `s`, `ms`, `us`, `µs` or `ns`, added up. At most
/// 10,000 years of 365.25 days, the range of `google.protobuf.Duration`. Unlike Go, it has no sign,
/// and what is not a whole number of nanoseconds is refused instead of cut.
///
/// ```
/// use std::time;
/// use tollgate::config::Duration;
///
/// assert_eq!(Duration::parse("1h30m").unwrap().get(), time::Duration::from_secs(5400));
/// assert_eq!(Duration::parse("0.25s"), Duration::parse("250ms"));
/// assert_eq!(Duration::parse("-1s"), None);
/// assert_eq!(Duration::parse("5400.5s").unwrap().to_string(), "1h30m0.5s");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// `ms` stands before `m`, which it begins with.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    // The micro sign (U+00B5) and, as in Go, the Greek letter (U+03BC).
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

const MAX_SECONDS: u64 = 315_576_000_000;

const ALLOWED: &str =
    r#"a duration with its unit in quotes, such as "0.25s", "250ms" or "1h30m", not negative"#;

impl Duration {
    /// Reads a duration; nothing when `text` is not one, negative or out of range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self::default());
        }
        let (mut sum, mut rest) = (part(text)?.0, part(text)?.1);
        while !rest.is_empty() {
            let (nanos, after) = part(rest)?;
            (sum, rest) = (sum.checked_add(nanos)?, after);
        }
        let seconds = u64::try_from(sum.checked_div(NANOS)?).ok()?;
        let nanos = u32::try_from(sum.checked_rem(NANOS)?).ok()?;
        (seconds < MAX_SECONDS || (seconds == MAX_SECONDS && nanos == 0))
            .then(|| Self(std::time::Duration::new(seconds, nanos)))
    }

    /// The standard library's duration.
    #[must_use]
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

const NANOS: u128 = 1_000_000_000;

/// One number and its unit in nanoseconds, and what follows them.
fn part(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    // `.5s` and `5.s` are Go's; a lone point is nobody's.
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let (unit, rest) = UNITS
        .iter()
        .find_map(|(name, nanos)| rest.strip_prefix(name).map(|rest| (u128::from(*nanos), rest)))?;
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let nanos = value(whole)?.checked_mul(unit)?;
    let scaled = value(fraction)?.checked_mul(unit)?;
    if scaled.checked_rem(scale) != Some(0) {
        return None;
    }
    let less_than_unit = scaled.checked_div(scale)?;
    Some((nanos.checked_add(less_than_unit)?, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn value(digits: &str) -> Option<u128> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

impl Deref for Duration {
    type Target = std::time::Duration;

    fn deref(&self) -> &std::time::Duration {
        &self.0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

/// The shortest form of Go's kind: `1h30m`, `0.25s`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        for (number, unit) in [(hours, "h"), (minutes, "m")] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        match nanos {
            0 if seconds == 0 && !self.0.is_zero() => Ok(()),
            0 => write!(f, "{seconds}s"),
            _ => write!(f, "{seconds}.{}s", format!("{nanos:09}").trim_end_matches('0')),
        }
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALLOWED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        Duration::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "duration",
            "description": ABOUT,
            "type": "string",
            "pattern": format!("^(0|{NUMBERS})$"),
            "examples": ["0.25s", "250ms", "1h30m"],
        })
    }
}

const ABOUT: &str = "A length of time in quotes: numbers with a unit of `h`, `m`, `s`, `ms`, `us` or \
    `ns`, added up, such as `\"0.25s\"`, `\"250ms\"` or `\"1h30m\"`.";

/// One or more numbers, each with its unit.
const NUMBERS: &str = "(([0-9]+(\\.[0-9]{0,9})?|\\.[0-9]{1,9})(h|m|s|ms|us|\u{b5}s|\u{3bc}s|ns))+";

/// A [`Duration`] above 0.
///
/// ```
/// use tollgate::config::{PositiveDuration, from_slice};
///
/// let interval: PositiveDuration = from_slice(br#""10s""#).unwrap();
/// assert_eq!(interval.get(), std::time::Duration::from_secs(10));
/// let error = from_slice::<PositiveDuration>(br#""0s""#).unwrap_err();
/// assert_eq!(error.to_string(), r#"(root): found "0s", allowed: a duration above 0, such as "30s""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PositiveDuration(Duration);

impl PositiveDuration {
    /// A duration that stands in the code, for a default; one that cannot be does not compile.
    ///
    /// ```
    /// use tollgate::config::PositiveDuration;
    ///
    /// assert_eq!(PositiveDuration::seconds::<90>().to_string(), "1m30s");
    /// ```
    #[must_use]
    pub const fn seconds<const SECONDS: u64>() -> Self {
        const { assert!(0 < SECONDS && SECONDS <= MAX_SECONDS) };
        Self(Duration(std::time::Duration::from_secs(SECONDS)))
    }

    /// The standard library's duration.
    #[must_use]
    pub const fn get(self) -> std::time::Duration {
        self.0.get()
    }
}

impl fmt::Display for PositiveDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for PositiveDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PositiveVisitor)
    }
}

struct PositiveVisitor;

impl Visitor<'_> for PositiveVisitor {
    type Value = PositiveDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALLOWED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PositiveDuration, E> {
        let duration = DurationVisitor.visit_str(text)?;
        if duration.is_zero() {
            let allowed = "a duration above 0, such as \"30s\"";
            return Err(E::invalid_value(Unexpected::Str(text), &allowed));
        }
        Ok(PositiveDuration(duration))
    }
}

impl JsonSchema for PositiveDuration {
    fn schema_name() -> Cow<'static, str> {
        "PositiveDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "positive duration",
            "description": format!("{ABOUT} Above 0."),
            "type": "string",
            "pattern": format!("^(?=.*[1-9]){NUMBERS}$"),
            "examples": ["30s", "250ms", "1h30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(text: &str) -> Option<u128> {
        Duration::parse(text).map(|duration| duration.as_nanos())
    }

    #[test]
    fn protobuf_json_is_read_to_the_nanosecond() {
        assert_eq!(nanos("0s"), Some(0));
        assert_eq!(nanos("3s"), Some(3_000_000_000));
        assert_eq!(nanos("0.25s"), Some(250_000_000));
        assert_eq!(nanos("1.000340012s"), Some(1_000_340_012));
        assert_eq!(nanos("0.000000001s"), Some(1));
    }

    #[test]
    fn istio_units_are_read_and_added_up() {
        assert_eq!(nanos("250ms"), Some(250_000_000));
        assert_eq!(nanos("3m"), Some(180_000_000_000));
        assert_eq!(nanos("1h30m"), Some(5_400_000_000_000));
        assert_eq!(nanos("1h0m0.5s"), Some(3_600_500_000_000));
        assert_eq!(nanos("1.5h"), Some(5_400_000_000_000));
        assert_eq!(nanos("7us"), Some(7_000));
        assert_eq!(nanos("7\u{b5}s"), Some(7_000));
        assert_eq!(nanos("7\u{3bc}s"), Some(7_000));
        assert_eq!(nanos("7ns"), Some(7));
        assert_eq!(nanos(".5s"), Some(500_000_000));
        assert_eq!(nanos("5.s"), Some(5_000_000_000));
        assert_eq!(nanos("1s1h1s"), Some(3_602_000_000_000));
        assert_eq!(nanos("0"), Some(0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            ".s",
            "-1s",
            "+1s",
            "1",
            "1d",
            "1 s",
            " 1s",
            "1s ",
            "1sec",
            "1s2",
            "1e3s",
            "0x1s",
            "1,5s",
            "NaNs",
            "infs",
            "1.0000000001s",
            "١s",
            "1s-1s",
        ] {
            assert_eq!(Duration::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_finer_than_a_nanosecond_is_refused_and_not_cut() {
        for text in ["0.5ns", "1.5ns", "0.0001us", "0.0000001ms", "1.0000000001s", "0.1ns9.9ns"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
        assert_eq!(nanos("1.0ns"), Some(1));
        assert_eq!(nanos("0.000001ms"), Some(1));
        assert_eq!(nanos("0.333333333h"), Some(1_199_999_998_800));
    }

    #[test]
    fn a_duration_is_shown_short() {
        for (text, shown) in [
            ("0", "0s"),
            ("90s", "1m30s"),
            ("5400s", "1h30m"),
            ("3600s", "1h"),
            ("250ms", "0.25s"),
            ("3600.5s", "1h0.5s"),
            ("1ns", "0.000000001s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn the_range_is_protobufs() {
        assert_eq!(nanos("315576000000s"), Some(315_576_000_000 * NANOS));
        assert_eq!(nanos("315576000000.000000001s"), None);
        assert_eq!(nanos("99999999999999999999999999999999999999999999s"), None);
        assert_eq!(nanos(&"315576000000h".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn every_protobuf_duration_is_read_back(seconds in 0u64..MAX_SECONDS, nanos in 0u32..1_000_000_000) {
            let duration = std::time::Duration::new(seconds, nanos);
            prop_assert_eq!(Duration::parse(&format!("{seconds}.{nanos:09}s")), Some(duration.into()));
        }

        #[test]
        fn what_is_shown_is_read_back(seconds in 0..MAX_SECONDS, nanos in 0u32..1_000_000_000) {
            let duration = Duration::from(std::time::Duration::new(seconds, nanos));
            prop_assert_eq!(Duration::parse(&duration.to_string()), Some(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.hmsuµn -]{0,40}") {
            let _ = Duration::parse(&text);
        }
    }
}
