//! Keys that jwt-auth fetches, in stock Envoy: from a real HTTP server, over several workers, by TLS. What
//! the filter does by itself is tested in the simulated proxy (`filters/jwt-auth/tests/remote`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tollgate_e2e::certificates::Authority;
use tollgate_e2e::client::{self, Connection, Response};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::tokens::{self, SigningKey, base64url};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

const ISSUER: &str = "https://issuer.example";
const LIMIT: Duration = Duration::from_secs(20);
const FETCH_FAILED: &str = "Jwks remote fetch is failed";
const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";
const STATS: &str = "wasmcustom.tollgate.jwt_auth";

/// A provider whose keys are in the cluster `issuer`, with some fields more.
fn provider(fields: Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "remote_jwks": {
            "http_uri": { "uri": "http://issuer.example/keys", "cluster": "issuer", "timeout": "1s" },
        },
    });
    provider
        .as_object_mut()
        .expect("an object")
        .extend(fields.as_object().expect("an object").clone());
    provider
}

/// A listener that a token of the provider opens.
fn listener(provider: Value) -> Result<Listener> {
    let filter = WasmFilter::new(
        "jwt-auth",
        json!({
            "providers": { "main": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
        }),
    )?;
    Ok(Listener::new("ingress").filter(filter).route(Route::prefix("/").direct_response(200, "in")))
}

async fn start(workers: u32, issuer: SocketAddr, provider: Value) -> Result<Process> {
    let bootstrap =
        Bootstrap::new().listener(listener(provider)?).cluster(Cluster::new("issuer", issuer));
    Process::start(&bootstrap.build(), workers).await
}

fn set(keys: &[&SigningKey]) -> Answer {
    Answer::status(200)
        .header("content-type", "application/json")
        .body(tokens::jwks(keys).to_string())
}

async fn issuer_with(keys: &[&SigningKey]) -> Result<Upstream> {
    let issuer = Upstream::start().await?;
    let answer = set(keys);
    issuer.respond(move |_| answer.clone());
    Ok(issuer)
}

fn token(key: &SigningKey) -> String {
    key.sign(&json!({ "iss": ISSUER, "exp": tokens::now() + 600 }))
}

async fn get(envoy: &Process, token: &str) -> Result<Response> {
    client::get(envoy.address("ingress")?, "/").bearer(token).send().await
}

/// Requests at once over HTTP/2, a hundred a connection, so that every worker has some.
async fn at_once(envoy: &Process, tokens: Vec<String>) -> Result<Vec<Response>> {
    let address = envoy.address("ingress")?;
    let mut requests = JoinSet::new();
    for chunk in tokens.chunks(100) {
        let connection = Connection::http2(address).await?;
        for token in chunk {
            let (mut connection, token) = (connection.share()?, token.clone());
            requests
                .spawn(async move { connection.get("/").bearer(&token).limit(LIMIT).send().await });
        }
    }
    requests.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_two_workers_wait_for_one_fetch() -> Result<()> {
    let key = SigningKey::es256("one");
    let issuer = Upstream::start().await?;
    let answer = set(&[&key]).after(Duration::from_millis(500));
    issuer.respond(move |_| answer.clone());
    let envoy = start(2, issuer.address(), provider(json!({}))).await?;
    let answers = at_once(&envoy, vec![token(&key); 1000]).await?;
    let bad = answers.iter().find(|answer| answer.status != 200);
    assert!(bad.is_none(), "{bad:?}");
    assert_eq!(issuer.count(), 1);
    assert_eq!(issuer.last()?.path, "/keys");
    assert_eq!(issuer.last()?.header("host"), [b"issuer.example"]);
    assert_eq!(envoy.counter(&format!("{STATS}.jwks_fetch_success")).await?, 1);
    Ok(())
}

/// The key changes again and again, each new one is used the moment it is published, and the old one
/// leaves the set one change later.
#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_traffic_without_a_failed_request() -> Result<()> {
    let first = SigningKey::es256("key-0");
    let issuer = issuer_with(&[&first]).await?;
    let fields = json!({ "unknown_kid_refetch": { "min_interval": "0.1s" } });
    let envoy = start(2, issuer.address(), provider(fields)).await?;
    let current = Arc::new(RwLock::new(token(&first)));
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let address = envoy.address("ingress")?;
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (current, stop, sent) = (current.clone(), stop.clone(), sent.clone());
        clients.spawn(async move {
            let mut connection = Connection::http1(address).await?;
            while !stop.load(Ordering::Relaxed) {
                let token = current.read().await.clone();
                let answer = connection.get("/").bearer(&token).limit(LIMIT).send().await?;
                ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
                sent.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let mut before = first;
    for number in 1..=10 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let next = SigningKey::es256(&format!("key-{number}"));
        let answer = set(&[&before, &next]);
        issuer.respond(move |_| answer.clone());
        *current.write().await = token(&next);
        before = next;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    clients.join_all().await.into_iter().collect::<Result<Vec<()>>>()?;
    println!("{} requests, {} fetches", sent.load(Ordering::Relaxed), issuer.count());
    assert_eq!(issuer.count(), 11);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_keys_cause_one_fetch_an_interval() -> Result<()> {
    const INTERVAL: Duration = Duration::from_secs(2);
    let key = SigningKey::es256("known");
    let issuer = issuer_with(&[&key]).await?;
    let fields = json!({ "unknown_kid_refetch": { "min_interval": "2s" } });
    let envoy = start(2, issuer.address(), provider(fields)).await?;
    assert_eq!(get(&envoy, &token(&key)).await?.status, 200);
    let begin = Instant::now();
    let claims = base64url(json!({ "iss": ISSUER, "exp": tokens::now() + 600 }).to_string());
    for round in 0..5 {
        let unknown = |number: usize| {
            let header = json!({ "alg": "ES256", "kid": format!("unknown-{round}-{number}") });
            format!("{}.{claims}.{}", base64url(header.to_string()), base64url([7; 64]))
        };
        let answers = at_once(&envoy, (0..2000).map(unknown).collect()).await?;
        assert!(answers.iter().all(|answer| answer.status == 401 && answer.text() == NO_KEY));
        assert_eq!(get(&envoy, &token(&key)).await?.status, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let intervals = begin.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    println!("10,000 requests in {intervals:.1} intervals, {} fetches", issuer.count() - 1);
    // One for the first token, then one an interval.
    assert!((issuer.count() - 1) as f64 <= intervals, "{}", issuer.count());
    assert!(issuer.count() > 1);
    let refetches = envoy.counter(&format!("{STATS}.jwks_refetch_unknown_kid")).await?;
    assert_eq!(refetches, issuer.count() as u64 - 1);
    Ok(())
}

/// What an issuer answers that has no keys to give, and what the operator is told.
fn bad_answers() -> Vec<(&'static str, Answer, &'static str)> {
    let set = json!({ "keys": [] }).to_string();
    vec![
        ("down", Answer::reset(), "cannot be reached"),
        ("slow", Answer::status(200).body(set.clone()).after(Duration::from_secs(5)), "no answer"),
        ("failing", Answer::status(503), "status 503"),
        (
            "redirecting",
            Answer::status(302).header("location", "http://issuer.example/other"),
            "status 302 (redirects are not followed)",
        ),
        ("garbage", Answer::status(200).body("<html>"), "Jwks is an invalid JSON"),
        ("empty", Answer::status(200).body(set), "Jwks doesn't have any valid public key"),
        (
            "huge",
            Answer::status(200).body(vec![b' '; 8 * 1024 * 1024]),
            "the answer has 8388608 bytes, allowed are 1048576",
        ),
    ]
}

#[tokio::test]
async fn an_issuer_that_is_bad_at_start_is_answered_with_503_until_it_is_good() -> Result<()> {
    let key = SigningKey::es256("one");
    for (what, answer, said) in bad_answers() {
        let issuer = Upstream::start().await?;
        issuer.respond(move |_| answer.clone());
        let envoy = start(2, issuer.address(), provider(json!({}))).await?;
        let begin = Instant::now();
        let answer = get(&envoy, &token(&key)).await?;
        assert!(begin.elapsed() < Duration::from_secs(2), "{what}: {:?}", begin.elapsed());
        assert_eq!((answer.status, answer.text().as_str()), (503, FETCH_FAILED), "{what}");
        assert_eq!(answer.header("retry-after"), "1", "{what}");
        wait::until("the operator is told", LIMIT, async || {
            envoy.logs().is_ok_and(|log| log.contains(said))
        })
        .await?;
        let good = set(&[&key]);
        issuer.respond(move |_| good.clone());
        let token = token(&key);
        wait::until("the keys are there", LIMIT, async || {
            get(&envoy, &token).await.is_ok_and(|answer| answer.status == 200)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_becomes_bad_later_does_not_matter_until_its_keys_are_too_old() -> Result<()>
{
    let key = SigningKey::es256("one");
    for (what, answer, said) in bad_answers() {
        let issuer = issuer_with(&[&key]).await?;
        let mut fields = provider(json!({ "stale_if_error": "4s" }));
        fields["remote_jwks"]["cache_duration"] = json!("0.5s");
        let envoy = start(2, issuer.address(), fields).await?;
        assert_eq!(get(&envoy, &token(&key)).await?.status, 200, "{what}");
        issuer.respond(move |_| answer.clone());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(3) {
            let since = Instant::now();
            assert_eq!(get(&envoy, &token(&key)).await?.status, 200, "{what}");
            assert!(since.elapsed() < Duration::from_secs(2), "{what}: {:?}", since.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(envoy.logs()?.contains(said), "{what}");
        let token = token(&key);
        wait::until("the keys are too old", LIMIT, async || {
            get(&envoy, &token).await.is_ok_and(|answer| answer.status == 503)
        })
        .await?;
        let age = begin.elapsed();
        assert!(age > Duration::from_secs(4) && age < Duration::from_secs(7), "{what}: {age:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_and_a_cluster_that_is_not_there_keep_nobody_waiting()
-> Result<()> {
    let key = SigningKey::es256("one");
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let envoy = start(2, closed, provider(json!({}))).await?;
    let begin = Instant::now();
    assert_eq!(get(&envoy, &token(&key)).await?.status, 503);
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(envoy.logs()?.contains("the cluster cannot be reached"));

    let mut fields = provider(json!({ "on_keys_unavailable": "deny_401" }));
    fields["remote_jwks"]["http_uri"]["cluster"] = json!("nobody");
    fields["remote_jwks"]["async_fetch"] = json!({});
    let envoy = start(2, closed, fields).await?;
    let answer = get(&envoy, &token(&key)).await?;
    assert_eq!((answer.status, answer.text().as_str()), (401, FETCH_FAILED));
    assert!(envoy.logs()?.contains("the host refused the call"));
    Ok(())
}

#[tokio::test]
async fn a_wrong_content_type_does_not_matter() -> Result<()> {
    let key = SigningKey::es256("one");
    let issuer = Upstream::start().await?;
    let body = tokens::jwks(&[&key]).to_string();
    issuer.respond(move |_| {
        Answer::status(200).header("content-type", "text/html").body(body.clone())
    });
    let envoy = start(1, issuer.address(), provider(json!({}))).await?;
    assert_eq!(get(&envoy, &token(&key)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn with_async_fetch_keys_are_there_before_a_request_and_are_kept_fresh() -> Result<()> {
    let key = SigningKey::es256("one");
    let issuer = issuer_with(&[&key]).await?;
    let mut fields = provider(json!({}));
    fields["remote_jwks"]["async_fetch"] = json!({ "fast_listener": true });
    fields["remote_jwks"]["cache_duration"] = json!("1s");
    let envoy = start(2, issuer.address(), fields).await?;
    wait::until("the first fetch", LIMIT, async || issuer.count() == 1).await?;
    assert_eq!(get(&envoy, &token(&key)).await?.status, 200);
    let begin = Instant::now();
    wait::until("four more", LIMIT, async || issuer.count() == 5).await?;
    // A quarter of the second ahead; by one of the three threads at a time.
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(2000) && took < Duration::from_millis(4500), "{took:?}");
    Ok(())
}

/// The issuer speaks TLS, with a certificate of an authority that the cluster trusts, or does not.
#[tokio::test]
async fn an_issuer_is_discovered_over_tls() -> Result<()> {
    let key = SigningKey::es256("one");
    let issuer = Upstream::start().await?;
    let keys = set(&[&key]);
    issuer.respond(move |request| match request.path.as_str() {
        "/.well-known/openid-configuration" => Answer::status(200).body(
            json!({ "issuer": ISSUER, "jwks_uri": "https://issuer.example/jwks" }).to_string(),
        ),
        "/jwks" => keys.clone(),
        _ => Answer::status(404),
    });
    let authority = Authority::new()?;
    let identity = authority.issue("issuer", &["issuer.example"])?;
    let front =
        Listener::new("tls").tls(&identity, &authority).route(Route::prefix("/").to("plain"));
    let front = Bootstrap::new().listener(front).cluster(Cluster::new("plain", issuer.address()));
    let front = Process::start(&front.build(), 1).await?;

    let discovery = json!({ "discovery": { "issuer_uri": ISSUER, "cluster": "issuer" } });
    for (trusted, status) in [(&authority, 200), (&Authority::new()?, 503)] {
        let cluster =
            Cluster::new("issuer", front.address("tls")?).tls("issuer.example", trusted, None);
        let bootstrap = Bootstrap::new().listener(listener(discovery.clone())?).cluster(cluster);
        let envoy = Process::start(&bootstrap.build(), 2).await?;
        issuer.forget();
        assert_eq!(get(&envoy, &token(&key)).await?.status, status, "{}", envoy.logs()?);
        let other = key.sign(&json!({ "iss": "https://other.example" }));
        assert_eq!(get(&envoy, &other).await?.status, 401);
        let paths: Vec<_> = issuer.requests().into_iter().map(|request| request.path).collect();
        match status {
            200 => assert_eq!(paths, ["/.well-known/openid-configuration", "/jwks"]),
            _ => assert_eq!(paths, Vec::<String>::new()),
        }
    }
    Ok(())
}
