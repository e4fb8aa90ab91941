use super::action::*;
use super::*;
use crate::abi::{HostError, MapKind, Status};
use crate::headers::HeaderMap;
use crate::message::Headers;
use crate::prelude::*;
use crate::testing::TestHost;
use crate::time;
use std::cell::{Cell, OnceCell};
use std::time::Duration;

const ROOT: u32 = 1;
const STREAM: u32 = 7;

/// Does what a test asks for by request headers, and says by its state what it went through.
struct Probe {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
}

/// Counts where it is dropped, and how often its end was told before.
#[derive(Default)]
struct State {
    dropped: OnceCell<Rc<Cell<u32>>>,
    ended: Cell<u32>,
    enough_after_wait: Cell<bool>,
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.get() {
            // A hundred for one whose end was not told once.
            dropped.set(dropped.get() + if self.ended.get() == 1 { 1 } else { 100 });
        }
    }
}

thread_local! {
    static DROPPED: Rc<Cell<u32>> = Rc::default();
}

impl HttpFilter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;
    type State = State;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self { name: config.name })
    }

    async fn request(&self, request: &mut Request<'_, State>) -> Result<Flow> {
        let _ = request.state().dropped.set(DROPPED.with(Rc::clone));
        let headers = request.headers()?.clone();
        request.state().enough_after_wait.set(headers.get("enough-after-wait").is_some());
        if headers.get("spawn").is_some() {
            crate::task::spawn(async {}).await;
        }
        if headers.get("sleep").is_some() {
            time::sleep(Duration::from_millis(20)).await;
        }
        if headers.get("fail").is_some() {
            return Err(HostError::new("test", Status::InternalFailure));
        }
        if headers.get("deny").is_some() {
            return Ok(Flow::Reply(LocalReply::new(403)));
        }
        request.headers_mut().set("x-name", &self.name)?;
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_, State>) -> Result<Flow> {
        if response.headers()?.get("fail-response").is_some() {
            return Err(HostError::new("test", Status::InternalFailure));
        }
        let seen = if response.state().dropped.get().is_some() { "known" } else { "unknown" };
        response.headers_mut().append("x-request", seen)?;
        Ok(Flow::Continue)
    }

    /// Doubles each chunk; waits where a chunk says so.
    async fn request_body(&self, body: &mut Body<'_, State>) -> Result<Flow> {
        while let Some(mut chunk) = body.chunk().await {
            let bytes = chunk.bytes()?;
            match &*bytes {
                b"wait" => {
                    time::sleep(Duration::from_millis(20)).await;
                    if body.state().enough_after_wait.get() {
                        return Ok(Flow::Continue);
                    }
                }
                b"spawn" => crate::task::spawn(async {}).await,
                b"enough" => return Ok(Flow::Continue),
                b"reset" => return Ok(Flow::Reset),
                _ => chunk.append(&bytes)?,
            }
        }
        Ok(Flow::Continue)
    }

    async fn request_trailers(&self, trailers: &mut Trailers<'_, State>) -> Result<Flow> {
        if trailers.get()?.get("sleep-in-trailers").is_some() {
            time::sleep(Duration::from_millis(20)).await;
        }
        trailers.get_mut().set("x-trailer", "seen")?;
        Ok(Flow::Continue)
    }

    /// Turns a body of at most eight bytes round.
    async fn response_body(&self, body: &mut Body<'_, State>) -> Result<Flow> {
        match body.collect(8).await {
            Collected::Whole(mut whole) => {
                let mut bytes = whole.bytes()?;
                bytes.reverse();
                whole.replace(&bytes)?;
                Ok(Flow::Continue)
            }
            Collected::TooLarge if self.name == "lenient" => {
                while let Some(mut chunk) = body.chunk().await {
                    let bytes = chunk.bytes()?.to_ascii_uppercase();
                    chunk.replace(bytes)?;
                }
                Ok(Flow::Continue)
            }
            Collected::TooLarge => Ok(Flow::Reply(LocalReply::new(500))),
        }
    }

    fn end(&self, end: &End<'_, State>) {
        end.state().ended.set(end.state().ended.get() + 1);
    }
}

/// The same, failing open.
struct Open(Probe);

