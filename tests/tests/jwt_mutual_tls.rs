//! Who the client is by its certificate, in stock Envoy: the client is another Envoy, which shows one over
//! mutual TLS, or none.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::certificates::{Authority, Identity};
use tollgate_e2e::client::{self, Response};
use tollgate_e2e::envoy::binary;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::tokens::{self, ec_key};
use tollgate_e2e::upstream::Upstream;

const ISSUER: &str = "https://issuer.example";

/// An Envoy with the filter, and one with a cluster for each client.
struct Proxy {
    outside: Process,
    _inside: Process,
    upstream: Upstream,
}

impl Proxy {
    /// The clients show these certificates, by the first part of the path.
    async fn start(
        authority: &Authority,
        requires: Value,
        provider: Value,
        tls: Value,
        clients: &[(&str, Option<&Identity>)],
    ) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let server = authority.issue("inside", &["inside.example"])?;
        let listener = Listener::new("inside")
            .filter(WasmFilter::new("jwt-auth", configuration(requires, provider))?)
            .route(Route::prefix("/").to("app"))
            .tls(&server, authority)
            .with_tls(tls);
        let app = Cluster::new("app", upstream.address());
        let inside =
            Process::start(&Bootstrap::new().listener(listener).cluster(app).build(), 1).await?;

        let (mut listener, mut bootstrap) = (Listener::new("outside"), Bootstrap::new());
        for (name, identity) in clients {
            let cluster = Cluster::new(name, inside.address("inside")?);
            // Each request comes on a connection of its own.
            let cluster = cluster.tls("inside.example", authority, *identity).with(json!({
                "typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                        "explicit_http_config": { "http_protocol_options": {} },
                        "common_http_protocol_options": { "max_requests_per_connection": 1 },
                    },
                },
            }));
            bootstrap = bootstrap.cluster(cluster);
            listener = listener.route(Route::prefix(&format!("/{name}")).to(name));
        }
        let outside = Process::start(&bootstrap.listener(listener).build(), 1).await?;
        Ok(Self { outside, _inside: inside, upstream })
    }

    async fn send(&self, client: &str, token: &str) -> Result<Response> {
        let address = self.outside.address("outside")?;
        client::get(address, &format!("/{client}")).bearer(token).send().await
    }

    /// What a client reads, and whether its request has arrived.
    async fn answer(&self, client: &str, token: &str) -> Result<(u16, String, bool)> {
        self.upstream.forget();
        let answer = self.send(client, token).await?;
        let arrived = !self.upstream.requests().is_empty();
        Ok((answer.status, if arrived { String::new() } else { answer.text() }, arrived))
    }
}

fn configuration(requires: Value, provider: Value) -> Value {
    let mut main = json!({
        "issuer": ISSUER,
        "local_jwks": { "inline_string": tokens::jwks(&[ec_key()]).to_string() },
    });
    main.as_object_mut()
        .expect("an object")
        .extend(provider.as_object().cloned().unwrap_or_default());
    let mut needs = json!({ "provider_name": "main" });
    needs
        .as_object_mut()
        .expect("an object")
        .extend(requires.as_object().cloned().unwrap_or_default());
    json!({
        "providers": { "main": main },
        "rules": [{ "match": { "prefix": "/" }, "requires": needs }],
    })
}

fn token(others: Value) -> String {
    let mut claims = json!({ "iss": ISSUER, "sub": "alice", "exp": tokens::now() + 600 });
    claims
        .as_object_mut()
        .expect("an object")
        .extend(others.as_object().cloned().unwrap_or_default());
    ec_key().sign(&claims)
}

/// A token for the holder of a certificate.
fn bound_to(identity: &Identity) -> Result<String> {
    let digits = identity.sha256.as_bytes().chunks(2);
    let bytes = digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    let thumbprint = bytes.collect::<Result<Vec<u8>>>().context("a digest")?;
    Ok(token(json!({ "cnf": { "x5t#S256": tokens::base64url(thumbprint) } })))
}

fn accept_untrusted() -> Value {
    json!({ "common_tls_context": { "validation_context": {
        "trust_chain_verification": "ACCEPT_UNTRUSTED",
    } } })
}

/// Whether this Envoy tells a module that it has verified a certificate: since 1.39.
fn tells_what_it_verified() -> Result<bool> {
    let version = binary::locate()?.version;
    let minor = version.split('.').nth(1).and_then(|part| part.parse::<u32>().ok());
    Ok(minor.with_context(|| format!("no minor version in {version}"))? >= 39)
}

fn passes() -> (u16, String, bool) {
    (200, String::new(), true)
}

fn denied(status: u16, body: &str) -> (u16, String, bool) {
    (status, body.to_owned(), false)
}

#[tokio::test]
async fn a_bound_token_passes_over_a_connection_with_its_certificate_alone() -> Result<()> {
    let authority = Authority::new()?;
    let (shop, other) =
        (authority.issue("shop", &["shop"])?, authority.issue("other", &["other"])?);
    let clients = [("shop", Some(&shop)), ("other", Some(&other)), ("nobody", None)];
    let proxy = Proxy::start(&authority, json!({}), json!({}), json!({}), &clients).await?;
    let mismatch = denied(401, "Jwt is not bound to the client certificate");
    let (bound, plain) = (bound_to(&shop)?, token(json!({})));
    for _ in 0..2 {
        assert_eq!(proxy.answer("shop", &bound).await?, passes());
        assert_eq!(proxy.answer("other", &bound).await?, mismatch);
        assert_eq!(proxy.answer("nobody", &bound).await?, mismatch);
        for client in ["shop", "other", "nobody"] {
            assert_eq!(proxy.answer(client, &plain).await?, passes(), "{client}");
        }
    }
    let challenge = proxy.send("nobody", &bound).await?;
    let challenge = challenge.header("www-authenticate");
    assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    Ok(())
}

