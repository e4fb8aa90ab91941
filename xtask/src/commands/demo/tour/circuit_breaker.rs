//! `circuit-breaker`: a service in trouble is spared, and taken back when it has recovered.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{sleep, timeout};
use tollgate_e2e::client::Response;
use tollgate_e2e::wait;

use super::{Ask, Step, Tour};
use crate::commands::demo::stage::Stage;

/// Whatever the steps wait for comes within this.
const LIMIT: Duration = Duration::from_secs(10);
/// The configured `baseEjectionTime`, and a little.
const OPEN_TIME: Duration = Duration::from_millis(2100);
/// The values of the gauge `state`.
const CLOSED: u64 = 0;
const HALF_OPEN: u64 = 1;
const OPEN: u64 = 2;

pub(super) async fn show(tour: &mut Tour<'_>) {
    tour.chapter(
        "circuit-breaker",
        "can the service take it? At most 2 in flight; 3 errors open it",
    );
    let why = "maxConnections 1 and http1MaxPendingRequests 1 are two, over all workers";
    tour.step("Three callers at once, where two may be in flight", why, overflow).await;
    let why = "consecutive5xxErrors is 3";
    tour.step("Three errors in a row: the breaker opens", why, opening).await;
    let why = "an open breaker answers by itself, for a baseEjectionTime of 2 seconds";
    tour.step("While it is open: refused at once, the service is spared", why, open).await;
    let why = "half-open lets one request through at a time; its success closes the breaker";
    tour.step("After two seconds: one probe goes through, and closes it", why, probe).await;
}

async fn overflow(step: &mut Step<'_>) -> Result<()> {
    let counted_before = stat(step, "upstream_rq_pending_overflow").await.unwrap_or(0);
    let ask = step.get("/ledger");
    (0..3).for_each(|_| step.asked(&ask));

    step.stage.ledger.hold();
    let callers: Vec<_> = (0..3).map(|_| tokio::spawn(ask.clone().send())).collect();
    let settled = async || {
        step.stage.ledger.in_flight() >= 2 && callers.iter().any(|caller| caller.is_finished())
    };
    let waited = wait::until("two callers wait and one is answered", LIMIT, settled).await;
    let in_flight = step.stage.ledger.in_flight();
    step.stage.ledger.release();
    let mut refused = 0;
    for caller in callers {
        let answer = caller.await??;
        step.answered(&answer);
        if answer.status == 503 {
            refused += 1;
            ensure!(
                answer.header("x-envoy-overloaded") == "true",
                "it should say x-envoy-overloaded"
            );
        }
    }
    waited?;

    let counted = stat(step, "upstream_rq_pending_overflow").await? - counted_before;
    step.saw(format!(
        "{in_flight} in flight at the service; counter upstream_rq_pending_overflow: +{counted}"
    ));
    ensure!(refused == 1, "exactly one of them should have got 503");
    ensure!(counted == refused, "the counter should be equal to the number of 503s");
    ensure!(in_flight == 2, "two should have been in flight");
    Ok(())
}

async fn opening(step: &mut Step<'_>) -> Result<()> {
    step.stage.ledger.fail();
    for answer in three_in_a_row(step).await? {
        ensure!(answer.status == 500, "the service's own 500 should have come back");
    }
    let state = stat(step, "state").await?;
    step.saw(format!("gauge state: {}", name_of(state)));
    ensure!(state == OPEN, "the breaker should be open");
    Ok(())
}

async fn open(step: &mut Step<'_>) -> Result<()> {
    let before = step.stage.ledger.requests();
    for answer in three_in_a_row(step).await? {
        refused_because_open(&answer)?;
    }
    let arrived = step.stage.ledger.requests() - before;
    step.saw(format!("{arrived} requests arrived at the service"));
    ensure!(arrived == 0, "none should have arrived");
    Ok(())
}

async fn three_in_a_row(step: &mut Step<'_>) -> Result<Vec<Response>> {
    let ask = step.get("/ledger");
    (0..3).for_each(|_| step.asked(&ask));
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = ask.clone().send().await?;
        step.answered(&answer);
        answers.push(answer);
    }
    Ok(answers)
}

fn refused_because_open(answer: &Response) -> Result<()> {
    ensure!(answer.status == 503, "the status should be 503");
    ensure!(answer.text() == "circuit breaker open", "the body should be: circuit breaker open");
    ensure!(!answer.header("retry-after").is_empty(), "it should say retry-after");
    Ok(())
}

async fn probe(step: &mut Step<'_>) -> Result<()> {
    let stage = step.stage;
    stage.ledger.heal();
    sleep(OPEN_TIME).await;
    let before = stage.ledger.requests();

    let ask = step.get("/ledger");
    step.asked(&ask);
    stage.ledger.hold();
    let probe = tokio::spawn(ask.clone().send());
    let second = beside_the_probe(stage, ask).await;
    stage.ledger.release();
    let (probe, second) = (probe.await??, second?);

    step.answered(&probe);
    step.answered(&second);
    step.saw_in_answer("(to a second caller, while the probe was on its way)");
    let arrived = stage.ledger.requests() - before;
    let state = stat(step, "state").await?;
    step.saw(format!("{arrived} request arrived at the service; gauge state: {}", name_of(state)));
    ensure!(probe.status == 200, "the probe should have been answered by the service");
    refused_because_open(&second)?;
    ensure!(arrived == 1, "only the probe should have arrived");
    ensure!(state == CLOSED, "the breaker should be closed");

    let after = step.send(step.get("/ledger")).await?;
    ensure!(after.status == 200, "the next request should go through");
    Ok(())
}

/// Sends a request once another one is in flight.
async fn beside_the_probe(stage: &Stage, ask: Ask) -> Result<Response> {
    let arrived = async || stage.ledger.in_flight() == 1;
    wait::until("the probe arrives at the service", LIMIT, arrived).await?;
    timeout(LIMIT, ask.send()).await.context("a second caller was not refused")?
}

/// One of the filter's stats about the ledger.
async fn stat(step: &Step<'_>, name: &str) -> Result<u64> {
    let stats = step.stage.envoy.stats().await?;
    stats.get(&format!("wasmcustom.tollgate.circuit_breaker.ledger.{name}"))
}

/// The gauge `state` and what it means.
fn name_of(state: u64) -> String {
    let name = match state {
        CLOSED => "closed",
        HALF_OPEN => "half-open",
        OPEN => "open",
        _ => "unknown",
    };
    format!("{state} ({name})")
}
