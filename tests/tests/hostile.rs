//! Hostile requests to one worker: with a filter they are answered as Envoy without it answers them,
//! or denied where a token is missing, and after each of them the next good request is served.

#[path = "hostile/attacks.rs"]
mod attacks;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::client::{Connection, Response};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::tokens::{self, ec_key};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

use attacks::Attack;

const LIMIT: Duration = Duration::from_secs(10);

/// The listener without a filter: the oracle.
const PLAIN: &str = "plain";

/// How many virtual machines there are.
const ACTIVE_VMS: &str = "wasm.envoy.wasm.runtime.v8.active";

/// What no filter may cause in Envoy's log. A client must not be able to fill it, either.
const TROUBLE: [&str; 4] = ["wasm log", "Function: proxy_on", "VM failed", "RuntimeError"];

fn configuration(filter: &str) -> Value {
    let always = json!({ "numerator": 100 });
    match filter {
        "jwt-auth" => json!({
            "providers": { "demo": {
                "local_jwks": { "inline_string": tokens::jwks(&[ec_key()]).to_string() },
                "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }],
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "demo" } }],
        }),
        "canary" => json!({
            "flag": "voting-app",
            "routing_header": "x-variant",
            "variants": ["v1", "v2"],
            "default_variant": "v1",
            "rules": [
                {
                    "name": "header",
                    "match": { "headers": [{ "name": "x-canary", "contains": "always" }] },
                    "variant": "v2",
                },
                {
                    "name": "cookie",
                    "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
                    "variant": "v2",
                },
                { "name": "split", "split": {
                    "by": [{ "cookie": "uid" }, { "header": "x-user-id" }, { "random": true }],
                    "weights": { "v1": 90, "v2": 10 },
                } },
            ],
            "response": { "variant_header": "x-served-variant" },
        }),
        "fault" => json!({
            "delay": { "header_delay": {}, "percentage": always },
            "abort": { "header_abort": {}, "percentage": always },
            "max_active_faults": 100,
        }),
        _ => json!({
            "connectionPool": { "http": { "http2MaxRequests": 100 } },
            "outlierDetection": { "consecutive5xxErrors": 5 },
        }),
    }
}

/// An Envoy with a listener for each filter, called like it, and one without any.
struct Proxy {
    envoy: Process,
    upstream: Upstream,
    active_vms: u64,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let upstream = Upstream::start().await?;
        upstream.respond(|request| {
            let ours = [request.header("x-sub"), request.header("x-variant")].concat();
            Answer::status(200).body(ours.concat())
        });
        let route = || Route::prefix("/").to("backend");
        let mut config = Bootstrap::new()
            .cluster(Cluster::new("backend", upstream.address()).with(one_request_a_connection()))
            .listener(Listener::new(PLAIN).route(route()));
        for filter in FILTERS {
            let wasm = WasmFilter::new(filter.name, configuration(filter.name))?;
            config = config.listener(Listener::new(filter.name).filter(wasm).route(route()));
        }
        let envoy = Process::start(&config.build(), 1).await?;
        let active_vms = envoy.gauge(ACTIVE_VMS).await?;
        Ok(Self { envoy, upstream, active_vms })
    }

    async fn targets(&self) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        for filter in FILTERS {
            let address = self.envoy.address(filter.name)?;
            let good = Connection::http1(address).await?;
            targets.push(Target { filter: filter.name, address, good });
        }
        Ok(targets)
    }

    /// Whether every request is over, and no filter has noticed anything.
    async fn is_unharmed(&self) -> Result<()> {
        self.left_over().await.context("a stat has another name")?;
        wait::until("nothing is left of the requests", LIMIT, async || {
            self.left_over().await.is_ok_and(|count| count == 0)
        })
        .await?;
        let stats = self.envoy.stats().await?;
        assert_eq!(stats.get(ACTIVE_VMS)?, self.active_vms);
        for filter in FILTERS.map(|filter| filter.name) {
            let name = filter.replace('-', "_");
            assert_eq!(stats.get(&format!("wasmcustom.tollgate.{name}.failures"))?, 0, "{name}");
            assert_eq!(stats.get(&format!("http.{filter}.downstream_rq_5xx"))?, 0, "{filter}");
        }
        let logs = self.envoy.logs()?;
        let trouble = |line: &&str| TROUBLE.iter().any(|mark| line.contains(mark));
        assert_eq!(logs.lines().find(trouble), None);
        Ok(())
    }

    async fn left_over(&self) -> Result<u64> {
        let stats = self.envoy.stats().await?;
        Ok(self.upstream.in_flight() as u64
            + stats.get("wasmcustom.tollgate.circuit_breaker.backend.in_flight")?
            + stats.get("wasmcustom.tollgate.fault.plugin=fault.active_faults")?)
    }
}

