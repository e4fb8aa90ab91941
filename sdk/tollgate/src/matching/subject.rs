//! What a condition looks at, and which values a request has there.

use serde_json::Value;

use crate::config::{ConfigError, CookieName, HeaderName, quoted};
use crate::json;
use crate::uri::{self, Query};
use crate::{HostError, Result};

use super::config::{ClaimPath, CookieMatch, HeaderMatch, Principal, QueryMatch};
use super::facts::{Facts, Needs};
use super::pointer::Pointer;
use super::value::ValueMatcher;

#[derive(Clone, Debug)]
pub(super) enum Subject {
    Method,
    Host,
    Path,
    Header(String),
    Query(String),
    Cookie(String),
    CookieJson(String, Pointer),
    Claim(ClaimPath),
    Peer(Option<Principal>),
}

/// The deepest JSON that a cookie's pointer leads into.
const MAX_DEPTH: usize = 32;

impl Subject {
    pub(super) fn header(entry: &HeaderMatch) -> Result<Self, ConfigError> {
        let field = entry.name.strip_prefix(':').unwrap_or(&entry.name);
        if HeaderName::parse(field).is_none() {
            return Err(ConfigError::new("name", quoted(&entry.name), HeaderName::ALLOWED));
        }
        let name = entry.name.to_ascii_lowercase();
        // Envoy has turned every `host` into `:authority` before a filter sees it.
        Ok(Self::Header(if name == "host" { ":authority".to_owned() } else { name }))
    }

    pub(super) fn query(entry: &QueryMatch) -> Result<Self, ConfigError> {
        match entry.name.as_str() {
            "" => {
                Err(ConfigError::new("name", "\"\"", "the name of a parameter, such as \"beta\""))
            }
            name => Ok(Self::Query(name.to_owned())),
        }
    }

    pub(super) fn cookie(entry: &CookieMatch) -> Result<Self, ConfigError> {
        if CookieName::parse(&entry.name).is_none() {
            return Err(ConfigError::new("name", quoted(&entry.name), CookieName::ALLOWED));
        }
        let name = entry.name.clone();
        match &entry.pointer {
            None => Ok(Self::Cookie(name)),
            Some(text) => match Pointer::parse(text) {
                Some(pointer) => Ok(Self::CookieJson(name, pointer)),
                None => Err(ConfigError::new("pointer", quoted(text), Pointer::ALLOWED)),
            },
        }
    }

    /// Whether the values that a request has here fulfil a condition.
    pub(super) fn fulfils(&self, value: &ValueMatcher, request: &dyn Facts) -> Result<bool> {
        let header = |name| Ok::<_, HostError>(request.headers()?.get(name));
        Ok(match self {
            Self::Method => value.matches(header(":method")?),
            Self::Host => value.matches(header(":authority")?.map(uri::host)),
            Self::Path => value.matches(header(":path")?.map(uri::path)),
            Self::Header(name) => value.matches(request.headers()?.get_all(name)),
            Self::Query(name) => {
                let target = header(":path")?.unwrap_or_default();
                value.matches(Query::of(target).get_all(name.as_bytes()))
            }
            Self::Cookie(name) => value.matches(request.cookies()?.get(name.as_bytes())),
            Self::CookieJson(name, pointer) => {
                let cookie = request.cookies()?.get(name.as_bytes()).and_then(cookie_json);
                value.matches_json(cookie.as_ref().and_then(|json| pointer.find(json)))
            }
            Self::Claim(path) => {
                value.matches_json(request.claims()?.and_then(|claims| path.find(claims)))
            }
            Self::Peer(principal) => value.matches(match request.peer()? {
                Some(peer) => peer.names(*principal),
                None => Vec::new(),
            }),
        })
    }

    pub(super) fn needs(&self) -> Needs {
        let none = Needs::default();
        match self {
            Self::Cookie(_) | Self::CookieJson(..) => Needs { cookies: true, ..none },
            Self::Claim(_) => Needs { claims: true, ..none },
            Self::Peer(_) => Needs { peer: true, ..none },
            _ => Needs { headers: true, ..none },
        }
    }
}

/// A cookie's value as JSON: as it stands, or percent-encoded, since a cookie must have no quotes and
/// commas (RFC 6265, section 4.1.1).
fn cookie_json(value: &[u8]) -> Option<Value> {
    json::parse(value, MAX_DEPTH)
        .or_else(|_| json::parse(&uri::percent_decode(value), MAX_DEPTH))
        .ok()
}
