//! The order of JSON numbers.

use serde_json::Number;
use std::cmp::Ordering;

/// Compares two numbers as the numbers they are: a whole one with another exactly, also past 2^53, where
/// a double cannot, and with a fraction too. What does not fit 64 bits is the nearest double.
///
/// ```
/// use serde_json::Number;
/// use std::cmp::Ordering;
/// use tollgate_jwt_auth::conditions::compare;
///
/// let (one, other) = (Number::from(9_007_199_254_740_993_u64), Number::from(9_007_199_254_740_992_u64));
/// assert_eq!(compare(&one, &other), Some(Ordering::Greater));
/// assert_eq!(compare(&5.into(), &Number::from_f64(5.0).unwrap()), Some(Ordering::Equal));
/// ```
#[must_use]
pub fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => compare_to_double(a, b.as_f64()?),
        (None, Some(b)) => compare_to_double(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// By the largest whole number that is not above the double; what is out of range becomes the end of it.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn compare_to_double(number: i128, double: f64) -> Option<Ordering> {
    let floor = double.floor();
    Some(number.cmp(&(floor as i128)).then(floor.partial_cmp(&double)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_of_every_kind_are_ordered() {
        let ascending = [
            "-1e300",
            "-9223372036854775809",
            "-9223372036854775807",
            "-1.5",
            "-1",
            "-0.5",
            "0",
            "0.5",
            "1",
            "1.5",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775809",
            "18446744073709551615",
            "1e20",
            "1e300",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(compare(&number(a), &number(b)), Some(i.cmp(&j)), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_way_a_number_is_written_does_not_count() {
        for (a, b) in [("0", "-0.0"), ("5", "5.0"), ("-3", "-3e0"), ("100", "1e2")] {
            assert_eq!(compare(&number(a), &number(b)), Some(Ordering::Equal), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_compare_exactly(a: i64, b: u64) {
            let expected = i128::from(a).cmp(&i128::from(b));
            prop_assert_eq!(compare(&a.into(), &b.into()), Some(expected));
            prop_assert_eq!(compare(&b.into(), &a.into()), Some(expected.reverse()));
        }

        #[test]
        fn a_small_whole_number_compares_to_a_fraction_as_a_double(a: i32, b in -1e10..1e10_f64) {
            let expected = f64::from(a).partial_cmp(&b);
            let b = Number::from_f64(b).unwrap();
            prop_assert_eq!(compare(&a.into(), &b), expected);
        }
    }
}
