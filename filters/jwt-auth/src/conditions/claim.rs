//! Conditions on claims.
//!
//! A test is about values of certain types: `prefix` about texts, `gte` about numbers, `exact` about those of
//! its own. A value of another type passes none, and none inverted either: who denies by `invert` must
//! not be got round by an issuer that writes a list or an object where a text was.

use super::compare;
use crate::claims;
use crate::config::{self, Scalar};
use crate::token::Claims;
use serde_json::{Number, Value};
use std::cmp::Ordering;
use tollgate::config::{ConfigError, exactly_one, quoted};
use tollgate::matching::Regex;

/// A checked [`config::ClaimCondition`].
///
/// ```
/// use serde_json::json;
/// use tollgate_jwt_auth::conditions::ClaimMatch;
///
/// let condition = br#"{"claim": "realm.roles", "any_of": ["admin", "owner"]}"#;
/// let condition = ClaimMatch::new(&tollgate::config::from_slice(condition).unwrap()).unwrap();
/// let claims = |roles| json!({"realm": {"roles": roles}}).as_object().cloned().unwrap();
/// assert!(condition.matches(&claims(json!(["user", "owner"]))));
/// assert!(!condition.matches(&claims(json!("user"))));
/// ```
#[derive(Debug)]
pub struct ClaimMatch {
    path: Vec<String>,
    test: Test,
    invert: bool,
}

#[derive(Debug)]
enum Test {
    AnyOf(Vec<Scalar>),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
    Range { least: Option<Number>, most: Option<Number> },
    Present(bool),
}

impl ClaimMatch {
    /// Checks a condition.
    ///
    /// # Errors
    ///
    /// Not exactly one claim and one test, or a test that cannot be meant.
    pub fn new(config: &config::ClaimCondition) -> Result<Self, ConfigError> {
        let path = path(config)?;
        let test = Test::new(config)?;
        if config.invert && matches!(test, Test::Present(_)) {
            let allowed = "`present: true` or `present: false` alone";
            return Err(ConfigError::new("invert", "true with `present`", allowed));
        }
        Ok(Self { path, test, invert: config.invert })
    }

    /// Whether claims fulfil the condition. One that is absent or `null` fulfils `present: false` and
    /// nothing else. With `invert`, a list must be of elements that the test is about, none of which passes.
    #[must_use]
    pub fn matches(&self, claims: &Claims) -> bool {
        let claim = claims::find(claims, &self.path).filter(|claim| !claim.is_null());
        if let Test::Present(expected) = self.test {
            return claim.is_some() == expected;
        }
        let passes = |element| self.test.passes(element, true) == Some(!self.invert);
        match claim {
            None => false,
            Some(Value::Array(elements)) if self.invert => elements.iter().all(passes),
            Some(Value::Array(elements)) => elements.iter().any(passes),
            Some(value) => self.test.passes(value, false) == Some(!self.invert),
        }
    }
}

fn path(config: &config::ClaimCondition) -> Result<Vec<String>, ConfigError> {
    exactly_one(&[("claim", config.claim.is_some()), ("claim_path", config.claim_path.is_some())])?;
    let (field, path) = match (&config.claim, &config.claim_path) {
        (Some(name), _) => ("claim", name.split('.').map(str::to_owned).collect()),
        (None, path) => ("claim_path", config::names(path.as_deref())),
    };
    match path.is_empty() || path.iter().any(String::is_empty) {
        true => Err(ConfigError::new(field, "an empty name", "the name of a claim")),
        false => Ok(path),
    }
}

