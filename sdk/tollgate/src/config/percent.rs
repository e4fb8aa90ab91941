//! Percentages, in the spellings of Envoy and of Istio, and the dice they stand for.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// A share of all cases, from none to all.
///
/// Written as Envoy's `envoy.type.v3.FractionalPercent`, `{numerator: 5, denominator: HUNDRED}`
/// (the default denominator), or as Istio's `Percent`, `{value: 12.5}`, which is kept in parts per
/// million, rounded to the nearest. Without any field it is 0, as in both of them.
///
/// ```
/// use tollgate::config::{Denominator, Percent};
///
/// let mut rng = fastrand::Rng::with_seed(7);
/// let half = Percent::new(50, Denominator::Hundred).unwrap();
/// let heads = (0..1000).filter(|_| half.draws(&mut rng)).count();
/// assert!((450..550).contains(&heads));
/// assert_eq!(Percent::new(101, Denominator::Hundred), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percent {
    numerator: u32,
    denominator: Denominator,
}

/// What a [`Percent`]'s numerator counts: `envoy.type.v3.FractionalPercent.DenominatorType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum Denominator {
    /// Per cent.
    #[default]
    Hundred,
    /// Parts per ten thousand.
    TenThousand,
    /// Parts per million.
    Million,
}

impl Denominator {
    /// The number itself: 100, 10,000 or 1,000,000.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::Hundred => 100,
            Self::TenThousand => 10_000,
            Self::Million => 1_000_000,
        }
    }
}

impl Percent {
    /// Never.
    pub const NEVER: Self = Self { numerator: 0, denominator: Denominator::Hundred };
    /// Always.
    pub const ALWAYS: Self = Self { numerator: 100, denominator: Denominator::Hundred };

    /// A fraction; nothing when the numerator is over the denominator.
    #[must_use]
    pub fn new(numerator: u32, denominator: Denominator) -> Option<Self> {
        (numerator <= denominator.get()).then_some(Self { numerator, denominator })
    }

    /// A number of per cent from 0 to 100, to the nearest part per million; nothing when it is
    /// out of range, not a number, or so small that it would become never.
    #[must_use]
    pub fn from_value(value: f64) -> Option<Self> {
        let millionths = (0.0..=100.0).contains(&value).then(|| (value * 10_000.0).round())?;
        if millionths == 0.0 && value > 0.0 {
            return None;
        }
        Some(Self { numerator: millionths as u32, denominator: Denominator::Million })
    }

    /// The numerator.
    #[must_use]
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The denominator.
    #[must_use]
    pub const fn denominator(self) -> Denominator {
        self.denominator
    }

    /// Throws the dice: 0 is never, 100 % is always.
    pub fn draws(self, rng: &mut fastrand::Rng) -> bool {
        rng.u32(0..self.denominator.get()) < self.numerator
    }

    /// The same share with a numerator of at most `numerator`: how a request's percentage header
    /// may lower a configured percentage of Envoy's fault filter, never raise it.
    #[must_use]
    pub fn with_numerator_at_most(self, numerator: u32) -> Self {
        Self { numerator: self.numerator.min(numerator), ..self }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PercentVisitor)
    }
}

struct PercentVisitor;

const FIELDS: &[&str] = &["numerator", "denominator", "value"];

impl<'de> Visitor<'de> for PercentVisitor {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage, such as {numerator: 5, denominator: HUNDRED} or {value: 12.5}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Percent, A::Error> {
        let (mut numerator, mut denominator, mut value) = (None, None, None);
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "numerator" => numerator = Some(fields.next_value::<u32>()?),
                "denominator" => denominator = Some(fields.next_value::<Denominator>()?),
                "value" => value = Some(fields.next_value::<f64>()?),
                other => return Err(A::Error::unknown_field(other, FIELDS)),
            }
        }
        match value {
            None => fraction(numerator.unwrap_or_default(), denominator.unwrap_or_default()),
            Some(value) if numerator.is_none() && denominator.is_none() => from_value(value),
            Some(_) => Err(A::Error::invalid_value(
                Unexpected::Other("`value` beside `numerator` or `denominator`"),
                &"either Envoy's {numerator, denominator} or Istio's {value}",
            )),
        }
    }
}

fn fraction<E: Error>(numerator: u32, denominator: Denominator) -> Result<Percent, E> {
    Percent::new(numerator, denominator).ok_or_else(|| {
        let most = denominator.get();
        E::invalid_value(
            Unexpected::Other(&format!("{numerator} of {most}")),
            &format!("a numerator from 0 to the denominator, {most}").as_str(),
        )
    })
}

