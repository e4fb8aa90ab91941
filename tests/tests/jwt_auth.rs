//! Origin authentication in stock Envoy, Envoy's own `jwt_authn` beside ours as an oracle. What the filter
//! does by itself is tested in the simulated proxy (`filters/jwt-auth/tests`).

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::client::{self, Connection, Response};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::oracle::SideBySide;
use tollgate_e2e::tokens::{self, SigningKey, ec_key, rsa_key};
use tollgate_e2e::upstream::Upstream;
use tollgate_e2e::wait;

const ISSUER: &str = "https://issuer.example";
const LIMIT: Duration = Duration::from_secs(10);
/// The default clock skew.
const SKEW: u64 = 60;

const ENVOYS_OWN: (&str, &str) = (
    "envoy.filters.http.jwt_authn",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
);

struct Proxy(SideBySide);

impl Proxy {
    async fn start(configuration: Value) -> Result<Self> {
        SideBySide::start("jwt-auth", ENVOYS_OWN, configuration, 1).await.map(Self)
    }

    async fn get(&self, listener: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let address = self.0.envoy.address(listener)?;
        // One name for both, so that what is said about the host can be compared.
        let request = client::get(address, path).header("host", "service.example");
        headers.iter().fold(request, |request, (n, v)| request.header(n, v)).send().await
    }

    /// What client and upstream see of a request, at one of the listeners.
    async fn seen(&self, listener: &str, path: &str, headers: &[(&str, &str)]) -> Result<Seen> {
        self.0.upstream.forget();
        let logged = self.0.envoy.access_log()?.len();
        let answer = self.get(listener, path, headers).await?;
        let upstream = self.0.upstream.requests().first().map(|request| {
            ["authorization", "x-sub", "x-groups", "x-payload", "x-n"].map(|name| {
                let values = request.header(name);
                values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
            })
        });
        Ok(Seen {
            status: answer.status,
            body: answer.text(),
            challenge: answer.header("www-authenticate").to_owned(),
            details: self.details_after(logged).await?,
            upstream,
        })
    }

    /// The details of the request that follows `count` others in the access log.
    async fn details_after(&self, count: usize) -> Result<String> {
        wait::until("the request is in the access log", LIMIT, async || {
            self.0.envoy.access_log().is_ok_and(|log| log.len() > count)
        })
        .await?;
        Ok(self.0.envoy.access_log()?[count]["details"].to_string())
    }

    async fn agree(&self, what: &str, path: &str, headers: &[(&str, &str)]) -> Result<Seen> {
        let ours = self.seen("ours", path, headers).await?;
        let native = self.seen("native", path, headers).await?;
        assert_eq!(ours, native, "{what}");
        Ok(ours)
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    body: String,
    challenge: String,
    /// The response code details in the access log.
    details: String,
    upstream: Option<[Vec<String>; 5]>,
}

fn configuration(keys: &[&SigningKey]) -> Value {
    json!({
        "providers": { "example": {
            "issuer": ISSUER,
            "audiences": ["api", "https://other.example/"],
            "local_jwks": { "inline_string": tokens::jwks(keys).to_string() },
            "claim_to_headers": [
                { "header_name": "x-sub", "claim_name": "sub" },
                { "header_name": "x-groups", "claim_name": "realm.groups" },
                { "header_name": "x-n", "claim_name": "n" },
            ],
            "forward_payload_header": "x-payload",
        } },
        "rules": [
            { "match": { "path": "/open" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "example" } },
        ],
    })
}

/// Good claims, with some of them replaced; `null` leaves one out.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": "api",
        "sub": "alice",
        "exp": tokens::now() + 600,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    claims
}

