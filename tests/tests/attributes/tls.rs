//! Certificates, in two Envoys one behind the other: the client of the inner one is the outer one.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::certificates::{Authority, Identity};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, native_filter};
use tollgate_e2e::upstream::Upstream;

use crate::probe::{self, Seen, since};

struct Chain {
    upstream: Upstream,
    outer: Process,
    _inner: Process,
}

impl Chain {
    /// The inner Envoy shows `server` and asks for a certificate of `authority`; the outer one shows
    /// `client`, if any. The probe is in the one of the two that `inner` says.
    async fn start(
        authority: &Authority,
        server: &Identity,
        client: Option<&Identity>,
        probe_inside: bool,
    ) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let mut inside = Listener::new("inside")
            .tls(server, authority)
            .with_listener(json!({ "listener_filters": [tls_inspector()] }));
        let mut outside = Listener::new("outside");
        match probe_inside {
            true => inside = inside.filter(probe::filter(json!({}))?),
            false => outside = outside.filter(probe::filter(json!({}))?),
        }
        let config = Bootstrap::new()
            .listener(inside.route(Route::prefix("/").to("app")))
            .cluster(Cluster::new("app", upstream.address()))
            .build();
        let inner = Process::start(&config, 1).await?;
        let behind = Cluster::new("inner", inner.address("inside")?);
        let config = Bootstrap::new()
            .listener(outside.route(Route::prefix("/").to("inner")))
            .cluster(behind.tls("inside.example", authority, client))
            .build();
        Ok(Self { upstream, outer: Process::start(&config, 1).await?, _inner: inner })
    }
}

/// It reads the name that a client asks for.
fn tls_inspector() -> Value {
    let message = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
    native_filter("envoy.filters.listener.tls_inspector", message, json!({}))
}

fn server(authority: &Authority) -> Result<Identity> {
    authority.issue("inside", &["spiffe://example.org/inside", "inside.example"])
}

#[tokio::test]
async fn the_certificate_of_a_client_is_seen_over_mutual_tls() -> Result<()> {
    let authority = Authority::new()?;
    let (server, client) = (
        server(&authority)?,
        authority
            .issue("shop", &["spiffe://example.org/shop", "shop.example", "second.example"])?,
    );
    let chain = Chain::start(&authority, &server, Some(&client), true).await?;
    let answer = client::get(chain.outer.address("outside")?, "/").send().await?;
    assert_eq!(answer.status, 200);

    let (later, latest) = (since(38)?, since(39)?);
    for seen in [Seen::in_request(&chain.upstream.last()?)?, Seen::in_response(&answer)?] {
        seen.assert_attributes(json!({
            "connection.mtls": true,
            "connection.peer_certificate_valid": latest.then_some(true),
            "connection.tls_version": "TLSv1.2",
            "connection.requested_server_name": "inside.example",
            "connection.subject_peer_certificate": "CN=shop",
            "connection.uri_san_peer_certificate": "spiffe://example.org/shop",
            "connection.dns_san_peer_certificate": "shop.example",
            "connection.sha256_peer_certificate_digest": client.sha256,
            "connection.peer_certificate": later.then_some(&client.certificate),
            "connection.subject_local_certificate": "CN=inside",
            "connection.uri_san_local_certificate": "spiffe://example.org/inside",
            "connection.dns_san_local_certificate": "inside.example",
        }));
    }
    Ok(())
}

#[tokio::test]
async fn without_a_certificate_of_the_client_there_is_tls_and_no_peer() -> Result<()> {
    let authority = Authority::new()?;
    let chain = Chain::start(&authority, &server(&authority)?, None, true).await?;
    client::get(chain.outer.address("outside")?, "/").send().await?;

    let seen = Seen::in_request(&chain.upstream.last()?)?;
    seen.assert_attributes(json!({
        "connection.mtls": false,
        "connection.tls_version": "TLSv1.2",
        "connection.subject_local_certificate": "CN=inside",
        "request.scheme": "http",
    }));
    seen.assert_absent(&[
        "connection.subject_peer_certificate",
        "connection.uri_san_peer_certificate",
        "connection.dns_san_peer_certificate",
        "connection.sha256_peer_certificate_digest",
        "connection.peer_certificate",
    ]);
    Ok(())
}

#[tokio::test]
async fn the_certificates_of_an_upstream_are_seen() -> Result<()> {
    let authority = Authority::new()?;
    let server = server(&authority)?;
    let client = authority.issue("gateway", &["spiffe://example.org/gateway"])?;
    let chain = Chain::start(&authority, &server, Some(&client), false).await?;
    let answer = client::get(chain.outer.address("outside")?, "/").send().await?;

    let seen = Seen::in_response(&answer)?;
    seen.assert_attributes(json!({
        "upstream.tls_version": "TLSv1.2",
        "upstream.subject_peer_certificate": "CN=inside",
        "upstream.uri_san_peer_certificate": "spiffe://example.org/inside",
        "upstream.dns_san_peer_certificate": "inside.example",
        "upstream.sha256_peer_certificate_digest": server.sha256,
        "upstream.peer_certificate": since(38)?.then_some(&server.certificate),
        "upstream.subject_local_certificate": "CN=gateway",
        "upstream.uri_san_local_certificate": "spiffe://example.org/gateway",
        "upstream.dns_san_local_certificate": null,
        "connection.tls_version": null,
    }));
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_nobody_vouches_for_tells_why_it_failed() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let chain = Chain::start(&authority, &server(&stranger)?, None, false).await?;
    let answer = client::get(chain.outer.address("outside")?, "/").send().await?;

    assert_eq!(answer.status, 503);
    let seen = Seen::in_response(&answer)?;
    let reason =
        seen.attribute("upstream.transport_failure_reason").as_str().context("no reason")?;
    assert!(reason.contains("CERTIFICATE_VERIFY_FAILED"), "{reason}");
    seen.assert_attributes(json!({ "response.flags": "UF" }));
    Ok(())
}
