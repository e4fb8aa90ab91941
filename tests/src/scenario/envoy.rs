//! The scenarios in stock Envoy. Most share one process, each with a listener, a VM and upstreams of
//! its own, and are run one after the other.

mod bootstrap;
mod clients;
mod line;
mod upstreams;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::bootstrap::bootstrap;
use self::clients::InProgress;
use self::line::Line;
use self::upstreams::{Received, Upstream};
use super::{Answer, GrpcReply, ID, Observed, Scenario, Seen, Step, World, body_text};
use crate::envoy::{Binary, Process, WasmFilter};
use crate::{client, upstream as grpc, wait};

/// No condition may take longer to hold.
const LIMIT: Duration = Duration::from_secs(10);

/// Stock Envoy.
#[derive(Debug, Clone)]
pub struct Envoy {
    binary: Binary,
}

impl Envoy {
    /// This one.
    #[must_use]
    pub fn new(binary: Binary) -> Self {
        Self { binary }
    }

    /// Observes scenarios that share a process.
    async fn observe_together(
        &self,
        scenarios: &[(usize, &Scenario)],
        workers: u32,
    ) -> Result<Vec<(usize, Result<Observed>)>> {
        let folder = tempfile::Builder::new().prefix("tollgate-scenarios-").tempdir()?;
        let mut stages = Vec::new();
        for (number, scenario) in scenarios {
            stages.push(Stage::build(scenario, *number, folder.path()).await?);
        }
        let config = bootstrap(&stages);
        let mut process = match Process::start_binary(&self.binary, &config, workers).await {
            Ok(process) => process,
            Err(error) => match &stages[..] {
                [only] if only.scenario.is_alone && has_refused(&error) => {
                    return Ok(vec![(scenarios[0].0, Ok(Observed::refused()))]);
                }
                _ => return Err(error),
            },
        };
        let mut observed = Vec::new();
        for (stage, (number, scenario)) in stages.iter().zip(scenarios) {
            let one = stage.run(&process).await;
            let one = one.with_context(|| format!("while it was observed that {}", scenario.name));
            if !process.is_running() {
                if !scenario.is_alone {
                    bail!("Envoy crashed while it was observed that {}", scenario.name);
                }
                observed.push((*number, Ok(Observed::crashed())));
                continue;
            }
            observed.push((*number, one));
        }
        Ok(observed)
    }
}

impl World for Envoy {
    async fn observe(&self, scenarios: &[Scenario]) -> Result<Vec<Result<Observed>>> {
        let mut shared = BTreeMap::<u32, Vec<(usize, &Scenario)>>::new();
        let mut observed = BTreeMap::new();
        for (number, scenario) in scenarios.iter().enumerate() {
            if scenario.is_alone {
                let alone = [(number, scenario)];
                observed.extend(self.observe_together(&alone, scenario.workers).await?);
            } else {
                shared.entry(scenario.workers).or_default().push((number, scenario));
            }
        }
        for (workers, scenarios) in shared {
            observed.extend(self.observe_together(&scenarios, workers).await?);
        }
        Ok(observed.into_values().collect())
    }
}

fn has_refused(error: &anyhow::Error) -> bool {
    error.to_string().starts_with("Envoy ended by itself")
}

/// A scenario with what it needs around Envoy.
struct Stage<'a> {
    scenario: &'a Scenario,
    id: String,
    app: Upstream,
    side: Upstream,
    grpc: grpc::Upstream,
    filters: Vec<Value>,
}

