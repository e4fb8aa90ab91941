//! The filter that defines metrics in every way, with the shipped rules.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_e2e::client::{self, Connection};
use tollgate_e2e::envoy::{Bootstrap, Listener, Process, Route, WasmFilter};
use tollgate_e2e::modules;

use crate::prometheus::Scrape;
use crate::start_with_rules;

/// Envoy with the filter of `tests/probes/metrics`.
pub(crate) struct Probe(pub(crate) Process);

impl Probe {
    pub(crate) async fn start(tags: Value, workers: u32) -> Result<Self> {
        let module = modules::probe("metrics")?;
        let probe = WasmFilter::of_module(module, "probe", json!({ "tags": tags }));
        let route = Route::prefix("/").direct_response(404, "");
        let listener = Listener::new("probe").filter(probe).route(route);
        Ok(Self(start_with_rules(Bootstrap::new().listener(listener), workers).await?))
    }

    pub(crate) async fn ask(&self, path: &str) -> Result<String> {
        let answer = client::get(self.0.address("probe")?, path).send().await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        Ok(answer.text())
    }

    pub(crate) async fn scrape(&self) -> Result<Scrape> {
        Scrape::of(&self.0).await
    }

    /// How many connections a worker has accepted.
    async fn accepted_by(&self, worker: u32) -> Result<u64> {
        let stats = self.0.stats().await?;
        let name = format!("worker_{worker}.downstream_cx_total");
        let found = stats.below("listener.").find(|(other, _)| other.ends_with(&name));
        found.map(|(_, count)| count).with_context(|| format!("no stat {name}"))
    }

    /// A connection to this worker.
    pub(crate) async fn connection_to(&self, worker: u32) -> Result<Connection> {
        loop {
            let before = self.accepted_by(worker).await?;
            let mut connection = Connection::http1(self.0.address("probe")?).await?;
            connection.get("/nothing").send().await?;
            if self.accepted_by(worker).await? > before {
                return Ok(connection);
            }
        }
    }
}