/// Every case is decided like Envoy's own filter decides it, to the letter.
#[tokio::test]
async fn answers_and_upstream_headers_are_those_of_envoys_own_filter() -> Result<()> {
    let proxy = Proxy::start(configuration(&[rsa_key(), ec_key()])).await?;
    let now = tokens::now();
    let rsa = |changes: Value| rsa_key().sign(&claims(changes));
    let headed = |header: Value| rsa_key().sign_with_header(&header, &claims(json!({})));
    let good = rsa(json!({}));
    let cases = [
        ("good", good.clone(), 200),
        ("good ES256", ec_key().sign(&claims(json!({}))), 200),
        ("no kid", headed(json!({ "alg": "RS256" })), 200),
        ("unknown kid", headed(json!({ "alg": "RS256", "kid": "other" })), 401),
        ("kid of another key", headed(json!({ "alg": "RS256", "kid": "ec" })), 401),
        ("kid that is no string", headed(json!({ "alg": "RS256", "kid": 7 })), 401),
        ("tampered", tokens::tampered(&good), 401),
        ("tampered ES256", tokens::tampered(&ec_key().sign(&claims(json!({})))), 401),
        ("foreign key", SigningKey::es256("ec").sign(&claims(json!({}))), 401),
        ("alg none", headed(json!({ "alg": "none" })), 401),
        ("alg of no kind", headed(json!({ "alg": "XS256" })), 401),
        ("alg missing", headed(json!({ "typ": "JWT" })), 401),
        ("alg that is no string", headed(json!({ "alg": 5 })), 401),
        ("HS256", headed(json!({ "alg": "HS256", "kid": "rsa" })), 401),
        ("expired", rsa(json!({ "exp": now - SKEW - 5 })), 401),
        ("expired, within the skew", rsa(json!({ "exp": now - SKEW / 2 })), 200),
        ("not yet valid", rsa(json!({ "nbf": now + SKEW + 30 })), 401),
        ("not yet valid, within the skew", rsa(json!({ "nbf": now + SKEW / 2 })), 200),
        ("no exp", rsa(json!({ "exp": null })), 200),
        ("exp 0", rsa(json!({ "exp": 0 })), 200),
        ("exp with a fraction", rsa(json!({ "exp": now as f64 + 600.5 })), 200),
        ("exp negative", rsa(json!({ "exp": -5 })), 401),
        ("exp text", rsa(json!({ "exp": "tomorrow" })), 401),
        ("nbf text", rsa(json!({ "nbf": "yesterday" })), 401),
        ("iat text", rsa(json!({ "iat": "now" })), 401),
        ("other issuer", rsa(json!({ "iss": "https://evil.example" })), 401),
        ("no issuer", rsa(json!({ "iss": null })), 401),
        ("issuer no string", rsa(json!({ "iss": 1 })), 401),
        ("sub no string", rsa(json!({ "sub": 1 })), 401),
        ("jti no string", rsa(json!({ "jti": {} })), 401),
        ("other audience", rsa(json!({ "aud": "web" })), 403),
        ("no audience", rsa(json!({ "aud": null })), 403),
        ("one audience of several", rsa(json!({ "aud": ["web", "api"] })), 200),
        ("audience with other scheme", rsa(json!({ "aud": "http://other.example" })), 200),
        ("audience no string", rsa(json!({ "aud": 5 })), 401),
        ("audiences no strings", rsa(json!({ "aud": [5] })), 401),
        ("nested claim", rsa(json!({ "realm": { "groups": "staff" } })), 200),
        ("a list as a header", rsa(json!({ "realm": { "groups": ["a", "b"] } })), 200),
        ("an object as a header", rsa(json!({ "realm": { "groups": { "a": 1 } } })), 200),
        ("a number as a header", rsa(json!({ "n": 42 })), 200),
        ("a fraction as a header", rsa(json!({ "n": 1.5 })), 200),
        ("a bool as a header", rsa(json!({ "n": true })), 200),
        ("an empty text as a header", rsa(json!({ "n": "" })), 200),
        ("payload no JSON", rsa_key().sign_bytes(br#"{"alg":"RS256"}"#, b"nonsense"), 401),
        ("header no JSON", rsa_key().sign_bytes(b"nonsense", b"{}"), 401),
        ("payload no object", rsa_key().sign_bytes(br#"{"alg":"RS256"}"#, b"[]"), 401),
        ("no token at all", String::new(), 401),
        ("one dot", "a.b".to_owned(), 401),
        ("three dots", "a.b.c.d".to_owned(), 401),
        ("no base64", "!!!.???.+++".to_owned(), 401),
    ];
    for (what, token, status) in cases {
        let authorization = format!("Bearer {token}");
        let seen =
            proxy.agree(what, "/a/path", &[("authorization", authorization.as_str())]).await?;
        assert_eq!(seen.status, status, "{what}: {seen:?}");
        assert_eq!(seen.upstream.is_some(), status == 200, "{what}");
    }

    for (what, headers) in [
        ("nothing", &[][..]),
        ("empty", &[("authorization", "")]),
        ("another scheme", &[("authorization", "Basic YTpi")]),
        ("lower case scheme", &[("authorization", "bearer x.y.z")]),
    ] {
        let seen = proxy.agree(what, "/a/path", headers).await?;
        assert_eq!((seen.status, seen.body.as_str()), (401, "Jwt is missing"), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_client_sends_in_the_names_of_output_headers_never_arrives() -> Result<()> {
    let proxy = Proxy::start(configuration(&[rsa_key()])).await?;
    let spoofed =
        [("x-sub", "root"), ("X-Sub", "admin"), ("x-groups", "wheel"), ("x-payload", "e30")];
    let open = proxy.agree("an open path", "/open", &spoofed).await?;
    assert_eq!(open.upstream.expect("it passes").concat(), Vec::<String>::new());

    let bearer = format!("Bearer {}", rsa_key().sign(&claims(json!({}))));
    let mut headers = spoofed.to_vec();
    headers.push(("authorization", &bearer));
    let seen = proxy.agree("with a token", "/", &headers).await?.upstream.expect("it passes");
    assert_eq!((&seen[1][..], &seen[2][..]), (&["alice".to_owned()][..], &[][..]));
    Ok(())
}

/// Stricter than Envoy, on purpose.
#[tokio::test]
async fn what_envoy_takes_and_this_filter_refuses() -> Result<()> {
    let proxy = Proxy::start(configuration(&[rsa_key(), ec_key()])).await?;
    let good = ec_key().sign(&claims(json!({})));
    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let (header, payload) = signed.split_once('.').expect("a token");
    let crit = json!({ "alg": "ES256", "kid": "ec", "crit": ["exp"] });
    let cases = [
        ("an empty section", format!("{header}..{payload}.{signature}")),
        ("padding", format!("{good}==")),
        ("`crit`", ec_key().sign_with_header(&crit, &claims(json!({})))),
        ("a very long token", ec_key().sign(&claims(json!({ "x": "x".repeat(8000) })))),
    ];
    for (what, token) in cases {
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(proxy.seen("native", "/", &headers).await?.status, 200, "{what}");
        assert_eq!(proxy.seen("ours", "/", &headers).await?.status, 401, "{what}");
    }
    let two =
        [("authorization", "Basic YTpi".to_owned()), ("authorization", format!("Bearer {good}"))];
    let two = two.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(proxy.seen("native", "/", &two).await?.status, 200);
    assert_eq!(proxy.seen("ours", "/", &two).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_rule_covers_the_paths_that_it_covers_in_envoys_own_filter() -> Result<()> {
    let mut configuration = configuration(&[rsa_key()]);
    configuration["rules"] =
        json!([{ "match": { "prefix": "/private" }, "requires": { "provider_name": "example" } }]);
    let proxy = Proxy::start(configuration).await?;
    for (path, status) in [
        ("/private", 401),
        ("/private/", 401),
        ("/privateer", 401),
        ("/private?x=/public", 401),
        ("/public", 200),
        ("/public?x=/private", 200),
        ("/PRIVATE", 200),
    ] {
        for listener in ["ours", "native"] {
            let seen = proxy.seen(listener, path, &[]).await?;
            assert_eq!(seen.status, status, "{listener} {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn over_http2_and_with_a_struct_it_decides_the_same() -> Result<()> {
    let upstream = Upstream::start().await?;
    let filter = WasmFilter::new("jwt-auth", Value::Null)?
        .configured_with_struct(configuration(&[ec_key()]));
    let config = Bootstrap::new()
        .listener(Listener::new("ours").filter(filter).route(Route::prefix("/").to("backend")))
        .cluster(Cluster::new("backend", upstream.address()).http2())
        .build();
    let envoy = Process::start(&config, 1).await?;
    let mut connection = Connection::http2(envoy.address("ours")?).await?;
    assert_eq!(connection.get("/").send().await?.text(), "Jwt is missing");
    let token = ec_key().sign(&claims(json!({})));
    assert_eq!(connection.get("/").bearer(&token).send().await?.status, 200);
    assert_eq!(upstream.last()?.header("x-sub"), [b"alice"]);
    Ok(())
}

#[tokio::test]
async fn a_stripped_failure_says_nothing_but_its_status() -> Result<()> {
    let mut configuration = configuration(&[rsa_key()]);
    configuration["strip_failure_response"] = json!(true);
    let proxy = Proxy::start(configuration).await?;
    let seen = proxy.agree("stripped", "/", &[]).await?;
    assert_eq!((seen.status, seen.body.as_str(), seen.challenge.as_str()), (401, "", ""));
    Ok(())
}

/// Without it everything works as well, many times slower.
#[tokio::test]
async fn in_stock_envoy_the_host_verifies() -> Result<()> {
    let proxy = Proxy::start(configuration(&[rsa_key(), ec_key()])).await?;
    assert!(!proxy.0.envoy.logs()?.contains("the host does not verify"));
    Ok(())
}
