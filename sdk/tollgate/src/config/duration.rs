//! Lengths of time, in the spellings of protobuf JSON and of Istio.

use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A length of time, never negative, exact to the nanosecond.
///
/// Written as protobuf JSON does (`"0.25s"`) or as Go and Istio do (`"250ms"`, `"3m"`,
/// `"1h30m"`): numbers with a unit of `h`, `m`, `s`, `ms`, `us`, `µs` or `ns`, added up. At most
/// 10,000 years of 365.25 days, the range of `google.protobuf.Duration`.
///
/// ```
/// use std::time;
/// use tollgate::config::Duration;
///
/// assert_eq!(Duration::parse("1h30m").unwrap().get(), time::Duration::from_secs(5400));
/// assert_eq!(Duration::parse("0.25s"), Duration::parse("250ms"));
/// assert_eq!(Duration::parse("-1s"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// `ms` stands before `m`, which it begins with.
const UNITS: [(&str, u64); 7] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
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
    // `.5s` and `5.s` are Go's; a lone point is nobody's. Finer than 10^-9 is refused, not cut.
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let (unit, rest) = UNITS
        .iter()
        .find_map(|(name, nanos)| rest.strip_prefix(name).map(|rest| (u128::from(*nanos), rest)))?;
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let nanos = value(whole)?.checked_mul(unit)?;
    let less_than_unit = value(fraction)?.checked_mul(unit)?.checked_div(scale)?;
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
        assert_eq!(nanos("7µs"), Some(7_000));
        assert_eq!(nanos("7ns"), Some(7));
        assert_eq!(nanos(".5s"), Some(500_000_000));
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
        fn any_text_is_read_or_refused(text in "[0-9.hmsuµn -]{0,40}") {
            let _ = Duration::parse(&text);
        }
    }
}
