//! A scenario, and how it is written.

use anyhow::Result;

use super::{FailurePolicy, GrpcReply, Observed, Reply, Request, Script, Step, Version};
use super::{reply_of, version_of};

/// A plugin, traffic through it, and what is to be observed.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// A sentence that says what happens.
    pub name: &'static str,
    /// Where Envoy's source does that.
    pub reference: &'static str,
    /// The plugin.
    pub script: Script,
    /// The plugin's configuration.
    pub configuration: String,
    /// What the proxy does once the VM has failed.
    pub failure_policy: FailurePolicy,
    /// Whether [`PAUSE`](super::PAUSE) in headers lets the body come (`allow_on_headers_stop_iteration`).
    pub headers_may_pause_alone: bool,
    /// How many workers the proxy has. With several, the lines that they log are sorted.
    pub workers: u32,
    /// The plugin's name at a second listener; `None` if there is none.
    pub second_listener: Option<String>,
    /// Whether the second listener is for outgoing traffic (`traffic_direction`); the first says nothing.
    pub second_is_outbound: bool,
    /// The most that may be buffered of a body, in bytes; `None` for the default, 1 MiB.
    pub buffer_limit: Option<u32>,
    /// What the upstream `app` does with its requests, one after the other; the last again and again.
    pub app: Vec<Reply>,
    /// What the upstream `side` does.
    pub side: Vec<Reply>,
    /// What the gRPC service does.
    pub grpc: GrpcReply,
    /// What happens.
    pub steps: Vec<Step>,
    /// Headers that are observed besides those that always are.
    pub looked_at: Vec<&'static str>,
    /// Whether it is observed how requests end.
    pub shows_endings: bool,
    /// Whether the log of the main thread is observed.
    pub shows_main_log: bool,
    /// Stats that are observed.
    pub stats: Vec<String>,
    /// Whether it has the proxy for itself, which may refuse the configuration, or crash.
    pub is_alone: bool,
    /// What is to be observed.
    pub expected: Observed,
    /// What older versions show instead.
    pub differences: Vec<Difference>,
}

/// What versions before some version show.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The first version of Envoy that does not differ any more.
    pub until: Version,
    /// What is observed before.
    pub observed: Observed,
    /// Why.
    pub why: &'static str,
}

