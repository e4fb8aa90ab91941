//! Conditions on values of a request, as operators write them.
//!
//! ```
//! use tollgate::config;
//! use tollgate::cookies::Cookies;
//! use tollgate::headers::HeaderMap;
//! use tollgate::matching::{CookieMatch, HeaderMatch};
//!
//! let headers = HeaderMap::from_pairs([("x-user", "alice@example.com"), ("cookie", "flag=On")]);
//!
//! let internal: HeaderMatch =
//!     config::from_slice(br#"{"name": "X-User", "suffix": "@example.com"}"#).unwrap();
//! assert!(internal.matches(&headers));
//!
//! let flag: CookieMatch =
//!     config::from_slice(br#"{"name": "flag", "exact": "on", "ignore_case": true}"#).unwrap();
//! assert!(flag.matches(&Cookies::new(&headers)));
//! ```

mod parse;
mod schema;

use crate::config::CookieName;
use crate::cookies::Cookies;
use crate::headers::HeaderMap;

/// A condition on a value: exactly one of `exact`, `prefix`, `suffix`, `contains`, `any_of` and
/// `present`, and perhaps `ignore_case` and `invert`.
///
/// Of several values each is tried by itself, and one that passes is enough; with `invert` none
/// may pass. A missing value never matches, inverted or not, except `present: false`.
///
/// ```
/// use tollgate::config;
/// use tollgate::matching::ValueMatch;
///
/// let not_v1: ValueMatch = config::from_slice(br#"{"prefix": "v1", "invert": true}"#).unwrap();
/// assert!(not_v1.matches([b"v2.0".as_slice()]));
/// assert!(!not_v1.matches([b"v2.0".as_slice(), b"v1.0"]));
/// assert!(!not_v1.matches([]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueMatch {
    /// What a value must be like.
    pub test: Test,
    /// Whether `A` to `Z` count as `a` to `z`; other letters keep their case.
    pub ignore_case: bool,
    /// Whether no value may pass the test. Not with [`Test::Present`].
    pub invert: bool,
}

/// What a [`ValueMatch`] asks of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is this.
    Exact(String),
    /// It begins with this.
    Prefix(String),
    /// It ends with this.
    Suffix(String),
    /// This is somewhere in it.
    Contains(String),
    /// It is one of these.
    AnyOf(Vec<String>),
    /// It is there, or it is not.
    Present(bool),
}

impl ValueMatch {
    /// Whether the values of one header, one cookie, ... fulfil the condition.
    #[must_use]
    pub fn matches<'a>(&self, values: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let mut values = values.into_iter().peekable();
        let there = values.peek().is_some();
        match self.test {
            Test::Present(expected) => there == expected,
            _ => there && values.any(|value| self.passes(value)) != self.invert,
        }
    }

    fn passes(&self, value: &[u8]) -> bool {
        let part = |part: Option<&[u8]>, text: &str| part.is_some_and(|p| self.same(p, text));
        match &self.test {
            Test::Exact(text) => self.same(value, text),
            Test::Prefix(text) => part(value.get(..text.len()), text),
            Test::Suffix(text) => {
                let start = value.len().checked_sub(text.len());
                part(start.and_then(|start| value.get(start..)), text)
            }
            Test::Contains(text) => {
                text.is_empty() || value.windows(text.len()).any(|window| self.same(window, text))
            }
            Test::AnyOf(texts) => texts.iter().any(|text| self.same(value, text)),
            Test::Present(expected) => *expected,
        }
    }

    fn same(&self, value: &[u8], text: &str) -> bool {
        match self.ignore_case {
            true => value.eq_ignore_ascii_case(text.as_bytes()),
            false => value == text.as_bytes(),
        }
    }
}

/// A condition on a request header: `{name: x-canary, exact: always}`.
///
/// Every line of a repeated header is a value of its own. Pseudo-headers (`:path`) may be named
/// too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    name: String,
    value: ValueMatch,
}

impl HeaderMatch {
    /// The header's name in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the request's header fulfils the condition.
    #[must_use]
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        self.value.matches(headers.get_all(&self.name))
    }
}

/// A condition on a request cookie: `{name: featureflag, exact: "on"}`.
///
/// The first cookie of that name counts; names are case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieMatch {
    name: CookieName,
    value: ValueMatch,
}

impl CookieMatch {
    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the request's cookie fulfils the condition.
    #[must_use]
    pub fn matches(&self, cookies: &Cookies<'_>) -> bool {
        self.value.matches(cookies.get(self.name.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
