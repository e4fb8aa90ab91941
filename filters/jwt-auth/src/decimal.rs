//! Doubles in decimal, as C prints them.

/// A finite double with six decimals, rounded to the nearest and in doubt to an even digit: `%f` of C, which is
/// how Envoy writes a fraction into a header.
///
/// By hand: the standard library's code for doubles would cost the module 17 KiB.
///
/// ```
/// assert_eq!(tollgate_jwt_auth::decimal::with_six_decimals(-2.5), "-2.500000");
/// ```
#[must_use]
#[expect(clippy::arithmetic_side_effects, reason = "the fields of a double bound all of it")]
pub fn with_six_decimals(value: f64) -> String {
    const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const MILLION: u64 = 1_000_000;
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (mantissa, exponent) = (bits & ((1 << MANTISSA_BITS) - 1), bits >> MANTISSA_BITS & 0x7ff);
    // value = mantissa * 2^exponent
    let (mantissa, exponent) = match exponent {
        0 => (mantissa, 1 - 1075),
        _ => (mantissa | 1 << MANTISSA_BITS, exponent as i32 - 1075),
    };
    if exponent >= 0 {
        return format!("{sign}{}.000000", shifted(mantissa, exponent.unsigned_abs()));
    }
    // A mantissa times a million has 73 bits: with more to cut off, nothing is left.
    let cut = exponent.unsigned_abs().min(100);
    let whole = mantissa.checked_shr(cut).unwrap_or_default();
    let scaled =
        u128::from(mantissa - whole.checked_shl(cut).unwrap_or_default()) * u128::from(MILLION);
    let (rest, half) = (scaled & ((1 << cut) - 1), 1 << (cut - 1));
    let mut millionths = (scaled >> cut) as u64;
    if rest > half || rest == half && millionths % 2 == 1 {
        millionths += 1;
    }
    let (whole, millionths) = match millionths {
        MILLION => (whole + 1, 0),
        _ => (whole, millionths),
    };
    format!("{sign}{whole}.{millionths:06}")
}

/// A number times a power of two of at most 1023, in decimal.
#[expect(clippy::arithmetic_side_effects, reason = "a limb times 2^29, and a carry, fit 64 bits")]
fn shifted(number: u64, mut power: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    // The least significant first.
    let mut limbs = vec![number % LIMB, number / LIMB];
    while power > 0 {
        let step = power.min(29);
        power -= step;
        let mut carry = 0;
        for limb in &mut limbs {
            let product = (*limb << step) + carry;
            (*limb, carry) = (product % LIMB, product / LIMB);
        }
        limbs.push(carry);
    }
    let mut digits = String::new();
    for limb in limbs.iter().rev() {
        digits.push_str(&format!("{limb:09}"));
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_are_written_as_the_standard_library_does() {
        for value in [
            0.0,
            0.5e-6,
            1.5e-6,
            2.5e-6,
            0.999_999_5,
            0.999_999_499,
            1.0,
            0.1,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::EPSILON,
            4_503_599_627_370_495.5,
            4_503_599_627_370_496.0,
            9_007_199_254_740_993.0,
            18_446_744_073_709_551_616.0,
            1e300,
            2.0_f64.powi(-20),
            2.0_f64.powi(-21),
            3.0 * 2.0_f64.powi(-7),
            1.0 + 2.0_f64.powi(-7),
        ] {
            for value in [value, -value] {
                assert_eq!(with_six_decimals(value), format!("{value:.6}"));
            }
        }
    }

    proptest! {
        #[test]
        fn every_double_is_written_as_the_standard_library_does(
            value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
        ) {
            prop_assert_eq!(with_six_decimals(value), format!("{value:.6}"));
        }

        #[test]
        fn fractions_are_rounded_as_the_standard_library_does(value in -1e6..1e6, sevenths: i32) {
            for value in [value, f64::from(sevenths) / 128e6, f64::from(sevenths) / 128.0] {
                prop_assert_eq!(with_six_decimals(value), format!("{value:.6}"));
            }
        }
    }
}