impl Scenario {
    /// A scenario in which nothing happens yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            reference: "",
            script: Script::new(),
            configuration: String::new(),
            failure_policy: FailurePolicy::Closed,
            headers_may_pause_alone: false,
            workers: 1,
            second_listener: None,
            second_is_outbound: false,
            buffer_limit: None,
            app: vec![reply_of(200).body("ok")],
            side: vec![reply_of(200).body("side")],
            grpc: GrpcReply::Message(b"pong".to_vec()),
            steps: Vec::new(),
            looked_at: Vec::new(),
            shows_endings: false,
            shows_main_log: false,
            stats: Vec::new(),
            is_alone: false,
            expected: Observed::new(),
            differences: Vec::new(),
        }
    }

    /// Where Envoy's source does that.
    #[must_use]
    pub fn reference(mut self, reference: &'static str) -> Self {
        self.reference = reference;
        self
    }

    /// The plugin.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// The plugin's configuration.
    #[must_use]
    pub fn configuration(mut self, configuration: &str) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// What the proxy does once the VM has failed.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// A pause in headers lets the body come.
    #[must_use]
    pub fn headers_may_pause_alone(mut self) -> Self {
        self.headers_may_pause_alone = true;
        self
    }

    /// So many workers.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// A second listener with the same module and configuration, where the plugin has this name.
    #[must_use]
    pub fn second_listener(mut self, plugin: &str) -> Self {
        self.second_listener = Some(plugin.into());
        self
    }

    /// The second listener is for outgoing traffic.
    #[must_use]
    pub fn second_is_outbound(mut self) -> Self {
        self.second_is_outbound = true;
        self
    }

    /// The most that may be buffered of a body.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: u32) -> Self {
        self.buffer_limit = Some(bytes);
        self
    }

    /// What the upstream `app` does.
    #[must_use]
    pub fn app(mut self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.app = replies.into_iter().collect();
        self
    }

    /// What the upstream `side` does.
    #[must_use]
    pub fn side(mut self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.side = replies.into_iter().collect();
        self
    }

    /// What the gRPC service does.
    #[must_use]
    pub fn grpc(mut self, reply: GrpcReply) -> Self {
        self.grpc = reply;
        self
    }

    /// One more step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Sends a request and waits for its answer.
    #[must_use]
    pub fn exchange(self, request: Request) -> Self {
        self.step(Step::Exchange(request))
    }

    /// Sends a request, as far as it goes.
    #[must_use]
    pub fn begin(self, request: Request) -> Self {
        self.step(Step::Begin(request))
    }

    /// Sends a part of the body of the n-th request.
    #[must_use]
    pub fn part(self, request: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Part(request, bytes.as_ref().to_vec(), false))
    }

    /// Ends the n-th request, with trailers.
    #[must_use]
    pub fn end(self, request: usize, trailers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.step(Step::End(request, trailers.iter().map(owned).collect()))
    }

    /// Waits until the n-th request is answered.
    #[must_use]
    pub fn answered(self, request: usize) -> Self {
        self.step(Step::Answered(request))
    }

    /// The client of the n-th request hangs up.
    #[must_use]
    pub fn leave(self, request: usize) -> Self {
        self.step(Step::Leave(request))
    }

    /// Waits until the probe has logged a line.
    #[must_use]
    pub fn logged(self, line: &str) -> Self {
        self.step(Step::Logged(line.into(), 1))
    }

    /// Waits until an upstream has got so many requests.
    #[must_use]
    pub fn arrived(self, upstream: &'static str, count: usize) -> Self {
        self.step(Step::Arrived(upstream, count))
    }

    /// Lets an upstream go on.
    #[must_use]
    pub fn tell(self, upstream: &'static str) -> Self {
        self.step(Step::Tell(upstream))
    }

    /// Lets time pass.
    #[must_use]
    pub fn pass(self, milliseconds: u64) -> Self {
        self.step(Step::Pass(milliseconds))
    }

    /// Observes these headers, too.
    #[must_use]
    pub fn look_at(mut self, headers: impl IntoIterator<Item = &'static str>) -> Self {
        self.looked_at.extend(headers);
        self
    }

    /// Observes how requests end.
    #[must_use]
    pub fn show_endings(mut self) -> Self {
        self.shows_endings = true;
        self
    }

    /// Observes the log of the main thread.
    #[must_use]
    pub fn show_main_log(mut self) -> Self {
        self.shows_main_log = true;
        self
    }

    /// Observes a stat.
    #[must_use]
    pub fn show_stat(mut self, name: &str) -> Self {
        self.stats.push(name.into());
        self
    }

    /// Has the proxy for itself, which may refuse the configuration, or crash.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    /// What is to be observed.
    #[must_use]
    pub fn expect(mut self, expected: Observed) -> Self {
        self.expected = expected;
        self
    }

    /// What versions before this one (`"1.38"`, `"1.38.2"`) show instead.
    ///
    /// # Panics
    ///
    /// When it is no version.
    #[must_use]
    pub fn until(mut self, version: &str, observed: Observed, why: &'static str) -> Self {
        let until = version_of(version).unwrap_or_else(|| panic!("{version} is no version"));
        self.differences.push(Difference { until, observed, why });
        self
    }

    /// The probe as a module, for a scenario that is known by this name.
    ///
    /// # Errors
    ///
    /// When the script cannot be compiled.
    pub fn module(&self, id: &str) -> Result<Vec<u8>> {
        self.script.module(id)
    }

    /// What is to be observed in a version, and why if that is not what the newest shows.
    #[must_use]
    pub fn expected_in(&self, version: Version) -> (&Observed, Option<&'static str>) {
        let differs = self.differences.iter().filter(|difference| version < difference.until);
        match differs.min_by_key(|difference| difference.until) {
            Some(difference) => (&difference.observed, Some(difference.why)),
            None => (&self.expected, None),
        }
    }

    /// Whether a header is observed.
    #[must_use]
    pub fn looks_at(&self, name: &str) -> bool {
        let is_envoys = name.starts_with("x-envoy-") || name.starts_with("x-forwarded-");
        (name.starts_with("x-") && !is_envoys) || self.looked_at.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_shows_what_the_next_difference_says() {
        let log = |line: &str| Observed::new().log([line]);
        let scenario = Scenario::new("a scenario")
            .expect(log("newest"))
            .until("1.40", log("before 1.40"), "why")
            .until("1.38.2", log("before 1.38.2"), "older still");
        for (version, expected) in [
            ("1.40.0", "newest"),
            ("1.41.0-dev", "newest"),
            ("1.39.3", "before 1.40"),
            ("1.38.2", "before 1.40"),
            ("1.38.1", "before 1.38.2"),
            ("1.36.4", "before 1.38.2"),
        ] {
            let (observed, why) = scenario.expected_in(version_of(version).unwrap());
            assert_eq!(observed, &log(expected), "{version}");
            assert_eq!(why.is_none(), expected == "newest", "{version}");
        }
    }

    #[test]
    fn headers_of_the_probe_are_looked_at_and_those_of_envoy_when_asked_for() {
        let scenario = Scenario::new("a scenario").look_at(["x-envoy-internal", "te"]);
        for name in ["x-a", "te", "x-envoy-internal"] {
            assert!(scenario.looks_at(name), "{name}");
        }
        for name in ["x-envoy-other", "x-forwarded-proto", "content-length"] {
            assert!(!scenario.looks_at(name), "{name}");
        }
    }
}
