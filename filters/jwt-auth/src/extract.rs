//! Where the tokens of a request are: in headers, query parameters and cookies.
//!
//! As in Envoy (`source/extensions/filters/http/jwt_authn/extractor.cc`): every place that is
//! configured is looked at, and every token found counts. Unlike Envoy, nothing that an upstream may
//! take for the token goes unseen: more than one `authorization` is refused, every value of a repeated
//! query parameter or cookie is a token, and cookies that were too many to read are a bad one.

use crate::config;
use crate::status::Failure;
use std::borrow::Cow;
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
    pub fn find<'l, 'h>(&'l self, headers: &'h HeaderMap) -> Vec<Found<'l, 'h>> {
        let mut found = Vec::new();
        for location in &self.headers {
            if let Place::Header { name, prefix } = &location.place {
                let tokens = header_tokens(headers, name, prefix.as_bytes());
                found.extend(
                    tokens.map(|token| Found { location, token: token.map(Cow::Borrowed) }),
                );
            }
        }
        if !self.params.is_empty() {
            self.find_params(headers.get(":path").unwrap_or_default(), &mut found);
        }
        if !self.cookies.is_empty() {
            self.find_cookies(headers, &mut found);
        }
        if let Some(Found { location, .. }) = found.get(MAX_TOKENS) {
            let too_many = Found { location, token: Err(Failure::BadFormat) };
            found.truncate(MAX_TOKENS);
            found.push(too_many);
        }
        found
    }

    fn find_params<'l, 'h>(&'l self, target: &'h [u8], found: &mut Vec<Found<'l, 'h>>) {
        let query = Query::of(target);
        if query == Query::default() {
            return;
        }
        for location in &self.params {
            if let Place::Param(name) = &location.place {
                let values = query.get_all(name.as_bytes());
                found.extend(values.map(|token| Found { location, token: Ok(token) }));
            }
        }
    }

    fn find_cookies<'l, 'h>(&'l self, headers: &'h HeaderMap, found: &mut Vec<Found<'l, 'h>>) {
        let cookies = Cookies::new(headers);
        for location in &self.cookies {
            if let Place::Cookie(name) = &location.place {
                let is_its = |(it, _): &(&[u8], &[u8])| *it == name.as_bytes();
                let values = cookies.iter().filter(is_its).map(|(_, value)| value);
                found.extend(
                    values.map(|token| Found { location, token: Ok(Cow::Borrowed(token)) }),
                );
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
) -> impl Iterator<Item = Result<&'h [u8], Failure>> {
    let single = name == AUTHORIZATION;
    let mut values = headers.get_all(name);
    let first = values.next();
    let repeated = single && values.next().is_some();
    let others = if repeated { None } else { Some(headers.get_all(name).skip(1)) };
    first.into_iter().chain(others.into_iter().flatten()).filter_map(move |value| {
        if repeated {
            return Some(Err(Failure::BadFormat));
        }
        let token = behind(prefix, value)?;
        let before = value.len().saturating_sub(token.len());
        let joined = single && value.get(..before).is_some_and(|before| before.contains(&b','));
        Some(if joined { Err(Failure::BadFormat) } else { Ok(token) })
    })
}

/// What stands behind a prefix, which is searched anywhere in the value, with regard to case: from
/// the first character of base64url, or dot, to the end; the whole value if there is none.
fn behind<'a>(prefix: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    if prefix.is_empty() {
        return Some(value);
    }
    let at = value.windows(prefix.len()).position(|window| window == prefix)?;
    let rest = value.get(at.saturating_add(prefix.len())..).unwrap_or_default();
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
