//! Conditions on the path.

use super::uri_template::regex_of;
use crate::config;
use tollgate::config::{ConfigError, exactly_one, quoted};
use tollgate::matching::Regex;
use tollgate::uri;

/// The type of the only policy that there is.
const URI_TEMPLATE: &str = "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig";

/// What a rule looks for in the path. Query and fragment do not take part, as in Envoy
/// (`source/common/common/matchers.cc`, `PathMatcher`).
#[derive(Clone, Debug)]
pub enum PathMatch {
    /// The path begins with this.
    Prefix(Text),
    /// The path is this.
    Exact(Text),
    /// The path is this, or begins with this and a `/`.
    SeparatedPrefix(Text),
    /// The whole path matches.
    Regex(Regex),
    /// It is a `CONNECT`.
    Connect,
}

/// A text to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    ignore_case: bool,
}

impl PathMatch {
    /// Checks what a match says about the path.
    ///
    /// # Errors
    ///
    /// Not exactly one condition, or one that no path can fulfil: a rule that protects nothing is a
    /// trap.
    pub fn new(config: &config::Match) -> Result<Self, ConfigError> {
        exactly_one(&[
            ("prefix", config.prefix.is_some()),
            ("path", config.path.is_some()),
            ("safe_regex", config.safe_regex.is_some()),
            ("path_separated_prefix", config.path_separated_prefix.is_some()),
            ("path_match_policy", config.path_match_policy.is_some()),
            ("connect_matcher", config.connect_matcher.is_some()),
        ])?;
        let ignore_case = config.case_sensitive == Some(false);
        let text = |text: &str| Text { text: text.to_owned(), ignore_case };
        if let Some(prefix) = &config.prefix {
            if !prefix.is_empty() {
                plain_path("prefix", prefix)?;
            }
            return Ok(Self::Prefix(text(prefix)));
        }
        if let Some(path) = &config.path {
            plain_path("path", path)?;
            return Ok(Self::Exact(text(path)));
        }
        if let Some(prefix) = &config.path_separated_prefix {
            plain_path("path_separated_prefix", prefix)?;
            if prefix.ends_with('/') {
                return Err(ConfigError::new(
                    "path_separated_prefix",
                    quoted(prefix),
                    "a path that does not end with `/`",
                ));
            }
            return Ok(Self::SeparatedPrefix(text(prefix)));
        }
        if ignore_case {
            return Err(ConfigError::new(
                "case_sensitive",
                "false",
                "true, except with `prefix`, `path` and `path_separated_prefix`",
            ));
        }
        if let Some(regex) = &config.safe_regex {
            return compile(regex).map(Self::Regex).map_err(|error| error.at("safe_regex"));
        }
        match &config.path_match_policy {
            Some(policy) => policy_regex(policy)
                .map(Self::Regex)
                .map_err(|error| error.at("path_match_policy.typed_config")),
            None => Ok(Self::Connect),
        }
    }

    /// Whether a request matches; `target` is the value of `:path`.
    ///
    /// A request without a path (a plain `CONNECT`) counts as one for `/` when prefixes are
    /// compared, so that a rule for everything is one.
    #[must_use]
    pub fn matches(&self, method: &[u8], target: &[u8]) -> bool {
        let path = uri::path(target);
        match self {
            Self::Prefix(prefix) => prefix.begins(path) || (path.is_empty() && prefix.text == "/"),
            Self::Exact(exact) => path.len() == exact.text.len() && exact.begins(path),
            Self::SeparatedPrefix(prefix) => {
                prefix.begins(path) && matches!(path.get(prefix.text.len()), None | Some(b'/'))
            }
            Self::Regex(regex) => regex.matches(path),
            Self::Connect => method == b"CONNECT",
        }
    }
}

impl Text {
    /// Whether a path begins with it.
    fn begins(&self, path: &[u8]) -> bool {
        path.get(..self.text.len()).is_some_and(|start| match self.ignore_case {
            true => start.eq_ignore_ascii_case(self.text.as_bytes()),
            false => start == self.text.as_bytes(),
        })
    }
}

/// Refuses what no path can match.
fn plain_path(field: &str, path: &str) -> Result<(), ConfigError> {
    match path.starts_with('/') && !path.contains(['?', '#']) {
        true => Ok(()),
        false => Err(ConfigError::new(
            field,
            quoted(path),
            "a path that begins with `/`, without query and fragment",
        )),
    }
}

/// Compiles an expression.
pub(super) fn compile(config: &config::RegexMatcher) -> Result<Regex, ConfigError> {
    Regex::new(&config.regex, false).map_err(|reason| {
        ConfigError::new("regex", format!("{} ({reason})", quoted(&config.regex)), Regex::ALLOWED)
    })
}

fn policy_regex(policy: &config::PathMatchPolicy) -> Result<Regex, ConfigError> {
    let config::UriTemplate { type_url, path_template } = &policy.typed_config;
    if type_url.rsplit('/').next() != Some(URI_TEMPLATE) {
        let allowed = format!("type.googleapis.com/{URI_TEMPLATE}");
        return Err(ConfigError::new("@type", quoted(type_url), allowed));
    }
    let refuse = |reason: String| {
        let found = format!("{} ({reason})", quoted(path_template));
        ConfigError::new("path_template", found, "a URI template such as \"/users/{id}/**\"")
    };
    let regex = regex_of(path_template).map_err(|reason| refuse(reason.to_owned()))?;
    Regex::new(&regex, false).map_err(refuse)
}
