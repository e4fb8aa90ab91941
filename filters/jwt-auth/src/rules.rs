//! Which requests a rule is about: the path, and conditions on headers and query parameters.
//!
//! As in Envoy (`source/extensions/filters/http/jwt_authn/matcher.cc`). What Envoy would ignore
//! silently is refused.

mod header;
mod path;
mod query;
mod text;
mod uri_template;

pub use path::PathMatch;
pub use text::TextMatch;
pub use uri_template::regex_of;

use crate::config;
use header::HeaderMatch;
use query::QueryMatch;
use tollgate::config::ConfigError;
use tollgate::headers::HeaderMap;

/// The match of a rule, checked and compiled.
#[derive(Debug)]
pub struct RuleMatch {
    path: PathMatch,
    headers: Vec<HeaderMatch>,
    query: Vec<QueryMatch>,
}

impl RuleMatch {
    /// Checks a match.
    ///
    /// ```
    /// use tollgate::headers::HeaderMap;
    /// use tollgate_jwt_auth::rules::RuleMatch;
    ///
    /// let rule = br#"{"prefix": "/api", "headers": [{"name": ":method", "exact_match": "GET"}]}"#;
    /// let rule = RuleMatch::new(&tollgate::config::from_slice(rule).unwrap()).unwrap();
    /// let get = HeaderMap::from_pairs([(":method", "GET"), (":path", "/api/users?page=2")]);
    /// assert!(rule.matches(&get));
    /// let other = HeaderMap::from_pairs([(":method", "GET"), (":path", "/?next=/api")]);
    /// assert!(!rule.matches(&other));
    /// ```
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be right.
    pub fn new(config: &config::Match) -> Result<Self, ConfigError> {
        let path = PathMatch::new(config)?;
        let mut headers = Vec::new();
        for (index, header) in config.headers.iter().enumerate() {
            let at = |error: ConfigError| error.at(format!("headers[{index}]"));
            headers.push(HeaderMatch::new(header).map_err(at)?);
        }
        let mut query = Vec::new();
        for (index, parameter) in config.query_parameters.iter().enumerate() {
            let at = |error: ConfigError| error.at(format!("query_parameters[{index}]"));
            query.push(QueryMatch::new(parameter).map_err(at)?);
        }
        Ok(Self { path, headers, query })
    }

    /// Whether a request falls under the rule.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        let target = request.get(":path").unwrap_or_default();
        self.path.matches(request.get(":method").unwrap_or_default(), target)
            && self.headers.iter().all(|header| header.matches(request))
            && self.query.iter().all(|parameter| parameter.matches(target))
    }
}

#[cfg(test)]
mod tests;
