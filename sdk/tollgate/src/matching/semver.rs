//! Versions and requirements on them: Semantic Versioning 2.0.0 (<https://semver.org>).
//!
//! Ours, since the `semver` crate is Cargo's: there `<2` and `>=1` both refuse `1.5.0-beta`, and it
//! costs a module four times the bytes.

use std::cmp::Ordering;

/// A version, read in place.
#[derive(Clone, Copy, Debug)]
struct Version<'a> {
    /// Major, minor, patch.
    numbers: [u64; 3],
    /// The identifiers after `-`; empty for a release.
    pre_release: &'a str,
}

impl<'a> Version<'a> {
    /// A complete version; what follows a `+` says nothing about order and is dropped.
    fn parse(text: &'a str) -> Option<Self> {
        match Partial::parse(text)? {
            Partial { numbers, given: 3, pre_release } => Some(Self { numbers, pre_release }),
            _ => None,
        }
    }

    /// Section 11. Versions that differ only after `+` are equal.
    fn compare(&self, other: &Version<'_>) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| self.pre_release.is_empty().cmp(&other.pre_release.is_empty()))
            .then_with(|| {
                let identifiers = self.pre_release.split('.').map(Identifier);
                identifiers.cmp(other.pre_release.split('.').map(Identifier))
            })
    }
}

/// One of the dot-separated parts of a pre-release.
#[derive(PartialEq, Eq)]
struct Identifier<'a>(&'a str);

impl Identifier<'_> {
    fn is_number(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl Ord for Identifier<'_> {
    /// Numbers come before words. They have no zeros in front, so the longer one is larger.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_number(), other.is_number()) {
            (true, true) => self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0)),
            (this, that) => that.cmp(&this).then_with(|| self.0.cmp(other.0)),
        }
    }
}

impl PartialOrd for Identifier<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A version of which the end may be missing: `1`, `1.2`, `1.2.3-beta.1`.
#[derive(Clone, Copy)]
struct Partial<'a> {
    /// 0 where none is given.
    numbers: [u64; 3],
    /// How many are given, from 1 to 3.
    given: usize,
    pre_release: &'a str,
}

impl<'a> Partial<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (text, build) = cut(text, '+');
        let (text, pre_release) = cut(text, '-');
        let mut partial =
            Self { numbers: [0; 3], given: 0, pre_release: pre_release.unwrap_or("") };
        for text in text.split('.') {
            *partial.numbers.get_mut(partial.given)? = number(text)?;
            partial.given = partial.given.saturating_add(1);
        }
        let identifiers = |text: &str, check: fn(&str) -> bool| text.split('.').all(check);
        let right = pre_release.is_none_or(|text| identifiers(text, is_pre_release))
            && build.is_none_or(|text| identifiers(text, is_identifier))
            && (partial.given == 3 || (pre_release.is_none() && build.is_none()));
        right.then_some(partial)
    }

    /// Right before the first of the versions that begin as this does.
    fn start(self) -> Point {
        let lowest = if self.is_complete() { self.pre_release } else { LOWEST };
        Point { numbers: self.numbers, pre_release: lowest.to_owned(), after: false }
    }

    /// Right after the last of them.
    fn end(self) -> Option<Point> {
        match self.is_complete() {
            true => Some(Point { after: true, ..self.start() }),
            false => self.next(self.given.checked_sub(1)?),
        }
    }

    /// Right before the first version after all those with the same numbers up to the one at `index`.
    fn next(self, index: usize) -> Option<Point> {
        let mut numbers = self.numbers;
        let (changed, rest) = numbers.get_mut(index..)?.split_first_mut()?;
        *changed = changed.checked_add(1)?;
        rest.fill(0);
        Some(Point { numbers, pre_release: LOWEST.to_owned(), after: false })
    }

    const fn is_complete(self) -> bool {
        self.given == 3
    }
}

/// What comes first among the pre-releases of a version, and with that before the version itself.
const LOWEST: &str = "0";

fn cut(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(text, rest)| (text, Some(rest)))
}

/// Without a sign or zeros in front.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !leading_zero(text)).then(|| text.parse().ok())?
}

fn leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_pre_release(text: &str) -> bool {
    is_identifier(text) && !(Identifier(text).is_number() && leading_zero(text))
}

/// A place in the order of versions between two of them: right before or right after one.
#[derive(Clone, Debug)]
struct Point {
    numbers: [u64; 3],
    pre_release: String,
    after: bool,
}

impl Point {
    fn is_before(&self, version: &Version<'_>) -> bool {
        let at = Version { numbers: self.numbers, pre_release: &self.pre_release };
        let order = at.compare(version);
        order.is_lt() || (order.is_eq() && !self.after)
    }
}

/// What a version must be, such as `>=1.2.0, <2`: all of its parts must hold.
///
/// A part is one of `=`, `>`, `>=`, `<`, `<=`, `~`, `^` and a version. The order is that of Semantic
/// Versioning, section 11, so `2.0.0-beta` is before `2.0.0`. A version without its last numbers stands
/// for all that begin so, their pre-releases too: `2.0.0-beta` fulfils `=2` and `>=2`, and not `<2`.
/// `~1.2.3` is `>=1.2.3` with the same major and minor number (`~1`: the same major), `^1.2.3` is
/// `>=1.2.3` with the same first number that is not 0.
///
/// ```
/// use tollgate::matching::VersionRequirement;
///
/// let requirement = VersionRequirement::parse(">=1.2.0, <2").unwrap();
/// assert!(requirement.matches(b"1.2.0") && requirement.matches(b"1.99.0-rc.1+build.7"));
/// assert!(!requirement.matches(b"2.0.0-beta") && !requirement.matches(b"1.5"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct VersionRequirement {
    /// All of them are before the version.
    from: Vec<Point>,
    /// None of them is.
    to: Vec<Point>,
}

impl VersionRequirement {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str = "a requirement on versions, such as \">=1.2.0, <2\": \
        each part begins with one of =, >, >=, <, <=, ~, ^";

    /// Reads a requirement; nothing when `text` is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut requirement = Self::default();
        for part in text.split(',') {
            let part = part.trim_matches(' ');
            let end = part.find(|c: char| !"=<>~^".contains(c))?;
            let (operator, version) = part.split_at_checked(end)?;
            requirement.add(operator, Partial::parse(version.trim_start_matches(' '))?)?;
        }
        Some(requirement)
    }

    fn add(&mut self, operator: &str, version: Partial<'_>) -> Option<()> {
        let last = version.given.checked_sub(1)?;
        let (from, to) = match operator {
            ">=" => (Some(version.start()), None),
            ">" => (Some(version.end()?), None),
            "<" => (None, Some(version.start())),
            "<=" => (None, Some(version.end()?)),
            "=" => (Some(version.start()), Some(version.end()?)),
            "~" => (Some(version.start()), Some(version.next(last.min(1))?)),
            "^" => {
                let given = version.numbers.get(..version.given)?;
                let significant = given.iter().position(|number| *number > 0).unwrap_or(last);
                (Some(version.start()), Some(version.next(significant)?))
            }
            _ => return None,
        };
        self.from.extend(from);
        self.to.extend(to);
        Some(())
    }

    /// Whether a value is a version that fulfils the requirement. One that is no complete version
    /// (`1.5`, `v1.5.0`) does not.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let version = std::str::from_utf8(value).ok().and_then(Version::parse);
        version.is_some_and(|version| {
            self.from.iter().all(|point| point.is_before(&version))
                && !self.to.iter().any(|point| point.is_before(&version))
        })
    }
}

#[cfg(test)]
mod tests;
