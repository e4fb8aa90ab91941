//! Names of fields and of variants: both spellings of protobuf JSON, and what a misspelt one may
//! have been meant to be.

use crate::json::path::LONGEST;

/// The one of `names` that is written as `name`: as it stands, or in the other spelling of protobuf
/// JSON (`fixed_delay` as `fixedDelay`).
#[inline(never)]
pub(super) fn known(name: &str, names: &'static [&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|known| *known == name || is_camel_case(name, known))
}

/// Whether `camel` is another spelling of `name`.
pub(super) fn is_camel_case(camel: &str, name: &str) -> bool {
    has_camel_case(name) && camel.bytes().eq(camel_case_bytes(name))
}

/// The name in lowerCamelCase, where that is another spelling.
pub(super) fn camel_case(name: &str) -> Option<String> {
    let camel = has_camel_case(name).then(|| camel_case_bytes(name).collect())?;
    String::from_utf8(camel).ok()
}

/// Not a name of one word, nor one in capitals.
fn has_camel_case(name: &str) -> bool {
    name.contains('_') && !has_capitals(name)
}

fn has_capitals(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// As protobuf makes its JSON names.
fn camel_case_bytes(name: &str) -> impl Iterator<Item = u8> {
    let mut capital = false;
    name.bytes().filter_map(move |byte| match (byte, std::mem::take(&mut capital)) {
        (b'_', _) => {
            capital = true;
            None
        }
        (byte, true) => Some(byte.to_ascii_uppercase()),
        (byte, false) => Some(byte),
    })
}

/// The one of `names` that `name` was probably meant to be, in the spelling that it is written in;
/// nothing when more than a third of a name would have to be a slip.
#[cold]
pub(super) fn closest(name: &str, names: &[&str]) -> Option<String> {
    if name.len() > LONGEST {
        return None;
    }
    let wanted = plain(name);
    let mut nearest: Option<(usize, &str)> = None;
    for known in names {
        let plain = plain(known);
        let (mistakes, length) = (mistakes(&wanted, &plain), plain.len().max(wanted.len()));
        let nearer = nearest.is_none_or(|(least, _)| mistakes < least);
        if nearer && mistakes <= length.max(3) / 3 {
            nearest = Some((mistakes, known));
        }
    }
    let (_, meant) = nearest?;
    let camel = camel_case(meant).filter(|_| has_capitals(name) && !name.contains('_'));
    Some(camel.unwrap_or_else(|| meant.to_owned()))
}

/// What counts when names are compared: neither capitals nor what stands between words.
fn plain(name: &str) -> Vec<u8> {
    let between = |byte: &u8| matches!(byte, b'_' | b'-' | b' ' | b'.');
    name.bytes().filter(|byte| !between(byte)).map(|byte| byte.to_ascii_lowercase()).collect()
}

/// How many slips make `meant` of `written`, where two letters in the wrong order are one.
#[inline(never)]
fn mistakes(written: &[u8], meant: &[u8]) -> usize {
    let mut least = levenshtein(written, meant);
    for i in 1..written.len() {
        let mut written = written.to_vec();
        written.swap(i.saturating_sub(1), i);
        least = least.min(levenshtein(&written, meant).saturating_add(1));
    }
    least
}

/// The Levenshtein distance: letters put in, left out or replaced.
#[inline(never)]
fn levenshtein(from: &[u8], to: &[u8]) -> usize {
    // The distances of what was looked at of `from` to every beginning of `to`.
    let mut row: Vec<usize> = (1..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let (mut diagonal, mut left) = (i, i.saturating_add(1));
        for (above, b) in row.iter_mut().zip(to) {
            let replaced = diagonal.saturating_add(usize::from(a != b));
            diagonal = *above;
            left = left.min(*above).saturating_add(1).min(replaced);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_known_in_both_spellings_and_in_no_other() {
        const NAMES: &[&str] = &["fixed_delay", "consecutive_5xx_errors", "by", "TEN_THOUSAND"];
        for (name, expected) in [
            ("fixed_delay", Some("fixed_delay")),
            ("fixedDelay", Some("fixed_delay")),
            ("consecutive5xxErrors", Some("consecutive_5xx_errors")),
            ("by", Some("by")),
            ("TEN_THOUSAND", Some("TEN_THOUSAND")),
            ("FixedDelay", None),
            ("fixed-delay", None),
            ("fixed_Delay", None),
            ("fixeddelay", None),
            ("By", None),
            ("tenThousand", None),
            ("TENTHOUSAND", None),
            ("", None),
        ] {
            assert_eq!(known(name, NAMES), expected, "{name}");
        }
    }

    #[test]
    fn a_name_in_camel_case_is_what_protobuf_makes_of_it() {
        for (name, expected) in [
            ("http1_max_pending_requests", "http1MaxPendingRequests"),
            ("consecutive_5xx_errors", "consecutive5xxErrors"),
            ("a_b_c", "aBC"),
            ("_a", "A"),
            ("a__b", "aB"),
            ("a_", "a"),
        ] {
            assert_eq!(camel_case(name).as_deref(), Some(expected));
        }
        assert_eq!(camel_case("name"), None);
        assert_eq!(camel_case("TEN_THOUSAND"), None);
    }

    #[test]
    fn a_slip_is_seen_through_and_a_guess_is_not_made() {
        let names = ["fixed_delay", "header_delay", "percentage", "by", "flag"];
        for (name, expected) in [
            ("fixd_delay", Some("fixed_delay")),
            ("fixed-delay", Some("fixed_delay")),
            ("fixed_delays", Some("fixed_delay")),
            ("FIXED_DELAY", Some("fixed_delay")),
            ("FixedDelay", Some("fixedDelay")),
            ("fixedDelai", Some("fixedDelay")),
            ("percent", Some("percentage")),
            ("percantege", Some("percentage")),
            ("falg", Some("flag")),
            ("flags", Some("flag")),
            ("delay", None),
            ("duration", None),
            ("to", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(name, &names).as_deref(), expected, "{name}");
        }
        assert_eq!(closest(&"fixed_delay".repeat(100), &names), None);
        assert_eq!(closest("fixed_delay", &[]), None);
    }

    proptest! {
        #[test]
        fn a_distance_is_one(a in "[ab]{0,6}", b in "[ab]{0,6}", c in "[ab]{0,6}") {
            let distance = |a: &str, b: &str| levenshtein(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(distance(&a, &a), 0);
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c));
            prop_assert!(distance(&a, &b) >= a.len().abs_diff(b.len()));
        }

        #[test]
        fn one_slip_in_a_long_name_is_seen_through(at in 0usize..12, letter in "[a-z]") {
            let mut name = "header_delay".to_owned();
            name.replace_range(at..=at, &letter);
            let found = closest(&name, &["fixed_delay", "header_delay"]);
            prop_assert_eq!(found.as_deref(), Some("header_delay"));
        }
    }
}