impl HttpFilter for Open {
    const NAME: &'static str = "open";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;
    type State = State;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Probe::configure(config, setup).map(Self)
    }

    async fn request(&self, request: &mut Request<'_, State>) -> Result<Flow> {
        self.0.request(request).await
    }

    fn end(&self, end: &End<'_, State>) {
        self.0.end(end);
    }
}

/// A VM with one configured plugin.
fn start_configured<F: HttpFilter>() -> Rc<TestHost> {
    let host = TestHost::install();
    configure(&host, br#"{"name": "joe"}"#);
    start::<F>();
    on_context_create(ROOT, 0);
    assert!(on_configure(ROOT), "{:?}", host.log.borrow());
    DROPPED.with(|dropped| dropped.set(0));
    host
}

fn configure(host: &TestHost, configuration: &[u8]) {
    host.buffers.borrow_mut().insert(BufferKind::PluginConfiguration, configuration.to_vec());
}

/// The answer to a new stream's request with these headers.
fn request(host: &TestHost, headers: &[&str]) -> u32 {
    request_with_body(host, headers, true)
}

fn request_with_body(host: &TestHost, headers: &[&str], end_of_stream: bool) -> u32 {
    *host.headers.borrow_mut() =
        headers.iter().map(|name| ((*name).to_owned(), b"1".to_vec())).collect();
    host.effective_context.set(STREAM);
    on_context_create(STREAM, ROOT);
    on_request_headers(STREAM, end_of_stream)
}

/// A part of a body arrives on top of what the host holds; what it holds then, and the answer.
fn body(host: &TestHost, kind: BufferKind, bytes: &[u8], is_last: bool) -> (Vec<u8>, u32) {
    let size = {
        let mut buffers = host.buffers.borrow_mut();
        let buffer = buffers.entry(kind).or_default();
        buffer.extend_from_slice(bytes);
        buffer.len()
    };
    host.effective_context.set(STREAM);
    let action = match kind {
        BufferKind::RequestBody => on_request_body(STREAM, size, is_last),
        _ => on_response_body(STREAM, size, is_last),
    };
    let held = host.buffers.borrow()[&kind].clone();
    if action != STOP_ITERATION_AND_BUFFER {
        host.buffers.borrow_mut().remove(&kind);
    }
    (held, action)
}

fn request_body(host: &TestHost, bytes: &[u8], is_last: bool) -> (Vec<u8>, u32) {
    body(host, BufferKind::RequestBody, bytes, is_last)
}

fn response_body(host: &TestHost, bytes: &[u8], is_last: bool) -> (Vec<u8>, u32) {
    body(host, BufferKind::ResponseBody, bytes, is_last)
}

fn pass(host: &TestHost, milliseconds: u64) {
    host.advance(Duration::from_millis(milliseconds));
    on_tick(ROOT);
}

fn header(host: &TestHost, name: &str) -> Option<String> {
    let headers = host.headers.borrow();
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| String::from_utf8_lossy(v).into_owned())
}

#[test]
fn a_request_passes_changed() {
    let host = start_configured::<Probe>();
    assert_eq!(request(&host, &[]), CONTINUE);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
}

