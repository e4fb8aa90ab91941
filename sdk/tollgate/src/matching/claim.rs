//! Conditions on the claims of a token.

use serde_json::Value;

use crate::config::ConfigError;

use super::config::{ClaimMatch, ClaimPath};
use super::facts::Claims;
use super::value::ValueMatcher;

impl ClaimPath {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        r#"the path of a claim, such as "realm.groups" or ["https://example.com/roles", "admin"]"#;

    /// The path through members with these names; nothing when there is none.
    #[must_use]
    pub fn new(segments: Vec<String>) -> Option<Self> {
        (!segments.is_empty()).then_some(Self { segments })
    }

    /// Reads names with dots between them; nothing when one is empty.
    ///
    /// ```
    /// use tollgate::matching::ClaimPath;
    ///
    /// assert_eq!(ClaimPath::parse("realm.groups").unwrap().segments(), ["realm", "groups"]);
    /// assert_eq!(ClaimPath::parse("realm..groups"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments: Vec<_> = text.split('.').map(str::to_owned).collect();
        segments.iter().all(|segment| !segment.is_empty()).then_some(Self { segments })
    }

    /// The names on the way.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// What is at the end of the path; nothing when it ends before, or at a `null`.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (first, rest) = self.segments.split_first()?;
        let claim = rest.iter().try_fold(claims.get(first)?, |value, name| value.get(name))?;
        Some(claim).filter(|claim| !claim.is_null())
    }
}

/// A compiled [`ClaimMatch`].
///
/// ```
/// use serde_json::json;
/// use tollgate::config;
/// use tollgate::matching::ClaimMatch;
///
/// let internal: ClaimMatch =
///     config::from_slice(br#"{"claim": "realm.groups", "contains": "internal"}"#).unwrap();
/// let internal = internal.compile().unwrap();
///
/// let claims = |groups| json!({"realm": {"groups": groups}}).as_object().cloned().unwrap();
/// assert!(internal.matches(&claims(json!(["beta", "internal"]))));
/// assert!(!internal.matches(&claims(json!(["internal-audit"]))));
/// ```
#[derive(Clone, Debug)]
pub struct ClaimMatcher {
    path: ClaimPath,
    value: ValueMatcher,
}

impl ClaimMatch {
    /// Checks the condition.
    ///
    /// # Errors
    ///
    /// What cannot be meant, see [`ValueMatch::compile`](super::ValueMatch::compile).
    pub fn compile(&self) -> Result<ClaimMatcher, ConfigError> {
        Ok(ClaimMatcher { path: self.claim.clone(), value: self.value.compile()? })
    }
}

impl ClaimMatcher {
    /// Whether claims fulfil the condition. Of a request without a verified token they are empty.
    #[must_use]
    pub fn matches(&self, claims: &Claims) -> bool {
        self.value.matches_json(self.path.find(claims))
    }
}
