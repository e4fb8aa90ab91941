//! Conditions on a header: Envoy's `HeaderMatcher` (`source/common/http/header_utility.cc`).

use super::text::TextMatch;
use crate::config;
use tollgate::config::{ConfigError, HeaderName, quoted};
use tollgate::headers::HeaderMap;

/// A compiled [`config::HeaderMatcher`].
#[derive(Debug)]
pub(super) struct HeaderMatch {
    name: String,
    test: Test,
    invert: bool,
    missing_is_empty: bool,
}

#[derive(Debug)]
enum Test {
    Present(bool),
    Text(TextMatch),
    Range(config::Int64Range),
}

impl HeaderMatch {
    pub(super) fn new(config: &config::HeaderMatcher) -> Result<Self, ConfigError> {
        let field = config.name.strip_prefix(':').unwrap_or(&config.name);
        if HeaderName::parse(field).is_none() {
            return Err(ConfigError::new("name", quoted(&config.name), HeaderName::ALLOWED));
        }
        let name = config.name.to_ascii_lowercase();
        Ok(Self {
            // Envoy has turned every `host` into `:authority` before a filter sees it.
            name: if name == "host" { ":authority".to_owned() } else { name },
            test: test(config)?,
            invert: config.invert_match,
            missing_is_empty: config.treat_missing_header_as_empty,
        })
    }

    /// Each value of a repeated header is looked at by itself, as in Envoy from 1.39: a second value must
    /// not lead a request past a rule.
    pub(super) fn matches(&self, request: &HeaderMap) -> bool {
        let missing = self.missing_is_empty && request.get(&self.name).is_none();
        let values = || request.get_all(&self.name).chain(missing.then_some(&b""[..]));
        let passes = match &self.test {
            Test::Present(expected) => values().next().is_some() == *expected,
            _ if values().next().is_none() => return false,
            Test::Text(text) => values().any(|value| text.matches(value)),
            Test::Range(range) => values().any(|value| range.contains(value)),
        };
        passes != self.invert
    }
}

fn test(config: &config::HeaderMatcher) -> Result<Test, ConfigError> {
    let none = config::StringMatcher::default;
    let text = |exact, prefix, suffix, contains| config::StringMatcher {
        exact,
        prefix,
        suffix,
        contains,
        ..none()
    };
    let matchers = [
        ("string_match", config.string_match.clone()),
        ("exact_match", config.exact_match.clone().map(|it| text(Some(it), None, None, None))),
        ("prefix_match", config.prefix_match.clone().map(|it| text(None, Some(it), None, None))),
        ("suffix_match", config.suffix_match.clone().map(|it| text(None, None, Some(it), None))),
        (
            "contains_match",
            config.contains_match.clone().map(|it| text(None, None, None, Some(it))),
        ),
        (
            "safe_regex_match",
            config
                .safe_regex_match
                .clone()
                .map(|it| config::StringMatcher { safe_regex: Some(it), ..none() }),
        ),
    ];
    // In Envoy it would hold for every value.
    if config.exact_match.as_deref() == Some("") {
        let allowed = "a text that is not empty, or `string_match` with `exact`";
        return Err(ConfigError::new("exact_match", "\"\"", allowed));
    }
    let mut tests = Vec::new();
    for (field, matcher) in matchers {
        if let Some(matcher) = matcher {
            let text = TextMatch::new(&matcher).map_err(|error| error.at(field))?;
            tests.push((field, Test::Text(text)));
        }
    }
    tests.extend(config.range_match.map(|range| ("range_match", Test::Range(range))));
    tests.extend(config.present_match.map(|present| ("present_match", Test::Present(present))));
    let several = tests.iter().map(|(field, _)| format!("`{field}`")).collect::<Vec<_>>();
    match (tests.pop(), tests.is_empty()) {
        (None, _) => Ok(Test::Present(true)),
        (Some((_, test)), true) => Ok(test),
        (Some(_), false) => Err(ConfigError::new("", several.join(", "), "one test")),
    }
}

impl config::Int64Range {
    fn contains(self, value: &[u8]) -> bool {
        let number = std::str::from_utf8(value).ok().and_then(|value| value.parse::<i64>().ok());
        number.is_some_and(|number| (self.start..self.end).contains(&number))
    }
}
