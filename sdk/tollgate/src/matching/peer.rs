//! Conditions on the client's certificate.

use crate::config::ConfigError;

use super::config::{PeerMatch, Principal};
use super::value::ValueMatcher;

/// Whom a client certificate is about. Nothing here is checked: it must come from a certificate
/// that was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The URIs among its subject alternative names, such as SPIFFE identities.
    pub uri_sans: Vec<Vec<u8>>,
    /// The DNS names among them.
    pub dns_sans: Vec<Vec<u8>>,
    /// Its subject (RFC 2253); none when empty.
    pub subject: Vec<u8>,
}

impl Peer {
    /// The names of one kind, or of all.
    pub(super) fn names(&self, principal: Option<Principal>) -> Vec<&[u8]> {
        let of = |kind| principal.is_none_or(|wanted| wanted == kind);
        let mut names: Vec<&[u8]> = Vec::new();
        if of(Principal::UriSan) {
            names.extend(self.uri_sans.iter().map(Vec::as_slice));
        }
        if of(Principal::DnsSan) {
            names.extend(self.dns_sans.iter().map(Vec::as_slice));
        }
        if of(Principal::Subject) && !self.subject.is_empty() {
            names.push(&self.subject);
        }
        names
    }
}

/// A compiled [`PeerMatch`].
///
/// ```
/// use tollgate::config;
/// use tollgate::matching::{Peer, PeerMatch};
///
/// let operations: PeerMatch = config::from_slice(
///     br#"{"principal": "uri_san", "prefix": "spiffe://example.org/ns/operations/"}"#,
/// ).unwrap();
/// let operations = operations.compile().unwrap();
///
/// let uri = b"spiffe://example.org/ns/operations/sa/deployer".to_vec();
/// let peer = Peer { uri_sans: vec![uri], ..Peer::default() };
/// assert!(operations.matches(Some(&peer)));
/// assert!(!operations.matches(None));
/// ```
#[derive(Clone, Debug)]
pub struct PeerMatcher {
    principal: Option<Principal>,
    value: ValueMatcher,
}

impl PeerMatch {
    /// Checks the condition.
    ///
    /// # Errors
    ///
    /// What cannot be meant, see [`ValueMatch::compile`](super::ValueMatch::compile).
    pub fn compile(&self) -> Result<PeerMatcher, ConfigError> {
        Ok(PeerMatcher { principal: self.principal, value: self.value.compile()? })
    }
}

impl PeerMatcher {
    /// Whether a client certificate fulfils the condition, or that there is none.
    #[must_use]
    pub fn matches(&self, peer: Option<&Peer>) -> bool {
        self.value.matches(peer.map(|peer| peer.names(self.principal)).unwrap_or_default())
    }
}
