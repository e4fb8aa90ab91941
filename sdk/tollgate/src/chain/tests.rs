use super::*;
use crate::abi::{BufferKind, HostError, Status};
use crate::prelude::*;
use crate::testing::TestHost;
use crate::time::sleep;
use crate::vm;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

const ROOT: u32 = 1;
const STREAM: u32 = 7;
const CONTINUE: u32 = 0;
const BUFFER: u32 = 1;

thread_local! {
    /// What the members have done, in order.
    static LOG: RefCell<Vec<String>> = RefCell::default();
}

fn log(line: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(line.into()));
}

fn take_log() -> Vec<String> {
    LOG.with_borrow_mut(std::mem::take)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberConfig {
    name: String,
    /// What it does with requests: `pass`, `sleep`, `deny`, `reset` or `fail`.
    does: String,
}

/// Writes down what passes it; does with it what its configuration says.
struct Tracer {
    config: MemberConfig,
}

#[derive(Default)]
struct TracerState {
    saw_request: Cell<bool>,
}

impl Tracer {
    async fn act(&self) -> Result<Flow> {
        match self.config.does.as_str() {
            "sleep" => sleep(Duration::from_millis(20)).await,
            "deny" | "deny twice" => return Ok(Flow::Reply(LocalReply::new(403))),
            "reset" => return Ok(Flow::Reset),
            "fail" => return Err(HostError::new("test", Status::InternalFailure)),
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

impl HttpFilter for Tracer {
    const NAME: &'static str = "tracer";
    type Config = MemberConfig;
    type State = TracerState;

    fn configure(config: MemberConfig, setup: &mut Setup) -> Result<Self, ConfigError> {
        setup.counter("seen")?;
        log(format!("{} is {}", config.name, setup.plugin_name()));
        Ok(Self { config })
    }

    async fn request(&self, request: &mut Request<'_, TracerState>) -> Result<Flow> {
        log(format!("{} request", self.config.name));
        request.state().saw_request.set(true);
        if let Some(before) = request.extensions().get::<String>() {
            log(format!("{} finds {before}", self.config.name));
        }
        request.extensions().insert(self.config.name.clone());
        self.act().await
    }

    async fn request_body(&self, body: &mut Body<'_, TracerState>) -> Result<Flow> {
        while let Some(mut chunk) = body.chunk().await {
            log(format!("{} chunk {}", self.config.name, String::from_utf8_lossy(&chunk.bytes()?)));
            chunk.append(&self.config.name)?;
            if self.config.does == "sleep" {
                sleep(Duration::from_millis(20)).await;
            }
        }
        log(format!("{} body ends", self.config.name));
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_, TracerState>) -> Result<Flow> {
        let known = response.state().saw_request.get();
        log(format!(
            "{} response, request {}",
            self.config.name,
            if known { "seen" } else { "new" }
        ));
        match self.config.does.as_str() {
            "deny twice" => Ok(Flow::Reply(LocalReply::new(500))),
            _ => Ok(Flow::Continue),
        }
    }

    fn end(&self, _end: &End<'_, TracerState>) {
        log(format!("{} end", self.config.name));
    }
}

/// Looks at requests only, keeps nothing, and fails open.
struct Plain;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainConfig {}

impl HttpFilter for Plain {
    const NAME: &'static str = "plain";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    const HANDLES_REQUEST_BODY: bool = false;
    const HANDLES_REQUEST_TRAILERS: bool = false;
    const HANDLES_RESPONSE: bool = false;
    const HANDLES_RESPONSE_BODY: bool = false;
    const HANDLES_RESPONSE_TRAILERS: bool = false;
    const HANDLES_END: bool = false;
    const REQUEST_WAITS: bool = false;
    type Config = PlainConfig;
    type State = ();

    fn configure(_config: PlainConfig, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, _request: &mut Request<'_>) -> Result<Flow> {
        log("plain request");
        Err(HostError::new("test", Status::InternalFailure))
    }
}

/// A VM whose chain has these tracers, by name and what each does.
fn start(tracers: &[(&str, &str)]) -> Rc<TestHost> {
    let member = |(name, does): &(&str, &str)| {
        format!(r#"{{"tracer": {{"name": "{name}", "does": "{does}"}}}}"#)
    };
    start_configured(&tracers.iter().map(member).collect::<Vec<_>>().join(","))
}

fn start_configured(filters: &str) -> Rc<TestHost> {
    let host = TestHost::install();
    assert!(configure(&host, &format!(r#"{{"filters": [{filters}]}}"#)), "{:?}", host.log);
    take_log();
    host
}

fn configure(host: &TestHost, configuration: &str) -> bool {
    let bytes = configuration.as_bytes().to_vec();
    host.buffers.borrow_mut().insert(BufferKind::PluginConfiguration, bytes);
    vm::start::<Chain<(Plain, Tracer)>>();
    vm::on_context_create(ROOT, 0);
    vm::on_configure(ROOT)
}

fn request(host: &TestHost, end_of_stream: bool) -> u32 {
    host.effective_context.set(STREAM);
    vm::on_context_create(STREAM, ROOT);
    vm::on_request_headers(STREAM, end_of_stream)
}

fn request_body(host: &TestHost, bytes: &[u8], is_last: bool) -> (String, u32) {
    let size = {
        let mut buffers = host.buffers.borrow_mut();
        let buffer = buffers.entry(BufferKind::RequestBody).or_default();
        buffer.extend_from_slice(bytes);
        buffer.len()
    };
    let action = vm::on_request_body(STREAM, size, is_last);
    let held = host.buffers.borrow()[&BufferKind::RequestBody].clone();
    if action == CONTINUE {
        host.buffers.borrow_mut().remove(&BufferKind::RequestBody);
    }
    (String::from_utf8(held).unwrap(), action)
}

fn pass(host: &TestHost, milliseconds: u64) {
    host.advance(Duration::from_millis(milliseconds));
    vm::on_tick(ROOT);
}

#[test]
fn requests_pass_in_order_and_responses_in_reverse_and_each_member_is_told_the_end() {
    let host = start(&[("a", "pass"), ("b", "pass")]);
    assert_eq!(request(&host, true), CONTINUE);
    assert_eq!(vm::on_response_headers(STREAM, true), CONTINUE);
    vm::on_delete(STREAM);
    assert_eq!(
        take_log(),
        [
            "a request",
            "b request",
            "b finds a",
            "b response, request seen",
            "a response, request seen",
            "a end",
            "b end",
        ]
    );
}

#[test]
fn an_answer_ends_the_way_of_the_request_and_comes_by_all_members_as_a_response() {
    let host = start(&[("a", "pass"), ("b", "deny"), ("c", "pass")]);
    assert_ne!(request(&host, true), CONTINUE);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);
    assert_eq!(vm::on_response_headers(STREAM, true), CONTINUE);
    let log = take_log();
    assert_eq!(log[..3], ["a request", "b request", "b finds a"]);
    assert_eq!(
        log[3..],
        ["c response, request new", "b response, request seen", "a response, request seen",]
    );
}

#[test]
fn a_member_that_waits_holds_the_request_for_those_behind_it() {
    let host = start(&[("a", "sleep"), ("b", "pass")]);
    assert_ne!(request(&host, true), CONTINUE);
    assert_eq!(take_log(), ["a request"]);
    pass(&host, 20);
    assert_eq!(take_log(), ["b request", "b finds a"]);
    assert_eq!(*host.continued.borrow(), [STREAM]);
}

#[test]
fn a_member_that_resets_the_stream_is_the_last_to_see_it() {
    let host = start(&[("a", "reset"), ("b", "pass")]);
    assert_ne!(request(&host, true), CONTINUE);
    assert_eq!(take_log(), ["a request"]);
    assert_eq!(*host.closed.borrow(), [STREAM]);
}

#[test]
fn a_member_that_fails_is_dealt_with_by_its_own_policy_and_counted_under_its_own_name() {
    let host = start_configured(
        r#"{"plain": {}}, {"tracer": {"name": "a", "does": "fail"}}, {"plain": {}}"#,
    );
    assert_ne!(request(&host, true), CONTINUE);
    assert_eq!(take_log(), ["plain request", "a request"]);
    assert_eq!(*host.replies.borrow(), [(STREAM, 503)]);
    assert_eq!(host.metric_named("tollgate.plain.failures"), 1);
    assert_eq!(host.metric_named("tollgate.tracer.failures"), 1);
    assert_eq!(host.metric_named("tollgate.chain.failures"), 0);
}

#[test]
fn a_chunk_passes_the_members_one_after_the_other_as_each_has_left_it() {
    let host = start_configured(
        r#"{"tracer": {"name": "a", "does": "pass"}}, {"plain": {}},
           {"tracer": {"name": "b", "does": "pass"}}"#,
    );
    assert_eq!(request(&host, false), CONTINUE);
    take_log();
    assert_eq!(request_body(&host, b"1", false), ("1ab".to_owned(), CONTINUE));
    assert_eq!(request_body(&host, b"2", true), ("2ab".to_owned(), CONTINUE));
    assert_eq!(
        take_log(),
        ["a chunk 1", "b chunk 1a", "a chunk 2", "a body ends", "b chunk 2a", "b body ends"]
    );
}

#[test]
fn chunks_that_a_member_holds_are_held_for_those_behind_it_and_stay_in_order() {
    let host = start(&[("a", "pass"), ("b", "sleep"), ("c", "pass")]);
    request(&host, false);
    pass(&host, 20);
    host.continued.borrow_mut().clear();
    take_log();
    assert_eq!(request_body(&host, b"1", false), ("1ab".to_owned(), BUFFER));
    assert_eq!(request_body(&host, b"2", true), ("1ab2a".to_owned(), BUFFER));
    assert_eq!(take_log(), ["a chunk 1", "b chunk 1a", "a chunk 2", "a body ends"]);
    pass(&host, 20);
    assert_eq!(take_log(), ["b chunk 2a", "c chunk 1ab"]);
    assert!(host.continued.borrow().is_empty());
    pass(&host, 20);
    assert_eq!(take_log(), ["b body ends", "c chunk 2ab", "c body ends"]);
    assert_eq!(host.buffers.borrow()[&BufferKind::RequestBody], b"1abc2abc");
    assert_eq!(*host.continued.borrow(), [STREAM]);
}

#[test]
fn a_chain_keeps_streams_only_for_members_that_do() {
    const {
        assert!(!<Chain<(Plain,)> as HttpFilter>::KEEPS_STREAMS);
        assert!(!<Chain<(Plain, Plain)> as HttpFilter>::REQUEST_WAITS);
        assert!(<Chain<(Plain, Tracer)> as HttpFilter>::KEEPS_STREAMS);
    }
    assert_eq!(vm::phases::<Chain<(Plain,)>>(), *b"100000001");
    assert_eq!(vm::phases::<Chain<(Plain, Tracer)>>(), *b"111111111");
}

#[test]
fn members_of_one_name_are_told_apart() {
    let host = TestHost::install();
    let filters = ["a", "b", "c"]
        .map(|name| format!(r#"{{"tracer": {{"name": "{name}", "does": "pass"}}}}"#))
        .join(",");
    assert!(configure(&host, &format!(r#"{{"filters": [{{"plain": {{}}}}, {filters}]}}"#)));
    assert_eq!(take_log(), ["a is unnamed", "b is unnamed_2", "c is unnamed_3"]);
}

#[test]
fn a_wrong_list_is_refused_with_the_place_of_the_mistake() {
    let cases = [
        ("{}", "`filters`: found nothing, allowed: a value"),
        (r#"{"filters": []}"#, "`filters`: found an empty list, allowed: at least one filter"),
        (
            r#"{"filters": [{"plain": {}}, {"tracr": {}}]}"#,
            r#"`filters[1]`: found "tracr", allowed: one of "plain", "tracer""#,
        ),
        (
            r#"{"filters": [{"plain": {}, "tracer": {}}]}"#,
            r#"`filters[0]`: found an entry without exactly one name, allowed: one of "plain""#,
        ),
        (
            r#"{"filters": [{"tracer": {"name": 5}}]}"#,
            "`filters[0].tracer.name`: found 5, allowed: a string",
        ),
    ];
    for (configuration, expected) in cases {
        let host = TestHost::install();
        assert!(!configure(&host, configuration), "{configuration}");
        let log = host.log.borrow();
        assert_eq!(log.len(), 1, "{log:?}");
        assert!(log[0].contains(expected), "expected {expected}\n     got {}", log[0]);
    }
}

/// The host would ignore it, and send the first one.
#[test]
fn a_second_answer_of_a_member_does_not_hide_the_first_from_the_others() {
    let _host = start(&[("a", "pass"), ("b", "deny twice")]);
    vm::on_context_create(STREAM, ROOT);
    assert_ne!(vm::on_request_headers(STREAM, true), CONTINUE);
    take_log();
    assert_eq!(vm::on_response_headers(STREAM, true), CONTINUE);
    assert_eq!(take_log(), ["b response, request seen", "a response, request seen"]);
}