/// The upstream closes a connection after a request that it cannot read, which must not be the
/// problem of the next one.
fn one_request_a_connection() -> Value {
    let message = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({ "typed_extension_protocol_options": { message: {
        "@type": format!("type.googleapis.com/{message}"),
        "explicit_http_config": { "http_protocol_options": {} },
        "common_http_protocol_options": { "max_requests_per_connection": 1 },
    } } })
}

/// A filter under attack, and a connection for good requests to it.
struct Target {
    filter: &'static str,
    address: SocketAddr,
    good: Connection,
}

impl Target {
    /// The outcome of a hostile request that has this one without the filter.
    fn expected(&self, without: Outcome) -> Outcome {
        match without {
            Outcome::Upstream(_) if self.filter == "jwt-auth" => Outcome::Envoy(401),
            other => other,
        }
    }

    async fn serves_a_good_request(&mut self) -> Result<()> {
        let (header, value, expected) = good_request(self.filter);
        let answer = self.good.get("/").header(header, value).send().await?;
        ensure!(
            (answer.status, &*answer.text()) == expected,
            "{}: a good request got {answer:?}",
            self.filter
        );
        Ok(())
    }
}

/// A request that the filter has to do something about, by its one header, and the answer.
fn good_request(filter: &str) -> (&'static str, String, (u16, &'static str)) {
    match filter {
        "jwt-auth" => ("authorization", bearer(), (200, "alice")),
        "canary" => ("cookie", "featureflag=on".into(), (200, "v2")),
        "fault" => ("x-envoy-fault-abort-request", "418".into(), (418, "fault filter abort")),
        _ => ("accept", "*/*".into(), (200, "")),
    }
}

/// What a request leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The connection or the stream ends without an answer.
    Nothing,
    /// Envoy or a filter answers with this status.
    Envoy(u16),
    /// The upstream does.
    Upstream(u16),
}

impl From<Result<Response>> for Outcome {
    fn from(answer: Result<Response>) -> Self {
        match answer {
            Err(_) => Self::Nothing,
            Ok(it) if it.headers.contains_key("x-envoy-upstream-service-time") => {
                Self::Upstream(it.status)
            }
            // A gRPC caller is denied with status 200 and `UNAUTHENTICATED`.
            Ok(it) if it.header("grpc-status") == "16" => Self::Envoy(401),
            Ok(it) => Self::Envoy(it.status),
        }
    }
}

fn bearer() -> String {
    let claims = json!({ "sub": "alice", "exp": tokens::now() + 3600 });
    format!("Bearer {}", ec_key().sign(&claims))
}

/// The bytes of a good request over HTTP/1.1.
fn good_bytes(filter: &str) -> Vec<u8> {
    let (header, value, _) = good_request(filter);
    raw::get_request(b"/", &[(header.as_bytes(), value.as_bytes())])
}

async fn over_http1(address: SocketAddr, attack: &Attack) -> Outcome {
    raw::exchange(address, attack.bytes()).await.into()
}

async fn over_http2(address: SocketAddr, attack: &Attack) -> Result<Outcome> {
    let mut connection = Connection::http2(address).await?;
    Ok(attack.request(&mut connection)?.send().await.into())
}