#[test]
fn a_denied_request_is_answered_and_stays() {
    let host = start_configured::<Probe>();
    assert_eq!(request(&host, &["deny"]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);
}

#[test]
fn a_sleeping_request_stays_until_it_is_continued() {
    let host = start_configured::<Probe>();
    assert_eq!(request(&host, &["sleep"]), STOP_ALL_ITERATION_AND_WATERMARK);
    pass(&host, 19);
    assert!(host.continued.borrow().is_empty());
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
}

/// The host must not be told to go on before it was told to hold.
#[test]
fn what_a_request_waits_for_may_come_in_its_own_callback() {
    let host = start_configured::<Probe>();
    assert_eq!(request(&host, &["spawn"]), CONTINUE);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
    assert!(host.continued.borrow().is_empty());
    assert_eq!(request(&host, &["spawn", "deny"]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);

    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    assert_eq!(request_body(&host, b"spawn", false).1, CONTINUE);
    assert!(host.continued.borrow().is_empty());
}

#[test]
fn a_request_can_be_denied_after_it_slept() {
    let host = start_configured::<Probe>();
    request(&host, &["sleep", "deny"]);
    pass(&host, 20);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);
    assert!(host.continued.borrow().is_empty());
}

#[test]
fn the_response_knows_its_request() {
    for headers in [&[][..], &["sleep"]] {
        let host = start_configured::<Probe>();
        request(&host, headers);
        pass(&host, 20);
        assert_eq!(on_response_headers(STREAM, true), CONTINUE);
        assert_eq!(header(&host, "x-request").as_deref(), Some("known"));
    }
}

/// Envoy answers by itself, for instance when a request takes too long.
#[test]
fn a_response_to_a_request_that_still_sleeps_ends_the_sleep() {
    let host = start_configured::<Probe>();
    request(&host, &["sleep"]);
    assert_eq!(on_response_headers(STREAM, true), CONTINUE);
    pass(&host, 20);
    assert!(host.continued.borrow().is_empty());
    assert_eq!(header(&host, "x-name"), None);
}

#[test]
fn what_a_request_holds_is_dropped_exactly_once_and_after_its_end_was_told() {
    for (headers, ticks, responds) in
        [(&[][..], 0, true), (&[], 0, false), (&["deny"], 0, true), (&["fail"], 0, false)]
            .into_iter()
            .chain([(&["sleep"][..], 0, false), (&["sleep"], 1, true), (&["sleep"], 0, true)])
    {
        let host = start_configured::<Probe>();
        request(&host, headers);
        (0..ticks).for_each(|_| pass(&host, 20));
        if responds {
            let _ = on_response_headers(STREAM, true);
        }
        on_delete(STREAM);
        on_delete(STREAM);
        pass(&host, 20);
        assert_eq!(DROPPED.with(|it| it.get()), 1, "{headers:?} {ticks} {responds}");
    }
}

#[test]
fn a_filter_that_fails_closed_answers_503_and_is_counted() {
    let host = start_configured::<Probe>();
    assert_eq!(request(&host, &["fail"]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.replies.borrow(), [(STREAM, 503)]);
    assert_eq!(host.metric_named("tollgate.probe.failures"), 1);
}

#[test]
fn a_filter_that_fails_open_lets_the_request_pass_and_is_counted() {
    let host = start_configured::<Open>();
    assert_eq!(request(&host, &["fail"]), CONTINUE);
    assert_eq!(host.metric_named("tollgate.open.failures"), 1);
}

#[test]
fn headers_that_cannot_be_read_are_a_failure_of_the_filter() {
    let host = start_configured::<Probe>();
    host.refuse_header_maps.set(true);
    assert_eq!(request(&host, &[]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.replies.borrow(), [(STREAM, 503)]);
}

/// The host ignores a second local reply, and the client would wait for ever.
#[test]
fn a_filter_answers_a_stream_only_once() {
    for (headers, phases) in [(&["deny", "fail-response"][..], 1), (&["fail-response"], 2)] {
        let host = start_configured::<Probe>();
        request(&host, headers);
        let responses: Vec<_> = (0..phases).map(|_| on_response_headers(STREAM, true)).collect();
        assert_eq!(responses.last(), Some(&CONTINUE), "{headers:?}");
        assert_eq!(host.replies.borrow().len(), 1, "{headers:?}");
    }
}

#[test]
fn a_header_value_with_a_line_break_is_refused() {
    let host = TestHost::install();
    let mut headers = Headers::new(MapKind::RequestHeaders);
    for value in ["a\rb", "a\nb", "a\0b"] {
        assert_eq!(headers.set("x", value).unwrap_err().status(), Status::BadArgument);
        assert!(headers.append("x", value).is_err());
        let all = crate::headers::HeaderMap::from_pairs([("x", value)]);
        assert_eq!(headers.replace_all(all).unwrap_err().status(), Status::BadArgument);
    }
    assert!(host.headers.borrow().is_empty());
}

#[test]
fn a_refusal_that_cannot_be_sent_closes_the_stream() {
    let host = start_configured::<Probe>();
    host.refuse_replies.set(true);
    assert_eq!(request(&host, &["deny"]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.closed.borrow(), [STREAM]);
}

#[test]
fn a_stream_without_a_filter_follows_the_filters_policy() {
    let host = TestHost::install();
    start::<Probe>();
    on_context_create(ROOT, 0);
    assert_eq!(request(&host, &[]), STOP_ALL_ITERATION_AND_WATERMARK);
    assert_eq!(*host.closed.borrow(), [STREAM]);
    start::<Open>();
    on_context_create(ROOT, 0);
    assert_eq!(request(&host, &[]), CONTINUE);
}

#[test]
fn a_wrong_configuration_is_refused_in_one_line_that_names_filter_and_field() {
    let host = TestHost::install();
    configure(&host, br#"{"name": 5}"#);
    start::<Probe>();
    on_context_create(ROOT, 0);
    assert!(!on_configure(ROOT));
    assert_eq!(
        *host.log.borrow(),
        ["tollgate probe: configuration refused: `name`: found 5, \
             allowed: a string (put it in quotes)"]
    );
}

#[test]
fn a_refused_configuration_leaves_the_one_before_in_force() {
    let host = start_configured::<Probe>();
    configure(&host, br#"{"name": 5}"#);
    assert!(!on_configure(ROOT));
    assert_eq!(request(&host, &[]), CONTINUE);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
}

#[test]
fn a_body_passes_chunk_by_chunk_as_the_filter_left_it() {
    let host = start_configured::<Probe>();
    assert_eq!(request_with_body(&host, &[], false), CONTINUE);
    assert_eq!(request_body(&host, b"ab", false), (b"abab".to_vec(), CONTINUE));
    assert_eq!(request_body(&host, b"", false), (b"".to_vec(), STOP_ITERATION_AND_BUFFER));
    assert_eq!(request_body(&host, b"c", true), (b"cc".to_vec(), CONTINUE));
}

#[test]
fn a_chunk_is_held_while_the_filter_waits_and_what_comes_meanwhile_is_the_next() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    assert_eq!(request_body(&host, b"wait", false).1, STOP_ITERATION_AND_BUFFER);
    assert_eq!(request_body(&host, b"12", false), (b"wait12".to_vec(), STOP_ITERATION_AND_BUFFER));
    pass(&host, 20);
    assert_eq!(*host.continued.borrow(), [STREAM]);
    assert_eq!(host.buffers.borrow()[&BufferKind::RequestBody], b"wait1212");
}

/// Envoy before 1.40 would lose what comes next, if it were told to go on with it at once.
#[test]
fn what_comes_after_a_chunk_that_was_held_is_let_go_a_moment_later_or_with_the_next() {
    let go_on_after_a_wait = |host: &TestHost| {
        request_with_body(host, &[], false);
        request_body(host, b"wait", false);
        pass(host, 20);
        assert_eq!(*host.continued.borrow(), [STREAM]);
        host.buffers.borrow_mut().clear();
        let held = (b"33".to_vec(), STOP_ITERATION_AND_BUFFER);
        assert_eq!(request_body(host, b"3", false), held);
    };
    let host = start_configured::<Probe>();
    go_on_after_a_wait(&host);
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM, STREAM]);
    host.buffers.borrow_mut().clear();
    assert_eq!(request_body(&host, b"4", true), (b"44".to_vec(), STOP_ITERATION_AND_BUFFER));
    pass(&host, 1);
    assert_eq!(host.continued.borrow().len(), 3);

    let host = start_configured::<Probe>();
    go_on_after_a_wait(&host);
    assert_eq!(request_body(&host, b"4", false), (b"3344".to_vec(), CONTINUE));
    assert_eq!(request_body(&host, b"5", true), (b"55".to_vec(), CONTINUE));
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);

    let host = start_configured::<Probe>();
    go_on_after_a_wait(&host);
    host.effective_context.set(STREAM);
    assert_eq!(on_request_trailers(STREAM), CONTINUE);
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);

    let host = start_configured::<Probe>();
    go_on_after_a_wait(&host);
    on_delete(STREAM);
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);
}

