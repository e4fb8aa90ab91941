//! The circuit breaker in stock Envoy: limits and state over one worker and two, real upstreams, and native
//! filters beside it. What it decides is tested in the simulated proxy (`filters/circuit-breaker/tests`).

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::client::{self, Connection, Response};
use tollgate_e2e::envoy::{
    Bootstrap, Cluster, Listener, Process, Route, WasmFilter, native_filter,
};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

const LIMIT: Duration = Duration::from_secs(10);
const OVERFLOW_BODY: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

/// An Envoy with the breaker in front of one cluster, called `backend`.
struct Proxy {
    envoy: Process,
    upstream: Upstream,
}

impl Proxy {
    async fn start(configuration: Value, workers: u32) -> Result<Self> {
        let filter = WasmFilter::new("circuit-breaker", configuration)?;
        Self::with(Listener::new("ingress").filter(filter), workers).await
    }

    async fn with(listener: Listener, workers: u32) -> Result<Self> {
        let upstream = Upstream::start().await?;
        upstream.respond(|request| match request.path.as_str() {
            "/error" => Answer::status(500),
            "/reset" => Answer::reset(),
            "/slow" => Answer::status(200).after(Duration::from_millis(3)),
            _ => Answer::status(200),
        });
        let config = Bootstrap::new()
            .listener(listener.route(Route::prefix("/").to("backend")))
            .cluster(Cluster::new("backend", upstream.address()))
            .build();
        Ok(Self { envoy: Process::start(&config, workers).await?, upstream })
    }

    async fn get(&self, path: &str) -> Result<Response> {
        client::get(self.envoy.address("ingress")?, path).send().await
    }

    async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.get(path).await?.status)
    }

    async fn stat(&self, name: &str) -> Result<u64> {
        let stats = self.envoy.stats().await?;
        stats.get(&format!("wasmcustom.tollgate.circuit_breaker.backend.{name}"))
    }

    async fn nothing_in_flight(&self) -> Result<()> {
        wait::until("nothing is in flight", LIMIT, async || {
            self.stat("in_flight").await.is_ok_and(|value| value == 0)
        })
        .await
    }

    /// Requests that wait at the upstream until it is released.
    async fn hold(&self, count: usize) -> Result<Vec<RawConnection>> {
        self.upstream.hold();
        let mut held = Vec::new();
        for _ in 0..count {
            let mut connection = RawConnection::open(self.envoy.address("ingress")?).await?;
            connection.write(raw::get_request(b"/", &[])).await?;
            held.push(connection);
            let arrived = held.len();
            wait::until("the request has arrived", LIMIT, async || {
                self.upstream.in_flight() == arrived
            })
            .await?;
        }
        Ok(held)
    }
}

fn limited_to(limit: u32) -> Value {
    json!({ "connectionPool": { "http": { "http2MaxRequests": limit } } })
}

/// Opens after three errors, for 300 ms the first time.
fn detecting() -> Value {
    json!({ "outlierDetection": { "consecutive5xxErrors": 3, "baseEjectionTime": "300ms" } })
}

const OPEN_TIME: Duration = Duration::from_millis(320);