impl<'a> Stage<'a> {
    async fn build(scenario: &'a Scenario, number: usize, folder: &Path) -> Result<Self> {
        let id = format!("probe-{:03}", number + 1);
        let module = folder.join(format!("{id}.wasm"));
        fs::write(&module, scenario.module(&id)?)?;
        let mut filters = Vec::new();
        let second = scenario.second_listener.as_ref().map(|name| name.replace(ID, &id));
        for plugin in std::iter::once(id.clone()).chain(second) {
            let filter = WasmFilter::of_module(module.clone(), &plugin, Value::Null)
                .vm_id(&id)
                .configured_with_text(&scenario.configuration)
                .failure_policy(scenario.failure_policy);
            let mut filter = Value::from(filter);
            if scenario.headers_may_pause_alone {
                let config = &mut filter["typed_config"]["config"];
                config["allow_on_headers_stop_iteration"] = json!(true);
            }
            filters.push(filter);
        }
        let app = Upstream::start(scenario.app.clone()).await?;
        let side = Upstream::start(scenario.side.clone()).await?;
        let grpc = grpc::Upstream::start().await?;
        if let GrpcReply::Told(_) = scenario.grpc {
            grpc.hold();
        }
        let reply = scenario.grpc.clone();
        grpc.respond(move |_| match &reply {
            GrpcReply::Message(message) | GrpcReply::Told(message) => grpc::Answer::grpc(message),
            GrpcReply::Status(status, text) => grpc::Answer::grpc_status(*status, text),
        });
        Ok(Self { scenario, id, app, side, grpc, filters })
    }

    /// The name of a listener.
    fn listener(&self, index: usize) -> String {
        format!("{}.{index}", self.id)
    }

    /// Does the steps, and gathers what is observed.
    async fn run(&self, envoy: &Process) -> Result<Observed> {
        let mut requests = Vec::<Option<InProgress>>::new();
        let mut answers = Vec::<Option<Answer>>::new();
        for step in &self.scenario.steps {
            self.step(step, envoy, &mut requests, &mut answers)
                .await
                .with_context(|| self.so_far(step, envoy))?;
        }
        for (request, answer) in requests.iter_mut().zip(&mut answers) {
            if let (Some(request), None) = (request, &answer) {
                *answer = Some(request.answered(self.scenario).await?);
            }
        }
        let endings = self.endings(envoy, requests.len()).await?;
        let mut observed = Observed {
            answers: answers.into_iter().flatten().collect(),
            requests: self.requests().await?,
            log: self.log(envoy)?,
            ..Observed::new()
        };
        if self.scenario.shows_endings {
            observed.endings = endings;
        }
        if self.scenario.shows_main_log {
            observed.main_log = self.lines(envoy, true)?;
        }
        for name in &self.scenario.stats {
            let value = stat(envoy, &name.replace(ID, &self.id)).await?;
            observed.stats.push(format!("{name}: {value}"));
        }
        Ok(observed)
    }

    fn so_far(&self, step: &Step, envoy: &Process) -> String {
        let lines = self.log(envoy).unwrap_or_default();
        format!("at the step {step:?}; the log so far:\n  {}", lines.join("\n  "))
    }

