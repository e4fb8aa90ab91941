//! Where keys are, and what counts as an answer from there.

use super::freshness::max_age;
use super::record::Tag;
use crate::config;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tollgate::config::{ConfigError, quoted};
use tollgate::headers::HeaderMap;
use tollgate::json;

/// The longest `ETag` that is kept, in bytes.
const MAX_ETAG: usize = 1024;
/// The deepest nesting of a discovery document.
const MAX_JSON_DEPTH: usize = 32;
/// Where an issuer's document is (OpenID Connect Discovery 1.0, 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where a key set comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a URL, through a cluster.
    Uri(Url, String),
    /// From where an issuer says.
    Discovery {
        /// The issuer.
        issuer: String,
        /// Its document.
        document: Url,
        /// The cluster that leads to the document.
        cluster: String,
        /// The cluster that leads to the keys.
        jwks_cluster: String,
    },
}

/// An absolute URL of HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    is_https: bool,
    authority: String,
    path: String,
}

/// What a fetch has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The set that is there is still right.
    Unchanged {
        /// How long it may be used.
        max_age: Option<Duration>,
    },
    /// A set, perhaps: nobody has read it yet.
    Set {
        /// What came.
        body: Vec<u8>,
        /// By what the issuer knows it again.
        tag: Option<Tag>,
        /// How long it may be used.
        max_age: Option<Duration>,
    },
}

/// Why a fetch has brought nothing. Says nothing of what was in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError(pub String);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Source {
    /// Where a provider's keys are, if it fetches them.
    ///
    /// # Errors
    ///
    /// A URL that is none, or a cluster without a name.
    pub fn new(config: &config::Provider) -> Result<Option<Self>, ConfigError> {
        if let Some(remote) = &config.remote_jwks {
            let at = |error: ConfigError| error.at("http_uri").at("remote_jwks");
            let url = Url::configured("uri", &remote.http_uri.uri).map_err(at)?;
            named("cluster", &remote.http_uri.cluster).map_err(at)?;
            return Ok(Some(Self::Uri(url, remote.http_uri.cluster.clone())));
        }
        let Some(discovery) = &config.discovery else { return Ok(None) };
        let at = |error: ConfigError| error.at("discovery");
        let issuer = &discovery.issuer_uri;
        let mut document = Url::configured("issuer_uri", issuer).map_err(at)?;
        if document.path.contains('?') {
            let allowed = "a URL without a query";
            return Err(at(ConfigError::new("issuer_uri", quoted(issuer), allowed)));
        }
        document.path.truncate(document.path.trim_end_matches('/').len());
        document.path.push_str(WELL_KNOWN);
        let jwks_cluster = discovery.jwks_cluster.as_ref().unwrap_or(&discovery.cluster);
        named("cluster", &discovery.cluster).map_err(at)?;
        named("jwks_cluster", jwks_cluster).map_err(at)?;
        if !config.issuer.is_empty() && config.issuer != *issuer {
            let allowed = "the same as `discovery.issuer_uri`, or nothing";
            return Err(ConfigError::new("issuer", quoted(&config.issuer), allowed));
        }
        Ok(Some(Self::Discovery {
            issuer: issuer.clone(),
            document,
            cluster: discovery.cluster.clone(),
            jwks_cluster: jwks_cluster.clone(),
        }))
    }

    /// Names it, for all who fetch from there.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Uri(url, cluster) => format!("{cluster} {url}"),
            Self::Discovery { issuer, cluster, jwks_cluster, .. } => {
                format!("{cluster} {jwks_cluster} issuer {issuer}")
            }
        }
    }

    /// Where the operator said that the keys are.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::Uri(url, _) | Self::Discovery { document: url, .. } => url,
        }
    }
}

fn named(field: &'static str, name: &str) -> Result<(), ConfigError> {
    match name.is_empty() {
        true => Err(ConfigError::new(field, quoted(name), "the name of a cluster")),
        false => Ok(()),
    }
}

impl Url {
    /// Reads an absolute URL with `http://` or `https://`; without user and fragment.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\');
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if !rest.bytes().all(is_plain) || authority.is_empty() || authority.contains('@') {
            return None;
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self { is_https, authority: authority.to_owned(), path: format!("{slash}{path}") })
    }

    fn configured(field: &'static str, text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).ok_or_else(|| {
            let allowed = "a URL such as \"https://issuer.example/keys\"";
            ConfigError::new(field, quoted(text), allowed)
        })
    }

    /// The authority: host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an answer to the question for keys means; `asked` is what they were said to be known by.
///
/// # Errors
///
/// Why they are not there.
pub fn fetched(
    uri: &Url,
    asked: Option<&Tag>,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Fetched, FetchError> {
    let max_age = max_age(headers);
    match status {
        200 => {
            let etag = headers.get("etag").filter(|etag| etag.len() <= MAX_ETAG);
            let tag = etag.map(|etag| Tag { uri: uri.to_string(), etag: etag.to_vec() });
            Ok(Fetched::Set { body: body.to_vec(), tag, max_age })
        }
        304 if asked.is_some() => Ok(Fetched::Unchanged { max_age }),
        status => Err(bad_status(status)),
    }
}

/// Where the document of an issuer says that the keys are.
///
/// # Errors
///
/// Why it does not, or must not be believed.
pub fn jwks_uri(issuer: &str, document: &Url, status: u16, body: &[u8]) -> Result<Url, FetchError> {
    let refuse = |why: &str| FetchError(why.to_owned());
    if status != 200 {
        return Err(bad_status(status));
    }
    let parsed = json::parse(body, MAX_JSON_DEPTH)
        .map_err(|error| FetchError(format!("the document is no JSON: {error}")))?;
    let member = |name: &str| parsed.get(name).and_then(Value::as_str);
    if member("issuer") != Some(issuer) {
        return Err(refuse("the document is not of this issuer: its `issuer` is not `issuer_uri`"));
    }
    let url = member("jwks_uri").and_then(Url::parse);
    let url =
        url.ok_or_else(|| refuse("the document has no `jwks_uri` that is an absolute URL"))?;
    if document.is_https && !url.is_https {
        return Err(refuse("the document's `jwks_uri` is not https, as `issuer_uri` is"));
    }
    Ok(url)
}

fn bad_status(status: u16) -> FetchError {
    let note = if (300..400).contains(&status) { " (redirects are not followed)" } else { "" };
    FetchError(format!("the answer has status {status}{note}"))
}

#[cfg(test)]
mod tests;
