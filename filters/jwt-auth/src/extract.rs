//! Where the tokens of a request are: in headers, query parameters and cookies.
//!
//! As in Envoy (`source/extensions/filters/http/jwt_authn/extractor.cc`): every place that is
//! configured is looked at, and every token found counts. Unlike Envoy, nothing that an upstream may
//! take for the token goes unseen: more than one `authorization` is refused, every value of a repeated
//! query parameter or cookie is a token, and cookies that were too many to read are a bad one.

use crate::config;
use crate::status::Failure;
use std::borrow::Cow;
use std::iter::Chain;
use std::{option, vec};
use tollgate::config::ConfigError;
use tollgate::cookies::Cookies;
use tollgate::headers::HeaderMap;
use tollgate::uri::{self, Query};

const AUTHORIZATION: &str = "authorization";

/// More tokens than these are one bad token more: each may cost the check of a signature.
const MAX_TOKENS: usize = 8;

/// Where a token may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a header, behind a text that may be empty.
    Header {
        /// The header, in lower case.
        name: String,
        /// The text.
        prefix: String,
    },
    /// In a query parameter.
    Param(String),
    /// In a cookie.
    Cookie(String),
}

/// Which issuers use a place.
#[derive(Clone, Debug, Default)]
struct Issuers {
    any: bool,
    named: Vec<String>,
}

impl Issuers {
    fn add(&mut self, issuer: &str) {
        match issuer {
            "" => self.any = true,
            issuer => self.named.push(issuer.to_owned()),
        }
    }
}

/// The places where tokens of some providers may be, in the order in which Envoy looks at them:
/// headers, parameters, cookies, each by their names.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    headers: Vec<Location>,
    params: Vec<Location>,
    cookies: Vec<Location>,
}

/// A place, and who uses it.
#[derive(Clone, Debug)]
pub struct Location {
    place: Place,
    issuers: Issuers,
}

/// A token that was found, or why something there cannot be one.
#[derive(Debug)]
pub struct Found<'l, 'h> {
    /// Where.
    pub location: &'l Location,
    /// The bytes.
    pub token: Result<Cow<'h, [u8]>, Failure>,
}

/// The tokens of a request, in the order of the places; one of them, which is usual, without allocating.
#[derive(Debug, Default)]
pub struct Tokens<'l, 'h> {
    first: Option<Found<'l, 'h>>,
    others: Vec<Found<'l, 'h>>,
}

impl<'l, 'h> Tokens<'l, 'h> {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn push(&mut self, found: Found<'l, 'h>) {
        match self.first {
            None => self.first = Some(found),
            // What comes behind the first one too many says nothing more.
            Some(_) if self.others.len() < MAX_TOKENS => self.others.push(found),
            Some(_) => {}
        }
    }

    /// Makes the token that is one too many a bad one.
    fn bound(&mut self) {
        if let Some(Found { token, .. }) = self.others.get_mut(MAX_TOKENS.saturating_sub(1)) {
            *token = Err(Failure::BadFormat);
        }
    }
}

impl<'l, 'h> IntoIterator for Tokens<'l, 'h> {
    type Item = Found<'l, 'h>;
    type IntoIter = Chain<option::IntoIter<Self::Item>, vec::IntoIter<Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

impl Location {
    /// The place.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Refuses the bytes of a token behind which another `authorization` was joined. Needless for a
    /// token that is known.
    ///
    /// # Errors
    ///
    /// [`Failure::BadFormat`].
    pub fn check(&self, token: &[u8]) -> Result<(), Failure> {
        let single = matches!(&self.place, Place::Header { name, .. } if name == AUTHORIZATION);
        match single && token.contains(&b',') {
            true => Err(Failure::BadFormat),
            false => Ok(()),
        }
    }

