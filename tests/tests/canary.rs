//! The canary in stock Envoy: that its decisions lead to routes, on every worker and over every
//! protocol, and that no client can choose by itself what the rules do not let it choose. What the
//! rules decide is tested in the simulated proxy, see `filters/canary/tests`.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tollgate::bucketing::murmur3_x86_32;
use tollgate_e2e::certificates::Authority;
use tollgate_e2e::client::{self, Connection, Request, Response, raw};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::upstream::{Answer, Upstream};

const FLAG: &str = "voting-app";
const ROUTING: &str = "x-tollgate-variant";
const VARIANT: &str = "x-served-variant";
const REASON: &str = "x-served-reason";

/// What the upstreams answer: who they are, and every value of the routing header that they saw.
const V1: &str = r#"v1 saw ["v1"]"#;
const V2: &str = r#"v2 saw ["v2"]"#;

type Headers<'a> = &'a [(&'a str, &'a [u8])];

fn with<'a>(request: Request<'a>, headers: Headers<'_>) -> Request<'a> {
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// An Envoy in front of the two versions of a service.
struct Proxy {
    envoy: Process,
    _versions: [Upstream; 2],
}

impl Proxy {
    /// With one listener, `rules`.
    async fn start(rollout: Value, workers: u32) -> Result<Self> {
        Self::serving([by_header(canary("rules", rollout)?)], workers).await
    }

    async fn serving(listeners: impl IntoIterator<Item = Listener>, workers: u32) -> Result<Self> {
        let versions = [version("v1").await?, version("v2").await?];
        let bootstrap = Bootstrap::new()
            .cluster(Cluster::new("v1", versions[0].address()))
            .cluster(Cluster::new("v2", versions[1].address()));
        let config = listeners.into_iter().fold(bootstrap, Bootstrap::listener).build();
        Ok(Self { envoy: Process::start(&config, workers).await?, _versions: versions })
    }

    async fn get(&self, headers: Headers<'_>) -> Result<Response> {
        with(client::get(self.envoy.address("rules")?, "/"), headers).send().await
    }

    /// All decisions so far, by variant and reason.
    async fn decisions(&self) -> Result<Vec<(String, u64)>> {
        let stats = self.envoy.stats().await?;
        let of_flag = format!("wasmcustom.tollgate.canary.flag={FLAG}.reason=");
        let decision = |(name, count): (&str, u64)| {
            let (reason, variant) = name.strip_suffix(".decisions")?.split_once(".variant=")?;
            (count > 0).then(|| (format!("{variant}.{reason}"), count))
        };
        let mut decisions: Vec<_> = stats.below(&of_flag).filter_map(decision).collect();
        decisions.sort();
        Ok(decisions)
    }

    async fn never_failed(&self) -> Result<()> {
        assert_eq!(self.envoy.counter("wasmcustom.tollgate.canary.failures").await?, 0);
        Ok(())
    }

    /// A connection to the one listener that this worker serves; a request has passed it.
    async fn connection_to(&self, worker: &str) -> Result<Connection> {
        loop {
            let before = self.accepted_by(worker).await?;
            let mut connection = Connection::http1(self.envoy.address("rules")?).await?;
            connection.get("/").send().await?;
            if self.accepted_by(worker).await? > before {
                return Ok(connection);
            }
        }
    }

    async fn accepted_by(&self, worker: &str) -> Result<u64> {
        let stats = self.envoy.stats().await?;
        let name = format!("{worker}.downstream_cx_total");
        let found = stats.below("listener.").find(|(other, _)| other.ends_with(&name));
        found.map(|(_, count)| count).with_context(|| format!("no stat {name}"))
    }
}

/// An upstream that answers what it saw, and pretends to know the variant.
async fn version(name: &'static str) -> Result<Upstream> {
    let upstream = Upstream::start().await?;
    upstream.respond(move |request| {
        let seen = request.header(ROUTING);
        let seen: Vec<_> = seen.into_iter().map(String::from_utf8_lossy).collect();
        Answer::status(200).body(format!("{name} saw {seen:?}")).header(VARIANT, "forged")
    });
    Ok(upstream)
}

/// A listener with the canary and no routes; both are called `name`.
fn canary(name: &str, rollout: Value) -> Result<Listener> {
    Ok(Listener::new(name).filter(WasmFilter::new("canary", rollout)?.named(name)))
}

fn by_header(listener: Listener) -> Listener {
    listener
        .route(Route::prefix("/").header(ROUTING, "v2").to("v2"))
        .route(Route::prefix("/").to("v1"))
}

fn rollout() -> Value {
    let on_header = |value: &str, variant: &str| {
        let canary = json!({ "name": "X-Canary", "exact": value });
        json!({ "name": value, "match": { "headers": [canary] }, "variant": variant })
    };
    json!({
        "flag": FLAG,
        "routing_header": "X-Tollgate-Variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [
            on_header("always", "v2"),
            on_header("never", "v1"),
            {
                "name": "feature-flag-cookie",
                "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
                "variant": "v2",
            },
            {
                "name": "ten-percent",
                "split": {
                    "by": [{ "cookie": "uid" }, { "header": "x-user-id" }],
                    "weights": { "v1": 90, "v2": 10 },
                },
            },
        ],
        "response": { "variant_header": VARIANT, "reason_header": REASON },
    })
}

