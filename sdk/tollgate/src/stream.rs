//! One request and its response on their way through a filter.
//!
//! Each direction is one future that goes through the phases of its headers, body and trailers; most
//! are over with the headers. What a phase decides is acted on here, the same for every filter.

mod direction;
mod pipe;

use crate::abi::{self, HostError, MapKind, Result, Status, StreamKind};
use crate::config::{self, ConfigError};
use crate::executor::{self, Scope};
use crate::filter::{FailurePolicy, Flow, HttpFilter};
use crate::message::{Body, End, Extensions, Headers, Memory, Request, Response, Trailers};
use crate::metrics::Counter;
use crate::reply::LocalReply;
use crate::setup::Setup;
pub(crate) use direction::{Direction, Verdict};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

/// The shortest time after which the host calls by itself.
const MOMENT: Duration = Duration::from_millis(1);

/// A filter with one configuration, and what the SDK counts for it.
pub(crate) struct Plugin<F> {
    pub(crate) filter: F,
    pub(crate) failures: Counter,
}

/// What there is of a stream before anything of it waits.
pub(crate) struct Exchange<F: HttpFilter> {
    scope: Scope,
    plugin: Rc<Plugin<F>>,
    state: F::State,
    extensions: Extensions,
    /// Whether the filter has answered. Its answer comes by as a response too, and cannot be
    /// answered again: the host would ignore that, and the client wait for ever.
    replied: Cell<bool>,
    /// Whether it was cut off here.
    was_reset: Cell<bool>,
}

/// One request and its response.
pub(crate) struct Stream<F: HttpFilter> {
    exchange: Exchange<F>,
    request: Direction,
    response: Direction,
}

impl<F: HttpFilter> Exchange<F> {
    pub(crate) fn new(scope: Scope, plugin: Rc<Plugin<F>>) -> Self {
        Self {
            scope,
            plugin,
            state: F::State::default(),
            extensions: Extensions::default(),
            replied: Cell::new(false),
            was_reset: Cell::new(false),
        }
    }

    /// The headers of a request, for a filter that decides at once and keeps nothing.
    pub(crate) fn request_at_once(&self, end_of_stream: bool) -> Verdict {
        let decided = executor::poll_at_once(self.scope, self.request_phase(end_of_stream));
        // Only a macro that was wrong about it waits: then the filter has failed.
        let waits = HostError::new("a phase without await", Status::InternalFailure);
        let flow = self.act(StreamKind::Request, decided.unwrap_or(Err(waits)));
        executor::settle(self.scope.root);
        if flow.is_break() { Verdict::Stop } else { Verdict::Release }
    }

    fn memory(&self) -> Memory<'_, F::State> {
        Memory { state: &self.state, extensions: &self.extensions, replied: &self.replied }
    }

    async fn request_phase(&self, end_of_stream: bool) -> Result<Flow> {
        if !F::HANDLES_REQUEST {
            return Ok(Flow::Continue);
        }
        let mut headers = Headers::new(Request::<F::State>::MAP);
        let mut request = Request::new(self.memory(), &mut headers, end_of_stream);
        self.plugin.filter.request(&mut request).await
    }

    async fn response_phase(&self, end_of_stream: bool) -> Result<Flow> {
        if !F::HANDLES_RESPONSE {
            return Ok(Flow::Continue);
        }
        let mut headers = Headers::new(Response::<F::State>::MAP);
        let mut response = Response::new(self.memory(), &mut headers, end_of_stream);
        self.plugin.filter.response(&mut response).await
    }

    /// Does what a phase decided.
    fn act(&self, kind: StreamKind, result: Result<Flow>) -> ControlFlow<()> {
        match self.plugin.flow(kind, result) {
            Flow::Continue => return ControlFlow::Continue(()),
            Flow::Reply(_) if self.replied.get() => return ControlFlow::Continue(()),
            Flow::Reply(reply) => self.reply(kind, &reply),
            Flow::Reset => self.reset(kind),
        }
        executor::acted();
        ControlFlow::Break(())
    }

    /// A refusal that cannot be sent must not become a pass.
    fn reply(&self, kind: StreamKind, reply: &LocalReply) {
        self.replied.set(true);
        if let Err(error) = reply.send() {
            self.plugin.failures.increment();
            crate::warn!("tollgate {}: cannot send a reply: {error}", F::NAME);
            self.reset(kind);
        }
    }

    fn reset(&self, kind: StreamKind) {
        self.was_reset.set(true);
        let _ = abi::close_stream(kind);
    }
}

