//! What matches are about.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::Result;
use crate::cookies::Cookies;
use crate::headers::HeaderMap;

use super::peer::Peer;

/// The claims of a verified token: the members of its payload.
pub type Claims = Map<String, Value>;

/// What is known about a request.
///
/// Each method is called only when a condition looks at its fact, so what costs a host call may be
/// read then, and not before. [`Matcher::needs`](super::Matcher::needs) says beforehand which
/// methods can be called at all: a filter that cannot supply one refuses the configuration.
///
/// [`KnownFacts`] is for values that are there already.
///
/// # Errors
///
/// A fact that cannot be read is an error of the whole match: were it taken for absent, a failing
/// host call would fulfil a `not`.
pub trait Facts {
    /// The request's headers, pseudo-headers included.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn headers(&self) -> Result<&HeaderMap>;

    /// The request's cookies.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn cookies(&self) -> Result<&Cookies<'_>>;

    /// The address of the client, if it has one: not a client on a Unix socket.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn source_ip(&self) -> Result<Option<IpAddr>>;

    /// The claims of the request's verified token, if it has one.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn claims(&self) -> Result<Option<&Claims>>;

    /// Whom the client's verified certificate is about, if it sent one.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn peer(&self) -> Result<Option<&Peer>>;
}

/// Facts that are all there.
///
/// ```
/// use tollgate::headers::HeaderMap;
/// use tollgate::matching::{Facts, KnownFacts};
///
/// let headers = HeaderMap::from_pairs([("cookie", "uid=42")]);
/// let facts = KnownFacts::new(&headers).with_source_ip("10.0.0.1".parse().unwrap());
/// assert_eq!(facts.cookies().unwrap().get(b"uid"), Some(&b"42"[..]));
/// assert!(facts.source_ip().unwrap().is_some());
/// assert!(facts.claims().unwrap().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct KnownFacts<'a> {
    headers: &'a HeaderMap,
    cookies: Cookies<'a>,
    source_ip: Option<IpAddr>,
    claims: Option<&'a Claims>,
    peer: Option<&'a Peer>,
}

impl<'a> KnownFacts<'a> {
    /// A request with these headers, and nothing else known.
    #[must_use]
    pub fn new(headers: &'a HeaderMap) -> Self {
        let cookies = Cookies::new(headers);
        Self { headers, cookies, source_ip: None, claims: None, peer: None }
    }

    /// The same request from this address.
    #[must_use]
    pub fn with_source_ip(self, address: IpAddr) -> Self {
        Self { source_ip: Some(address), ..self }
    }

    /// The same request with these claims.
    #[must_use]
    pub fn with_claims(self, claims: &'a Claims) -> Self {
        Self { claims: Some(claims), ..self }
    }

    /// The same request with this client certificate.
    #[must_use]
    pub fn with_peer(self, peer: &'a Peer) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

impl Facts for KnownFacts<'_> {
    fn headers(&self) -> Result<&HeaderMap> {
        Ok(self.headers)
    }

    fn cookies(&self) -> Result<&Cookies<'_>> {
        Ok(&self.cookies)
    }

    fn source_ip(&self) -> Result<Option<IpAddr>> {
        Ok(self.source_ip)
    }

    fn claims(&self) -> Result<Option<&Claims>> {
        Ok(self.claims)
    }

    fn peer(&self) -> Result<Option<&Peer>> {
        Ok(self.peer)
    }
}

/// Which facts a match may look at.
///
/// ```
/// use tollgate::config;
/// use tollgate::matching::{Match, Needs};
///
/// let condition: Match =
///     config::from_slice(br#"{"cookies": [{"name": "a", "exact": "b"}]}"#).unwrap();
/// let needs = condition.compile().unwrap().needs();
/// assert_eq!(needs, Needs { cookies: true, ..Needs::default() });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`Facts::headers`].
    pub headers: bool,
    /// [`Facts::cookies`].
    pub cookies: bool,
    /// [`Facts::source_ip`].
    pub source_ip: bool,
    /// [`Facts::claims`].
    pub claims: bool,
    /// [`Facts::peer`].
    pub peer: bool,
}

impl Needs {
    /// What the two need together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            headers: self.headers || other.headers,
            cookies: self.cookies || other.cookies,
            source_ip: self.source_ip || other.source_ip,
            claims: self.claims || other.claims,
            peer: self.peer || other.peer,
        }
    }
}
