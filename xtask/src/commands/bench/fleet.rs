//! The Envoys of one series, one a case.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Process};

use super::cases::{Baseline, Case};
use super::servers::{self, Server, UPSTREAM};
use super::traffic::Traffic;
use super::usage;

const LISTENER: &str = "bench";

/// Envoys that are idle but for those that are being measured. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Fleet {
    core: u32,
    /// Those without a filter.
    baselines: BTreeMap<Baseline, Process>,
    /// One for each case, in their order.
    cases: Vec<Process>,
    /// What the routed ones lead to.
    upstream: Option<Process>,
}

impl Fleet {
    /// Starts an Envoy for each case, all of them on one core, and makes sure that it answers the
    /// case's requests as it should.
    pub(super) async fn start<'a>(
        cases: impl Iterator<Item = (&'a Case, &'a Traffic)>,
        core: u32,
    ) -> Result<Self> {
        let mut fleet =
            Self { core, baselines: BTreeMap::new(), cases: Vec::new(), upstream: None };
        for (case, traffic) in cases {
            fleet.add(case, traffic).await.with_context(|| format!("case {}", case.name))?;
        }
        Ok(fleet)
    }

    async fn add(&mut self, case: &Case, traffic: &Traffic) -> Result<()> {
        if case.baseline == Baseline::Routed && self.upstream.is_none() {
            self.upstream = Some(self.envoy(servers::none()?, Baseline::Direct).await?);
        }
        if !self.baselines.contains_key(&case.baseline) {
            let envoy = self.envoy(servers::none()?, case.baseline).await?;
            self.baselines.insert(case.baseline, envoy);
        }
        let envoy = self.envoy((case.server)()?, case.baseline).await?;
        check(&envoy, case, traffic).await?;
        self.cases.push(envoy);
        Ok(())
    }

    /// An Envoy with one worker.
    async fn envoy(&self, server: Server, baseline: Baseline) -> Result<Process> {
        let mut bootstrap = Bootstrap::new().listener(server.listener(LISTENER, baseline));
        if let Some(upstream) = &self.upstream {
            bootstrap = bootstrap.cluster(Cluster::new(UPSTREAM, address(upstream)?));
        }
        let process = Process::start(&bootstrap.build(), 1).await?;
        usage::pin(process.id(), self.core)?;
        Ok(process)
    }

    /// The Envoy of the case with that index, and the one that it is compared with.
    pub(super) fn pair(&self, index: usize, baseline: Baseline) -> (&Process, &Process) {
        (self.case(index), &self.baselines[&baseline])
    }

    /// The Envoy of the case with that index.
    pub(super) fn case(&self, index: usize) -> &Process {
        &self.cases[index]
    }
}

/// Where it takes requests.
pub(super) fn address(envoy: &Process) -> Result<SocketAddr> {
    envoy.address(LISTENER)
}

/// Makes sure that the case is what it says it is.
async fn check(envoy: &Process, case: &Case, traffic: &Traffic) -> Result<()> {
    let request = client::get(address(envoy)?, "/");
    let headers = traffic.headers.iter();
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await?;
    let (status, body) = (answer.status, answer.text());
    ensure!(
        (status, body.as_str()) == (200, case.answer),
        "its first answer was {status} {body:?}, not 200 {:?}",
        case.answer
    );
    Ok(())
}
