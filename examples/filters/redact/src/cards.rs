//! Card numbers: 13 to 19 digits, perhaps with single blanks or hyphens between, whose last is right by
//! Luhn's formula (ISO/IEC 7812-1).

/// How many digits stay.
const SHOWN: usize = 4;

/// Puts a star in the place of every digit but the last four of each card number; says how many numbers
/// there were.
pub(crate) fn hide(text: &mut [u8]) -> u64 {
    let mut hidden = 0u64;
    let mut rest = text;
    while let Some(start) = rest.iter().position(u8::is_ascii_digit) {
        let (_, found) = rest.split_at_mut(start);
        let (number, after) = found.split_at_mut(length_of_number(found));
        if is_card(number) {
            hide_digits(number);
            hidden = hidden.saturating_add(1);
        }
        rest = after;
    }
    hidden
}

/// How long the number is that a text begins with: up to the last digit that another one follows, or a
/// separator and another one.
fn length_of_number(text: &[u8]) -> usize {
    let mut length = 0;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => length = index.saturating_add(1),
            b' ' | b'-' if length == index => {}
            _ => break,
        }
    }
    length
}

fn is_card(number: &[u8]) -> bool {
    let digits = || number.iter().filter(|byte| byte.is_ascii_digit());
    (13..=19).contains(&digits().count()) && luhn(digits().rev().map(|byte| byte & 0xf))
}

/// Whether the digits, from the last to the first, add up to a multiple of ten when every second one
/// counts twice (and what that has over nine, less nine).
fn luhn(digits: impl Iterator<Item = u8>) -> bool {
    const TWICE: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let value = |(index, digit): (usize, u8)| match index % 2 {
        0 => u32::from(digit),
        _ => TWICE.get(usize::from(digit)).copied().unwrap_or_default(),
    };
    digits.enumerate().map(value).sum::<u32>() % 10 == 0
}

fn hide_digits(number: &mut [u8]) {
    let digits = number.iter_mut().rev().filter(|byte| byte.is_ascii_digit());
    digits.skip(SHOWN).for_each(|digit| *digit = b'*');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hidden(text: &str) -> (String, u64) {
        let mut bytes = text.as_bytes().to_vec();
        let count = hide(&mut bytes);
        (String::from_utf8(bytes).unwrap(), count)
    }

    #[test]
    fn all_but_four_digits_of_a_card_number_are_hidden() {
        for (text, expected) in [
            ("4111111111111111", "************1111"),
            ("pay 4111 1111 1111 1111, please", "pay **** **** **** 1111, please"),
            ("5500-0000-0000-0004.", "****-****-****-0004."),
            (r#"{"card":"378282246310005"}"#, r#"{"card":"***********0005"}"#),
        ] {
            assert_eq!(hidden(text), (expected.to_owned(), 1));
        }
        let two = "4111111111111111\n4222222222222";
        assert_eq!(hidden(two), ("************1111\n*********2222".to_owned(), 2));
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "4111111111111112",
            "411111111111",
            "41111111111111111111111",
            "4111  1111  1111  1111",
            "2026-11-24 12:00",
            "",
        ] {
            assert_eq!(hidden(text), (text.to_owned(), 0));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_length_and_all_that_is_no_digit(bytes: Vec<u8>) {
            let mut after = bytes.clone();
            hide(&mut after);
            prop_assert_eq!(after.len(), bytes.len());
            for (before, after) in bytes.iter().zip(&after) {
                prop_assert!(before == after || (before.is_ascii_digit() && *after == b'*'));
            }
        }

        #[test]
        fn what_is_hidden_once_is_not_found_again(digits in "[0-9 -]{0,60}") {
            let (once, _) = hidden(&digits);
            prop_assert_eq!(hidden(&once).1, 0);
        }
    }
}
