//! Texts with placeholders.

use crate::config;
use crate::extract;
use crate::realm::{self, realm};
use crate::status::Failure;
use std::fmt::Write;
use tollgate::config::{ConfigError, quoted};
use tollgate::headers::HeaderMap;
use tollgate::uri;

/// The longest path, or path with query, that is repeated, in bytes.
const MAX_TARGET: usize = 2048;

/// The parameter that may hold a token for anybody (RFC 6750, 2.3).
const ACCESS_TOKEN: &str = "access_token";

/// A text with placeholders: names in braces. Other braces are text, as in JSON and CSS.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value(Placeholder),
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    Status,
    Reason,
    Message,
    Realm,
    Path,
    OriginalUrl,
}

const PLACEHOLDERS: [(&str, Placeholder); 6] = [
    ("status", Placeholder::Status),
    ("reason", Placeholder::Reason),
    ("message", Placeholder::Message),
    ("realm", Placeholder::Realm),
    ("path", Placeholder::Path),
    ("original_url", Placeholder::OriginalUrl),
];

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// A name in braces that is no placeholder.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let mut parts = Vec::new();
        let (mut literal, mut rest) = (String::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            literal.push_str(before);
            let Some((name, after)) = behind.split_once('}').filter(|(name, _)| is_name(name))
            else {
                literal.push('{');
                rest = behind;
                continue;
            };
            let Some((_, value)) = PLACEHOLDERS.iter().find(|(it, _)| *it == name) else {
                let allowed = PLACEHOLDERS.map(|(name, _)| format!("`{{{name}}}`")).join(", ");
                return Err(ConfigError::new("", quoted(&format!("{{{name}}}")), allowed));
            };
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(Part::Value(*value));
            rest = after;
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        Ok(Self { parts })
    }

    /// The text with values that stand for all others: what is well-formed with them is so with any.
    #[must_use]
    pub fn sample(&self) -> String {
        self.fill_in_with(|value| match value {
            Placeholder::Status => "200".to_owned(),
            _ => "x".to_owned(),
        })
    }

    /// The text with the values of a request.
    #[must_use]
    pub fn fill_in(&self, values: &Values<'_>) -> String {
        self.fill_in_with(|value| values.get(value))
    }

    pub(super) fn fill_in_with(&self, value: impl Fn(Placeholder) -> String) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(placeholder) => filled.push_str(&value(*placeholder)),
            }
        }
        filled
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What the values of placeholders depend on beside the request.
#[derive(Debug)]
pub struct Placeholders {
    /// The query parameters that may hold a token.
    secret: Vec<String>,
}

impl Placeholders {
    /// For requests with tokens of these providers.
    pub fn new<'a>(providers: impl Iterator<Item = &'a config::Provider>) -> Self {
        let mut secret = vec![ACCESS_TOKEN.to_owned()];
        secret.extend(providers.flat_map(|provider| provider.from_params.iter().cloned()));
        Self { secret }
    }

    /// The values for one answer.
    #[must_use]
    pub fn of<'r>(&'r self, status: u16, failure: Failure, headers: &'r HeaderMap) -> Values<'r> {
        Values { secret: &self.secret, status, failure, headers }
    }
}

/// The values of placeholders for one answer.
pub struct Values<'r> {
    secret: &'r [String],
    status: u16,
    failure: Failure,
    headers: &'r HeaderMap,
}

impl Values<'_> {
    /// A value, of characters that end nothing: no quoted string, no element of HTML, no parameter of a
    /// header, no line.
    pub(super) fn get(&self, placeholder: Placeholder) -> String {
        match placeholder {
            Placeholder::Status => self.status.to_string(),
            Placeholder::Reason => self.failure.name().to_owned(),
            Placeholder::Message => self.failure.message().to_owned(),
            Placeholder::Realm => safe(realm(self.headers).as_bytes()),
            Placeholder::Path => safe(self.path()),
            Placeholder::OriginalUrl => self.original_url(),
        }
    }

    /// One that is very long is no use to anybody.
    fn path(&self) -> &[u8] {
        match uri::path(realm::target(self.headers).unwrap_or_default()) {
            // What begins with two slashes would be a host in a link.
            path if path.len() > MAX_TARGET || path.starts_with(b"//") => b"/",
            path => path,
        }
    }

    /// Without fragment, and without parameters that may hold a token.
    fn original_url(&self) -> String {
        let header = |name| self.headers.get(name).unwrap_or_default();
        let scheme = if header(":scheme") == b"https" { "https" } else { "http" };
        let mut url = format!("{scheme}://{}", safe(header(":authority")));
        let target = realm::target(self.headers).unwrap_or_default();
        let end = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
        let mut target = target.get(..end).unwrap_or_default().to_vec();
        for name in self.secret {
            target = extract::without_param(&target, name);
        }
        if target.len() > MAX_TARGET {
            target.truncate(uri::path(&target).len());
        }
        if target.len() > MAX_TARGET {
            target = b"/".to_vec();
        }
        url.push_str(&safe(&target));
        url
    }
}

/// Percent-encodes all that could mean something where it is put.
fn safe(bytes: &[u8]) -> String {
    encode(bytes, b"-._~/:@%!$()*+=?&[]")
}

/// Percent-encodes all but what stands for itself everywhere (RFC 3986, 2.3): the value of a query
/// parameter.
pub(super) fn component(text: &str) -> String {
    encode(text.as_bytes(), b"-._~")
}

fn encode(bytes: &[u8], allowed: &[u8]) -> String {
    let mut encoded = String::new();
    for &byte in bytes {
        match byte.is_ascii_alphanumeric() || allowed.contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
