//! Conditions on one value, compiled.

use serde_json::{Number, Value};

use crate::config::{ConfigError, quoted};
use crate::json;

use super::config::{IntegerRange, Test, ValueMatch};
use super::regex::Regex;
use super::semver::VersionRequirement;

/// A compiled [`ValueMatch`].
///
/// ```
/// use serde_json::json;
/// use tollgate::matching::{Test, ValueMatch};
///
/// let condition =
///     ValueMatch { test: Test::Contains("beta".to_owned()), ignore_case: true, invert: false };
/// let condition = condition.compile().unwrap();
/// assert!(condition.matches(["2.0-BETA.1"]));
/// assert!(condition.matches_json(Some(&json!(["alpha", "Beta"]))));
/// assert!(!condition.matches_json(Some(&json!(["2.0-beta.1"]))));
/// ```
#[derive(Clone, Debug)]
pub struct ValueMatcher {
    test: Compiled,
    ignore_case: bool,
    invert: bool,
}

#[derive(Clone, Debug)]
enum Compiled {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
    AnyOf(Vec<String>),
    Range(IntegerRange),
    Gte(f64),
    Lte(f64),
    Semver(VersionRequirement),
    Present(bool),
}

impl ValueMatch {
    /// Checks the condition, and compiles what there is to compile.
    ///
    /// # Errors
    ///
    /// A test that cannot be meant: a `prefix`, `suffix` or `contains` that is empty, an `any_of` or
    /// `range` with nothing in it, a `regex` or `semver` that is none, `ignore_case` with a test that is
    /// not about text, `invert` with `present`.
    pub fn compile(&self) -> Result<ValueMatcher, ConfigError> {
        let test = compile(&self.test, self.ignore_case)?;
        let (name, text) = kind(&self.test);
        if self.ignore_case && !text {
            let found = format!("true with `{name}`");
            return Err(ConfigError::new("ignore_case", found, "false: that is not about letters"));
        }
        if self.invert && matches!(test, Compiled::Present(_)) {
            let allowed = "`present: true` or `present: false` alone";
            return Err(ConfigError::new("invert", "true with `present`", allowed));
        }
        Ok(ValueMatcher { test, ignore_case: self.ignore_case, invert: self.invert })
    }

    /// The same for values that have no case.
    pub(super) fn ignoring_case(&self) -> Self {
        let (_, text) = kind(&self.test);
        Self { ignore_case: self.ignore_case || text, ..self.clone() }
    }
}

fn compile(test: &Test, ignore_case: bool) -> Result<Compiled, ConfigError> {
    Ok(match test {
        Test::Exact(text) => Compiled::Exact(text.clone()),
        Test::Prefix(text) => Compiled::Prefix(not_empty("prefix", text)?),
        Test::Suffix(text) => Compiled::Suffix(not_empty("suffix", text)?),
        Test::Contains(text) => Compiled::Contains(not_empty("contains", text)?),
        Test::Regex(pattern) => Compiled::Regex(regex(pattern, ignore_case)?),
        Test::AnyOf(texts) if texts.is_empty() => {
            return Err(ConfigError::new("any_of", "an empty list", "at least one string"));
        }
        Test::AnyOf(texts) => Compiled::AnyOf(texts.clone()),
        Test::Range(range) if range.start >= range.end => {
            let found = format!("{} to {}", range.start, range.end);
            let allowed = "`start` below `end`, which is not in it";
            return Err(ConfigError::new("range", found, allowed));
        }
        Test::Range(range) => Compiled::Range(*range),
        Test::Gte(bound) => Compiled::Gte(*bound),
        Test::Lte(bound) => Compiled::Lte(*bound),
        Test::Semver(text) => {
            Compiled::Semver(VersionRequirement::parse(text).ok_or_else(|| {
                ConfigError::new("semver", quoted(text), VersionRequirement::ALLOWED)
            })?)
        }
        Test::Present(expected) => Compiled::Present(*expected),
    })
}

/// A text that every value would begin with, end with and contain is a mistake.
fn not_empty(field: &str, text: &str) -> Result<String, ConfigError> {
    match text {
        "" => {
            let allowed = "a string that is not empty (`present: true` matches any value)";
            Err(ConfigError::new(field, "\"\"", allowed))
        }
        text => Ok(text.to_owned()),
    }
}

fn regex(pattern: &str, ignore_case: bool) -> Result<Regex, ConfigError> {
    Regex::new(pattern, ignore_case).map_err(|reason| {
        ConfigError::new("regex", format!("{} ({reason})", quoted(pattern)), Regex::ALLOWED)
    })
}