    /// Whether tokens of this issuer may be here.
    #[must_use]
    pub fn allows_issuer(&self, issuer: &str) -> bool {
        self.issuers.any || self.issuers.named.iter().any(|named| named == issuer)
    }
}

impl Locations {
    /// The places of some providers.
    pub fn of<'a>(providers: impl IntoIterator<Item = &'a config::Provider>) -> Self {
        let mut locations = Self::default();
        for provider in providers {
            for place in places(provider) {
                let list = match &place {
                    Place::Header { .. } => &mut locations.headers,
                    Place::Param(_) => &mut locations.params,
                    Place::Cookie(_) => &mut locations.cookies,
                };
                let index = list.partition_point(|location| location.place < place);
                if list.get(index).is_none_or(|location| location.place != place) {
                    list.insert(index, Location { place, issuers: Issuers::default() });
                }
                if let Some(location) = list.get_mut(index) {
                    location.issuers.add(provider.issuer());
                }
            }
        }
        locations
    }

    /// Whether tokens may be in this header, which is in lower case.
    #[must_use]
    pub fn have_header(&self, header: &str) -> bool {
        let is = |place: &Place| matches!(place, Place::Header { name, .. } if name == header);
        self.headers.iter().any(|location| is(&location.place))
    }

    /// The tokens of a request, in the order of the places. Envoy tries the last one first.
    ///
    /// ```
    /// use tollgate::headers::HeaderMap;
    /// use tollgate_jwt_auth::config;
    /// use tollgate_jwt_auth::extract::Locations;
    ///
    /// let provider: config::Provider =
    ///     tollgate::config::from_slice(br#"{"local_jwks": {"inline_string": "{}"}}"#).unwrap();
    /// let locations = Locations::of([&provider]);
    /// let headers = HeaderMap::from_pairs([
    ///     (":path", "/?access_token=d.e.f"),
    ///     ("authorization", "Bearer a.b.c"),
    /// ]);
    /// let tokens: Vec<_> =
    ///     locations.find(&headers).into_iter().map(|found| found.token.unwrap()).collect();
    /// assert_eq!(tokens, [&b"a.b.c"[..], b"d.e.f"]);
    /// ```
    #[must_use]
    pub fn find<'l, 'h>(&'l self, headers: &'h HeaderMap) -> Tokens<'l, 'h> {
        let mut found = Tokens::default();
        for location in &self.headers {
            if let Place::Header { name, prefix } = &location.place {
                header_tokens(headers, name, prefix.as_bytes(), |token| {
                    found.push(Found { location, token: token.map(Cow::Borrowed) });
                });
            }
        }
        if !self.params.is_empty() {
            self.find_params(headers.get(":path").unwrap_or_default(), &mut found);
        }
        if !self.cookies.is_empty() {
            self.find_cookies(headers, &mut found);
        }
        found.bound();
        found
    }

    fn find_params<'l, 'h>(&'l self, target: &'h [u8], found: &mut Tokens<'l, 'h>) {
        let Some(query) = uri::query(target) else { return };
        let query = Query::new(query);
        for location in &self.params {
            if let Place::Param(name) = &location.place {
                let values = query.get_all(name.as_bytes());
                values.for_each(|token| found.push(Found { location, token: Ok(token) }));
            }
        }
    }

    fn find_cookies<'l, 'h>(&'l self, headers: &'h HeaderMap, found: &mut Tokens<'l, 'h>) {
        let cookies = Cookies::new(headers);
        for location in &self.cookies {
            if let Place::Cookie(name) = &location.place {
                for (_, token) in cookies.iter().filter(|(it, _)| *it == name.as_bytes()) {
                    found.push(Found { location, token: Ok(Cow::Borrowed(token)) });
                }
                if cookies.truncated() {
                    found.push(Found { location, token: Err(Failure::BadFormat) });
                }
            }
        }
    }
}

