//! Hostile requests to one worker: with a filter they are answered as Envoy without it answers them,
//! or denied where a token is missing, and after each of them the next good request is served.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Uri};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::client::{Connection, Response};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::tokens::{self, base64url, ec_key};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

const LIMIT: Duration = Duration::from_secs(10);

/// The listener without a filter: the oracle.
const PLAIN: &str = "plain";

/// How many virtual machines run; those of a module that has failed are gone.
const ACTIVE_VMS: &str = "wasm.envoy.wasm.runtime.v8.active";

/// What no filter may cause in Envoy's log. A client must not be able to fill it, either.
const TROUBLE: [&str; 4] = ["wasm log", "Function: proxy_on", "VM failed", "RuntimeError"];

/// What the filters look at, and one that none does.
const NAMES: [&str; 13] = [
    "authorization",
    "cookie",
    "content-type",
    "x-canary",
    "x-user-id",
    "x-variant",
    "x-sub",
    "x-envoy-fault-abort-request",
    "x-envoy-fault-abort-grpc-request",
    "x-envoy-fault-abort-request-percentage",
    "x-envoy-fault-delay-request",
    "x-envoy-fault-delay-request-percentage",
    "x-unknown",
];

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
            + stats.get("wasmcustom.tollgate.fault.active_faults")?)
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

/// A request that need not be valid in any way.
#[derive(Clone)]
struct Attack {
    method: Vec<u8>,
    path: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Attack {
    fn method(method: &str) -> Self {
        Self { method: method.into(), ..Self::headers(&[]) }
    }

    fn path(path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), ..Self::headers(&[]) }
    }

    fn header(name: &str, value: impl AsRef<[u8]>) -> Self {
        Self::headers(&[(name, value.as_ref())])
    }

    fn headers(headers: &[(&str, &[u8])]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.to_vec()));
        Self { method: b"GET".into(), path: b"/".into(), headers: headers.collect() }
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_bytes(), &v[..])).collect();
        let get = raw::get_request(&self.path, &headers);
        [&self.method, &get[b"GET".len()..]].concat()
    }

    async fn over_http1(&self, address: SocketAddr) -> Outcome {
        raw::exchange(address, self.bytes()).await.into()
    }

    /// Whether the HTTP/2 client can be made to send it.
    fn fits_http2(&self) -> bool {
        let valid = |(name, value): &(String, Vec<u8>)| {
            HeaderName::from_bytes(name.as_bytes()).is_ok()
                && HeaderValue::from_bytes(value).is_ok()
        };
        let uri = [b"http://host", &self.path[..]].concat();
        self.path.starts_with(b"/")
            && Uri::from_maybe_shared(uri).is_ok()
            && Method::from_bytes(&self.method).is_ok_and(|method| method != Method::CONNECT)
            && self.headers.iter().all(valid)
    }

    async fn over_http2(&self, address: SocketAddr) -> Result<Outcome> {
        let mut connection = Connection::http2(address).await?;
        let method = Method::from_bytes(&self.method)?;
        let request = connection.request(method, std::str::from_utf8(&self.path)?);
        let request = self.headers.iter().fold(request, |request, (n, v)| request.header(n, v));
        Ok(request.send().await.into())
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        let (start, length) = (&bytes[..bytes.len().min(300)], bytes.len());
        write!(f, "{} ({length} bytes)", start.escape_ascii())
    }
}

/// Sends a request to every filter, and after it a good one.
async fn attack(proxy: &Proxy, targets: &mut [Target], attack: &Attack) -> Result<()> {
    let plain = proxy.envoy.address(PLAIN)?;
    let without = attack.over_http1(plain).await;
    for target in &mut *targets {
        let with = attack.over_http1(target.address).await;
        assert_eq!(with, target.expected(without), "{} and {attack}", target.filter);
        target.serves_a_good_request().await?;
    }
    if attack.fits_http2() {
        let without = attack.over_http2(plain).await?;
        for target in targets {
            let with = attack.over_http2(target.address).await?;
            assert_eq!(with, target.expected(without), "HTTP/2, {} and {attack}", target.filter);
            target.serves_a_good_request().await?;
        }
    }
    Ok(())
}

