//! Conditions on a query parameter: Envoy's `QueryParameterMatcher`.

use super::text::TextMatch;
use crate::config;
use tollgate::config::ConfigError;
use tollgate::uri;

/// A compiled [`config::QueryParameterMatcher`].
#[derive(Debug)]
pub(super) struct QueryMatch {
    name: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Present(bool),
    Text(TextMatch),
}

impl QueryMatch {
    pub(super) fn new(config: &config::QueryParameterMatcher) -> Result<Self, ConfigError> {
        if config.name.is_empty() {
            return Err(ConfigError::new("name", "\"\"", "the name of a query parameter"));
        }
        let test = match (&config.string_match, config.present_match) {
            (Some(text), None) => {
                Test::Text(TextMatch::new(text).map_err(|error| error.at("string_match"))?)
            }
            (None, present) => Test::Present(present.unwrap_or(true)),
            (Some(_), Some(_)) => {
                return Err(ConfigError::new("", "`string_match`, `present_match`", "one test"));
            }
        };
        Ok(Self { name: config.name.clone(), test })
    }

    /// Looks at the first parameter of the name; nothing is decoded.
    pub(super) fn matches(&self, target: &[u8]) -> bool {
        let pieces = uri::query(target).unwrap_or_default().split(|byte| *byte == b'&');
        let value = pieces.filter(|piece| !piece.is_empty()).find_map(|piece| {
            let mut parts = piece.splitn(2, |byte| *byte == b'=');
            (parts.next()? == self.name.as_bytes()).then(|| parts.next().unwrap_or_default())
        });
        match &self.test {
            Test::Present(expected) => value.is_some() == *expected,
            Test::Text(text) => value.is_some_and(|value| text.matches(value)),
        }
    }
}
