//! The facts of a request that is being handled.

use std::cell::OnceCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use crate::cookies::Cookies;
use crate::headers::HeaderMap;
use crate::message::{Extensions, Headers, VerifiedClaims};
use crate::properties::{Connection, Properties};
use crate::{Request, Result};

use super::facts::{Claims, Facts};
use super::peer::Peer;

/// The facts of a [`Request`], each read from the host when a condition looks at it, and once.
///
/// - Claims are those that a filter before this one in the chain has verified, see
///   [`VerifiedClaims`].
/// - The peer is known when its certificate was verified. Envoy before 1.39 does not tell, so that there
///   one that it accepts unverified (`trust_chain_verification: ACCEPT_UNTRUSTED`) counts too. Of several
///   URIs or DNS names among the subject alternative names Envoy gives a module the first of each.
///
/// ```
/// use tollgate::matching::Matcher;
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request, internal: &Matcher) -> Result<Flow> {
/// match internal.matches(&request.facts())? {
///     true => Ok(Flow::Continue),
///     false => Ok(Flow::Reply(LocalReply::new(403))),
/// }
/// # }
/// ```
pub struct RequestFacts<'a> {
    headers: &'a Headers,
    extensions: &'a Extensions,
    cookies: OnceCell<Cookies<'a>>,
    source_ip: OnceCell<Option<IpAddr>>,
    claims: OnceCell<Option<Rc<VerifiedClaims>>>,
    peer: OnceCell<Option<Peer>>,
}

impl<S> Request<'_, S> {
    /// What conditions may look at, read as they do.
    #[must_use]
    pub fn facts(&self) -> RequestFacts<'_> {
        RequestFacts::new(self.raw_headers(), self.extensions())
    }
}

impl<'a> RequestFacts<'a> {
    fn new(headers: &'a Headers, extensions: &'a Extensions) -> Self {
        Self {
            headers,
            extensions,
            cookies: OnceCell::new(),
            source_ip: OnceCell::new(),
            claims: OnceCell::new(),
            peer: OnceCell::new(),
        }
    }
}

/// Shows nothing: values may be secrets.
impl fmt::Debug for RequestFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFacts").finish_non_exhaustive()
    }
}

impl Facts for RequestFacts<'_> {
    fn headers(&self) -> Result<&HeaderMap> {
        self.headers.get()
    }

    fn cookies(&self) -> Result<&Cookies<'_>> {
        once(&self.cookies, || Ok(Cookies::new(self.headers.get()?)))
    }

    fn source_ip(&self) -> Result<Option<IpAddr>> {
        let address = || Ok(Properties.source().address()?.and_then(|address| address.ip()));
        once(&self.source_ip, address).copied()
    }

    fn claims(&self) -> Result<Option<&Claims>> {
        let claims = self.claims.get_or_init(|| self.extensions.get::<VerifiedClaims>());
        Ok(claims.as_deref().map(|claims| &claims.0))
    }

    fn peer(&self) -> Result<Option<&Peer>> {
        Ok(once(&self.peer, || peer(Properties.connection()))?.as_ref())
    }
}

fn once<T>(cell: &OnceCell<T>, read: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let read = read()?;
    Ok(cell.get_or_init(|| read))
}

