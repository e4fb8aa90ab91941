//! Starts an Envoy for each case and measures them in turn.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Process};

use super::cases::{Baseline, Case};
use super::results::Measured;
use super::servers::{self, UPSTREAM};
use super::statistics::{Spread, median};
use super::traffic::{Kind, Traffic};
use super::{usage, wrk};
use crate::ui;

/// How long a case and its baseline are under load side by side.
pub(super) const SLICE: Duration = Duration::from_millis(400);
/// How long a case is under load alone, for its throughput and latency.
const SPEED_SLICE: Duration = Duration::from_secs(1);
/// Throughput and latency are measured in one of so many rounds: they need no pairs, and medians of few.
const SPEED_EVERY: usize = 10;
/// Envoy notices after a moment that the connections are gone, and that is part of its work.
const SETTLING: Duration = Duration::from_millis(20);

const LISTENER: &str = "bench";

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

/// All Envoys, idle but for those that are being measured.
#[derive(Debug)]
pub(super) struct Bench {
    cores: Cores,
    baselines: BTreeMap<Baseline, Process>,
    subjects: Vec<Subject>,
    /// What the routed ones lead to.
    _upstream: Option<Process>,
}

/// A case with its Envoy and what was seen of it.
#[derive(Debug)]
struct Subject {
    case: Case,
    traffic: Traffic,
    envoy: Process,
    /// µs on a processor per request: all of it, and what was more than the baseline's.
    totals: Vec<f64>,
    costs: Vec<f64>,
    speeds: Vec<wrk::Report>,
}

impl Bench {
    /// Starts everything, and makes sure that each case answers as it should.
    pub(super) async fn start(cases: &[Case]) -> Result<Self> {
        let cores = Cores::choose()?;
        let mut traffics = BTreeMap::<Kind, Traffic>::new();
        let routed = cases.iter().any(|case| case.baseline == Baseline::Routed);
        let upstream = if routed { Some(upstream(cores).await?) } else { None };
        let address = upstream.as_ref().map(address).transpose()?;

        let (mut baselines, mut subjects) = (BTreeMap::new(), Vec::new());
        for &case in cases {
            if !baselines.contains_key(&case.baseline) {
                let process = start(servers::none()?, case.baseline, address, cores).await;
                baselines.insert(case.baseline, process.context("without a filter")?);
            }
            let traffic = match traffics.get(&case.traffic) {
                Some(traffic) => traffic.clone(),
                None => traffics.entry(case.traffic).or_insert(case.traffic.prepare()?).clone(),
            };
            let envoy = start((case.server)()?, case.baseline, address, cores);
            let envoy = envoy.await.with_context(|| format!("case {}", case.name))?;
            let (totals, costs, speeds) = Default::default();
            let subject = Subject { case, traffic, envoy, totals, costs, speeds };
            subject.check().await.with_context(|| format!("case {}", case.name))?;
            subjects.push(subject);
        }
        Ok(Self { cores, baselines, subjects, _upstream: upstream })
    }

    /// Measures all cases so many times, and once before that does not count: code is compiled and
    /// caches are filled then.
    pub(super) async fn run(mut self, rounds: usize) -> Result<Vec<Measured>> {
        let progress = ui::progress(rounds + 1, "rounds");
        self.costs().await?;
        self.subjects.iter_mut().for_each(Subject::forget);
        progress.step();
        for round in 0..rounds {
            self.costs().await?;
            if round % SPEED_EVERY == 0 {
                self.speeds().await?;
            }
            progress.step();
        }
        self.subjects.iter().map(Subject::summary).collect()
    }

    /// The cases in an order that is another each time: what one leaves behind shall not always meet the
    /// same other one.
    fn shuffled(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.subjects.len()).collect();
        fastrand::shuffle(&mut order);
        order
    }

    /// One round of what the cases cost.
    async fn costs(&mut self) -> Result<()> {
        for at in self.shuffled() {
            let subject = &mut self.subjects[at];
            let name = subject.case.name;
            let baseline = &self.baselines[&subject.case.baseline];
            let measured =
                side_by_side(&subject.envoy, baseline, &subject.traffic, self.cores.envoy);
            let (total, none) = measured.await.with_context(|| format!("case {name}"))?;
            subject.totals.push(total);
            subject.costs.push(total - none);
        }
        Ok(())
    }

    /// One round of how fast they are, with the load generator on a core of its own.
    async fn speeds(&mut self) -> Result<()> {
        for at in self.shuffled() {
            let load = self.cores.load;
            let subject = &mut self.subjects[at];
            let name = subject.case.name;
            let run = wrk::run(address(&subject.envoy)?, &subject.traffic, load, SPEED_SLICE);
            subject.speeds.push(run.await.with_context(|| format!("case {name}"))?);
        }
        Ok(())
    }
}

/// Puts two Envoys under the same load on the same core at the same time. Returns µs on the processor per
/// request of each.
async fn side_by_side(
    case: &Process,
    baseline: &Process,
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
    /// Makes sure that the case is what it says it is.
    async fn check(&self) -> Result<()> {
        let request = client::get(address(&self.envoy)?, "/");
        let headers = self.traffic.headers.iter();
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send().await?;
        let (status, body) = (answer.status, answer.text());
        ensure!(
            (status, body.as_str()) == (200, self.case.answer),
            "its first answer was {status} {body:?}, not 200 {:?}",
            self.case.answer
        );
        Ok(())
    }

    fn forget(&mut self) {
        self.totals.clear();
        self.costs.clear();
        self.speeds.clear();
    }

    fn summary(&self) -> Result<Measured> {
        let speed = |of: fn(&wrk::Report) -> f64| {
            median(self.speeds.iter().map(of)).context("no round was run")
        };
        Ok(Measured {
            case: self.case,
            cost: Spread::of(self.costs.iter().copied()).context("no round was run")?,
            total: median(self.totals.iter().copied()).context("no round was run")?,
            requests_per_second: speed(wrk::Report::requests_per_second)?,
            p50: speed(|report| report.p50)?,
            p99: speed(|report| report.p99)?,
            resident_bytes: usage::resident_bytes(self.envoy.id())?,
        })
    }
}

fn address(envoy: &Process) -> Result<SocketAddr> {
    envoy.address(LISTENER)
}

/// An Envoy with one worker on the core that is Envoy's.
async fn start(
    server: servers::Server,
    baseline: Baseline,
    upstream: Option<SocketAddr>,
    cores: Cores,
) -> Result<Process> {
    let bootstrap = Bootstrap::new().listener(server.listener(LISTENER, baseline));
    let clusters = upstream.map(|address| Cluster::new(UPSTREAM, address));
    let bootstrap = clusters.into_iter().fold(bootstrap, Bootstrap::cluster);
    let process = Process::start(&bootstrap.build(), 1).await?;
    usage::pin(process.id(), cores.envoy)?;
    Ok(process)
}

async fn upstream(cores: Cores) -> Result<Process> {
    start(servers::none()?, Baseline::Direct, None, cores).await.context("the upstream")
}
