//! Fault injection in stock Envoy, the native filter beside ours as an oracle.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::client::{self, Response};
use tollgate_e2e::oracle::SideBySide;
use tollgate_e2e::wait;

const LIMIT: Duration = Duration::from_secs(10);

const ENVOYS_OWN: (&str, &str) =
    ("envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault");

struct Proxy(SideBySide);

impl Proxy {
    async fn start(configuration: Value, workers: u32) -> Result<Self> {
        SideBySide::start("fault", ENVOYS_OWN, configuration, workers).await.map(Self)
    }

    async fn get(&self, listener: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let request = client::get(self.0.envoy.address(listener)?, "/");
        headers.iter().fold(request, |request, (n, v)| request.header(n, v)).send().await
    }

    async fn stat(&self, name: &str) -> Result<u64> {
        self.0.envoy.stats().await?.get(&format!("wasmcustom.tollgate.fault.{name}"))
    }

    async fn until_active(&self, count: u64) -> Result<()> {
        wait::until(&format!("{count} faults are active"), LIMIT, async || {
            self.stat("plugin=fault.active_faults").await.is_ok_and(|value| value == count)
        })
        .await
    }
}

fn by_header() -> Value {
    let percentage = json!({ "numerator": 100 });
    json!({
        "delay": { "header_delay": {}, "percentage": percentage },
        "abort": { "header_abort": {}, "percentage": percentage },
    })
}

async fn timed(answer: impl Future<Output = Result<Response>>) -> Result<(Response, Duration)> {
    let start = Instant::now();
    let answer = answer.await?;
    Ok((answer, start.elapsed()))
}

