//! The scenarios in the test kit's simulated proxy.

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tollgate_testkit::{self as testkit, Exchange, Filter, Module, Proxy, Route};

use super::{
    Answer, Content, FailurePolicy, GrpcReply, ID, Observed, Reply, ReplyPart, Request, Scenario,
    Seen, Step, World, body_text, cluster,
};

/// No condition may take longer to hold, in the proxy's time.
const LIMIT: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);

/// The proxy that `tollgate-testkit` simulates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kit;

impl World for Kit {
    async fn observe(&self, scenarios: &[Scenario]) -> Result<Vec<Result<Observed>>> {
        Ok(scenarios.iter().map(observe_or_crash).collect())
    }
}

/// The simulated proxy panics where Envoy itself would crash.
fn observe_or_crash(scenario: &Scenario) -> Result<Observed> {
    let observed = panic::catch_unwind(AssertUnwindSafe(|| observe(scenario)));
    observed.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("Envoy crashes") {
            return Ok(Observed::crashed());
        }
        panic::resume_unwind(panic)
    })
}

fn observe(scenario: &Scenario) -> Result<Observed> {
    let mut stage = Stage { scenario, proxy: proxy(scenario)?, requests: Vec::new() };
    let plugins = [Some(ID), scenario.second_listener.as_deref()];
    let configuration = scenario.configuration.as_bytes();
    let plugins = plugins.into_iter().flatten().map(|name| (name, configuration.to_vec()));
    if stage.proxy.try_configure_bytes(plugins).is_err() {
        return Ok(Observed::refused());
    }
    for step in &scenario.steps {
        stage.step(step).with_context(|| format!("at the step {step:?}"))?;
    }
    stage.observed()
}

fn proxy(scenario: &Scenario) -> Result<Proxy> {
    let module = Module::from_bytes(&scenario.module(ID)?).map_err(|error| anyhow!("{error}"))?;
    let mut proxy = Proxy::new(Filter::module(module));
    proxy
        .workers(scenario.workers as usize)
        .vm_id(ID)
        .root_id(ID)
        .without_request_ids()
        .failure_policy(match scenario.failure_policy {
            FailurePolicy::Closed => testkit::FailurePolicy::Closed,
            FailurePolicy::Open => testkit::FailurePolicy::Open,
            FailurePolicy::Reload => testkit::FailurePolicy::Reload,
        });
    for name in ["side", "app"] {
        let route = Route::to(&cluster(name)).timeout(None).named(&format!("to-{name}"));
        proxy.route(if name == "side" { route.header("x-route", "side") } else { route });
    }
    for name in ["virtual_host_name", "filter_chain_name"] {
        proxy.attribute(&["xds", name], format!("{ID}.0"));
    }
    if scenario.second_is_outbound {
        proxy.outbound_listener(1);
    }
    serve(&mut proxy, "app", scenario.app.clone());
    serve(&mut proxy, "side", scenario.side.clone());
    let grpc = scenario.grpc.clone();
    proxy.upstream(&cluster("grpc"), move |_| match &grpc {
        GrpcReply::Message(message) => testkit::Answer::grpc(message),
        GrpcReply::Status(status, text) => testkit::Answer::grpc_status(*status, text),
        GrpcReply::Told(message) => testkit::Answer::grpc(message).when_told(),
    });
    proxy.speaks_http2(&cluster("grpc"));
    if let Some(limit) = scenario.buffer_limit {
        proxy.buffer_limit(limit as usize);
    }
    if scenario.headers_may_pause_alone {
        proxy.headers_may_pause_alone();
    }
    Ok(proxy)
}

fn serve(proxy: &mut Proxy, name: &str, replies: Vec<Reply>) {
    let waits =
        |reply: &Reply| matches!(reply.parts.first(), Some(ReplyPart::Told | ReplyPart::Reset));
    if replies.iter().any(waits) {
        proxy.answers_early(&cluster(name));
    }
    let mut count = 0;
    proxy.upstream(&cluster(name), move |_| {
        let reply = replies.get(count).or(replies.last());
        count += 1;
        reply.map_or_else(testkit::Answer::reset, answer_of)
    });
}