/// Sends a hostile request to every filter and after each a good one. Gives the outcome without a
/// filter.
async fn attack(proxy: &Proxy, targets: &mut [Target], attack: &Attack) -> Result<Outcome> {
    let plain = proxy.envoy.address(PLAIN)?;
    let without = over_http1(plain, attack).await;
    for target in &mut *targets {
        let with = over_http1(target.address, attack).await;
        assert_eq!(with, target.expected(without), "{} and {attack}", target.filter);
        target.serves_a_good_request().await?;
    }
    if attack.is_well_formed() {
        let without = over_http2(plain, attack).await?;
        for target in targets {
            let with = over_http2(target.address, attack).await?;
            assert_eq!(with, target.expected(without), "HTTP/2, {} and {attack}", target.filter);
            target.serves_a_good_request().await?;
        }
    }
    Ok(without)
}

#[tokio::test]
async fn hostile_requests_get_ordinary_answers_and_the_next_one_is_served() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut targets = proxy.targets().await?;
    let hostile = attacks::all(&bearer());
    let mut reached_the_filters = 0;
    for request in &hostile {
        let outcome = attack(&proxy, &mut targets, request).await?;
        reached_the_filters += usize::from(matches!(outcome, Outcome::Upstream(_)));
    }
    assert!(reached_the_filters > hostile.len() / 2, "{reached_the_filters}");
    proxy.is_unharmed().await
}

#[tokio::test]
async fn random_headers_get_ordinary_answers_and_the_next_request_is_served() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut targets = proxy.targets().await?;
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..300 {
        let request = Attack::random(&mut rng);
        let outcome = attack(&proxy, &mut targets, &request).await?;
        assert_eq!(outcome, Outcome::Upstream(200), "{request}");
    }
    proxy.is_unharmed().await
}

#[tokio::test]
async fn a_good_request_is_served_in_the_same_packet_behind_a_hostile_one() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut hostile = attacks::all(&bearer());
    hostile.retain(|attack| attack.is_well_formed() && attack.bytes().len() < 1_000);
    for Target { filter, address, .. } in proxy.targets().await? {
        let (_, _, expected) = good_request(filter);
        for attack in &hostile {
            let mut connection = RawConnection::open(address).await?;
            connection.write([attack.bytes(), good_bytes(filter)].concat()).await?;
            let answer = connection.read_response().await;
            if answer.with_context(|| format!("{filter} and {attack}"))?.status == 400 {
                // Envoy itself reads no further.
                continue;
            }
            let answer = connection.read_response().await?;
            assert_eq!((answer.status, &*answer.text()), expected, "{filter} after {attack}");
        }
    }
    proxy.is_unharmed().await
}

/// A `POST` with the half of its body, which every filter lets pass: `fault` after the longest
/// delay there is.
fn http1_upload() -> Vec<u8> {
    let upload = Attack::method("POST")
        .with("authorization", bearer())
        .with("cookie", "featureflag=on")
        .with("x-envoy-fault-delay-request", u64::MAX.to_string())
        .with("content-length", "8");
    [upload.bytes(), b"half".to_vec()].concat()
}

/// The first bytes of an HTTP/2 connection, with a `POST` whose body does not end.
fn http2_upload() -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // RFC 7541, appendix A: 3 is `:method: POST`, 4 is `:path: /`, 6 is `:scheme: http`, 1 is
    // `:authority`, here with the value `a`.
    const BLOCK: [u8; 6] = [0x83, 0x84, 0x86, 0x01, 0x01, b'a'];
    const HEADERS: [u8; 9] = [0, 0, BLOCK.len() as u8, 1, 4, 0, 0, 0, 1];
    const DATA: [u8; 9] = [0, 0, 4, 0, 0, 0, 0, 0, 1];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &SETTINGS[..], &HEADERS, &BLOCK, &DATA, b"half"].concat()
}

#[tokio::test]
async fn clients_that_hang_up_at_any_byte_leave_nothing_behind() -> Result<()> {
    let proxy = Proxy::start().await?;
    for mut target in proxy.targets().await? {
        for upload in [http1_upload(), http2_upload()] {
            for end in 1..=upload.len() {
                let mut connection = RawConnection::open(target.address).await?;
                connection.write(&upload[..end]).await?;
                drop(connection);
                target.serves_a_good_request().await?;
            }
        }
        // Fifty answers that nobody waits for.
        let requests = good_bytes(target.filter).repeat(50);
        RawConnection::open(target.address).await?.write(requests).await?;
        target.serves_a_good_request().await?;
    }
    proxy.is_unharmed().await
}
