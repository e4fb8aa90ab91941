//! JSON scalars as text.

use std::borrow::Cow;

use serde_json::Value;

/// A scalar as text, to be compared with what an operator wrote: a string as it is, a boolean as
/// `true` or `false`, a number in decimal, without a fraction where it has none (`5.0` is `5`).
///
/// Nothing for `null`, a list and an object, and for a number that is no whole one of 64 bits and
/// takes more than six decimals or more than 15 digits.
///
/// ```
/// use serde_json::json;
/// use tollgate::json::text;
///
/// assert_eq!(text(&json!("on")).as_deref(), Some("on"));
/// assert_eq!(text(&json!(true)).as_deref(), Some("true"));
/// assert_eq!(text(&json!(-5.0)).as_deref(), Some("-5"));
/// assert_eq!(text(&json!([1])), None);
/// ```
#[must_use]
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        Value::String(text) => Some(text.into()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Some(number.to_string().into()),
            (_, Some(number), _) => Some(number.to_string().into()),
            (.., number) => decimal(number?).map(Cow::Owned),
        },
    }
}

/// A double in decimal, if that takes no more than 15 digits and six decimals.
///
/// By hand: the standard library's code for all doubles would cost each module 26 KiB.
pub(crate) fn decimal(number: f64) -> Option<String> {
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0; // 2^63
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if number.fract() == 0.0 && number.abs() < TOO_LARGE {
        return Some((number as i64).to_string());
    }
    [1e1, 1e2, 1e3, 1e4, 1e5, 1e6].into_iter().zip(1usize..).find_map(|(scale, decimals)| {
        let scaled = (number * scale).round();
        // Within what is exact, equal means that these are the digits that it was written with.
        if scaled.abs() >= EXACT || scaled / scale != number {
            return None;
        }
        let sign = if number < 0.0 { "-" } else { "" };
        let digits = format!("{:0width$}", scaled.abs() as u64, width = decimals.saturating_add(1));
        let (whole, fraction) = digits.split_at_checked(digits.len().checked_sub(decimals)?)?;
        Some(format!("{sign}{whole}.{fraction}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;
    use proptest::prelude::*;

    #[test]
    fn scalars_have_a_text_and_whole_numbers_have_no_fraction() {
        for (json, expected) in [
            (r#""a b""#, Some("a b")),
            (r#""""#, Some("")),
            ("false", Some("false")),
            ("0", Some("0")),
            ("-0.0", Some("0")),
            ("5.0", Some("5")),
            ("1e3", Some("1000")),
            ("-1.5", Some("-1.5")),
            ("-0.25", Some("-0.25")),
            ("0.1", Some("0.1")),
            ("0.000001", Some("0.000001")),
            ("999999999999.125", Some("999999999999.125")),
            ("0.0000001", None),
            ("0.30000000000000004", None),
            ("1e15", Some("1000000000000000")),
            ("9223372036854775808.0", None),
            ("-1e300", None),
            ("18446744073709551615", Some("18446744073709551615")),
            ("-9223372036854775808", Some("-9223372036854775808")),
            ("null", None),
            ("[]", None),
            ("{}", None),
        ] {
            let value = parse(json.as_bytes(), 8).unwrap();
            assert_eq!(text(&value).as_deref(), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_number_with_up_to_six_decimals_has_the_text_it_was_written_as(
            whole in -999_999_999_999i64..=999_999_999_999, decimals in "[0-9]{0,5}[1-9]",
        ) {
            let written = format!("{whole}.{decimals}");
            let value = parse(written.as_bytes(), 1).unwrap();
            // A double has 15 digits for sure.
            if written.trim_start_matches('-').len() <= 16 {
                prop_assert_eq!(text(&value).map(Cow::into_owned), Some(written));
            }
        }

        #[test]
        fn the_text_of_a_double_reads_as_the_same_double(number: f64) {
            if let Some(text) = decimal(number) {
                prop_assert_eq!(text.parse::<f64>().unwrap(), number);
            }
        }
    }
}