/// The same with another value of one field.
fn rollout_with(field: &str, value: Value) -> Value {
    let mut rollout = rollout();
    rollout[field] = value;
    rollout
}

fn without_rules() -> Value {
    rollout_with("rules", json!([]))
}

fn disabled() -> Value {
    rollout_with("enabled", json!(false))
}

/// Who answers a user of the 90/10 split, by flagd's `fractional`, second version.
fn predicted(user: &str) -> &'static str {
    let hash = murmur3_x86_32(format!("{FLAG}{user}").as_bytes(), 0);
    if (u64::from(hash) * 100) >> 32 < 90 { V1 } else { V2 }
}

#[tokio::test]
async fn cookies_and_headers_decide_as_they_come_over_http1_and_http2() -> Result<()> {
    const RULE: &str = "TARGETING_MATCH";
    let cases: [(Headers<'_>, (&str, &str)); 8] = [
        (&[], (V1, "DEFAULT")),
        (&[("cookie", b"theme=dark;\tfeatureflag = \"on\" ;")], (V2, RULE)),
        // One header line a cookie is what HTTP/2 clients send.
        (&[("cookie", b"theme=dark"), ("cookie", b"featureflag=on")], (V2, RULE)),
        (&[("cookie", b"featureflag=off"), ("cookie", b"featureflag=on")], (V1, "DEFAULT")),
        (&[("cookie", b"\xff\xfe=\xff; featureflag=on")], (V2, RULE)),
        (&[("cookie", b"featureflag=on\xff")], (V1, "DEFAULT")),
        (&[("x-canary", b"other"), ("x-canary", b"always")], (V2, RULE)),
        (&[("x-canary", b"never"), ("cookie", b"featureflag=on")], (V1, RULE)),
    ];
    let proxy = Proxy::start(rollout(), 2).await?;
    let address = proxy.envoy.address("rules")?;
    for mut connection in [Connection::http1(address).await?, Connection::http2(address).await?] {
        for (headers, expected) in &cases {
            let answer = with(connection.get("/"), headers).send().await?;
            let shown: Vec<_> = headers.iter().map(|(n, v)| (n, v.escape_ascii())).collect();
            assert_eq!((&*answer.text(), answer.header(REASON)), *expected, "{shown:?}");
        }
    }
    proxy.never_failed().await
}

#[tokio::test]
async fn a_thousand_users_are_split_as_flagd_predicts_on_every_worker() -> Result<()> {
    let users: Vec<_> = (0..1000).map(|user| format!("user-{user}")).collect();
    let in_v2 = users.iter().filter(|user| predicted(user) == V2).count();
    assert!((80..=120).contains(&in_v2), "{in_v2} of 1000 are no ten percent");
    for workers in [1, 2] {
        let proxy = Proxy::start(rollout(), workers).await?;
        for pass in 0..2 {
            let worker = format!("worker_{}", pass % workers);
            let mut connection = proxy.connection_to(&worker).await?;
            for user in &users {
                let request = connection.get("/").header("cookie", format!("uid={user}"));
                let answer = request.send().await?;
                let found = (answer.text(), answer.header(REASON));
                assert_eq!(found, (predicted(user).to_owned(), "SPLIT"), "{user} on {worker}");
            }
        }
        let decisions = proxy.decisions().await?;
        let expected = [("v1.split", 2 * (1000 - in_v2)), ("v2.split", 2 * in_v2)];
        for (name, count) in expected {
            assert!(decisions.contains(&(name.to_owned(), count as u64)), "{decisions:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_told_apart_is_drawn_at_random_when_that_is_configured() -> Result<()> {
    let mut config = rollout();
    config["rules"][3]["split"]["by"] = json!([{ "cookie": "uid" }, { "random": true }]);
    let proxy = Proxy::start(config, 2).await?;
    let mut in_v2 = 0;
    for worker in ["worker_0", "worker_1"] {
        let mut connection = proxy.connection_to(worker).await?;
        for _ in 0..500 {
            let answer = connection.get("/").send().await?;
            assert_eq!(answer.header(REASON), "SPLIT");
            in_v2 += u32::from(answer.text() == V2);
        }
    }
    // Six standard deviations to either side.
    assert!((43..=157).contains(&in_v2), "{in_v2} of 1000");
    Ok(())
}

#[tokio::test]
async fn the_address_of_a_client_decides_and_tells_users_apart() -> Result<()> {
    let rules = json!([
        {
            "name": "offices",
            "match": { "source_ip": ["10.0.0.0/8", "2001:db8::/32"] },
            "variant": "v2",
        },
        {
            "name": "ten-percent",
            "split": { "by": [{ "source_ip": true }], "weights": { "v1": 90, "v2": 10 } },
        },
    ]);
    let proxy = Proxy::start(rollout_with("rules", rules), 2).await?;
    let split = |address| (predicted(address).to_owned(), "SPLIT".to_owned());
    // Envoy trusts the last address, if it is not told otherwise.
    for (forwarded_for, expected) in [
        ("10.1.2.3", (V2.to_owned(), "TARGETING_MATCH".to_owned())),
        ("192.0.2.1, 10.1.2.3", (V2.to_owned(), "TARGETING_MATCH".to_owned())),
        ("2001:db8::7", (V2.to_owned(), "TARGETING_MATCH".to_owned())),
        ("10.1.2.3, 192.0.2.1", split("192.0.2.1")),
        ("2001:DB9:0::1", split("2001:db9::1")),
    ] {
        let answer = proxy.get(&[("x-forwarded-for", forwarded_for.as_bytes())]).await?;
        assert_eq!((answer.text(), answer.header(REASON).to_owned()), expected, "{forwarded_for}");
    }
    for address in (0..50).map(|host| format!("192.0.2.{host}")) {
        let answer = proxy.get(&[("x-forwarded-for", address.as_bytes())]).await?;
        assert_eq!(answer.text(), predicted(&address), "{address}");
    }
    let answer = proxy.get(&[]).await?;
    assert_eq!((answer.text(), answer.header(REASON).to_owned()), split("127.0.0.1"));
    proxy.never_failed().await
}

#[tokio::test]
async fn the_certificate_of_a_client_decides_over_mutual_tls() -> Result<()> {
    let authority = Authority::new()?;
    let rule = |name: &str, peer: Value| json!({ "name": name, "match": { "peer": [peer] }, "variant": "v2" });
    let rules = json!([
        rule(
            "uri",
            json!({ "principal": "uri_san", "prefix": "spiffe://example.org/operations/" })
        ),
        rule("dns", json!({ "exact": "shop.example" })),
        rule("subject", json!({ "principal": "subject", "exact": "CN=audit" })),
    ]);
    let server = authority.issue("inside", &["inside.example"])?;
    let rules = canary("rules", rollout_with("rules", rules))?.tls(&server, &authority);
    let inside = Proxy::serving([by_header(rules)], 1).await?;

    let clients = [
        ("operations", Some(("a", &["spiffe://example.org/operations/deployer"][..])), V2),
        ("shop", Some(("b", &["spiffe://example.org/shop", "shop.example"][..])), V2),
        ("audit", Some(("audit", &["audit.example"][..])), V2),
        ("stranger", Some(("c", &["spiffe://example.org/shop", "operations"][..])), V1),
        ("nobody", None, V1),
    ];
    let (mut outside, mut bootstrap) = (Listener::new("outside"), Bootstrap::new());
    for (client, identity, _) in clients {
        let identity = identity.map(|(name, sans)| authority.issue(name, sans)).transpose()?;
        let cluster = Cluster::new(client, inside.envoy.address("rules")?);
        bootstrap = bootstrap.cluster(cluster.tls("inside.example", &authority, identity.as_ref()));
        outside = outside.route(Route::prefix(&format!("/{client}")).to(client));
    }
    let outside = Process::start(&bootstrap.listener(outside).build(), 1).await?;
    for (client, _, expected) in clients {
        let answer = client::get(outside.address("outside")?, &format!("/{client}")).send().await?;
        assert_eq!(answer.text(), expected, "{client}");
    }
    inside.never_failed().await
}

#[tokio::test]
async fn a_fact_that_cannot_be_read_gives_the_default_variant() -> Result<()> {
    // With a `not`, which an absent address would fulfil.
    let inside =
        json!({ "headers": [{ "name": "x-app", "present": true }], "source_ip": ["::/0"] });
    let rules = json!([
        { "name": "outside", "match": { "not": inside }, "variant": "v2" },
        { "name": "all", "variant": "v2" },
    ]);
    let filter = WasmFilter::new("canary", rollout_with("rules", rules))?;
    let listener = Listener::new("rules").filter(without_properties(filter));
    let proxy = Proxy::serving([by_header(listener)], 1).await?;
    let outcome = async |headers: Headers<'_>| -> Result<(String, String)> {
        let answer = proxy.get(headers).await?;
        Ok((answer.text(), answer.header(REASON).to_owned()))
    };
    assert_eq!(outcome(&[]).await?, (V2.to_owned(), "TARGETING_MATCH".to_owned()));
    assert_eq!(outcome(&[("x-app", b"1")]).await?, (V1.to_owned(), "ERROR".to_owned()));
    let expected = [("v1.error".to_owned(), 1), ("v2.targeting_match".to_owned(), 1)];
    assert_eq!(proxy.decisions().await?, expected);
    assert!(proxy.envoy.logs()?.contains("a request gets the default variant: source.address"));
    Ok(())
}

/// The filter in a VM that may do what the canary needs, but ask for properties.
fn without_properties(filter: WasmFilter) -> Value {
    let allowed = [
        "clock_time_get",
        "fd_write",
        "proxy_call_foreign_function",
        "proxy_define_metric",
        "proxy_get_buffer_bytes",
        "proxy_get_header_map_pairs",
        "proxy_get_log_level",
        "proxy_increment_metric",
        "proxy_log",
        "proxy_on_configure",
        "proxy_on_context_create",
        "proxy_on_delete",
        "proxy_on_memory_allocate",
        "proxy_on_request_headers",
        "proxy_on_response_headers",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_set_effective_context",
        "random_get",
    ];
    let allowed: Map<_, _> = allowed.map(|name| (name.to_owned(), json!({}))).into_iter().collect();
    let mut filter = Value::from(filter);
    filter["typed_config"]["config"]["capability_restriction_config"] =
        json!({ "allowed_capabilities": allowed });
    filter
}

#[tokio::test]
async fn a_clients_routing_header_neither_decides_nor_reaches_the_upstream() -> Result<()> {
    let large = vec![b'v'; 60_000];
    let spoofs: Vec<Vec<(&str, &[u8])>> = vec![
        vec![(ROUTING, b"v2")],
        vec![(ROUTING, b"v1")],
        vec![(ROUTING, b"")],
        vec![(ROUTING, b"v2"), (ROUTING, b"v2"), (ROUTING, b"v1")],
        vec![("X-Tollgate-Variant", b"v2")],
        vec![("X-TOLLGATE-VARIANT", b"v2"), (ROUTING, b"v2"), ("x-Tollgate-variant", b"v3")],
        vec![(ROUTING, b"v2, v2")],
        vec![(ROUTING, b"\xff\xfe")],
        vec![(ROUTING, &large)],
    ];
    let tables = [("no-rule-matches", rollout()), ("static", without_rules()), ("off", disabled())];
    for workers in [1, 2] {
        let mut listeners = Vec::new();
        for (name, config) in tables.clone() {
            listeners.push(by_header(canary(name, config)?));
        }
        let by_name = Route::prefix("/").with(json!({ "route": { "cluster_header": ROUTING } }));
        listeners.push(canary("by-name", rollout())?.route(by_name));
        let proxy = Proxy::serving(listeners, workers).await?;
        for (listener, cookie, expected) in [
            ("no-rule-matches", "theme=dark", V1),
            ("no-rule-matches", "featureflag=on", V2),
            ("static", "featureflag=on", V1),
            ("off", "featureflag=on", V1),
            ("by-name", "theme=dark", V1),
            ("by-name", "featureflag=on", V2),
        ] {
            let address = proxy.envoy.address(listener)?;
            for spoof in &spoofs {
                let shown = || format!("{listener} {cookie} {spoof:.60?}");
                let headers: Vec<_> = spoof.iter().map(|(n, v)| (n.as_bytes(), *v)).collect();
                let headers = [&headers[..], &[(b"cookie", cookie.as_bytes())]].concat();
                let answer = raw::exchange(address, raw::get_request(b"/", &headers)).await?;
                assert_eq!(answer.text(), expected, "HTTP/1 {}", shown());

                let mut connection = Connection::http2(address).await?;
                let request = with(connection.get("/").header("cookie", cookie), spoof);
                assert_eq!(request.send().await?.text(), expected, "HTTP/2 {}", shown());
            }
            // A client may name headers of its own connection, which proxies remove.
            let nominated = raw::get_request(
                b"/",
                &[(b"connection", ROUTING.as_bytes()), (b"cookie", cookie.as_bytes())],
            );
            assert_eq!(raw::exchange(address, nominated).await?.text(), expected, "{listener}");
        }
        proxy.never_failed().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_client_is_told_the_variant_and_the_reason_whoever_answers() -> Result<()> {
    let direct = Route::prefix("/direct").direct_response(200, "direct");
    let proxy = Proxy::serving([by_header(canary("rules", rollout())?.route(direct))], 2).await?;
    let cases: [(Headers<'_>, &str, &str); 3] = [
        (&[], "v1", "DEFAULT"),
        (&[("cookie", b"featureflag=on")], "v2", "TARGETING_MATCH"),
        (&[("cookie", b"uid=user-1")], &predicted("user-1")[..2], "SPLIT"),
    ];
    for (headers, variant, reason) in cases {
        for path in ["/", "/direct"] {
            let request = client::get(proxy.envoy.address("rules")?, path);
            let answer = with(request, headers).send().await?;
            let lines = |name: &str| Vec::from_iter(answer.headers.get_all(name));
            assert_eq!(lines(VARIANT), [variant], "{path} {headers:?}");
            assert_eq!(lines(REASON), [reason], "{path} {headers:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_do_not_get_each_others_decision() -> Result<()> {
    let proxy = Proxy::start(rollout(), 2).await?;
    let mut clients = JoinSet::new();
    for client in 0..16 {
        let address = proxy.envoy.address("rules")?;
        clients.spawn(async move {
            let mut connection = match client % 2 {
                0 => Connection::http1(address).await?,
                _ => Connection::http2(address).await?,
            };
            for request in 0..50 {
                let user = format!("client-{client}-{request}");
                let request = connection.get("/").header("cookie", format!("uid={user}"));
                let answer = request.send().await?;
                let expected = predicted(&user);
                assert_eq!((&*answer.text(), answer.header(VARIANT)), (expected, &expected[..2]));
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    let decisions: u64 = proxy.decisions().await?.iter().map(|(_, count)| count).sum();
    assert_eq!(decisions, 16 * 50);
    Ok(())
}

#[tokio::test]
async fn the_route_is_chosen_again_although_a_filter_has_asked_for_it() -> Result<()> {
    let listener = Listener::new("rules")
        .filter(WasmFilter::new("circuit-breaker", json!({}))?)
        .filter(WasmFilter::new("canary", rollout())?);
    let proxy = Proxy::serving([by_header(listener)], 1).await?;
    assert_eq!(proxy.get(&[("cookie", b"featureflag=on")]).await?.text(), V2);
    // The breaker has one for the cluster of the first route.
    proxy.envoy.gauge("wasmcustom.tollgate.circuit_breaker.v1.in_flight").await?;
    Ok(())
}

#[tokio::test]
async fn a_struct_configures_it_as_well_as_json_text() -> Result<()> {
    for workers in [1, 2] {
        let canary = WasmFilter::new("canary", Value::Null)?.configured_with_struct(rollout());
        let listener = Listener::new("rules").filter(canary);
        let proxy = Proxy::serving([by_header(listener)], workers).await?;
        assert_eq!(proxy.get(&[]).await?.text(), V1);
        assert_eq!(proxy.get(&[("cookie", b"featureflag=on")]).await?.text(), V2);
        let mut connection = Connection::http1(proxy.envoy.address("rules")?).await?;
        for user in (0..50).map(|user| format!("user-{user}")) {
            let answer = connection.get("/").header("x-user-id", &user).send().await?;
            assert_eq!(answer.text(), predicted(&user), "{user}");
        }
    }
    Ok(())
}