/// 200 requests from 50 connections, and how many were let in and refused.
async fn run_of_requests(proxy: &Proxy) -> Result<(u64, u64)> {
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let address = proxy.envoy.address("ingress")?;
        clients.spawn(async move {
            let (mut connection, mut answers) = (Connection::http1(address).await?, Vec::new());
            for _ in 0..4 {
                answers.push(connection.get("/slow").send().await?);
            }
            anyhow::Ok(answers)
        });
    }
    let (mut served, mut refused) = (0, 0);
    while let Some(answers) = clients.join_next().await {
        for answer in answers?? {
            match (answer.status, answer.text().as_str()) {
                (200, _) => served += 1,
                (503, OVERFLOW_BODY) => refused += 1,
                other => anyhow::bail!("unexpected answer {other:?}"),
            }
        }
    }
    Ok((served, refused))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_never_have_more_than_the_limit_in_flight() -> Result<()> {
    const CONCURRENCY: usize = 8;
    let proxy = Proxy::start(limited_to(CONCURRENCY as u32), 2).await?;
    let (mut served, mut refused) = (0, 0);
    for _ in 0..20 {
        let (more_served, more_refused) = run_of_requests(&proxy).await?;
        assert_eq!(more_served + more_refused, 200);
        served += more_served;
        refused += more_refused;
        proxy.nothing_in_flight().await?;
    }
    let most = proxy.upstream.max_in_flight();
    assert!(most <= CONCURRENCY, "{most} in flight");
    assert!(most > CONCURRENCY / 2 && served > 0 && refused > 0, "{most} {served} {refused}");
    assert_eq!(proxy.stat("upstream_rq_pending_overflow").await?, refused);
    assert_eq!(proxy.upstream.count() as u64, served);

    let stats = proxy.envoy.stats().await?;
    for worker in ["worker_0", "worker_1"] {
        let connections: u64 = stats
            .below("listener.")
            .filter(|(name, _)| name.contains(worker) && name.ends_with("downstream_cx_total"))
            .map(|(_, value)| value)
            .sum();
        assert!(connections > 0, "{worker} took no part");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_give_their_places_back() -> Result<()> {
    const CONCURRENCY: usize = 6;
    let proxy = Proxy::start(limited_to(CONCURRENCY as u32), 2).await?;
    for _ in 0..5 {
        let mut held = proxy.hold(CONCURRENCY).await?;
        assert_eq!(proxy.status("/").await?, 503);
        drop(held.split_off(CONCURRENCY / 2));
        wait::until("half of them are gone", LIMIT, async || {
            proxy.stat("in_flight").await.is_ok_and(|value| value == CONCURRENCY as u64 / 2)
        })
        .await?;
        proxy.upstream.release();
        for mut connection in held {
            assert_eq!(connection.read_response().await?.status, 200);
        }
        proxy.nothing_in_flight().await?;
        wait::until("the upstream is idle", LIMIT, async || proxy.upstream.in_flight() == 0)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn while_a_probe_is_out_everybody_else_is_refused() -> Result<()> {
    let proxy = Proxy::start(detecting(), 2).await?;
    for _ in 0..3 {
        proxy.get("/error").await?;
    }
    tokio::time::sleep(OPEN_TIME).await;
    let mut probe = proxy.hold(1).await?.remove(0);
    for _ in 0..10 {
        assert_eq!(proxy.get("/").await?.text(), "circuit breaker open");
    }
    assert_eq!((proxy.stat("state").await?, proxy.stat("probes").await?), (1, 1));
    proxy.upstream.release();
    assert_eq!(probe.read_response().await?.status, 200);
    assert_eq!(proxy.status("/").await?, 200);
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_opens_the_breaker() -> Result<()> {
    let proxy = Proxy::start(
        json!({ "outlierDetection": { "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 } }),
        1,
    )
    .await?;
    for _ in 0..2 {
        assert_eq!(proxy.status("/reset").await?, 503);
    }
    assert_eq!(proxy.get("/").await?.text(), "circuit breaker open");
    assert_eq!(proxy.stat("ejections_enforced_consecutive_gateway_failure").await?, 1);
    Ok(())
}

/// To gRPC callers Envoy says so with the status 200.
#[tokio::test]
async fn an_upstream_that_cannot_be_reached_opens_the_breaker_for_grpc_callers_too() -> Result<()> {
    let proxy = Proxy::start(
        json!({ "outlierDetection": { "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2 } }),
        1,
    )
    .await?;
    let call = async || {
        let address = proxy.envoy.address("ingress")?;
        client::post(address, "/reset").header("content-type", "application/grpc").send().await
    };
    for _ in 0..2 {
        let failed = call().await?;
        assert_eq!((failed.status, failed.header("grpc-status")), (200, "14"));
    }
    let refused = call().await?;
    assert_eq!((refused.status, refused.header("grpc-status")), (200, "14"));
    assert_eq!(refused.header("grpc-message"), "circuit breaker open");
    assert_eq!(proxy.stat("ejections_enforced_consecutive_gateway_failure").await?, 1);
    Ok(())
}

/// Which gRPC answers without a message open the breaker, and which make Envoy's own outlier detection eject.
#[tokio::test]
async fn the_same_grpc_answers_count_as_in_envoys_own_outlier_detection() -> Result<()> {
    const STATUSES: std::ops::RangeInclusive<u32> = 0..=17;
    let upstream = Upstream::start().await?;
    upstream.respond(|request| {
        let status = request.path.trim_start_matches('/').parse();
        Answer::grpc_status(status.unwrap_or_default(), "why")
    });
    let breaker = json!({
        "key": { "header": "x-status" },
        "outlierDetection": { "consecutive5xxErrors": 1 },
    });
    let ours = Listener::new("ours")
        .filter(WasmFilter::new("circuit-breaker", breaker)?)
        .route(Route::prefix("/").to("plain"));
    let cluster = |name: &str| Cluster::new(name, upstream.address());
    let (mut native, mut bootstrap) =
        (Listener::new("native"), Bootstrap::new().cluster(cluster("plain")));
    for status in STATUSES {
        let (name, status) = (format!("native_{status}"), status.to_string());
        native = native.route(Route::prefix("/").header("x-status", &status).to(&name));
        let detection = json!({ "consecutive_5xx": 1, "max_ejection_percent": 100 });
        bootstrap =
            bootstrap.cluster(cluster(&name).with(json!({ "outlier_detection": detection })));
    }
    let config = bootstrap.listener(native).listener(ours).build();
    let envoy = Process::start(&config, 1).await?;
    for status in STATUSES {
        for listener in ["ours", "native"] {
            let answer = client::post(envoy.address(listener)?, &format!("/{status}"))
                .header("content-type", "application/grpc")
                .header("x-status", status.to_string())
                .send()
                .await?;
            assert_eq!(answer.header("grpc-status"), status.to_string(), "{listener}");
        }
    }
    let stats = envoy.stats().await?;
    let mut errors = Vec::new();
    for status in STATUSES {
        let native = format!("cluster.native_{status}.outlier_detection.ejections_active");
        let ours = format!("wasmcustom.tollgate.circuit_breaker.{status}.ejections_active");
        assert_eq!(stats.get(&ours)?, stats.get(&native)?, "{status}");
        errors.extend((stats.get(&ours)? == 1).then_some(status));
    }
    assert_eq!(errors, [2, 4, 12, 13, 14, 15, 17]);
    Ok(())
}

/// The breaker must not feed on the answers of other filters, nor on its own.
#[tokio::test]
async fn answers_that_did_not_come_from_the_upstream_do_not_count() -> Result<()> {
    let abort = native_filter(
        "envoy.filters.http.fault",
        "envoy.extensions.filters.http.fault.v3.HTTPFault",
        json!({ "abort": { "header_abort": {}, "percentage": { "numerator": 100 } } }),
    );
    let breaker = WasmFilter::new("circuit-breaker", detecting())?;
    let proxy = Proxy::with(Listener::new("ingress").filter(breaker).filter(abort), 1).await?;
    for _ in 0..10 {
        let aborted = client::get(proxy.envoy.address("ingress")?, "/")
            .header("x-envoy-fault-abort-request", "503")
            .send()
            .await?;
        assert_eq!((aborted.status, aborted.text().as_str()), (503, "fault filter abort"));
    }
    assert_eq!(proxy.status("/").await?, 200);
    assert_eq!((proxy.stat("state").await?, proxy.stat("opened").await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn the_traffic_policy_of_a_destination_rule_works_as_it_is_in_a_struct() -> Result<()> {
    let policy = json!({ "trafficPolicy": {
        "connectionPool": {
            "tcp": { "maxConnections": 1 },
            "http": { "http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1 },
        },
        "outlierDetection": {
            "consecutiveErrors": 1,
            "interval": "1s",
            "baseEjectionTime": "3m",
            "maxEjectionPercent": 100,
        },
    } });
    let filter = WasmFilter::new("circuit-breaker", Value::Null)?.configured_with_struct(policy);
    let proxy = Proxy::with(Listener::new("ingress").filter(filter), 1).await?;
    proxy.get("/error").await?;
    assert_eq!(proxy.get("/").await?.header("retry-after"), "180");
    let logs = proxy.envoy.logs()?;
    for field in ["maxRequestsPerConnection", "maxEjectionPercent"] {
        assert!(
            logs.contains(&format!("{field} has no effect: a filter cannot enforce it")),
            "{field}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_without_a_route_is_none_of_its_business() -> Result<()> {
    let filter = WasmFilter::new("circuit-breaker", limited_to(1))?;
    let config = Bootstrap::new()
        .listener(
            Listener::new("ingress")
                .filter(filter)
                .route(Route::prefix("/direct").direct_response(503, "direct")),
        )
        .build();
    let envoy = Process::start(&config, 1).await?;
    for (path, status) in [("/direct", 503), ("/nowhere", 404)] {
        assert_eq!(client::get(envoy.address("ingress")?, path).send().await?.status, status);
    }
    let stats = envoy.stats().await?;
    assert_eq!(stats.get("wasmcustom.tollgate.circuit_breaker.failures")?, 0);
    Ok(())
}

/// Two listeners whose breakers do not share their state, only the gauges that show it.
#[tokio::test]
async fn breakers_with_different_vm_ids_do_not_switch_each_other_off() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.respond(|request| match request.path.as_str() {
        "/error" => Answer::status(500),
        _ => Answer::status(200),
    });
    let listener = |name: &str| {
        let filter = WasmFilter::new("circuit-breaker", detecting())?.named(name);
        anyhow::Ok(Listener::new(name).filter(filter).route(Route::prefix("/").to("backend")))
    };
    let config = Bootstrap::new()
        .listener(listener("one")?)
        .listener(listener("two")?)
        .cluster(Cluster::new("backend", upstream.address()))
        .build();
    let envoy = Process::start(&config, 1).await?;
    let get = async |name: &str, path: &str| client::get(envoy.address(name)?, path).send().await;

    for _ in 0..3 {
        get("one", "/error").await?;
    }
    assert_eq!(get("two", "/").await?.status, 200, "its own breaker is closed");
    // Whatever the second one made of the gauges, failures bring the first one back.
    for _ in 0..4 {
        get("one", "/error").await?;
    }
    assert_eq!(get("one", "/error").await?.text(), "circuit breaker open");
    tokio::time::sleep(OPEN_TIME).await;
    assert_eq!(get("one", "/").await?.status, 200);
    Ok(())
}

/// The order of filters that the README recommends: a version that fails must not shut off the other.
#[tokio::test]
async fn behind_canary_it_watches_the_version_that_was_chosen() -> Result<()> {
    let (stable, canary) = (Upstream::start().await?, Upstream::start().await?);
    canary.respond(|_| Answer::status(500));
    let rules = json!({
        "flag": "app",
        "routing_header": "x-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [{
            "name": "flag",
            "match": { "cookies": [{ "name": "flag", "exact": "on" }] },
            "variant": "v2",
        }],
    });
    let cors = native_filter(
        "envoy.filters.http.cors",
        "envoy.extensions.filters.http.cors.v3.Cors",
        json!({}),
    );
    let config = Bootstrap::new()
        .listener(
            Listener::new("ingress")
                .filter(WasmFilter::new("canary", rules)?)
                .filter(cors)
                .filter(WasmFilter::new("circuit-breaker", detecting())?)
                .route(Route::prefix("/").header("x-variant", "v2").to("v2"))
                .route(Route::prefix("/").to("v1")),
        )
        .cluster(Cluster::new("v1", stable.address()))
        .cluster(Cluster::new("v2", canary.address()))
        .build();
    let envoy = Process::start(&config, 2).await?;
    let get = async |cookie: &str| {
        client::get(envoy.address("ingress")?, "/").header("cookie", cookie).send().await
    };
    for _ in 0..3 {
        assert_eq!(get("flag=on").await?.status, 500);
    }
    assert_eq!(get("flag=on").await?.text(), "circuit breaker open");
    assert_eq!(get("flag=off").await?.status, 200);
    let stats = envoy.stats().await?;
    let state =
        |cluster| stats.get(&format!("wasmcustom.tollgate.circuit_breaker.{cluster}.state"));
    assert_eq!((state("v1")?, state("v2")?), (0, 2));
    Ok(())
}