#[test]
fn a_filter_that_is_done_with_a_body_it_held_loses_nothing_of_the_rest() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &["enough-after-wait"], false);
    request_body(&host, b"wait", false);
    pass(&host, 20);
    host.buffers.borrow_mut().clear();
    assert_eq!(request_body(&host, b"a", false).1, STOP_ITERATION_AND_BUFFER);
    assert_eq!(request_body(&host, b"b", false), (b"ab".to_vec(), CONTINUE));
    assert_eq!(request_body(&host, b"c", true), (b"c".to_vec(), CONTINUE));
    pass(&host, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);
}

#[test]
fn after_the_filter_has_had_enough_the_rest_of_a_body_passes_untouched() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    assert_eq!(request_body(&host, b"enough", false), (b"enough".to_vec(), CONTINUE));
    assert_eq!(request_body(&host, b"rest", false), (b"rest".to_vec(), CONTINUE));
    host.effective_context.set(STREAM);
    assert_eq!(on_request_trailers(STREAM), CONTINUE);
    assert_eq!(header(&host, "x-trailer").as_deref(), Some("seen"));
}

#[test]
fn trailers_end_a_body_and_are_held_while_the_body_is() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    request_body(&host, b"wait", false);
    assert_eq!(on_request_trailers(STREAM), STOP_ITERATION);
    assert_eq!(header(&host, "x-trailer"), None);
    pass(&host, 20);
    assert_eq!(*host.continued.borrow(), [STREAM]);
    assert_eq!(header(&host, "x-trailer").as_deref(), Some("seen"));
}

