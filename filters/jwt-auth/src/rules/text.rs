//! Conditions on a text: Envoy's `StringMatcher`.

use super::path::compile;
use crate::config;
use tollgate::config::{ConfigError, exactly_one};
use tollgate::matching::{Regex, Test, ValueMatch, ValueMatcher};

/// A compiled [`config::StringMatcher`].
#[derive(Clone, Debug)]
pub enum TextMatch {
    /// Compared with a text.
    Plain(ValueMatcher),
    /// All of it matches.
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
        if let Some(regex) = safe_regex {
            if *ignore_case {
                let allowed = "false: write `(?i)` in front of the expression";
                return Err(ConfigError::new("ignore_case", "true with `safe_regex`", allowed));
            }
            return compile(regex).map(Self::Regex).map_err(|error| error.at("safe_regex"));
        }
        let tests = [
            exact.clone().map(Test::Exact),
            prefix.clone().map(Test::Prefix),
            suffix.clone().map(Test::Suffix),
            contains.clone().map(Test::Contains),
        ];
        let test = tests.into_iter().flatten().next().unwrap_or(Test::Present(true));
        let condition = ValueMatch { test, ignore_case: *ignore_case, invert: false };
        condition.compile().map(Self::Plain)
    }

    /// Whether a text fulfils the condition.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(matcher) => matcher.matches([text]),
            Self::Regex(regex) => regex.matches(text),
        }
    }
}