/// Each of these values in each header that some filter looks at.
fn values() -> Vec<Attack> {
    let values: [&[u8]; 11] = [
        b"",
        b"\xff\xfe\x80",
        b"Bearer \xff.\xff.\xff",
        b"featureflag=\xff\xfe; \xff=on",
        b"\xc3\xa9\xf0\x9f\x92\xa9",
        // What may be let through as a blank or refused.
        b"a\tb",
        b"\x01\x08\x0b\x0c\x1b\x7f",
        b"=;=;;,\"\\\"=",
        b"%00%0d%0a",
        &[b'a'; 60_000],
        &[b'9'; 60_000],
    ];
    let of_name = |name| values.map(|value| Attack::header(name, value));
    NAMES.into_iter().flat_map(of_name).collect()
}

fn cookies() -> Vec<Attack> {
    let pairs: Vec<_> = (0..800).map(|n| format!("cookie{n}=value{n}")).collect();
    let lines: Vec<_> = pairs.iter().map(|pair| ("cookie", pair.as_bytes())).collect();
    let mut attacks: Vec<_> = [
        ";;;=",
        "=",
        ";",
        "a",
        "featureflag",
        "=on",
        "==",
        "a=b=c",
        "\"",
        "a=\"",
        "a=\"\"",
        "uid=",
        "uid=\"\"",
        "uid=;uid=x",
        "featureflag=on;;;=",
        "on; featureflag",
        "\t;\t=\t;",
        "a;b;c;d",
    ]
    .map(|cookie| Attack::header("cookie", cookie))
    .into();
    attacks.push(Attack::header("cookie", pairs.join("; ")));
    attacks.push(Attack::header("cookie", ";".repeat(60_000)));
    attacks.push(Attack::header("cookie", "=".repeat(60_000)));
    attacks.push(Attack::header("cookie", "a=;".repeat(20_000)));
    attacks.push(Attack::header("cookie", format!("uid=\"{}\"", "x".repeat(60_000))));
    attacks.push(Attack::headers(&lines));
    attacks
}

