//! Who the client is, by its certificate.

use crate::config;
use crate::rules::TextMatch;
use tollgate::config::{ConfigError, exactly_one};
use tollgate::properties::Text;

/// The names of a client in its certificate, which was verified. Envoy tells a module the first of each
/// kind.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The first URI among its subject alternative names.
    pub uri: Option<Text>,
    /// The first DNS name among them.
    pub dns: Option<Text>,
}

/// A checked [`config::PeerName`].
#[derive(Debug)]
pub enum PeerMatch {
    /// What its URI must be like.
    Uri(TextMatch),
    /// What its DNS name must be like.
    Dns(TextMatch),
}

impl PeerMatch {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// Not exactly one kind, or a test that cannot be meant.
    pub fn new(config: &config::PeerName) -> Result<Self, ConfigError> {
        exactly_one(&[("uri", config.uri.is_some()), ("dns", config.dns.is_some())])?;
        let compile = |field, matcher| TextMatch::new(matcher).map_err(|error| error.at(field));
        match (&config.uri, &config.dns) {
            (Some(uri), _) => compile("uri", uri).map(Self::Uri),
            (None, dns) => compile("dns", &dns.clone().unwrap_or_default()).map(Self::Dns),
        }
    }

    /// Whether a client has the name.
    #[must_use]
    pub fn matches(&self, peer: &Peer) -> bool {
        let (matcher, name) = match self {
            Self::Uri(matcher) => (matcher, &peer.uri),
            Self::Dns(matcher) => (matcher, &peer.dns),
        };
        name.as_ref().is_some_and(|name| matcher.matches(name))
    }
}