/// With them goes what the host still holds of the body, and they cannot be changed any more.
#[test]
fn trailers_are_held_while_their_phase_waits_though_the_body_is_done() {
    for last in [&b"c"[..], b"enough", b"wait"] {
        let host = start_configured::<Probe>();
        request_with_body(&host, &["sleep-in-trailers"], false);
        request_body(&host, last, false);
        host.effective_context.set(STREAM);
        assert_eq!(on_request_trailers(STREAM), STOP_ITERATION);
        pass(&host, 20);
        pass(&host, 20);
        assert_eq!(*host.continued.borrow(), [STREAM]);
        assert_eq!(header(&host, "x-trailer").as_deref(), Some("seen"), "{last:?}");
    }
}

/// Reads the bodies of requests, and the trailers of responses.
struct Reader;

impl HttpFilter for Reader {
    const NAME: &'static str = "reader";
    const HANDLES_REQUEST: bool = false;
    const HANDLES_REQUEST_TRAILERS: bool = false;
    const HANDLES_RESPONSE: bool = false;
    const HANDLES_RESPONSE_BODY: bool = false;
    const HANDLES_END: bool = false;
    type Config = Config;
    type State = ();

    fn configure(_config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

/// Else the host would let a body go that the filter has not seen the beginning or the end of.
#[test]
fn who_reads_a_body_is_told_of_the_headers_and_trailers_around_it() {
    assert_eq!(&phases::<Reader>(), b"111101011");
}

#[test]
fn a_stream_that_is_reset_passes_nothing_more() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    assert_eq!(request_body(&host, b"reset", false).1, STOP_ITERATION_NO_BUFFER);
    assert_eq!(*host.closed.borrow(), [STREAM]);
    assert_eq!(request_body(&host, b"more", true).1, STOP_ITERATION_NO_BUFFER);
}

#[test]
fn a_collected_body_is_held_until_it_is_whole() {
    let host = start_configured::<Probe>();
    request(&host, &[]);
    assert_eq!(on_response_headers(STREAM, false), CONTINUE);
    assert_eq!(response_body(&host, b"abc", false).1, STOP_ITERATION_AND_BUFFER);
    assert_eq!(response_body(&host, b"de", true), (b"edcba".to_vec(), CONTINUE));
}

#[test]
fn a_body_beyond_the_limit_is_told_as_soon_as_it_is_known() {
    let host = start_configured::<Probe>();
    request(&host, &[]);
    let _ = on_response_headers(STREAM, false);
    assert_eq!(response_body(&host, b"123456789", false).1, STOP_ITERATION_NO_BUFFER);
    assert_eq!(*host.replies.borrow(), [(STREAM, 500)]);
}

/// An upstream may answer before it has the whole request.
#[test]
fn request_and_response_bodies_may_overlap() {
    let host = start_configured::<Probe>();
    request_with_body(&host, &[], false);
    request_body(&host, b"wait", false);
    assert_eq!(on_response_headers(STREAM, false), CONTINUE);
    assert_eq!(response_body(&host, b"ab", true), (b"ba".to_vec(), CONTINUE));
    pass(&host, 20);
    assert_eq!(*host.continued.borrow(), [STREAM]);
}

#[test]
fn callbacks_for_what_is_unknown_or_gone_have_no_effect() {
    let host = start_configured::<Probe>();
    request(&host, &["sleep"]);
    on_delete(STREAM);
    for context in [STREAM, 99] {
        assert_eq!(on_request_body(context, 5, true), CONTINUE);
        assert_eq!(on_request_trailers(context), CONTINUE);
        assert_eq!(on_response_body(context, 5, true), CONTINUE);
        assert_eq!(on_response_trailers(context), CONTINUE);
        assert_ne!(on_request_headers(context, true), CONTINUE);
        assert_ne!(on_response_headers(context, true), CONTINUE);
        on_http_call_response(ROOT, context, 3, 4);
        on_grpc_receive(ROOT, context, 4);
        on_grpc_close(ROOT, context, 14);
        on_tick(context);
        on_delete(context);
        on_context_create(context + 1, context);
    }
    pass(&host, 20);
    assert!(host.continued.borrow().is_empty());
    assert!(host.replies.borrow().is_empty());
}

#[cfg(not(target_arch = "wasm32"))] // no threads there
#[test]
fn without_a_vm_callbacks_have_no_effect() {
    std::thread::spawn(|| {
        on_context_create(ROOT, 0);
        assert!(!on_configure(ROOT));
        assert_eq!(on_request_headers(STREAM, true), CONTINUE);
        on_delete(STREAM);
    })
    .join()
    .unwrap();
}

/// The host acts on them one inside the other, and its stack is not endless.
#[test]
fn streams_that_wake_at_once_go_on_in_several_ticks_and_in_order() {
    let host = start_configured::<Probe>();
    let streams: Vec<_> = (100..300).collect();
    *host.headers.borrow_mut() = vec![("sleep".to_owned(), b"1".to_vec())];
    for stream in &streams {
        host.effective_context.set(*stream);
        on_context_create(*stream, ROOT);
        let _ = on_request_headers(*stream, true);
    }
    pass(&host, 20);
    assert_eq!(host.continued.borrow().len(), 48);
    assert_eq!(host.tick_period.get(), 1);
    // What comes in between does not make room for more.
    on_delete(100);
    assert_eq!(host.continued.borrow().len(), 48);
    (0..4).for_each(|_| pass(&host, 1));
    assert_eq!(*host.continued.borrow(), streams);
}

#[test]
fn a_body_that_is_too_large_to_be_collected_can_be_taken_chunk_by_chunk_from_its_beginning() {
    let host = start_configured::<Probe>();
    configure(&host, br#"{"name": "lenient"}"#);
    assert!(on_configure(ROOT));
    request(&host, &[]);
    let _ = on_response_headers(STREAM, false);
    assert_eq!(response_body(&host, b"abcd", false).1, STOP_ITERATION_AND_BUFFER);
    assert_eq!(response_body(&host, b"efghi", false), (b"ABCDEFGHI".to_vec(), CONTINUE));
    assert_eq!(response_body(&host, b"jk", true), (b"JK".to_vec(), CONTINUE));
}

/// Asks a service about each request, and looks on whose behalf it runs.
struct Asking;

thread_local! {
    static SEEN: RefCell<Vec<(u32, Scope)>> = const { RefCell::new(Vec::new()) };
}

fn look(host_context: u32) {
    SEEN.with_borrow_mut(|seen| seen.push((host_context, executor::current())));
}

thread_local! {
    static HOST: RefCell<Option<Rc<TestHost>>> = const { RefCell::new(None) };
}

fn effective_context() -> u32 {
    HOST.with_borrow(|host| host.as_ref().map_or(0, |host| host.effective_context.get()))
}

impl HttpFilter for Asking {
    const NAME: &'static str = "asking";
    type Config = Config;
    type State = ();

    fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, _: &mut Request<'_>) -> Result<Flow> {
        crate::callout::GrpcCall::new("auth", "Auth", "Check").unary::<()>(&()).await?;
        Ok(Flow::Continue)
    }

    async fn response(&self, _: &mut Response<'_>) -> Result<Flow> {
        look(effective_context());
        Ok(Flow::Continue)
    }

    fn end(&self, _: &End<'_>) {
        look(effective_context());
    }
}

/// Else it is asked of the stream, and not of the plugin that made the call.
#[test]
fn a_call_that_is_dropped_with_its_stream_is_cancelled_on_its_behalf() {
    let host = start_configured::<Asking>();
    HOST.set(Some(Rc::clone(&host)));
    let stream = Scope { root: ROOT, context: STREAM };
    for ends_with_response in [true, false] {
        SEEN.with_borrow_mut(Vec::clear);
        host.cancelled.borrow_mut().clear();
        assert_eq!(request(&host, &[]), STOP_ALL_ITERATION_AND_WATERMARK);
        host.effective_context.set(STREAM);
        if ends_with_response {
            assert_eq!(on_response_headers(STREAM, true), CONTINUE);
            SEEN.with_borrow(|seen| assert_eq!(*seen, [(STREAM, stream)]));
        }
        host.effective_context.set(STREAM);
        on_delete(STREAM);
        assert_eq!(host.cancelled.borrow().len(), 1);
        SEEN.with_borrow(|seen| assert_eq!(seen.last(), Some(&(STREAM, stream))));
    }
}

/// Waits for work in the background that is done before the callback is over.
struct Delegating;

impl HttpFilter for Delegating {
    const NAME: &'static str = "delegating";
    type Config = Config;
    type State = ();

    fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, _: &mut Request<'_>) -> Result<Flow> {
        Ok(crate::task::spawn(async { Flow::Continue }).await)
    }

    async fn request_body(&self, body: &mut Body<'_>) -> Result<Flow> {
        while body.chunk().await.is_some() {
            crate::task::spawn(async {}).await;
        }
        Ok(Flow::Continue)
    }
}

/// The host would go on before it is told to hold, and then hold for ever
/// (`DeferAfterCallActions` in proxy-wasm-cpp-host, `src/context.cc`).
#[test]
fn a_wait_that_is_over_within_its_callback_is_none() {
    let host = start_configured::<Delegating>();
    assert_eq!(request_with_body(&host, &[], false), CONTINUE);
    assert_eq!(request_body(&host, b"ab", false), (b"ab".to_vec(), CONTINUE));
    assert_eq!(request_body(&host, b"cd", true), (b"cd".to_vec(), CONTINUE));
    assert!(host.continued.borrow().is_empty());
}

/// A value may come from a token or a body, where it is no line of HTTP.
#[test]
fn a_reply_with_a_line_break_in_a_header_is_not_sent() {
    let host = TestHost::install();
    for value in ["a\r\nset-cookie: b", "a\nb", "a\0"] {
        let error = LocalReply::new(403).header("x-reason", value).send().unwrap_err();
        assert_eq!(error.status(), Status::BadArgument);
    }
    assert!(host.replies.borrow().is_empty());
}