    async fn step(
        &self,
        step: &Step,
        envoy: &Process,
        requests: &mut Vec<Option<InProgress>>,
        answers: &mut Vec<Option<Answer>>,
    ) -> Result<()> {
        match step {
            Step::Exchange(request) | Step::Begin(request) => {
                let address = envoy.address(&self.listener(request.listener))?;
                requests.push(Some(InProgress::begin(request, address).await?));
                answers.push(None);
                if matches!(step, Step::Exchange(_)) {
                    self.answered(requests.len() - 1, requests, answers).await?;
                }
            }
            Step::Part(index, bytes, is_last) => {
                in_progress(requests, *index)?.part(bytes, *is_last).await?;
            }
            Step::End(index, trailers) => in_progress(requests, *index)?.end(trailers).await?,
            Step::Answered(index) => self.answered(*index, requests, answers).await?,
            Step::Leave(index) => in_progress(requests, *index)?.leave(),
            Step::Logged(line, times) => {
                let what = format!("{line:?} is logged");
                let logged = async || self.times(envoy, line) >= *times;
                wait::until(&what, LIMIT, logged).await?;
            }
            Step::Arrived(upstream, count) => {
                let what = format!("{count} requests are at {upstream}");
                wait::until(&what, LIMIT, async || self.arrived(upstream) >= *count).await?;
            }
            Step::Tell("app") => self.app.tell(),
            Step::Tell("side") => self.side.tell(),
            Step::Tell("grpc") => self.grpc.release(),
            Step::Tell(other) => bail!("no upstream {other}"),
            Step::Pass(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
        }
        Ok(())
    }

    async fn answered(
        &self,
        index: usize,
        requests: &mut [Option<InProgress>],
        answers: &mut [Option<Answer>],
    ) -> Result<()> {
        let answer = in_progress(requests, index)?.answered(self.scenario).await?;
        // The connection stays open until the end: its closing is something to observe.
        answers[index] = Some(answer);
        Ok(())
    }

    fn arrived(&self, upstream: &str) -> usize {
        match upstream {
            "app" => self.app.received().len(),
            "side" => self.side.received().len(),
            _ => self.grpc.count(),
        }
    }

    /// How often the probe has logged a line in workers.
    fn times(&self, envoy: &Process, line: &str) -> usize {
        let lines = self.lines(envoy, false).unwrap_or_default();
        lines.iter().filter(|other| *other == line).count()
    }

    fn log(&self, envoy: &Process) -> Result<Vec<String>> {
        let mut lines = self.lines(envoy, false)?;
        if self.scenario.workers > 1 {
            lines.sort();
        }
        Ok(lines)
    }

    /// What the probe logged on the main thread, or on the others.
    fn lines(&self, envoy: &Process, is_main: bool) -> Result<Vec<String>> {
        let logs = envoy.logs()?;
        let lines = logs.lines().filter_map(Line::parse);
        let main = envoy.id().to_string();
        Ok(lines
            .filter(|line| line.vm_id == self.id && (line.thread == main) == is_main)
            .map(|line| line.shown().replace(&self.id, ID))
            .collect())
    }

    /// How the requests ended, when all have.
    async fn endings(&self, envoy: &Process, requests: usize) -> Result<Vec<String>> {
        let what = format!("{requests} requests have ended");
        let ended = async || {
            let entries = self.access_log(envoy).unwrap_or_default();
            entries.len() >= requests
        };
        wait::until(&what, LIMIT, ended).await?;
        self.access_log(envoy)
    }

    fn access_log(&self, envoy: &Process) -> Result<Vec<String>> {
        let mut endings = Vec::new();
        for entry in envoy.access_log()? {
            if entry["scenario"] == self.id.as_str() {
                let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
                endings.push(format!("{} {} {}", entry["status"], text("details"), text("flags")));
            }
        }
        Ok(endings)
    }

    /// What the upstreams got.
    async fn requests(&self) -> Result<Vec<Seen>> {
        let mut requests = Vec::new();
        for (name, upstream) in [("app", &self.app), ("side", &self.side)] {
            let received = upstream.received();
            requests.extend(received.into_iter().map(|received| self.seen(name, received)));
        }
        for received in self.grpc.requests() {
            let fields = |map: &hyper::HeaderMap| -> Vec<_> {
                let text = |value: &[u8]| value.escape_ascii().to_string();
                map.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
            };
            let received = Received {
                method: received.method,
                path: received.path,
                headers: fields(&received.headers),
                body: received.body.to_vec(),
                trailers: fields(&received.trailers),
                is_complete: true,
            };
            requests.push(self.seen("grpc", received));
        }
        Ok(requests)
    }

    fn seen(&self, upstream: &str, received: Received) -> Seen {
        let mut headers = received.headers;
        headers.retain(|(name, _)| self.scenario.looks_at(name));
        Seen {
            upstream: upstream.into(),
            method: received.method,
            path: received.path,
            headers,
            // How much of a broken body got through is chance.
            body: if received.is_complete { body_text(&received.body) } else { String::new() },
            trailers: received.trailers,
            is_broken: !received.is_complete,
        }
    }
}

/// The value of a counter or gauge; asked for by itself, since all together are many.
async fn stat(envoy: &Process, name: &str) -> Result<u64> {
    let path = format!("/stats?format=json&filter=^{name}$");
    let answer = client::get(envoy.admin(), &path).send().await?.json()?;
    let mut stats = answer["stats"].as_array().into_iter().flatten();
    let stat = stats.find(|stat| stat["name"] == name);
    stat.and_then(|stat| stat["value"].as_u64()).with_context(|| format!("no stat {name}"))
}

fn in_progress(requests: &mut [Option<InProgress>], index: usize) -> Result<&mut InProgress> {
    let request = requests.get_mut(index).and_then(Option::as_mut);
    request.with_context(|| format!("there is no request {index}"))
}