impl<F: HttpFilter> Stream<F> {
    pub(crate) fn new(scope: Scope, plugin: Rc<Plugin<F>>) -> Self {
        Self {
            exchange: Exchange::new(scope, plugin),
            request: Direction::new(StreamKind::Request),
            response: Direction::new(StreamKind::Response),
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.exchange.scope
    }

    /// Whether the filter waits, with the request's headers in its hands or behind them.
    pub(crate) fn is_waiting(&self) -> bool {
        self.request.is_waiting()
    }

    pub(crate) fn direction(&self, kind: StreamKind) -> &Direction {
        match kind {
            StreamKind::Request => &self.request,
            StreamKind::Response => &self.response,
        }
    }

    #[inline]
    pub(crate) fn request_headers(self: &Rc<Self>, end_of_stream: bool) -> Verdict {
        let (stream, then) = (Rc::clone(self), Rc::clone(self));
        let phase = async move { stream.exchange.request_phase(end_of_stream).await };
        self.request.headers(self.exchange.scope, F::REQUEST_WAITS, phase, move |result| {
            let more = F::HANDLES_REQUEST_BODY || F::HANDLES_REQUEST_TRAILERS;
            let goes_on = then.headers_done(&then.request, result, more && !end_of_stream);
            goes_on.then_some(async move { then.request_rest().await })
        });
        self.settle(&self.request)
    }

    #[inline]
    pub(crate) fn response_headers(self: &Rc<Self>, end_of_stream: bool) -> Verdict {
        if self.response.is_stopped() {
            // What the host sends in the place of a response that was answered must not be held.
            return Verdict::Release;
        }
        // What is dropped may call the host, as the stream it belongs to.
        executor::within(self.exchange.scope, || self.request.cancel_headers());
        let (stream, then) = (Rc::clone(self), Rc::clone(self));
        let phase = async move { stream.exchange.response_phase(end_of_stream).await };
        self.response.headers(self.exchange.scope, F::RESPONSE_WAITS, phase, move |result| {
            let more = F::HANDLES_RESPONSE_BODY || F::HANDLES_RESPONSE_TRAILERS;
            let goes_on = then.headers_done(&then.response, result, more && !end_of_stream);
            goes_on.then_some(async move { then.response_rest().await })
        });
        self.settle(&self.response)
    }

    /// A part of the body has come; the host holds `size` bytes of it.
    pub(crate) fn body(self: &Rc<Self>, kind: StreamKind, size: usize, is_last: bool) -> Verdict {
        let direction = self.direction(kind);
        direction.body(size, is_last);
        executor::settle(self.exchange.scope.root);
        if direction.goes_on_later() {
            let stream = Rc::clone(self);
            direction.set_later(executor::spawn(self.exchange.scope, async move {
                loop {
                    executor::sleep(MOMENT).await;
                    if stream.direction(kind).go_on_now() {
                        return;
                    }
                }
            }));
        }
        self.settle(direction)
    }

    /// The trailers have come.
    pub(crate) fn trailers(&self, kind: StreamKind) -> Verdict {
        let direction = self.direction(kind);
        direction.trailers();
        self.settle(direction)
    }

    /// Polls whatever the callback has woken, this stream's own future perhaps; and answers it.
    fn settle(&self, direction: &Direction) -> Verdict {
        executor::settle(self.exchange.scope.root);
        direction.end_callback()
    }

    /// The stream is gone: whatever waits is dropped, and the filter told.
    pub(crate) fn end(&self) {
        self.request.cancel();
        self.response.cancel();
        if F::HANDLES_END {
            self.exchange
                .plugin
                .filter
                .end(&End::new(self.exchange.memory(), self.exchange.was_reset.get()));
        }
    }

    /// Acts on what the headers' phase decided; says whether the filter goes on with this direction.
    fn headers_done(&self, direction: &Direction, result: Result<Flow>, more: bool) -> bool {
        if self.act(direction, result).is_break() {
            return false;
        }
        if !more {
            direction.finish();
        }
        more
    }

    async fn request_rest(&self) {
        let (filter, direction) = (&self.exchange.plugin.filter, &self.request);
        if F::HANDLES_REQUEST_BODY {
            let mut body = self.body_begins(direction).await;
            let result = filter.request_body(&mut body).await;
            if self.body_ends(direction, result).is_break() {
                return;
            }
        }
        if F::HANDLES_REQUEST_TRAILERS && direction.until_trailers().await {
            let mut headers = Headers::new(MapKind::RequestTrailers);
            let mut trailers = Trailers::new(self.exchange.memory(), &mut headers);
            let result = filter.request_trailers(&mut trailers).await;
            if self.act(direction, result).is_break() {
                return;
            }
        }
        direction.finish();
    }

    async fn response_rest(&self) {
        let (filter, direction) = (&self.exchange.plugin.filter, &self.response);
        if F::HANDLES_RESPONSE_BODY {
            let mut body = self.body_begins(direction).await;
            let result = filter.response_body(&mut body).await;
            if self.body_ends(direction, result).is_break() {
                return;
            }
        }
        if F::HANDLES_RESPONSE_TRAILERS && direction.until_trailers().await {
            let mut headers = Headers::new(MapKind::ResponseTrailers);
            let mut trailers = Trailers::new(self.exchange.memory(), &mut headers);
            let result = filter.response_trailers(&mut trailers).await;
            if self.act(direction, result).is_break() {
                return;
            }
        }
        direction.finish();
    }

    /// The headers go on; waits for what follows them.
    async fn body_begins<'a>(&'a self, direction: &'a Direction) -> Body<'a, F::State> {
        direction.pipe().open(self.exchange.plugin.filter.body_stages());
        direction.release();
        direction.until_body().await;
        Body::new(self.exchange.memory(), direction, 0)
    }

    fn body_ends(&self, direction: &Direction, result: Result<Flow>) -> ControlFlow<()> {
        self.act(direction, result)?;
        direction.finish_body();
        ControlFlow::Continue(())
    }

    /// Does what a phase decided.
    fn act(&self, direction: &Direction, result: Result<Flow>) -> ControlFlow<()> {
        // Envoy resets the stream when the headers of a response are on their way.
        let is_too_late_to_reply = self.response.is_behind_headers();
        let flow = self.exchange.act(direction.kind(), result);
        if flow.is_break() {
            self.exchange.was_reset.set(self.exchange.was_reset.get() || is_too_late_to_reply);
            self.request.stop();
            direction.stop();
        }
        flow
    }
}

impl<F: HttpFilter> Plugin<F> {
    /// Makes a filter from its configuration.
    pub(crate) fn configure(config: Value, setup: &Setup) -> Result<Self, ConfigError> {
        let mut setup = setup.named(F::NAME);
        let failures = setup.counter("failures")?;
        let filter = F::configure(config::from_value(config)?, &mut setup)?;
        Ok(Self { filter, failures })
    }

    /// What a phase decided, or what becomes of a stream on which it failed.
    pub(crate) fn flow(&self, kind: StreamKind, result: Result<Flow>) -> Flow {
        let error = match result {
            Ok(flow) => return flow,
            Err(error) => error,
        };
        self.failures.increment();
        crate::warn!("tollgate {}: failed on a {}: {error}", F::NAME, kind.name());
        match F::ON_FAILURE {
            FailurePolicy::Open => Flow::Continue,
            FailurePolicy::Closed => Flow::Reply(failure_reply(F::NAME)),
        }
    }
}

/// What a client gets from a filter that fails closed.
fn failure_reply(filter: &str) -> LocalReply {
    LocalReply::new(503).details(format!("tollgate_{filter}_failed"))
}