/// What an upstream of HTTP/1.1 answers.
fn answer_of(reply: &Reply) -> testkit::Answer {
    let length = reply.parts.iter().find_map(|part| match part {
        ReplyPart::Body(body) => Some(Some(body.len())),
        ReplyPart::Head | ReplyPart::Chunk(_) | ReplyPart::End(_) => Some(None),
        ReplyPart::Told | ReplyPart::Reset => None,
    });
    match &reply.parts[..] {
        [ReplyPart::Reset, ..] => return testkit::Answer::reset(),
        [ReplyPart::Told, ReplyPart::Reset, ..] => return testkit::Answer::reset().when_told(),
        _ => {}
    }
    let mut answer = testkit::Answer::status(reply.status);
    for (name, value) in &reply.headers {
        answer = answer.header(name, value);
    }
    answer = match length {
        Some(None) => answer.header("transfer-encoding", "chunked"),
        Some(Some(length)) => answer.header("content-length", length.to_string()),
        None if reply.status == 204 || reply.status == 304 => answer,
        None => answer.header("content-length", "0"),
    };
    for part in &reply.parts {
        answer = match part {
            ReplyPart::Told => answer.told(),
            ReplyPart::Head => answer.head(),
            ReplyPart::Body(bytes) if bytes.is_empty() => answer,
            ReplyPart::Body(bytes) | ReplyPart::Chunk(bytes) => answer.body(bytes),
            ReplyPart::End(trailers) if trailers.is_empty() => answer.head(),
            ReplyPart::End(trailers) => answer.trailers(trailers.iter().map(|(n, v)| (n, v))),
            ReplyPart::Reset => answer.break_off(),
        };
    }
    answer
}

/// A scenario on its way.
struct Stage<'a> {
    scenario: &'a Scenario,
    proxy: Proxy,
    requests: Vec<(Exchange, bool)>,
}