fn tokens_of_all_shapes() -> Vec<Attack> {
    let (good, header) = (bearer(), base64url(r#"{"alg":"ES256","kid":"ec"}"#));
    let deep = base64url("[".repeat(20_000));
    let mut values: Vec<_> = (0..10)
        .flat_map(|dots| [".".repeat(dots), vec![&*header; dots + 1].join(".")])
        .map(|token| format!("Bearer {token}"))
        .collect();
    values.extend([
        "Bearer".into(),
        "Bearer  ".into(),
        "bearer a.b.c".into(),
        "Basic YTpi".into(),
        tokens::tampered(&good),
        format!("{good}."),
        good.replace("Bearer ", "Bearer ."),
        format!("{good}, {good}"),
        format!("Bearer {deep}.{deep}."),
        format!("Bearer {}.e30.", base64url(r#"{"alg":"none"}"#)),
        format!("Bearer {}.e30.AA", base64url(r#"{"alg":["ES256"],"kid":{}}"#)),
        format!("Bearer {}.e30.AA", base64url(b"\xff\xfe")),
        format!("Bearer {header}.e30.{}", "A".repeat(60_000)),
        format!("Bearer {}", "a.".repeat(30_000)),
    ]);
    let two = [("authorization", good.as_bytes()), ("authorization", good.as_bytes())];
    let mut attacks: Vec<_> =
        values.iter().map(|value| Attack::header("authorization", value)).collect();
    attacks.push(Attack::headers(&two));
    attacks.push(Attack::headers(&[two[0], ("Authorization", b"Basic YTpi")]));
    attacks
}

/// None of them asks for a fault that there is.
fn absurd_faults() -> Vec<Attack> {
    let numbers =
        ["-1", "+503", "1e3", "0x1F7", "503.0", "503;", "5 03", "503,504", "NaN", "\u{663}"];
    let huge = ["18446744073709551616", "99999999999999999999999999999999999"];
    let mut attacks = Vec::new();
    for name in ["abort-request", "abort-grpc-request", "delay-request"] {
        let name = format!("x-envoy-fault-{name}");
        attacks.extend(numbers.iter().chain(&huge).map(|value| Attack::header(&name, value)));
    }
    for status in ["0", "99", "199", "600", "65536", "4294967296"] {
        attacks.push(Attack::header("x-envoy-fault-abort-request", status));
    }
    for status in ["17", "4294967295", "4294967296"] {
        let header = ("x-envoy-fault-abort-grpc-request", status.as_bytes());
        attacks.push(Attack::headers(&[header, ("content-type", b"application/grpc")]));
    }
    attacks
}

fn methods_and_paths() -> Vec<Attack> {
    let long = "a".repeat(60_000);
    let methods = [
        "POST",
        "PUT",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "PATCH",
        "CONNECT",
        "PRI",
        "get",
        "FOO",
        "!#$%",
        "",
        &long[..5_000],
    ];
    let paths: [&[u8]; 20] = [
        b"",
        b"?",
        b"#",
        b"*",
        b"/?",
        b"/?#",
        b"//",
        b"/%",
        b"/%00",
        b"/\xff\xfe",
        b"/\x01\x7f",
        b"/\t",
        b"/ ",
        b"/..;/../",
        b"/\\",
        b"/\"<>^`{|}",
        b"http://",
        b"http://host",
        b"host:80",
        b"\xff",
    ];
    let mut attacks: Vec<_> = methods.map(Attack::method).into();
    attacks.extend(paths.map(Attack::path));
    attacks.push(Attack::path(format!("/{long}")));
    attacks.push(Attack::path(format!("/?{}", "a=b&".repeat(15_000))));
    attacks.push(Attack::header("!#$%&'*+-.^_`|~", "x"));
    attacks.push(Attack::header(&long[..10_000], "x"));
    attacks.push(Attack::header("host", "a\"b\\c"));
    let many: Vec<_> = (0..900).map(|n| format!("x-header-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (&**name, &b"x"[..])).collect();
    attacks.push(Attack::headers(&many));
    attacks
}

/// From pieces that mean something to some filter; without digits, so that no fault is asked for.
fn random_attack(rng: &mut StdRng) -> Attack {
    const PIECES: [&[u8]; 28] = [
        b"featureflag",
        b"uid",
        b"=",
        b"=",
        b";",
        b";",
        b"; ",
        b"\"",
        b" ",
        b"\t",
        b",",
        b"on",
        b"always",
        b"Bearer ",
        b"Basic ",
        b".",
        b".",
        b"e30",
        b"eyJhbGciOiJub25lIn",
        b"-",
        b"_",
        b"\\",
        b"\xff",
        b"\x80\xfe",
        b"\xc3\xa9",
        b"{}",
        b"\x01",
        b"null",
    ];
    let value = |rng: &mut StdRng| {
        let pieces = match rng.gen_range(0..20) {
            0 => rng.gen_range(0..5_000),
            _ => rng.gen_range(0..20),
        };
        let pick = |_| *PIECES.choose(&mut *rng).unwrap_or(&PIECES[0]);
        (0..pieces).map(pick).collect::<Vec<_>>().concat()
    };
    let count = rng.gen_range(1..10);
    let header = |_| (NAMES[rng.gen_range(0..NAMES.len())].to_owned(), value(rng));
    Attack { headers: (0..count).map(header).collect(), ..Attack::headers(&[]) }
}

#[tokio::test]
async fn hostile_requests_get_ordinary_answers_and_the_next_one_is_served() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut targets = proxy.targets().await?;
    for attacks in
        [values(), cookies(), tokens_of_all_shapes(), absurd_faults(), methods_and_paths()]
    {
        for hostile in attacks {
            attack(&proxy, &mut targets, &hostile).await?;
        }
    }
    proxy.is_unharmed().await
}

#[tokio::test]
async fn random_headers_get_ordinary_answers_and_the_next_request_is_served() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut targets = proxy.targets().await?;
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..300 {
        attack(&proxy, &mut targets, &random_attack(&mut rng)).await?;
    }
    proxy.is_unharmed().await
}

#[tokio::test]
async fn a_good_request_is_served_in_the_same_packet_behind_a_hostile_one() -> Result<()> {
    let proxy = Proxy::start().await?;
    let mut hostile = [values(), cookies(), tokens_of_all_shapes(), absurd_faults()].concat();
    hostile.retain(|attack| attack.fits_http2() && attack.bytes().len() < 1_000);
    for Target { filter, address, .. } in proxy.targets().await? {
        let (header, value, expected) = good_request(filter);
        let good = raw::get_request(b"/", &[(header.as_bytes(), value.as_bytes())]);
        for attack in &hostile {
            let mut connection = RawConnection::open(address).await?;
            connection.write([attack.bytes(), good.clone()].concat()).await?;
            connection.read_response().await.with_context(|| format!("{filter} and {attack}"))?;
            let answer = connection.read_response().await?;
            assert_eq!((answer.status, &*answer.text()), expected, "{filter} after {attack}");
        }
    }
    proxy.is_unharmed().await
}

/// The first bytes of an HTTP/2 connection with a `POST /` whose body does not end.
fn http2_upload() -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // RFC 7541, appendix A: 3 is `:method: POST`, 4 is `:path: /`, 6 is `:scheme: http`, 1 is
    // `:authority`, here with the value `a`.
    const BLOCK: [u8; 6] = [0x83, 0x84, 0x86, 0x01, 0x01, b'a'];
    const HEADERS: [u8; 9] = [0, 0, BLOCK.len() as u8, 1, 4, 0, 0, 0, 1];
    const DATA: [u8; 9] = [0, 0, 4, 0, 0, 0, 0, 0, 1];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &SETTINGS[..], &HEADERS, &BLOCK, &DATA, b"half"].concat()
}

/// A `POST` that every filter lets pass, `fault` after an hour, with the half of its body.
fn http1_upload() -> Vec<u8> {
    let bearer = bearer();
    let mut upload = Attack::headers(&[
        ("authorization", bearer.as_bytes()),
        ("cookie", b"featureflag=on"),
        ("x-envoy-fault-delay-request", b"3600000"),
        ("content-length", b"8"),
    ]);
    upload.method = b"POST".into();
    [upload.bytes(), b"half".to_vec()].concat()
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
        let (header, value, _) = good_request(target.filter);
        let good = raw::get_request(b"/", &[(header.as_bytes(), value.as_bytes())]);
        RawConnection::open(target.address).await?.write(good.repeat(50)).await?;
        target.serves_a_good_request().await?;
    }
    proxy.is_unharmed().await
}

#[tokio::test]
async fn the_longest_delay_that_can_be_asked_for_ends_with_its_client() -> Result<()> {
    let proxy = Proxy::start().await?;
    let delayed = Attack::header("x-envoy-fault-delay-request", u64::MAX.to_string());
    let mut connection = RawConnection::open(proxy.envoy.address("fault")?).await?;
    connection.write(delayed.bytes()).await?;
    wait::until("the request waits", LIMIT, async || {
        proxy.left_over().await.is_ok_and(|count| count == 1)
    })
    .await?;
    for mut target in proxy.targets().await? {
        target.serves_a_good_request().await?;
    }
    assert_eq!(proxy.left_over().await?, 1);
    drop(connection);
    proxy.is_unharmed().await
}