/// Where a provider's tokens may be.
fn places(provider: &config::Provider) -> Vec<Place> {
    let header = |name: &str, prefix: &str| Place::Header {
        name: name.to_ascii_lowercase(),
        prefix: prefix.to_owned(),
    };
    let headers = provider.from_headers.iter().map(|from| header(&from.name, &from.value_prefix));
    let params = provider.from_params.iter().cloned().map(Place::Param);
    let cookies = provider.from_cookies.iter().map(|name| Place::Cookie(name.to_string()));
    let places: Vec<_> = headers.chain(params).chain(cookies).collect();
    if places.is_empty() {
        return vec![header(AUTHORIZATION, "Bearer "), Place::Param("access_token".to_owned())];
    }
    places
}

/// Checks the names of the places.
///
/// # Errors
///
/// A parameter without a name.
pub fn check(provider: &config::Provider) -> Result<(), ConfigError> {
    match provider.from_params.iter().position(String::is_empty) {
        None => Ok(()),
        Some(index) => Err(ConfigError::new(
            format!("from_params[{index}]"),
            "an empty name",
            "the name of a query parameter",
        )),
    }
}

/// The tokens in the values of one header. Of `authorization` there may be only one, whether the
/// others come on lines of their own or joined by a comma, which is how Envoy hands repeated ones on:
/// which of them the upstream would believe is anybody's guess.
///
/// A comma behind the token is found by [`Location::check`].
fn header_tokens<'h>(
    headers: &'h HeaderMap,
    name: &str,
    prefix: &[u8],
    mut found: impl FnMut(Result<&'h [u8], Failure>),
) {
    let mut values = headers.get_all(name);
    let Some(first) = values.next() else { return };
    if name != AUTHORIZATION {
        let tokens = std::iter::once(first).chain(values);
        return tokens.filter_map(|value| behind(prefix, value)).for_each(|token| found(Ok(token)));
    }
    if values.next().is_some() {
        return found(Err(Failure::BadFormat));
    }
    let Some(token) = behind(prefix, first) else { return };
    let (before, _) =
        first.split_at_checked(first.len().saturating_sub(token.len())).unwrap_or_default();
    found(if before.contains(&b',') { Err(Failure::BadFormat) } else { Ok(token) });
}

/// What stands behind a prefix, which is searched anywhere in the value, with regard to case: from
/// the first character of base64url, or dot, to the end; the whole value if there is none.
fn behind<'a>(prefix: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    if prefix.is_empty() {
        return Some(value);
    }
    // Where it nearly always is.
    let rest = value.strip_prefix(prefix).or_else(|| {
        let at = value.windows(prefix.len()).position(|window| window == prefix)?;
        value.get(at.saturating_add(prefix.len())..)
    })?;
    let start = rest.iter().position(|byte| is_token_character(*byte));
    Some(start.and_then(|start| rest.get(start..)).unwrap_or(value))
}

fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A request target without the query parameters of a name; all else stays as it was.
///
/// ```
/// use tollgate_jwt_auth::extract::without_param;
///
/// assert_eq!(without_param(b"/a?x=%31&t=1&y&t=2#f", "t"), b"/a?x=%31&y#f");
/// assert_eq!(without_param(b"/a?%74=1", "t"), b"/a");
/// ```
#[must_use]
pub fn without_param(target: &[u8], name: &str) -> Vec<u8> {
    let path = uri::path(target);
    let Some(query) = uri::query(target) else { return target.to_vec() };
    let end = path.len().saturating_add(1).saturating_add(query.len());
    let kept = query
        .split(|byte| *byte == b'&')
        .filter(|piece| Query::new(piece).get(name.as_bytes()).is_none());
    let mut result = path.to_vec();
    for (index, piece) in kept.filter(|piece| !piece.is_empty()).enumerate() {
        result.push(if index == 0 { b'?' } else { b'&' });
        result.extend_from_slice(piece);
    }
    result.extend_from_slice(target.get(end..).unwrap_or_default());
    result
}

#[cfg(test)]
mod tests;