/// The test's field, and whether it is about text.
fn kind(test: &Test) -> (&'static str, bool) {
    match test {
        Test::Exact(_) => ("exact", true),
        Test::Prefix(_) => ("prefix", true),
        Test::Suffix(_) => ("suffix", true),
        Test::Contains(_) => ("contains", true),
        Test::Regex(_) => ("regex", true),
        Test::AnyOf(_) => ("any_of", true),
        Test::Range(_) => ("range", false),
        Test::Gte(_) => ("gte", false),
        Test::Lte(_) => ("lte", false),
        Test::Semver(_) => ("semver", false),
        Test::Present(_) => ("present", false),
    }
}

impl ValueMatcher {
    /// Whether the values of one header, one parameter, ... fulfil the condition.
    #[must_use]
    pub fn matches<V: AsRef<[u8]>>(&self, values: impl IntoIterator<Item = V>) -> bool {
        let mut values = values.into_iter().peekable();
        let there = values.peek().is_some();
        match self.test {
            Compiled::Present(expected) => there == expected,
            _ => there && values.any(|value| self.passes(value.as_ref())) != self.invert,
        }
    }

    /// Whether a JSON value fulfils the condition; `None` and `null` are missing.
    ///
    /// Numbers and booleans are as good as their text ([`json::text`]). Each element of a list is a value of its own,
    /// and `contains` asks for one that is the whole text. An object passes no test but `present`.
    #[must_use]
    pub fn matches_json(&self, value: Option<&Value>) -> bool {
        match (&self.test, value.filter(|value| !value.is_null())) {
            (Compiled::Present(expected), value) => value.is_some() == *expected,
            (_, None) => false,
            (_, Some(Value::Array(elements))) => {
                elements.iter().any(|element| self.passes_as_element(element)) != self.invert
            }
            (_, Some(value)) => self.passes_json(value) != self.invert,
        }
    }

    fn passes(&self, value: &[u8]) -> bool {
        let part = |part: Option<&[u8]>, text: &str| part.is_some_and(|p| self.same(p, text));
        match &self.test {
            Compiled::Exact(text) => self.same(value, text),
            Compiled::Prefix(text) => part(value.get(..text.len()), text),
            Compiled::Suffix(text) => {
                let start = value.len().checked_sub(text.len());
                part(start.and_then(|start| value.get(start..)), text)
            }
            Compiled::Contains(text) => {
                text.is_empty() || value.windows(text.len()).any(|window| self.same(window, text))
            }
            Compiled::Regex(regex) => regex.matches(value),
            Compiled::AnyOf(texts) => texts.iter().any(|text| self.same(value, text)),
            Compiled::Range(range) => integer(value).is_some_and(|number| range.contains(number)),
            Compiled::Gte(bound) => integer(value).is_some_and(|number| number as f64 >= *bound),
            Compiled::Lte(bound) => integer(value).is_some_and(|number| number as f64 <= *bound),
            Compiled::Semver(requirement) => requirement.matches(value),
            Compiled::Present(expected) => *expected,
        }
    }

    fn same(&self, value: &[u8], text: &str) -> bool {
        match self.ignore_case {
            true => value.eq_ignore_ascii_case(text.as_bytes()),
            false => value == text.as_bytes(),
        }
    }

    fn passes_as_element(&self, element: &Value) -> bool {
        match &self.test {
            Compiled::Contains(text) => {
                json::text(element).is_some_and(|element| self.same(element.as_bytes(), text))
            }
            _ => self.passes_json(element),
        }
    }

    fn passes_json(&self, value: &Value) -> bool {
        match (&self.test, value) {
            (Compiled::Range(range), Value::Number(number)) => range.contains_number(number),
            (Compiled::Gte(bound), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| number >= *bound)
            }
            (Compiled::Lte(bound), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| number <= *bound)
            }
            (_, value) => json::text(value).is_some_and(|text| self.passes(text.as_bytes())),
        }
    }
}

impl IntegerRange {
    /// Whether a whole number is in the range.
    ///
    /// ```
    /// use tollgate::matching::IntegerRange;
    ///
    /// let range = IntegerRange { start: 1, end: 10 };
    /// assert!(range.contains(1) && !range.contains(10));
    /// ```
    #[must_use]
    pub fn contains(self, number: i64) -> bool {
        (self.start..self.end).contains(&number)
    }

    fn contains_number(self, number: &Number) -> bool {
        match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => self.contains(number),
            (None, Some(number)) => (self.start as f64..self.end as f64).contains(&number),
            (None, None) => false,
        }
    }
}

/// Decimal digits, perhaps with a `-`, of a number that has 64 bits.
fn integer(value: &[u8]) -> Option<i64> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let decimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    decimal.then(|| std::str::from_utf8(value).ok()?.parse().ok())?
}