fn from_value<E: Error>(value: f64) -> Result<Percent, E> {
    Percent::from_value(value).ok_or_else(|| {
        E::invalid_value(
            Unexpected::Float(value),
            &"a number of per cent from 0 to 100, in steps of 0.0001",
        )
    })
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let fraction = |denominator: Denominator, required: &[&str]| {
            json_schema!({
                "properties": {
                    "numerator": { "type": "integer", "minimum": 0, "maximum": denominator.get() },
                    "denominator": { "const": denominator },
                },
                "required": required,
                "additionalProperties": false,
            })
        };
        json_schema!({
            "title": "percentage",
            "description": "A share of all cases: Envoy's `{numerator: 5, denominator: HUNDRED}`, with \
                `TEN_THOUSAND` or `MILLION` for finer ones (default: `HUNDRED`), or Istio's \
                `{value: 12.5}` in per cent, in steps of 0.0001.",
            "type": "object",
            "oneOf": [
                fraction(Denominator::Hundred, &[]),
                fraction(Denominator::TenThousand, &["denominator"]),
                fraction(Denominator::Million, &["denominator"]),
                {
                    "properties": { "value": { "type": "number", "minimum": 0, "maximum": 100 } },
                    "required": ["value"],
                    "additionalProperties": false,
                },
            ],
            "examples": [{ "numerator": 5, "denominator": "HUNDRED" }, { "value": 12.5 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Percent, String> {
        from_slice(json.as_bytes()).map_err(|error| error.to_string())
    }

    fn percent(numerator: u32, denominator: Denominator) -> Percent {
        Percent::new(numerator, denominator).unwrap()
    }

    #[test]
    fn envoys_fraction_is_read() {
        use Denominator::{Hundred, Million, TenThousand};
        assert_eq!(read(r#"{"numerator": 5}"#), Ok(percent(5, Hundred)));
        assert_eq!(
            read(r#"{"numerator": 5.0, "denominator": "TEN_THOUSAND"}"#),
            Ok(percent(5, TenThousand))
        );
        assert_eq!(
            read(r#"{"numerator": 1000000, "denominator": "MILLION"}"#),
            Ok(percent(1_000_000, Million))
        );
        assert_eq!(read("{}"), Ok(Percent::NEVER));
    }

    #[test]
    fn istios_value_is_read_in_parts_per_million() {
        assert_eq!(read(r#"{"value": 12.5}"#), Ok(percent(125_000, Denominator::Million)));
        assert_eq!(read(r#"{"value": 100}"#), Ok(percent(1_000_000, Denominator::Million)));
        assert_eq!(read(r#"{"value": 0.0001}"#), Ok(percent(1, Denominator::Million)));
        // 0.29 is not exact in binary; cutting instead of rounding would give 2899.
        assert_eq!(read(r#"{"value": 0.29}"#), Ok(percent(2_900, Denominator::Million)));
    }

    #[test]
    fn a_percentage_too_small_to_be_kept_is_refused_and_not_never() {
        assert!(read(r#"{"value": 0.00001}"#).is_err());
        assert_eq!(read(r#"{"value": 0.00005}"#), Ok(percent(1, Denominator::Million)));
        assert_eq!(read(r#"{"value": 0}"#), Ok(percent(0, Denominator::Million)));
    }

    #[test]
    fn what_is_no_percentage_is_refused_with_what_is_allowed() {
        for (json, message) in [
            (
                r#"{"numerator": 101}"#,
                "(root): found 101 of 100, allowed: a numerator from 0 to the denominator, 100",
            ),
            (
                r#"{"numerator": -1}"#,
                "`numerator`: found -1, allowed: a whole number from 0 to 4294967295",
            ),
            (
                r#"{"denominator": "THOUSAND"}"#,
                "`denominator`: found \"THOUSAND\", allowed: `HUNDRED`, `TEN_THOUSAND`, `MILLION`; \
                 did you mean `TEN_THOUSAND`?",
            ),
            (
                r#"{"value": 100.5}"#,
                "(root): found 100.5, allowed: a number of per cent from 0 to 100, in steps of 0.0001",
            ),
            (
                r#"{"value": -1}"#,
                "(root): found -1, allowed: a number of per cent from 0 to 100, in steps of 0.0001",
            ),
            (r#"{"value": "NaN"}"#, "`value`: found \"NaN\", allowed: a number"),
            (
                r#"{"value": 1, "numerator": 1}"#,
                "(root): found `value` beside `numerator` or `denominator`, \
                 allowed: either Envoy's {numerator, denominator} or Istio's {value}",
            ),
            (
                r#"{"percent": 1}"#,
                "`percent`: found an unknown field, allowed: `numerator`, `denominator`, `value`",
            ),
        ] {
            assert_eq!(read(json), Err(message.to_owned()));
        }
        assert!(read("12.5").is_err());
    }

    #[test]
    fn what_is_no_number_is_no_percentage() {
        for value in [f64::NAN, f64::INFINITY, -0.1, 100.000_001] {
            assert_eq!(Percent::from_value(value), None);
        }
    }

    proptest! {
        #[test]
        fn none_never_draws_and_all_always_does(seed: u64) {
            let mut rng = fastrand::Rng::with_seed(seed);
            for denominator in [Denominator::Hundred, Denominator::TenThousand, Denominator::Million] {
                prop_assert!(!percent(0, denominator).draws(&mut rng));
                prop_assert!(percent(denominator.get(), denominator).draws(&mut rng));
            }
        }

        #[test]
        fn a_cap_only_lowers(numerator in 0u32..=10_000, cap: u32) {
            let configured = percent(numerator, Denominator::TenThousand);
            let capped = configured.with_numerator_at_most(cap);
            prop_assert_eq!(capped.numerator(), numerator.min(cap));
            prop_assert_eq!(capped.denominator(), Denominator::TenThousand);
        }
    }

    #[test]
    fn draws_come_as_often_as_the_percentage_says() {
        let mut rng = fastrand::Rng::with_seed(1);
        let one_percent = Percent::from_value(1.0).unwrap();
        let hits = (0..1_000_000).filter(|_| one_percent.draws(&mut rng)).count();
        assert!((9_500..10_500).contains(&hits), "{hits}");
    }
}
