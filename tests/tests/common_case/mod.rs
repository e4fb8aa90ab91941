//! The common case of each filter, on its module alone: a configuration, and a request that the
//! filter has to do something about.
#![allow(dead_code, reason = "each test that has this module uses a part of it")]

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tollgate_e2e::modules;
use tollgate_testkit::abi::{BufferKind, CONTINUE, MapKind, StreamKind};
use tollgate_testkit::{HeaderMap, Instance, LocalResponse, Module, SimulatedHost, Trap};

/// The context of the plugin. Streams have higher numbers.
pub(crate) const ROOT: u32 = 1;

/// A VM of a filter in a simulated proxy.
pub(crate) type Vm = Instance<SimulatedHost>;

/// What a filter usually gets to do.
#[derive(Clone, Debug)]
pub(crate) struct CommonCase {
    /// The filter, as in `dist/<filter>.wasm`.
    pub(crate) filter: &'static str,
    /// The case, in words.
    pub(crate) name: &'static str,
    /// The plugin's configuration.
    pub(crate) configuration: Value,
    /// Whether a request that the filter fails on passes, else it is refused.
    pub(crate) fails_open: bool,
    /// A header that the request has beside those that every request has.
    pub(crate) request_header: (&'static str, String),
    /// Further ones.
    pub(crate) more_request_headers: Vec<(&'static str, &'static str)>,
    /// A header that the upstream sees because of the filter.
    upstream_header: Option<(&'static str, &'static str)>,
}

/// One case for each filter; a filter without one is found by the test of the costs.
pub(crate) fn all() -> [CommonCase; 5] {
    let [jwt_auth, canary, fault, circuit_breaker] = single();
    [jwt_auth, canary, fault, circuit_breaker, suite()]
}

/// One case for each filter that is no composition of others.
pub(crate) fn single() -> [CommonCase; 4] {
    [jwt_auth(), canary(), fault(), circuit_breaker()]
}

/// Not so common: a delay of ten milliseconds, which takes timers.
pub(crate) fn delay() -> CommonCase {
    let always = json!({ "numerator": 100 });
    let configuration = json!({ "delay": { "fixed_delay": "0.01s", "percentage": always } });
    CommonCase { name: "delayed", configuration, ..fault() }
}

fn jwt_auth() -> CommonCase {
    // The clock of the simulated proxy stands in the token's time. Its key was made for this file.
    let key: Value = serde_json::from_str(include_str!("rs256.json")).expect("it is JSON");
    let token = key["token"].as_str().expect("it has a token");
    CommonCase {
        filter: "jwt-auth",
        name: "RS256 token seen before",
        configuration: json!({
            "providers": { "accounts": {
                "issuer": "https://accounts.example.com",
                "audiences": ["shop"],
                "local_jwks": { "inline_string": key["jwks"].to_string() },
                "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "accounts" } }],
        }),
        fails_open: false,
        request_header: ("authorization", format!("Bearer {token}")),
        more_request_headers: Vec::new(),
        upstream_header: Some(("x-user", "7d3f8a52-64c1-4e0b-9a58-1f0c8f0e2b11")),
    }
}

/// Not so common: a token that was not kept, as if every request had one of its own.
pub(crate) fn never_seen() -> CommonCase {
    let mut case = CommonCase { name: "RS256 token never seen", ..jwt_auth() };
    let keeps_none = json!({ "jwt_max_token_size": 1 });
    case.configuration["providers"]["accounts"]["jwt_cache_config"] = keeps_none;
    case
}

/// The same filter, which keeps up to ten thousand tokens; and all filters, which keep their claims too.
pub(crate) fn ten_thousand_tokens() -> [CommonCase; 2] {
    let limit = json!({ "jwt_cache_size": 10_000 });
    let (mut alone, mut suite) = (jwt_auth(), suite());
    alone.configuration["providers"]["accounts"]["jwt_cache_config"] = limit.clone();
    suite.configuration["filters"][0]["jwt_auth"]["providers"]["accounts"]["jwt_cache_config"] =
        limit;
    [alone, suite]
}

fn canary() -> CommonCase {
    CommonCase {
        filter: "canary",
        name: "cookie rule matches",
        configuration: json!({
            "flag": "checkout",
            "routing_header": "x-variant",
            "variants": ["v1", "v2"],
            "default_variant": "v1",
            "rules": [
                {
                    "name": "testers",
                    "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
                    "variant": "v2",
                },
                {
                    "name": "ten-percent",
                    "split": { "by": [{ "cookie": "uid" }], "weights": { "v1": 90, "v2": 10 } },
                },
            ],
        }),
        fails_open: true,
        request_header: ("cookie", "theme=dark; uid=4711; featureflag=on".into()),
        more_request_headers: Vec::new(),
        upstream_header: Some(("x-variant", "v2")),
    }
}

fn fault() -> CommonCase {
    let rarely = json!({ "numerator": 1, "denominator": "MILLION" });
    CommonCase {
        filter: "fault",
        name: "configured, not chosen",
        configuration: json!({
            "delay": { "fixed_delay": "0.3s", "percentage": rarely },
            "abort": { "http_status": 503, "percentage": rarely },
        }),
        fails_open: true,
        request_header: ("accept-language", "en".into()),
        more_request_headers: Vec::new(),
        upstream_header: None,
    }
}

fn circuit_breaker() -> CommonCase {
    CommonCase {
        filter: "circuit-breaker",
        name: "closed",
        configuration: json!({
            "connectionPool": { "http": { "http2MaxRequests": 100 } },
            "outlierDetection": { "consecutive5xxErrors": 5 },
        }),
        fails_open: true,
        request_header: ("accept-language", "en".into()),
        more_request_headers: Vec::new(),
        upstream_header: None,
    }
}

/// All of the others at once.
fn suite() -> CommonCase {
    let CommonCase { request_header, upstream_header, .. } = jwt_auth();
    CommonCase {
        filter: modules::SUITE.name,
        name: "all four at once",
        configuration: json!({ "filters": [
            { "jwt_auth": jwt_auth().configuration },
            { "canary": canary().configuration },
            { "fault": fault().configuration },
            { "circuit_breaker": circuit_breaker().configuration },
        ] }),
        fails_open: false,
        request_header,
        more_request_headers: vec![("cookie", "theme=dark; uid=4711; featureflag=on")],
        upstream_header,
    }
}

impl CommonCase {
    /// The filter's module.
    pub(crate) fn module(&self) -> Result<Module> {
        Ok(Module::load(modules::path(self.filter)?)?)
    }

    /// A VM with a configured plugin.
    pub(crate) fn start(&self, module: &Module) -> Result<Vm> {
        let mut vm = self.instantiate(module)?;
        ensure!(self.configure(&mut vm)?, "{} refuses {}", self.filter, self.configuration);
        Ok(vm)
    }

    /// A VM without a plugin.
    pub(crate) fn instantiate(&self, module: &Module) -> Result<Vm, Trap> {
        module.instantiate(self.host())
    }

    /// Creates the plugin; whether the module accepts the configuration.
    pub(crate) fn configure(&self, vm: &mut Vm) -> Result<bool, Trap> {
        vm.on_context_create(ROOT, 0)?;
        let size = u32::try_from(self.configuration.to_string().len()).expect("it is short");
        Ok(vm.on_vm_start(ROOT, 0)? && vm.on_configure(ROOT, size)?)
    }

    /// The proxy, as it is before a request.
    fn host(&self) -> SimulatedHost {
        let mut host = SimulatedHost::new();
        host.set_plugin_configuration(self.configuration.to_string());
        host.set_attribute(&["plugin_name"], self.filter);
        host.set_attribute(&["xds", "cluster_name"], "backend");
        host.set_attribute(&["response", "code_details"], "via_upstream");
        host.verify_signatures();
        host
    }

    /// The headers of the request, those of a browser.
    pub(crate) fn request_headers(&self) -> HeaderMap {
        let (name, value) = &self.request_header;
        let mut headers = HeaderMap::from([
            (":authority", "shop.example.com"),
            (":path", "/orders/42?expand=items"),
            (":method", "GET"),
            (":scheme", "https"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ),
            ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "2b4c6f0e-6f4e-4bb4-9d0c-5d0f1c2a3b4c"),
        ]);
        headers.add(name, value);
        headers.extend(self.more_request_headers.iter().copied());
        headers
    }

    /// Puts the headers of a request and of its response where the module finds them.
    pub(crate) fn prepare(&self, host: &mut SimulatedHost, stream: u32) {
        host.set_headers(stream, MapKind::RequestHeaders, self.request_headers());
        let response = HeaderMap::from([(":status", "200"), ("content-type", "text/html")]);
        host.set_headers(stream, MapKind::ResponseHeaders, response);
        host.set_body(stream, BufferKind::RequestBody, "request");
        host.set_body(stream, BufferKind::ResponseBody, "response");
    }

    /// One whole request, from the first callback of its stream to the last. While it is paused, time
    /// passes, up to twenty milliseconds.
    pub(crate) fn request(&self, vm: &mut Vm, stream: u32) -> Result<Outcome, Trap> {
        self.prepare(vm.host_mut(), stream);
        vm.on_context_create(stream, ROOT)?;
        let action = vm.on_request_headers(stream, 11, true)?;
        let mut outcome = Outcome::of(vm, stream, action);
        for _ in 0..10 {
            if !outcome.is_waiting() {
                break;
            }
            vm.host_mut().advance(Duration::from_millis(2));
            vm.on_tick(ROOT)?;
            outcome = Outcome::of(vm, stream, action);
        }
        if outcome.passes() {
            vm.on_response_headers(stream, 2, true)?;
        }
        vm.on_log(stream)?;
        vm.on_done(stream)?;
        vm.on_delete(stream)?;
        Ok(outcome)
    }

    /// Whether a request had the outcome that the filter is there for.
    pub(crate) fn is_served(&self, outcome: &Outcome) -> bool {
        let is_right = |(name, value): (&str, &str)| {
            outcome.upstream_headers.get(name) == Some(value.as_bytes())
        };
        outcome.passes() && self.upstream_header.is_none_or(is_right)
    }

    /// Whether a request had the outcome that the filter's failure policy wants.
    pub(crate) fn is_failed_by_policy(&self, outcome: &Outcome) -> bool {
        outcome.is_refused() || (self.fails_open && outcome.passes())
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whether the filter let it go on, at once or later.
    goes_on: bool,
    /// The headers of the request, with the filter's changes.
    pub(crate) upstream_headers: HeaderMap,
    local_response: Option<LocalResponse>,
    is_reset: bool,
}

impl Outcome {
    /// The outcome of a stream so far, whose request headers were answered by `action`.
    pub(crate) fn of(vm: &Vm, stream: u32, action: u32) -> Self {
        let host = vm.host();
        let mut responses = host.local_responses().into_iter().rev();
        let response = responses.find(|(it, _)| *it == stream);
        Self {
            goes_on: action == CONTINUE
                || host.continued().contains(&(stream, StreamKind::Request)),
            upstream_headers: host.headers(stream, MapKind::RequestHeaders).clone(),
            local_response: response.map(|(_, response)| response),
            is_reset: host.closed().contains(&(stream, StreamKind::Request)),
        }
    }

    /// Whether the request goes on to the upstream.
    pub(crate) fn passes(&self) -> bool {
        self.goes_on && self.local_response.is_none() && !self.is_reset
    }

    fn is_waiting(&self) -> bool {
        !self.goes_on && self.local_response.is_none() && !self.is_reset
    }

    /// Whether the client gets an answer that is no success, or a reset.
    pub(crate) fn is_refused(&self) -> bool {
        let status = self.local_response.as_ref().map(|response| response.status);
        self.is_reset || status.is_some_and(|status| status >= 400)
    }
}
