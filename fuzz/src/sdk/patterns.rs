//! Regular expressions and requirements on versions.

use tollgate::matching::{Regex, VersionRequirement};

/// A regular expression in the first line, and values in the others: an expression is refused or bounded,
/// and matches the whole of a value. That it does not take long is the fuzzer's time limit.
pub fn regex(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(pattern)) = lines.next().map(std::str::from_utf8) else { return };
    let compiled = Regex::new(pattern, false);
    if let Err(reason) = &compiled {
        assert!(!reason.is_empty());
        return;
    }
    assert!(pattern.len() <= Regex::MAX_PATTERN);
    let Ok(regex) = compiled else { return };
    let without_case = Regex::new(pattern, true);
    // The same as one of two alternatives, of which the other matches nothing.
    let grouped = Regex::new(&format!("(?:{pattern})|[^\\s\\S]"), false);
    for value in lines.take(4) {
        let matched = regex.matches(value);
        assert!(!matched || std::str::from_utf8(value).is_ok());
        if let Ok(grouped) = &grouped {
            assert_eq!(grouped.matches(value), matched, "{pattern:?} in a group");
        }
        if let (Ok(text), Ok(_)) = (std::str::from_utf8(value), &without_case) {
            let escaped = Regex::new(&escape(text), false);
            assert!(escaped.is_err() || escaped.is_ok_and(|it| it.matches(value)), "{text:?}");
        }
    }
}

fn escape(text: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$#&-~".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A requirement in the first line, and versions in the others: operators agree with each other about
/// any two versions, and versions are in one order.
pub fn semver(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines: Vec<_> = text.split('\n').take(5).collect();
    let is_version = |text: &str| {
        let itself = VersionRequirement::parse(&format!("={text}"));
        itself.is_some_and(|itself| itself.matches(text.as_bytes()))
    };
    let (versions, others): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|text| is_version(text));
    for requirement in &others {
        let Some(requirement) = VersionRequirement::parse(requirement) else { continue };
        // What is no version fulfils none.
        assert!(others.iter().all(|other| !requirement.matches(other.as_bytes())));
    }
    for first in &versions {
        check_ranges(first, &versions);
        for second in &versions {
            check_order(first, second);
            for third in versions.iter().filter(|third| is("<", second, third)) {
                assert!(
                    !is("<", first, second) || is("<", first, third),
                    "{first} {second} {third}"
                );
            }
        }
    }
}

/// Whether `version` is, say, `<` than `other`.
fn is(operator: &str, version: &str, other: &str) -> bool {
    let requirement = VersionRequirement::parse(&format!("{operator}{other}"));
    requirement.is_some_and(|requirement| requirement.matches(version.as_bytes()))
}

fn check_order(first: &str, second: &str) {
    let orders = ["<", "=", ">"].map(|operator| is(operator, first, second));
    assert_eq!(orders.iter().filter(|it| **it).count(), 1, "{first} {second}: {orders:?}");
    assert_eq!(is("<=", first, second), orders[0] || orders[1], "{first} <= {second}");
    assert_eq!(is(">=", first, second), orders[1] || orders[2], "{first} >= {second}");
    assert_eq!(is("<", first, second), is(">", second, first), "{first} {second}");
    let both = VersionRequirement::parse(&format!(">={second}, <= {second}"));
    assert_eq!(both.is_some_and(|both| both.matches(first.as_bytes())), orders[1]);
}

/// `~` and `^` begin at their version, and `^` goes at least as far, if its first number is not 0.
fn check_ranges(base: &str, versions: &[&str]) {
    for version in versions {
        let (tilde, caret) = (is("~", version, base), is("^", version, base));
        assert!(!(tilde || caret) || is(">=", version, base), "{version} {base}");
        if !base.starts_with('0') {
            assert!(!tilde || caret, "~{base} has {version}, and ^{base} does not");
        }
    }
}
