//! Where a redirect leads: to a place that the operator has written, whatever the request says.

use super::template::{Template, Values, component};
use tollgate::config::{ConfigError, quoted};

/// The value of a `location`.
#[derive(Debug)]
pub(super) struct Redirect {
    /// All before the query.
    place: String,
    /// The query, with its `?`, and the fragment.
    query: Template,
}

impl Redirect {
    /// Checks a target.
    ///
    /// # Errors
    ///
    /// One that is no URL or path, or that has a placeholder before or behind its query.
    pub(super) fn new(target: &str) -> Result<Self, ConfigError> {
        let (without_fragment, fragment) = match target.split_once('#') {
            Some((before, fragment)) => (before, fragment),
            None => (target, ""),
        };
        let query = without_fragment.find('?').unwrap_or(without_fragment.len());
        let (place, query) = target.split_at(query);
        if !is_place(place) || !is_plain(fragment) {
            let allowed = "`https://` or `http://` and a host, or a path on the same host, such as \
                \"https://login.example/?back={original_url}\"; placeholders only in the query";
            return Err(ConfigError::new("", quoted(target), allowed));
        }
        let query = Template::new(query)?;
        match is_plain(&query.sample()) {
            true => Ok(Self { place: place.to_owned(), query }),
            false => Err(ConfigError::new(
                "",
                quoted(target),
                "a query of characters that a URL may have (RFC 3986, 3.4)",
            )),
        }
    }

    pub(super) fn fill_in(&self, values: &Values<'_>) -> String {
        let query = self.query.fill_in_with(|placeholder| component(&values.get(placeholder)));
        format!("{}{query}", self.place)
    }
}

/// A scheme and a host, perhaps with a path, or a path. What begins with two slashes is a host.
fn is_place(place: &str) -> bool {
    let host = place.strip_prefix("https://").or_else(|| place.strip_prefix("http://"));
    let is_good = match host {
        Some(rest) => {
            let host = rest.split('/').next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        }
        None => place.starts_with('/') && !place.starts_with("//"),
    };
    is_good && is_plain(place)
}

/// Only characters that a URL is made of (RFC 3986, 2): no backslash, which browsers take for a slash, and no
/// brace.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}