impl Stage<'_> {
    fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Exchange(request) => {
                self.begin(request);
                self.answered(self.requests.len() - 1)?;
            }
            Step::Begin(request) => self.begin(request),
            Step::Part(index, bytes, true) => self.exchange(*index)?.end_with(bytes),
            Step::Part(index, bytes, false) => self.exchange(*index)?.chunk(bytes),
            Step::End(index, trailers) if trailers.is_empty() => self.exchange(*index)?.end(),
            Step::End(index, trailers) => {
                let trailers = trailers.iter().map(|(name, value)| (name, value));
                self.exchange(*index)?.end_with_trailers(trailers);
            }
            Step::Answered(index) => self.answered(*index)?,
            Step::Leave(index) => self.exchange(*index)?.leave(),
            Step::Logged(line, times) => self.wait_until("it is logged", |stage| {
                stage.log(true).iter().filter(|other| *other == line).count() >= *times
            })?,
            Step::Arrived(upstream, count) => self.wait_until("they have arrived", |stage| {
                stage.proxy.requests(&cluster(upstream)).len() >= *count
            })?,
            Step::Tell(upstream) => {
                ensure!(self.proxy.tell_one(&cluster(upstream)), "nothing waits to be told");
            }
            Step::Pass(milliseconds) => self.proxy.advance(Duration::from_millis(*milliseconds)),
        }
        Ok(())
    }

    fn exchange(&self, index: usize) -> Result<&Exchange> {
        let found = self.requests.get(index).map(|(exchange, _)| exchange);
        found.with_context(|| format!("there is no request {index}"))
    }

    fn begin(&mut self, request: &Request) {
        let mut sending = self.proxy.request(&request.method, &request.path).host("probe.test");
        for (name, value) in &request.headers {
            sending = match name.eq_ignore_ascii_case("host") {
                true => sending.host(&String::from_utf8_lossy(value)),
                false => sending.header(name, value),
            };
        }
        if request.is_http2 {
            sending = sending.http2();
        }
        sending = sending.at_listener(request.listener);
        let exchange = match &request.body {
            Content::None => sending.send(),
            Content::Whole(body) if request.is_http2 => sending.chunk(body).send(),
            Content::Whole(body) => sending.body(body).send(),
            Content::Later if request.is_http2 => sending.begin(),
            Content::Later => sending.header("transfer-encoding", "chunked").begin(),
        };
        self.requests.push((exchange, false));
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) -> Result<()> {
        let mut waited = Duration::ZERO;
        while !condition(self) {
            if waited > LIMIT {
                bail!("it never happened that {what}; the log:\n  {}", self.log(true).join("\n  "));
            }
            self.proxy.advance(MOMENT);
            waited += MOMENT;
        }
        Ok(())
    }

    fn answered(&mut self, index: usize) -> Result<()> {
        self.exchange(index)?;
        self.wait_until("the request is answered", |stage| !stage.requests[index].0.is_pending())
    }

    fn log(&self, of_workers: bool) -> Vec<String> {
        let threads = if of_workers { 1..=self.scenario.workers as usize } else { 0..=0 };
        let line = |line: testkit::simulated::LogLine| match line.level {
            testkit::abi::LogLevel::Info => line.message,
            testkit::abi::LogLevel::Warn => format!("warning: {}", line.message),
            level => format!("{}: {}", format!("{level:?}").to_lowercase(), line.message),
        };
        let lines = threads.flat_map(|thread| self.proxy.log_of(thread));
        let mut lines: Vec<_> = lines.map(line).collect();
        if of_workers && self.scenario.workers > 1 {
            lines.sort();
        }
        lines
    }

    fn observed(mut self) -> Result<Observed> {
        for index in 0..self.requests.len() {
            self.answered(index)?;
        }
        let mut observed = Observed {
            answers: self.requests.iter().map(|(exchange, _)| self.answer(exchange)).collect(),
            requests: ["app", "side", "grpc"].iter().flat_map(|name| self.seen(name)).collect(),
            log: self.log(true),
            ..Observed::new()
        };
        if self.scenario.shows_endings {
            let flags = |flags: &'static str| if flags.is_empty() { "-" } else { flags };
            let entries = self.proxy.access_log().into_iter();
            let shown =
                entries.map(|it| format!("{} {} {}", it.status, it.details, flags(it.flags)));
            observed.endings = shown.collect();
        }
        if self.scenario.shows_main_log {
            observed.main_log = self.log(false);
        }
        for name in &self.scenario.stats {
            observed.stats.push(format!("{name}: {}", self.stat(name)?));
        }
        Ok(observed)
    }

    fn stat(&self, name: &str) -> Result<u64> {
        if let Some(metric) = name.strip_prefix("wasmcustom.") {
            let metrics = self.proxy.metrics();
            return Ok(metrics.counter(metric).max(metrics.gauge(metric)));
        }
        let reloads = self.proxy.vm_reloads();
        match name.rsplit('.').next() {
            Some("vm_reload_success") => Ok(reloads.successes),
            Some("vm_reload_failure") => Ok(reloads.failures),
            Some("vm_reload_backoff") => Ok(reloads.backoffs),
            _ => bail!("no such stat: {name}"),
        }
    }

    /// Headers in the words of HTTP/1.1.
    fn fields(&self, headers: &testkit::HeaderMap) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let fields = headers.iter().map(|(name, value)| (text(name), text(value)));
        let fields = fields.map(|(name, value)| match name.as_str() {
            ":authority" => ("host".to_owned(), value),
            _ => (name, value),
        });
        fields.filter(|(name, _)| self.scenario.looks_at(name)).collect()
    }

    fn trailers(headers: &testkit::HeaderMap) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        headers.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn answer(&self, exchange: &Exchange) -> Answer {
        let Some(response) = exchange.try_response() else {
            return Answer { is_broken: true, ..Answer::default() };
        };
        Answer {
            status: response.status,
            headers: self.fields(&response.headers),
            body: body_text(&response.body),
            trailers: Self::trailers(&response.trailers),
            is_broken: !response.is_complete,
        }
    }

    fn seen(&self, upstream: &str) -> Vec<Seen> {
        let requests = self.proxy.requests(&cluster(upstream)).into_iter();
        let replies = match upstream {
            "app" => &self.scenario.app[..],
            "side" => &self.scenario.side,
            _ => &[],
        };
        let seen = requests.enumerate().map(|(index, request)| {
            // An upstream that only closes reads no further than the head.
            let reply = replies.get(index).or(replies.last());
            let is_read = reply.is_none_or(|it| it.parts.first() != Some(&ReplyPart::Reset));
            let is_whole = request.is_complete && is_read;
            let mut headers = self.fields(&request.headers);
            // Over HTTP/2 the host is no header.
            headers.retain(|(name, _)| upstream != "grpc" || name != "host");
            Seen {
                upstream: upstream.into(),
                method: request.header(":method").unwrap_or_default(),
                path: request.path(),
                headers,
                body: if is_whole { body_text(&request.body) } else { String::new() },
                trailers: Self::trailers(&request.trailers),
                is_broken: !is_whole,
            }
        });
        seen.collect()
    }
}
