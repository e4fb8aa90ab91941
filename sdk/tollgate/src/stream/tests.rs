use super::*;
use crate::abi::{HostError, Status};
use crate::testing::TestHost;
use serde::Deserialize;
use std::cell::Cell;
use std::time::Duration;

const ROOT: u32 = 1;
const STREAM: u32 = 7;

/// Does what a test asks for by request headers, and says by its state what it went through.
struct Probe {
    name: String,
    dropped: Rc<Cell<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
}

/// Counts where it is dropped.
#[derive(Default)]
struct State(Option<Rc<Cell<u32>>>);

impl Drop for State {
    fn drop(&mut self) {
        if let Some(dropped) = &self.0 {
            dropped.set(dropped.get() + 1);
        }
    }
}

impl HttpFilter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;
    type State = State;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self { name: config.name, dropped: Rc::default() })
    }

    async fn request(&self, request: &mut Request<State>) -> Result<Flow> {
        request.state.0 = Some(Rc::clone(&self.dropped));
        let headers = request.headers()?.clone();
        if headers.get("sleep").is_some() {
            request.sleep(Duration::from_millis(20)).await;
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

    async fn response(&self, response: &mut Response<State>) -> Result<Flow> {
        if response.headers()?.get("fail-response").is_some() {
            return Err(HostError::new("test", Status::InternalFailure));
        }
        let seen = if response.state.0.is_some() { "known" } else { "unknown" };
        response.headers_mut().append("x-request", seen)?;
        Ok(Flow::Continue)
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

    async fn request(&self, request: &mut Request<State>) -> Result<Flow> {
        self.0.request(request).await
    }
}

fn root<F: HttpFilter>(host: &TestHost) -> Root<F> {
    *host.configuration.borrow_mut() = br#"{"name": "joe"}"#.to_vec();
    let mut root = Root { id: ROOT, plugin: None };
    assert!(root.on_configure(0), "{:?}", host.log.borrow());
    root
}

/// A stream whose request has these headers, after its request callback.
fn request<F: HttpFilter>(
    host: &TestHost,
    root: &Root<F>,
    headers: &[&str],
) -> (Box<dyn HttpContext>, Action) {
    *host.headers.borrow_mut() =
        headers.iter().map(|name| ((*name).to_owned(), b"1".to_vec())).collect();
    host.effective_context.set(STREAM);
    let mut stream = root.create_http_context(STREAM).unwrap();
    let action = stream.on_http_request_headers(0, true);
    (stream, action)
}

fn pass(host: &TestHost, root: &mut impl RootContext, milliseconds: u64) {
    host.advance(Duration::from_millis(milliseconds));
    root.on_tick();
}

fn header(host: &TestHost, name: &str) -> Option<String> {
    let headers = host.headers.borrow();
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| String::from_utf8_lossy(v).into_owned())
}

#[test]
fn a_request_passes_changed() {
    let host = TestHost::install();
    let (_stream, action) = request(&host, &root::<Probe>(&host), &[]);
    assert_eq!(action, Action::Continue);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
}

#[test]
fn a_denied_request_is_answered_and_stays() {
    let host = TestHost::install();
    let (_stream, action) = request(&host, &root::<Probe>(&host), &["deny"]);
    assert_eq!(action, Action::Pause);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);
}

#[test]
fn a_sleeping_request_stays_until_it_is_continued() {
    let host = TestHost::install();
    let mut root = root::<Probe>(&host);
    let (_stream, action) = request(&host, &root, &["sleep"]);
    assert_eq!(action, Action::Pause);
    pass(&host, &mut root, 19);
    assert!(host.continued.borrow().is_empty());
    pass(&host, &mut root, 1);
    assert_eq!(*host.continued.borrow(), [STREAM]);
    assert_eq!(header(&host, "x-name").as_deref(), Some("joe"));
}

#[test]
fn a_request_can_be_denied_after_it_slept() {
    let host = TestHost::install();
    let mut root = root::<Probe>(&host);
    let (_stream, _) = request(&host, &root, &["sleep", "deny"]);
    pass(&host, &mut root, 20);
    assert_eq!(*host.replies.borrow(), [(STREAM, 403)]);
    assert!(host.continued.borrow().is_empty());
}

#[test]
fn the_response_knows_its_request() {
    let host = TestHost::install();
    let mut root = root::<Probe>(&host);
    for headers in [&[][..], &["sleep"]] {
        let (mut stream, _) = request(&host, &root, headers);
        pass(&host, &mut root, 20);
        assert_eq!(stream.on_http_response_headers(0, true), Action::Continue);
        assert_eq!(header(&host, "x-request").as_deref(), Some("known"));
    }
}