fn peer(connection: Connection) -> Result<Option<Peer>> {
    let verified = match connection.peer_certificate_valid()? {
        Some(verified) => verified,
        None => connection.mtls()? == Some(true),
    };
    if !verified {
        return Ok(None);
    }
    Ok(Some(Peer {
        uri_sans: connection.uri_san_peer_certificate()?.map(Vec::from).into_iter().collect(),
        dns_sans: connection.dns_san_peer_certificate()?.map(Vec::from).into_iter().collect(),
        subject: connection.subject_peer_certificate()?.map(Vec::from).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::native::{self, Host};
    use crate::abi::{HostError, MapKind, Status};
    use serde_json::json;
    use std::cell::RefCell;

    /// Knows these attributes, and remembers what it was asked.
    struct Attributes {
        known: Vec<(&'static str, Vec<u8>)>,
        failing: Option<Status>,
        asked: RefCell<Vec<String>>,
    }

    impl Attributes {
        fn install(known: &[(&'static str, &[u8])]) -> Rc<Self> {
            let known = known.iter().map(|(name, value)| (*name, value.to_vec())).collect();
            Self { known, failing: None, asked: RefCell::default() }.installed()
        }

        fn failing(status: Status) -> Rc<Self> {
            Self { known: Vec::new(), failing: Some(status), asked: RefCell::default() }.installed()
        }

        fn installed(self) -> Rc<Self> {
            let host = Rc::new(self);
            native::install(host.clone());
            host
        }
    }

    impl Host for Attributes {
        fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
            let name = String::from_utf8(path.to_vec()).unwrap().replace('\0', ".");
            self.asked.borrow_mut().push(name.clone());
            match self.failing {
                Some(status) => Err(HostError::new("proxy_get_property", status)),
                None => Ok(self.known.iter().find(|(n, _)| **n == name).map(|(_, v)| v.clone())),
            }
        }

        fn header_map(&self, kind: MapKind) -> Result<Vec<u8>> {
            assert_eq!(kind, MapKind::RequestHeaders);
            self.asked.borrow_mut().push("headers".to_owned());
            Ok(HeaderMap::from_pairs([("cookie", "uid=42")]).as_buffer().to_vec())
        }
    }

    fn with_facts<T>(test: impl FnOnce(&RequestFacts<'_>, &Extensions) -> T) -> T {
        let (headers, extensions) = (Headers::new(MapKind::RequestHeaders), Extensions::default());
        test(&RequestFacts::new(&headers, &extensions), &extensions)
    }

    const PEER: [(&str, &[u8]); 5] = [
        ("connection.peer_certificate_valid", &[1]),
        ("connection.mtls", &[1]),
        ("connection.uri_san_peer_certificate", b"spiffe://example.org/shop"),
        ("connection.dns_san_peer_certificate", b"shop.example"),
        ("connection.subject_peer_certificate", b"CN=shop"),
    ];

    #[test]
    fn nothing_is_read_before_it_is_looked_at_and_nothing_twice() {
        let host = Attributes::install(&[("source.address", b"192.0.2.1:4711")]);
        with_facts(|facts, _| {
            assert!(host.asked.borrow().is_empty());
            for _ in 0..2 {
                assert_eq!(facts.source_ip(), Ok(Some("192.0.2.1".parse().unwrap())));
                assert_eq!(facts.cookies().unwrap().get(b"uid"), Some(&b"42"[..]));
                assert!(facts.headers().unwrap().get("cookie").is_some());
                assert_eq!(facts.claims(), Ok(None));
                assert_eq!(facts.peer(), Ok(None));
            }
            let read = [
                "source.address",
                "headers",
                "connection.peer_certificate_valid",
                "connection.mtls",
            ];
            assert_eq!(*host.asked.borrow(), read);
        });
    }

    #[test]
    fn claims_are_those_that_a_filter_before_has_left() {
        with_facts(|facts, extensions| {
            let claims = json!({ "sub": "alice" }).as_object().cloned().unwrap();
            extensions.insert(VerifiedClaims(claims.clone()));
            assert_eq!(facts.claims(), Ok(Some(&claims)));
        });
    }

    #[test]
    fn a_client_on_a_unix_socket_has_no_address() {
        Attributes::install(&[("source.address", b"/run/client.sock")]);
        with_facts(|facts, _| assert_eq!(facts.source_ip(), Ok(None)));
    }

    #[test]
    fn a_verified_certificate_names_its_peer() {
        Attributes::install(&PEER);
        with_facts(|facts, _| {
            let expected = Peer {
                uri_sans: vec![b"spiffe://example.org/shop".to_vec()],
                dns_sans: vec![b"shop.example".to_vec()],
                subject: b"CN=shop".to_vec(),
            };
            assert_eq!(facts.peer(), Ok(Some(&expected)));
        });
    }

    #[test]
    fn a_certificate_that_was_not_verified_names_nobody() {
        let mut known = PEER;
        known[0].1 = &[0];
        Attributes::install(&known);
        with_facts(|facts, _| assert_eq!(facts.peer(), Ok(None)));
    }

    #[test]
    fn an_envoy_that_does_not_tell_whether_it_verified_is_taken_at_its_mtls() {
        for (mtls, known) in [(&[1], true), (&[0], false)] {
            let attributes: Vec<_> = [("connection.mtls", &mtls[..])]
                .into_iter()
                .chain(PEER.into_iter().skip(2))
                .collect();
            Attributes::install(&attributes);
            with_facts(|facts, _| assert_eq!(facts.peer().unwrap().is_some(), known));
        }
    }

    #[test]
    fn what_the_host_does_not_tell_is_an_error_and_not_absent() {
        Attributes::failing(Status::InternalFailure);
        with_facts(|facts, _| {
            assert!(facts.source_ip().is_err());
            assert!(facts.peer().is_err());
        });
    }
}
