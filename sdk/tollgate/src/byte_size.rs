//! Numbers of bytes, as operators write them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A number of bytes: plain, or a text with a unit.
///
/// The units are `B`, the decimal `kB`, `MB`, `GB`, `TB` (1 kB is 1,000 B; `KB` is the same) and the
/// binary `KiB`, `MiB`, `GiB`, `TiB` (1 KiB is 1,024 B), for which `Ki`, `Mi`, `Gi`, `Ti`, as in
/// Kubernetes, are accepted too. A fraction may stand where it leaves whole bytes: `"1.5KiB"`.
///
/// ```
/// use tollgate::byte_size::ByteSize;
/// use tollgate::config;
///
/// assert_eq!(config::from_slice::<ByteSize>(b"\"64KiB\"").unwrap().get(), 65_536);
/// assert_eq!(config::from_slice::<ByteSize>(b"65536").unwrap().get(), 65_536);
/// assert_eq!(ByteSize::parse("1MB").unwrap().get(), 1_000_000);
/// assert_eq!(ByteSize::parse("1M"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 15] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("Ki", 1 << 10),
    ("MiB", 1 << 20),
    ("Mi", 1 << 20),
    ("GiB", 1 << 30),
    ("Gi", 1 << 30),
    ("TiB", 1 << 40),
    ("Ti", 1 << 40),
];

impl ByteSize {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        r#"a number of bytes, such as 65536, "64KiB" or "1MB", below 2^64"#;

    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Reads a number with or without a unit; nothing when `text` is none, has a fraction of a byte
    /// or is 2⁶⁴ or more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            u32::try_from(fraction.len()).ok().filter(|digits| (1..=9).contains(digits))?;
        let scale = 10u128.checked_pow(digits)?;
        // At most 2^64 * 10^9 * 2^40, which is below 2^128.
        let scaled = u128::from(decimal(whole)?)
            .checked_mul(scale)?
            .checked_add(decimal(fraction)?.into())?
            .checked_mul((*unit).into())?;
        let bytes = scaled.checked_div(scale).filter(|_| scaled.checked_rem(scale) == Some(0))?;
        u64::try_from(bytes).ok().map(Self)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length of memory; the longest there is when it is more.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

fn decimal(digits: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Deref for ByteSize {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.0
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// Shows the largest binary unit that leaves a whole number: `64KiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.0.trailing_zeros().checked_div(10).unwrap_or_default();
        let (unit, shift) = match exponent {
            _ if self.0 == 0 => ("B", 0),
            0 => ("B", 0),
            1 => ("KiB", 10),
            2 => ("MiB", 20),
            3 => ("GiB", 30),
            _ => ("TiB", 40),
        };
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteSizeVisitor)
    }
}

struct ByteSizeVisitor;

impl Visitor<'_> for ByteSizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ByteSize::ALLOWED)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        ByteSize::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "byte size",
            "description": "A number of bytes, or a text with a unit: `B`, `kB`, `MB`, `GB`, `TB` \
                (of 1,000), `KiB`, `MiB`, `GiB`, `TiB` (of 1,024), such as `64KiB`.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?(B|[kK]B|[MGT]B|[KMGT]iB?)?$" },
            ],
            "examples": ["64KiB", 65536],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;

    fn bytes(text: &str) -> Option<u64> {
        ByteSize::parse(text).map(ByteSize::get)
    }

    #[test]
    fn decimal_and_binary_units_are_told_apart() {
        for (text, expected) in [
            ("0", 0),
            ("7", 7),
            ("7B", 7),
            ("1kB", 1_000),
            ("1KB", 1_000),
            ("1KiB", 1_024),
            ("64Ki", 65_536),
            ("2MB", 2_000_000),
            ("2MiB", 2_097_152),
            ("2Mi", 2_097_152),
            ("3GB", 3_000_000_000),
            ("3GiB", 3_221_225_472),
            ("1TB", 1_000_000_000_000),
            ("1TiB", 1_099_511_627_776),
            ("1.5KiB", 1_536),
            ("0.5kB", 500),
            ("1.0B", 1),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_bytes_is_refused() {
        for text in [
            "",
            "B",
            "KiB",
            ".",
            ".5",
            "5.",
            "1.5",
            "1.0001kB",
            "1..5kB",
            "1.2.3kB",
            "-1",
            "+1",
            "1 KiB",
            " 1",
            "1 ",
            "1k",
            "1M",
            "1mb",
            "1kib",
            "1KiBs",
            "1e3",
            "0x10",
            "18446744073709551616",
            "16777216TiB",
            "99999999999999999999999999999TiB",
            "1.0000000000kB",
            "١",
        ] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
        assert_eq!(bytes("16777215TiB"), Some(16_777_215 << 40));
    }

    #[test]
    fn a_wrong_size_is_refused_with_examples() {
        for json in ["\"1M\"", "-1", "1.5", "true", "null", "[]"] {
            let error = from_slice::<ByteSize>(json.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(&format!("allowed: {}", ByteSize::ALLOWED)), "{error}");
        }
        assert_eq!(from_slice::<ByteSize>(b"64e3").unwrap().get(), 64_000);
    }

    #[test]
    fn more_bytes_than_memory_can_hold_are_the_longest_length_there_is() {
        // 32 bits would leave 1 and 0.
        for bytes in [(1 << 32) + 1, 4 << 40] {
            let length = ByteSize::new(bytes).as_usize();
            assert_eq!(length as u64, bytes.min(usize::MAX as u64));
        }
    }

    #[test]
    fn it_is_shown_in_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1_000, "1000B"),
            (1_024, "1KiB"),
            (1_536, "1536B"),
            (1 << 21, "2MiB"),
            (5 << 30, "5GiB"),
            (1 << 50, "1024TiB"),
        ] {
            assert_eq!(ByteSize::new(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes: u64, shift in 0u32..64) {
            for size in [ByteSize::new(bytes), ByteSize::new(bytes << shift)] {
                prop_assert_eq!(ByteSize::parse(&size.to_string()), Some(size));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.kKMGTiB -]{0,24}", any: String) {
            let _ = (ByteSize::parse(&text), ByteSize::parse(&any));
        }
    }
}