/// Envoy answers by itself, for instance when a request takes too long.
#[test]
fn a_response_to_a_request_that_still_sleeps_ends_the_sleep() {
    let host = TestHost::install();
    let mut root = root::<Probe>(&host);
    let (mut stream, _) = request(&host, &root, &["sleep"]);
    assert_eq!(stream.on_http_response_headers(0, true), Action::Continue);
    assert_eq!(header(&host, "x-request").as_deref(), Some("unknown"));
    pass(&host, &mut root, 20);
    assert!(host.continued.borrow().is_empty());
}

#[test]
fn what_a_request_holds_is_dropped_exactly_once_however_it_ends() {
    let host = TestHost::install();
    for (headers, ticks, responds) in
        [(&[][..], 0, true), (&[], 0, false), (&["deny"], 0, true), (&["fail"], 0, false)]
            .into_iter()
            .chain([(&["sleep"][..], 0, false), (&["sleep"], 1, true), (&["sleep"], 0, true)])
    {
        let mut root = root::<Probe>(&host);
        let dropped = Rc::clone(&root.plugin.as_ref().unwrap().filter.dropped);
        let (mut stream, _) = request(&host, &root, headers);
        (0..ticks).for_each(|_| pass(&host, &mut root, 20));
        if responds {
            let _ = stream.on_http_response_headers(0, true);
        }
        drop(stream);
        pass(&host, &mut root, 20);
        assert_eq!(dropped.get(), 1, "{headers:?} {ticks} {responds}");
    }
}

#[test]
fn a_filter_that_fails_closed_answers_503_and_is_counted() {
    let host = TestHost::install();
    let (_stream, action) = request(&host, &root::<Probe>(&host), &["fail"]);
    assert_eq!(action, Action::Pause);
    assert_eq!(*host.replies.borrow(), [(STREAM, 503)]);
    assert_eq!(host.metric_named("tollgate.probe.failures"), 1);
}

#[test]
fn a_filter_that_fails_open_lets_the_request_pass_and_is_counted() {
    let host = TestHost::install();
    let (_stream, action) = request(&host, &root::<Open>(&host), &["fail"]);
    assert_eq!(action, Action::Continue);
    assert_eq!(host.metric_named("tollgate.open.failures"), 1);
}

#[test]
fn headers_that_cannot_be_read_are_a_failure_of_the_filter() {
    let host = TestHost::install();
    let root = root::<Probe>(&host);
    host.refuse_header_maps.set(true);
    let (_stream, action) = request(&host, &root, &[]);
    assert_eq!(action, Action::Pause);
    assert_eq!(*host.replies.borrow(), [(STREAM, 503)]);
}

/// The host ignores a second local reply, and the client would wait for ever.
#[test]
fn a_filter_answers_a_stream_only_once() {
    let host = TestHost::install();
    let root = root::<Probe>(&host);
    for (headers, phases) in [(&["deny", "fail-response"][..], 1), (&["fail-response"], 2)] {
        host.replies.borrow_mut().clear();
        let (mut stream, _) = request(&host, &root, headers);
        let responses: Vec<_> =
            (0..phases).map(|_| stream.on_http_response_headers(0, true)).collect();
        assert_eq!(responses.last(), Some(&Action::Continue), "{headers:?}");
        assert_eq!(host.replies.borrow().len(), 1, "{headers:?}");
    }
}

#[test]
fn a_header_value_with_a_line_break_is_refused() {
    let host = TestHost::install();
    let mut request = Request::new(ROOT, true, ());
    for value in ["a\rb", "a\nb", "a\0b"] {
        let set = request.headers_mut().set("x", value);
        assert_eq!(set.unwrap_err().status(), Status::BadArgument);
        assert!(request.headers_mut().append("x", value).is_err());
    }
    assert!(host.headers.borrow().is_empty());
}

#[test]
fn a_refusal_that_cannot_be_sent_closes_the_stream() {
    let host = TestHost::install();
    let root = root::<Probe>(&host);
    host.refuse_replies.set(true);
    let (_stream, action) = request(&host, &root, &["deny"]);
    assert_eq!(action, Action::Pause);
    assert_eq!(*host.closed.borrow(), [STREAM]);
}

#[test]
fn a_filter_without_a_configuration_closes_its_streams() {
    let host = TestHost::install();
    let (_stream, action) = request(&host, &Root::<Probe> { id: ROOT, plugin: None }, &[]);
    assert_eq!(action, Action::Pause);
    assert_eq!(*host.closed.borrow(), [STREAM]);
}

#[test]
fn a_wrong_configuration_is_refused_in_one_line_that_names_filter_and_field() {
    let host = TestHost::install();
    *host.configuration.borrow_mut() = br#"{"name": 5}"#.to_vec();
    assert!(!Root::<Probe> { id: ROOT, plugin: None }.on_configure(0));
    assert_eq!(
        *host.log.borrow(),
        ["tollgate probe: configuration refused: `name`: found 5, \
             allowed: a string (put it in quotes)"]
    );
}