/// A filter without fields, which keeps nothing and never waits.
struct Constant;

impl HttpFilter for Constant {
    const NAME: &'static str = "constant";
    const HANDLES_REQUEST_BODY: bool = false;
    const HANDLES_REQUEST_TRAILERS: bool = false;
    const HANDLES_RESPONSE: bool = false;
    const HANDLES_RESPONSE_BODY: bool = false;
    const HANDLES_RESPONSE_TRAILERS: bool = false;
    const HANDLES_END: bool = false;
    const REQUEST_WAITS: bool = false;
    type Config = Config;
    type State = ();

    fn configure(_config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        request.headers_mut().set("x-constant", "1")?;
        Ok(Flow::Continue)
    }
}

#[test]
fn a_filter_without_fields_needs_not_be_told_of_its_streams() {
    assert_eq!(phases::<Constant>(), *b"100000000");
    let host = start_configured::<Constant>();
    for stream in [STREAM, 8] {
        assert_eq!(on_request_headers(stream, true), CONTINUE);
    }
    assert_eq!(header(&host, "x-constant").as_deref(), Some("1"));
}

/// A name may come from a claim.
#[test]
fn a_header_name_with_a_line_break_is_refused() {
    let host = TestHost::install();
    let mut headers = Headers::new(MapKind::RequestHeaders);
    assert!(headers.set("a: b\r\nc", "d").is_err());
    assert!(headers.append("a: b\r\nc", "d").is_err());
    assert!(headers.replace_all(HeaderMap::from_pairs([("a\n", "d")])).is_err());
    assert!(host.headers.borrow().is_empty());
}
