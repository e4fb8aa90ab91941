//! Conditions on a text: Envoy's `StringMatcher`.

use super::path::compile;
use crate::config;
use tollgate::config::{ConfigError, exactly_one};
use tollgate::matching::Regex;

/// A compiled [`config::StringMatcher`].
///
/// Not a [`ValueMatch`](tollgate::matching::ValueMatch), which has many more tests: they would be 10 KiB
/// of the module.
#[derive(Clone, Debug)]
pub struct TextMatch {
    test: Test,
    ignore_case: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
}

impl TextMatch {
    /// Checks a condition.
    ///
    /// # Errors
    ///
    /// Not exactly one test, or one that cannot be meant.
    pub fn new(config: &config::StringMatcher) -> Result<Self, ConfigError> {
        let config::StringMatcher { exact, prefix, suffix, contains, safe_regex, ignore_case } =
            config;
        exactly_one(&[
            ("exact", exact.is_some()),
            ("prefix", prefix.is_some()),
            ("suffix", suffix.is_some()),
            ("contains", contains.is_some()),
            ("safe_regex", safe_regex.is_some()),
        ])?;
        let test = match (prefix, suffix, contains, safe_regex) {
            (Some(text), ..) => Test::Prefix(not_empty("prefix", text)?),
            (_, Some(text), ..) => Test::Suffix(not_empty("suffix", text)?),
            (_, _, Some(text), _) => Test::Contains(not_empty("contains", text)?),
            (.., Some(_)) if *ignore_case => {
                let allowed = "false: write `(?i)` in front of the expression";
                return Err(ConfigError::new("ignore_case", "true with `safe_regex`", allowed));
            }
            (.., Some(regex)) => {
                Test::Regex(compile(regex).map_err(|error| error.at("safe_regex"))?)
            }
            _ => Test::Exact(exact.clone().unwrap_or_default()),
        };
        Ok(Self { test, ignore_case: *ignore_case })
    }

    /// Whether a text fulfils the condition.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.test {
            Test::Exact(exact) => self.same(text, exact),
            Test::Prefix(prefix) => {
                text.get(..prefix.len()).is_some_and(|start| self.same(start, prefix))
            }
            Test::Suffix(suffix) => {
                let start = text.len().checked_sub(suffix.len());
                let end = start.and_then(|start| text.get(start..));
                end.is_some_and(|end| self.same(end, suffix))
            }
            Test::Contains(part) => text.windows(part.len()).any(|it| self.same(it, part)),
            Test::Regex(regex) => regex.matches(text),
        }
    }

    fn same(&self, text: &[u8], expected: &str) -> bool {
        match self.ignore_case {
            true => text.eq_ignore_ascii_case(expected.as_bytes()),
            false => text == expected.as_bytes(),
        }
    }
}

/// A text that every other one begins with, ends with and contains is a mistake.
fn not_empty(field: &str, text: &str) -> Result<String, ConfigError> {
    match text {
        "" => Err(ConfigError::new(field, "\"\"", "a string that is not empty")),
        text => Ok(text.to_owned()),
    }
}