impl Test {
    fn new(config: &config::ClaimCondition) -> Result<Self, ConfigError> {
        let config::ClaimCondition {
            exact,
            prefix,
            suffix,
            contains,
            regex,
            any_of,
            gte,
            lte,
            present,
            ..
        } = config;
        exactly_one(&[
            ("exact", exact.is_some()),
            ("prefix", prefix.is_some()),
            ("suffix", suffix.is_some()),
            ("contains", contains.is_some()),
            ("regex", regex.is_some()),
            ("any_of", any_of.is_some()),
            ("gte", gte.is_some()),
            ("lte", lte.is_some() && gte.is_none()),
            ("present", present.is_some()),
        ])?;
        if let Some(value) = exact {
            return Ok(Self::AnyOf(vec![value.clone()]));
        }
        if let Some(values) = any_of {
            return match values.is_empty() {
                true => Err(ConfigError::new("any_of", "an empty list", "at least one value")),
                false => Ok(Self::AnyOf(values.clone())),
            };
        }
        if let Some(expected) = present {
            return Ok(Self::Present(*expected));
        }
        if let Some(pattern) = regex {
            return regex_of(pattern).map(Self::Regex);
        }
        match (prefix, suffix, contains) {
            (Some(text), ..) => not_empty("prefix", text).map(Self::Prefix),
            (_, Some(text), _) => not_empty("suffix", text).map(Self::Suffix),
            (.., Some(text)) => not_empty("contains", text).map(Self::Contains),
            _ => range(gte.as_ref(), lte.as_ref()),
        }
    }

    /// Whether a value passes; nothing if it is of a type that the test is not about.
    fn passes(&self, value: &Value, is_element: bool) -> Option<bool> {
        match self {
            Self::AnyOf(scalars) => {
                let mut same =
                    scalars.iter().filter_map(|scalar| is_same(scalar, value)).peekable();
                same.peek()?;
                Some(same.any(|same| same))
            }
            Self::Prefix(text) => Some(value.as_str()?.starts_with(text.as_str())),
            Self::Suffix(text) => Some(value.as_str()?.ends_with(text.as_str())),
            Self::Contains(text) if is_element => Some(value.as_str()? == text),
            Self::Contains(text) => Some(value.as_str()?.contains(text.as_str())),
            Self::Regex(regex) => Some(regex.matches(value.as_str()?.as_bytes())),
            Self::Range { least, most } => {
                let Value::Number(number) = value else { return None };
                let is = |bound: &Option<Number>, outside: Ordering| {
                    bound.as_ref().is_none_or(|bound| {
                        compare(number, bound).is_some_and(|order| order != outside)
                    })
                };
                Some(is(least, Ordering::Less) && is(most, Ordering::Greater))
            }
            Self::Present(expected) => Some(*expected),
        }
    }
}

/// Whether a value is this one; nothing if it is of another type.
fn is_same(scalar: &Scalar, value: &Value) -> Option<bool> {
    match (scalar, value) {
        (Scalar::Text(text), Value::String(value)) => Some(text == value),
        (Scalar::Number(number), Value::Number(value)) => {
            Some(compare(number, value) == Some(Ordering::Equal))
        }
        (Scalar::Boolean(boolean), Value::Bool(value)) => Some(boolean == value),
        _ => None,
    }
}

fn range(least: Option<&Number>, most: Option<&Number>) -> Result<Test, ConfigError> {
    if let (Some(least), Some(most)) = (least, most)
        && compare(least, most) == Some(Ordering::Greater)
    {
        let found = format!("{least}, with `lte` {most}");
        return Err(ConfigError::new("gte", found, "a number that is not above `lte`"));
    }
    Ok(Test::Range { least: least.cloned(), most: most.cloned() })
}

fn regex_of(pattern: &str) -> Result<Regex, ConfigError> {
    not_empty("regex", pattern)?;
    Regex::new(pattern, false).map_err(|reason| {
        ConfigError::new("regex", format!("{} ({reason})", quoted(pattern)), Regex::ALLOWED)
    })
}

/// A text that every other one begins with, ends with and contains is a mistake.
fn not_empty(field: &str, text: &str) -> Result<String, ConfigError> {
    match text {
        "" => {
            let allowed = "a string that is not empty (`present: true` matches any claim)";
            Err(ConfigError::new(field, "\"\"", allowed))
        }
        text => Ok(text.to_owned()),
    }
}