#[tokio::test]
async fn where_it_is_required_only_a_bound_token_passes() -> Result<()> {
    let authority = Authority::new()?;
    let shop = authority.issue("shop", &["shop"])?;
    let clients = [("shop", Some(&shop)), ("nobody", None)];
    let required = json!({ "certificate_bound": "required" });
    let proxy = Proxy::start(&authority, json!({}), required, json!({}), &clients).await?;
    let mismatch = denied(401, "Jwt is not bound to the client certificate");
    assert_eq!(proxy.answer("shop", &bound_to(&shop)?).await?, passes());
    assert_eq!(proxy.answer("shop", &token(json!({}))).await?, mismatch);
    assert_eq!(proxy.answer("nobody", &token(json!({}))).await?, mismatch);
    Ok(())
}

fn peers() -> Value {
    json!({ "peer": [
        { "uri": { "prefix": "spiffe://cluster.local/ns/shop/" } },
        { "dns": { "exact": "audit.example" } },
    ] })
}

const STRANGER: &str = "Peer is not allowed";

#[tokio::test]
async fn a_client_may_call_by_the_first_name_of_each_kind_in_its_certificate() -> Result<()> {
    let authority = Authority::new()?;
    let cart = "spiffe://cluster.local/ns/shop/sa/cart";
    let uri = authority.issue("uri", &[cart])?;
    let dns = authority.issue("dns", &["audit.example", "second.example"])?;
    let second = authority.issue("second", &["spiffe://cluster.local/ns/other/sa/x", cart])?;
    let stranger = authority.issue("stranger", &["shop.example"])?;
    let clients = [
        ("uri", Some(&uri)),
        ("dns", Some(&dns)),
        ("second", Some(&second)),
        ("stranger", Some(&stranger)),
        ("nobody", None),
    ];
    let proxy = Proxy::start(&authority, peers(), json!({}), json!({}), &clients).await?;
    let token = token(json!({}));
    for (client, expected) in [
        ("uri", passes()),
        ("dns", passes()),
        // Envoy tells a module the first URI only.
        ("second", denied(403, STRANGER)),
        ("stranger", denied(403, STRANGER)),
        ("nobody", denied(403, STRANGER)),
    ] {
        assert_eq!(proxy.answer(client, &token).await?, expected, "{client}");
    }
    Ok(())
}

/// `ACCEPT_UNTRUSTED` lets anybody in who has any certificate; Envoy says since 1.39 that it has not verified it.
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_makes_no_client_known() -> Result<()> {
    let (authority, strangers) = (Authority::new()?, Authority::new()?);
    let names = ["spiffe://cluster.local/ns/shop/sa/cart"];
    let (known, forged) = (authority.issue("known", &names)?, strangers.issue("known", &names)?);
    let clients = [("known", Some(&known)), ("forged", Some(&forged))];
    let proxy = Proxy::start(&authority, peers(), json!({}), accept_untrusted(), &clients).await?;
    if tells_what_it_verified()? {
        assert_eq!(proxy.answer("forged", &token(json!({}))).await?, denied(403, STRANGER));
    }
    assert_eq!(proxy.answer("known", &token(json!({}))).await?, passes());
    Ok(())
}

/// To hold the key of a certificate is enough for a token that is bound to it (RFC 8705, 6.2).
#[tokio::test]
async fn a_token_can_be_bound_to_a_certificate_that_nobody_vouches_for() -> Result<()> {
    let (authority, strangers) = (Authority::new()?, Authority::new()?);
    let (own, other) = (strangers.issue("own", &["own"])?, strangers.issue("other", &["other"])?);
    let clients = [("own", Some(&own)), ("other", Some(&other))];
    let untrusted = accept_untrusted();
    let proxy = Proxy::start(&authority, json!({}), json!({}), untrusted, &clients).await?;
    let mismatch = denied(401, "Jwt is not bound to the client certificate");
    assert_eq!(proxy.answer("own", &bound_to(&own)?).await?, passes());
    assert_eq!(proxy.answer("other", &bound_to(&own)?).await?, mismatch);
    Ok(())
}

/// Envoy does not verify a certificate again when a client resumes a TLS session, and says since 1.39 that it
/// has not: who uses `peer` turns resumption off, as the README says.
#[tokio::test]
async fn a_client_that_resumes_a_session_is_known_only_where_envoy_says_so() -> Result<()> {
    let authority = Authority::new()?;
    let shop = authority.issue("shop", &["spiffe://cluster.local/ns/shop/sa/cart"])?;
    let clients = [("shop", Some(&shop))];
    let off = json!({
        "disable_stateless_session_resumption": true,
        "disable_stateful_session_resumption": true,
    });
    let again = match tells_what_it_verified()? {
        true => denied(403, STRANGER),
        false => passes(),
    };
    for (tls, again) in [(json!({}), again), (off, passes())] {
        let proxy = Proxy::start(&authority, peers(), json!({}), tls, &clients).await?;
        assert_eq!(proxy.answer("shop", &token(json!({}))).await?, passes());
        assert_eq!(proxy.answer("shop", &token(json!({}))).await?, again);
    }
    Ok(())
}
