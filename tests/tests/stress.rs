//! What the SDK shares between requests and workers, under load in stock Envoy.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_e2e::client::{self, Connection};
use tollgate_e2e::envoy::{
    Bootstrap, Cluster, FailurePolicy, Listener, Process, Route, WasmFilter,
};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::{modules, wait};

const LIMIT: Duration = Duration::from_secs(60);
const HELD: &str = "wasmcustom.tollgate.stress.held";
const SLEEPING: &str = "wasmcustom.tollgate.stress.sleeping";

async fn start(workers: u32, keys: &Upstream) -> Result<Process> {
    let probe = WasmFilter::of_module(modules::probe("stress")?, "stress", json!({}))
        .failure_policy(FailurePolicy::Reload);
    let listener = Listener::new("stress")
        .filter(probe)
        .route(Route::prefix("/").direct_response(200, "passed"));
    let config =
        Bootstrap::new().listener(listener).cluster(Cluster::new("keys", keys.address())).build();
    Process::start(&config, workers).await
}

/// Sends `count` requests at once over HTTP/2, a hundred a connection; gives the bodies.
async fn at_once(
    envoy: &Process,
    count: usize,
    path: impl Fn(usize) -> String,
) -> Result<Vec<String>> {
    let address = envoy.address("stress")?;
    let mut requests = JoinSet::new();
    for first in (0..count).step_by(100) {
        let connection = Connection::http2(address).await?;
        for number in first..count.min(first + 100) {
            let (mut connection, path) = (connection.share()?, path(number));
            requests.spawn(async move {
                let answer = connection.get(&path).limit(LIMIT).send().await?;
                ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
                Ok(answer.text())
            });
        }
    }
    requests.join_all().await.into_iter().collect()
}

/// Prints what is known of sleeps by how late they ended, in µs; fails if one was early.
fn report(what: &str, mut late: Vec<u128>) {
    late.sort_unstable();
    assert_ne!(late.last(), Some(&u128::MAX), "a sleep was early");
    let at = |percent: usize| late[(late.len() - 1) * percent / 100];
    println!("{what}, late by: median {} µs, p99 {} µs, at most {} µs", at(50), at(99), at(100));
}

async fn assert_memory_is_below_32_mib(envoy: &Process) -> Result<()> {
    let memory: u64 =
        client::get(envoy.address("stress")?, "/memory").send().await?.text().parse()?;
    println!("memory of the module: {} KiB", memory / 1024);
    assert!(memory < 32 * 1024 * 1024, "{memory}");
    Ok(())
}

#[tokio::test]
async fn ten_thousand_sleeps_at_once_are_never_early() -> Result<()> {
    let envoy = start(1, &Upstream::start().await?).await?;
    let answer = client::get(envoy.address("stress")?, "/sleeps?10000").send().await?.text();
    let late = answer.split_whitespace().map(str::parse).collect::<Result<Vec<u128>, _>>()?;
    assert_eq!(late.len(), 10_000);
    report("10,000 sleeps", late);
    assert_memory_is_below_32_mib(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_that_sleep_at_once_are_all_answered() -> Result<()> {
    let envoy = start(1, &Upstream::start().await?).await?;
    let answers = at_once(&envoy, 10_000, |number| format!("/sleep?{}", 50 + number % 451)).await?;
    let late = answers.iter().map(|it| it.parse()).collect::<Result<Vec<u128>, _>>()?;
    report("10,000 requests in one burst, answered after their sleep", late);
    assert_eq!(envoy.gauge(SLEEPING).await?, 0);
    assert_memory_is_below_32_mib(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_that_wait_for_one_fetch_cause_one_call() -> Result<()> {
    let keys = Upstream::start().await?;
    keys.respond(|_| Answer::status(200).body("the keys").after(Duration::from_millis(500)));
    let envoy = start(1, &keys).await?;
    let answers = at_once(&envoy, 1_000, |_| "/keys".to_owned()).await?;
    assert!(answers.iter().all(|answer| answer == "the keys"), "{:?}", answers.first());
    assert_eq!(keys.count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_updates_by_four_workers_are_all_there() -> Result<()> {
    let envoy = start(4, &Upstream::start().await?).await?;
    // Sixteen connections, so that every worker has some.
    let address = envoy.address("stress")?;
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        clients.spawn(async move {
            let mut connection = Connection::http1(address).await?;
            for _ in 0..25 {
                let answer = connection.get("/update?2500").limit(LIMIT).send().await?;
                ensure!(answer.status == 200, "{}", answer.status);
            }
            Ok(())
        });
    }
    clients.join_all().await.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(client::get(address, "/cell").send().await?.text(), "1000000");
    assert_eq!(envoy.gauge(HELD).await?, 0);
    Ok(())
}

/// The places of a VM that panics are given back by another VM: five seconds without a sign of life
/// from it, and then at the next beat.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_panicking_vm_held_is_given_back() -> Result<()> {
    let envoy = start(2, &Upstream::start().await?).await?;
    let address = envoy.address("stress")?;
    let mut doomed = Connection::http2(address).await?;
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let mut connection = doomed.share()?;
        requests.spawn(async move { connection.get("/hold?60000").limit(LIMIT).send().await });
    }
    wait::until("a hundred places are taken", LIMIT, async || {
        envoy.gauge(HELD).await.is_ok_and(|held| held == 100)
    })
    .await?;

    let answer = doomed.get("/panic").send().await.context("no answer to /panic")?;
    assert_eq!(answer.status, 503);
    assert_eq!(envoy.gauge(HELD).await?, 100);
    let since = std::time::Instant::now();
    let mut connection = doomed.share()?;
    while connection.get("/").send().await?.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("a new VM answers {:?} after the panic", since.elapsed());
    wait::until("its places are given back", LIMIT, async || {
        envoy.gauge(HELD).await.is_ok_and(|held| held == 0)
    })
    .await?;
    println!("given back {:?} after the panic", since.elapsed());
    let logs = envoy.logs()?;
    assert!(logs.contains("a VM failed: its 100 of held are given back"), "{logs}");
    Ok(())
}