#[tokio::test]
async fn a_fixed_delay_holds_requests_back_and_never_fires_early() -> Result<()> {
    for workers in [1, 2] {
        let proxy = Proxy::start(
            json!({ "delay": { "fixed_delay": "0.050s", "percentage": { "numerator": 100 } } }),
            workers,
        )
        .await?;
        for _ in 0..10 {
            let (answer, time) = timed(proxy.get("ours", &[])).await?;
            assert_eq!(answer.status, 200);
            assert!(time >= Duration::from_millis(50), "{time:?}");
        }
        assert_eq!(proxy.stat("delays_injected").await?, 10);
        assert_eq!(proxy.0.upstream.count(), 10);
        proxy.until_active(0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_fixed_abort_answers_like_envoys_own_filter_and_spares_the_upstream() -> Result<()> {
    let proxy = Proxy::start(
        json!({ "abort": { "http_status": 503, "percentage": { "numerator": 100 } } }),
        2,
    )
    .await?;
    for listener in ["ours", "native"] {
        let answer = proxy.get(listener, &[]).await?;
        assert_eq!((answer.status, answer.text().as_str()), (503, "fault filter abort"));
        assert_eq!(answer.header("content-type"), "text/plain");
    }
    assert_eq!(proxy.0.upstream.count(), 0);
    assert_eq!(proxy.stat("aborts_injected").await?, 1);
    wait::until("both are in the access log", LIMIT, async || {
        proxy.0.envoy.access_log().is_ok_and(|log| {
            log.iter().filter(|entry| entry["details"] == "fault_filter_abort").count() == 2
        })
    })
    .await
}

#[tokio::test]
async fn headers_control_faults_as_they_do_in_envoys_own_filter() -> Result<()> {
    let proxy = Proxy::start(by_header(), 1).await?;
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("x-envoy-fault-abort-request", "418")],
        &[("x-envoy-fault-abort-request", "599")],
        &[("x-envoy-fault-abort-request", "199")],
        &[("x-envoy-fault-abort-request", "600")],
        &[("x-envoy-fault-abort-request", "nonsense")],
        &[("x-envoy-fault-abort-request", "0418")],
        &[("x-envoy-fault-abort-request", "+418")],
        &[("x-envoy-fault-abort-request", "++418")],
        &[("x-envoy-fault-abort-request", "-418")],
        &[("x-envoy-fault-abort-request", "418"), ("x-envoy-fault-abort-request-percentage", "+0")],
        &[("x-envoy-fault-abort-request", "418"), ("x-envoy-fault-abort-request-percentage", "-1")],
        &[
            ("x-envoy-fault-abort-request", "418"),
            ("x-envoy-fault-abort-request-percentage", "4294967296"),
        ],
        &[("x-envoy-fault-abort-request", "418.0")],
        &[("x-envoy-fault-abort-request", "418,418")],
        &[("x-envoy-fault-abort-request", "4294967714")],
        &[("x-envoy-fault-abort-request", "")],
        &[("x-envoy-fault-abort-request", "503"), ("x-envoy-fault-abort-request", "418")],
        &[("x-envoy-fault-abort-grpc-request", "14")],
        &[("x-envoy-fault-abort-grpc-request", "14"), ("content-type", "application/grpc")],
        &[("x-envoy-fault-abort-grpc-request", "16"), ("content-type", "application/grpc")],
        &[("x-envoy-fault-abort-request", "503"), ("content-type", "application/grpc")],
        &[("x-envoy-fault-abort-request", "x"), ("x-envoy-fault-abort-grpc-request", "5")],
        &[("x-envoy-fault-abort-request", "503"), ("x-envoy-fault-abort-request-percentage", "0")],
        &[
            ("x-envoy-fault-abort-request", "503"),
            ("x-envoy-fault-abort-request-percentage", "1000"),
        ],
        &[("x-envoy-fault-delay-request", "1"), ("x-envoy-fault-abort-request", "500")],
        &[("x-envoy-fault-delay-request", "-1")],
        &[("x-envoy-fault-delay-request", "0")],
        &[("x-envoy-fault-delay-request", "+1")],
        &[("x-envoy-fault-delay-request", "001")],
        &[("x-envoy-fault-delay-request", "1ms")],
        &[("x-envoy-fault-delay-request", "1"), ("x-envoy-fault-delay-request-percentage", "0")],
    ];
    for headers in cases {
        let mut seen = Vec::new();
        for listener in ["ours", "native"] {
            let answer = proxy.get(listener, headers).await?;
            let header = |name: &str| answer.header(name).to_owned();
            let headers = [header("content-type"), header("grpc-status"), header("grpc-message")];
            seen.push((answer.status, answer.text(), headers));
        }
        assert_eq!(seen[0], seen[1], "{headers:?}");
    }
    let stats = proxy.0.envoy.stats().await?;
    for stat in ["delays_injected", "aborts_injected", "faults_overflow"] {
        let ours = stats.get(&format!("wasmcustom.tollgate.fault.{stat}"))?;
        assert_eq!(ours, stats.get(&format!("http.native.fault.{stat}"))?, "{stat}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_delays_at_once_all_end_and_none_is_early() -> Result<()> {
    let proxy = Proxy::start(by_header(), 2).await?;
    let mut clients = JoinSet::new();
    for client in 0..300u64 {
        let address = proxy.0.envoy.address("ours")?;
        let delay = Duration::from_millis(50 + client % 100);
        clients.spawn(async move {
            let request = client::get(address, "/")
                .header("x-envoy-fault-delay-request", delay.as_millis().to_string());
            timed(request.send()).await.map(|(answer, time)| (answer.status, delay, time))
        });
    }
    while let Some(done) = clients.join_next().await {
        let (status, delay, time) = done??;
        assert_eq!(status, 200);
        assert!(time >= delay, "{delay:?} {time:?}");
    }
    assert_eq!(proxy.stat("delays_injected").await?, 300);
    proxy.until_active(0).await
}

#[tokio::test]
async fn a_client_that_goes_away_during_a_delay_frees_it_at_once() -> Result<()> {
    let proxy = Proxy::start(by_header(), 2).await?;
    let request = raw::get_request(b"/", &[(b"x-envoy-fault-delay-request", b"3600000")]);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut connection = RawConnection::open(proxy.0.envoy.address("ours")?).await?;
        connection.write(&request).await?;
        waiting.push(connection);
    }
    proxy.until_active(20).await?;
    drop(waiting);
    proxy.until_active(0).await?;
    assert_eq!(proxy.0.upstream.count(), 0);
    assert_eq!(proxy.get("ours", &[]).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_delay_is_active_until_it_is_over_as_in_envoys_own_filter() -> Result<()> {
    let proxy = Proxy::start(by_header(), 1).await?;
    proxy.0.upstream.hold();
    let request = raw::get_request(b"/", &[(b"x-envoy-fault-delay-request", b"20")]);
    let mut waiting = Vec::new();
    for listener in ["ours", "native"] {
        let mut connection = RawConnection::open(proxy.0.envoy.address(listener)?).await?;
        connection.write(&request).await?;
        waiting.push(connection);
    }
    wait::until("both are with the upstream", LIMIT, async || proxy.0.upstream.in_flight() == 2)
        .await?;
    let stats = proxy.0.envoy.stats().await?;
    for (delays, active) in [
        (
            "wasmcustom.tollgate.fault.delays_injected",
            "wasmcustom.tollgate.fault.plugin=fault.active_faults",
        ),
        ("http.native.fault.delays_injected", "http.native.fault.active_faults"),
    ] {
        assert_eq!((stats.get(delays)?, stats.get(active)?), (1, 0), "{active}");
    }
    Ok(())
}
