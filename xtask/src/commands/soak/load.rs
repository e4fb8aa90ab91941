//! As many requests as the machine can send, each answer compared with what it must be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;
use tollgate_e2e::client::Connection;
use tollgate_e2e::envoy::Process;

use super::LISTENER;
use super::memory::Memory;
use super::traffic::{Case, Traffic};
use crate::ui;

/// Connections, of which each has one request at a time.
const CLIENTS: usize = 16;
/// How many wrong answers are shown.
const SHOWN: u64 = 10;

/// What all clients count.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    wrong: AtomicU64,
}

/// Sends until the traffic is over; says in between how it goes, and at the end whether all was well.
pub(super) async fn run<T: Traffic>(
    envoy: &Process,
    traffic: Arc<T>,
    interval: Duration,
) -> Result<bool> {
    let (begin, counts) = (Instant::now(), Arc::new(Counts::default()));
    let mut clients = JoinSet::new();
    let address = envoy.address(LISTENER)?;
    for _ in 0..CLIENTS {
        clients.spawn(client(address, Arc::clone(&traffic), Arc::clone(&counts)));
    }
    println!("{}", ui::faint("     s    requests    wrong        VM KiB   Envoy MiB"));
    let mut memory = Memory::new(envoy);
    let mut kinds = BTreeMap::new();
    loop {
        let tick = tokio::time::timeout(interval, join(&mut clients, &mut kinds)).await;
        let (sent, wrong) =
            (counts.sent.load(Ordering::Relaxed), counts.wrong.load(Ordering::Relaxed));
        println!("{:6} {sent:11} {wrong:8}   {}", begin.elapsed().as_secs(), memory.note().await?);
        match tick {
            Err(_) => {}
            Ok(outcome) => break outcome?,
        }
    }
    report(&kinds, &counts);
    let is_flat = memory.is_flat();
    let verdict = |is_good| if is_good { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
    let wrong = counts.wrong.load(Ordering::Relaxed);
    println!("{} {wrong} wrong answers", verdict(wrong == 0));
    println!("{} {memory}", verdict(is_flat));
    Ok(wrong == 0 && is_flat)
}

/// Waits for all clients.
async fn join(
    clients: &mut JoinSet<Result<BTreeMap<&'static str, u64>>>,
    kinds: &mut BTreeMap<&'static str, u64>,
) -> Result<()> {
    while let Some(ended) = clients.join_next().await {
        for (kind, count) in ended?? {
            *kinds.entry(kind).or_default() += count;
        }
    }
    Ok(())
}

fn report(kinds: &BTreeMap<&'static str, u64>, counts: &Counts) {
    let sent = counts.sent.load(Ordering::Relaxed);
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("{sent} requests: {}", kinds.join(", "));
}

/// One connection's requests, counted by kind.
async fn client<T: Traffic>(
    address: SocketAddr,
    traffic: Arc<T>,
    counts: Arc<Counts>,
) -> Result<BTreeMap<&'static str, u64>> {
    let mut connection = Connection::http1(address).await?;
    let mut kinds = BTreeMap::new();
    while let Some(case) = traffic.next() {
        let answer = send(&mut connection, &case).await;
        counts.sent.fetch_add(1, Ordering::Relaxed);
        *kinds.entry(case.kind).or_default() += 1;
        if let Err(what) = answer {
            let wrong = counts.wrong.fetch_add(1, Ordering::Relaxed);
            if wrong < SHOWN {
                println!("{} {}: {what}", ui::bad(ui::CROSS), case.kind);
            }
            connection = Connection::http1(address).await?;
        }
    }
    Ok(kinds)
}

/// Sends a request; says what is wrong with its answer.
async fn send(connection: &mut Connection, case: &Case) -> Result<(), String> {
    let request = connection.get("/").header("host", "service.example");
    let request = match &case.token {
        Some(token) => request.bearer(token),
        None => request,
    };
    let answer = request.send().await.map_err(|error| format!("{error:#}"))?;
    match answer.status == case.status && answer.text() == case.body {
        true => Ok(()),
        false => Err(format!(
            "{} {:?}, and not {} {:?}",
            answer.status,
            answer.text(),
            case.status,
            case.body
        )),
    }
}
