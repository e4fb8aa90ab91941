//! Measures the cases in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;
use tollgate_e2e::envoy::Process;

use super::cases::Case;
use super::fleet::{Fleet, address};
use super::results::Measured;
use super::statistics::{Spread, median};
use super::traffic::{Kind, Traffic};
use super::{usage, wrk};
use crate::ui;

/// Rounds for which the processes stay the same.
const SERIES: usize = 6;
/// How long a case and its baseline are under load side by side.
pub(super) const SLICE: Duration = Duration::from_millis(400);
/// How long a case is under load alone, for its throughput and latency.
const SPEED_SLICE: Duration = Duration::from_millis(800);
/// Envoy notices after a moment that the connections are gone, and that is part of its work.
const SETTLING: Duration = Duration::from_millis(20);

/// Where the two sides run.
#[derive(Debug, Clone, Copy)]
struct Cores {
    envoy: u32,
    load: u32,
}

impl Cores {
    /// The last ones: the first often serves interrupts.
    fn choose() -> Result<Self> {
        let cores = usage::cores()?;
        let mut last = cores.iter().rev();
        let envoy = *last.next().context("there is no core to run on")?;
        Ok(Self { envoy, load: last.next().copied().unwrap_or(envoy) })
    }
}

/// A case and what was seen of it.
#[derive(Debug)]
struct Subject {
    case: Case,
    traffic: Traffic,
    /// µs on the processor per request, more than the baseline's: a list a series.
    costs: Vec<Vec<f64>>,
    /// µs on the processor per request, all of it.
    totals: Vec<f64>,
    speeds: Vec<wrk::Report>,
    resident_bytes: u64,
}

/// Measures each case so many times.
pub(super) async fn measure(cases: &[Case], rounds: usize) -> Result<Vec<Measured>> {
    let cores = Cores::choose()?;
    let mut subjects = subjects(cases)?;
    let progress = ui::progress(rounds, "rounds");
    let mut left = rounds;
    while left > 0 {
        let cases = subjects.iter().map(|subject| (&subject.case, &subject.traffic));
        let fleet = Fleet::start(cases, cores.envoy).await?;
        subjects.iter_mut().for_each(|subject| subject.costs.push(Vec::new()));
        // First, since it warms up what the others measure.
        speeds(&fleet, &mut subjects, cores.load).await?;
        for _ in 0..left.min(SERIES) {
            costs(&fleet, &mut subjects, cores.envoy).await?;
            progress.step();
        }
        memory(&fleet, &mut subjects)?;
        left = left.saturating_sub(SERIES);
    }
    subjects.iter().map(Subject::summary).collect()
}

fn subjects(cases: &[Case]) -> Result<Vec<Subject>> {
    let mut traffics = BTreeMap::<Kind, Traffic>::new();
    let mut subjects = Vec::new();
    for &case in cases {
        let traffic = match traffics.get(&case.traffic) {
            Some(traffic) => traffic.clone(),
            None => traffics.entry(case.traffic).or_insert(case.traffic.prepare()?).clone(),
        };
        let (costs, totals, speeds) = Default::default();
        subjects.push(Subject { case, traffic, costs, totals, speeds, resident_bytes: 0 });
    }
    Ok(subjects)
}

/// The indices of the cases in an order that is another each time, so that what one leaves behind does
/// not always meet the same other one.
fn shuffled(subjects: &[Subject]) -> Vec<usize> {
    let mut order: Vec<_> = (0..subjects.len()).collect();
    fastrand::shuffle(&mut order);
    order
}

/// One round of what the cases cost.
async fn costs(fleet: &Fleet, subjects: &mut [Subject], core: u32) -> Result<()> {
    for index in shuffled(subjects) {
        let Subject { case, traffic, costs, totals, .. } = &mut subjects[index];
        let pair = fleet.pair(index, case.baseline);
        let measured = side_by_side(pair, traffic, core).await;
        let (total, none) = measured.with_context(|| format!("case {}", case.name))?;
        totals.push(total);
        costs.last_mut().context("a series has begun")?.push(total - none);
    }
    Ok(())
}

/// One round of how fast they are, with the load generator on a core of its own.
async fn speeds(fleet: &Fleet, subjects: &mut [Subject], core: u32) -> Result<()> {
    for index in shuffled(subjects) {
        let Subject { case, traffic, speeds, .. } = &mut subjects[index];
        let run = wrk::run(address(fleet.case(index))?, traffic, core, SPEED_SLICE).await;
        speeds.push(run.with_context(|| format!("case {}", case.name))?);
    }
    Ok(())
}

/// What memory they have taken by now.
fn memory(fleet: &Fleet, subjects: &mut [Subject]) -> Result<()> {
    for (index, subject) in subjects.iter_mut().enumerate() {
        let resident = usage::resident_bytes(fleet.case(index).id())?;
        subject.resident_bytes = subject.resident_bytes.max(resident);
    }
    Ok(())
}

/// Puts two Envoys under the same load on the same core at the same time. Returns µs on the processor
/// per request of each.
async fn side_by_side(
    (case, baseline): (&Process, &Process),
    traffic: &Traffic,
    core: u32,
) -> Result<(f64, f64)> {
    let used = || anyhow::Ok((usage::cpu_time(case.id())?, usage::cpu_time(baseline.id())?));
    let before = used()?;
    let loads = (
        wrk::Run::start(address(case)?, traffic, core)?,
        wrk::Run::start(address(baseline)?, traffic, core)?,
    );
    sleep(SLICE).await;
    let reports = tokio::try_join!(loads.0.finish(), loads.1.finish())?;
    sleep(SETTLING).await;
    let after = used()?;
    Ok((
        per_request(after.0.saturating_sub(before.0), reports.0),
        per_request(after.1.saturating_sub(before.1), reports.1),
    ))
}

fn per_request(time: Duration, report: wrk::Report) -> f64 {
    time.as_secs_f64() * 1e6 / report.requests as f64
}

impl Subject {
    fn summary(&self) -> Result<Measured> {
        let speed = |of: fn(&wrk::Report) -> f64| {
            median(self.speeds.iter().map(of)).context("no round was run")
        };
        Ok(Measured {
            case: self.case,
            cost: Spread::of_series(&self.costs).context("no round was run")?,
            total: median(self.totals.iter().copied()).context("no round was run")?,
            requests_per_second: speed(wrk::Report::requests_per_second)?,
            p50: speed(|report| report.p50)?,
            p99: speed(|report| report.p99)?,
            resident_bytes: self.resident_bytes,
        })
    }
}
