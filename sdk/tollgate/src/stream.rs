//! Where the host's callbacks become calls of a filter.
//!
//! The only module beside [`crate::abi`] that knows the `proxy-wasm` crate: its dispatcher owns a
//! [`Root`] per configuration and a [`Stream`] per request, and calls them.

use crate::abi::{self, BufferKind, Result, StreamKind};
use crate::config::{self, ConfigError};
use crate::executor::{self, First};
use crate::filter::{FailurePolicy, Flow, HttpFilter};
use crate::message::{Request, Response};
use crate::metrics::Counter;
use crate::reply::LocalReply;
use crate::setup::Setup;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Registers a filter with the dispatcher; the first thing that a module does.
pub fn start<F: HttpFilter>() {
    abi::run_constructors();
    proxy_wasm::set_root_context(|id| Box::new(Root::<F> { id, plugin: None }));
}

/// One configuration of a filter in one worker.
struct Root<F> {
    id: u32,
    plugin: Option<Rc<Plugin<F>>>,
}

/// A filter and what the SDK counts for it.
struct Plugin<F> {
    filter: F,
    failures: Counter,
}

impl<F: HttpFilter> Root<F> {
    fn configure(&mut self) -> Result<(), ConfigError> {
        let config = config::from_slice(&abi::buffer(BufferKind::PluginConfiguration)?)?;
        let mut setup = Setup::new(F::NAME);
        let failures = setup.counter("failures")?;
        let filter = F::configure(config, &mut setup)?;
        self.plugin = Some(Rc::new(Plugin { filter, failures }));
        Ok(())
    }
}

impl<F: HttpFilter> Context for Root<F> {}

impl<F: HttpFilter> RootContext for Root<F> {
    fn on_configure(&mut self, _size: usize) -> bool {
        match self.configure() {
            Ok(()) => true,
            Err(error) => {
                crate::error!("tollgate {}: configuration refused: {error}", F::NAME);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        executor::tick(self.id);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::<F> {
            id,
            root: self.id,
            plugin: self.plugin.clone(),
            state: None,
            parked: None,
            replied: Rc::default(),
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl<F> Drop for Root<F> {
    fn drop(&mut self) {
        executor::remove_root(self.id);
    }
}

/// One request and its response.
///
/// Dropped by the dispatcher when Envoy deletes the stream, however it ended; what waits and what
/// the filter remembers goes with it.
struct Stream<F: HttpFilter> {
    id: u32,
    root: u32,
    plugin: Option<Rc<Plugin<F>>>,
    /// Here between the phases; with the phase while one runs.
    state: Option<F::State>,
    parked: Option<Parked<F::State>>,
    /// Whether the filter has answered. Its answer comes by as a response too, and cannot be
    /// answered again: the host would ignore that, and the client wait for ever.
    replied: Rc<Cell<bool>>,
}

/// A phase that had to wait, and perhaps still does.
struct Parked<S> {
    task: u64,
    /// Where the phase leaves the state when it has finished.
    state: Rc<RefCell<Option<S>>>,
}

impl<F: HttpFilter> Stream<F> {
    /// Runs one phase of the filter: polls it, acts on its answer, or parks it.
    fn run<P>(&mut self, kind: StreamKind, phase: P) -> Action
    where
        P: Future<Output = (F::State, Result<Flow>)> + 'static,
    {
        let action = match executor::poll_first(Box::pin(phase)) {
            First::Done((state, result)) => {
                self.state = Some(state);
                let act = |plugin: &Rc<Plugin<F>>| plugin.act(kind, result, &self.replied);
                self.plugin.as_ref().map_or(Action::Pause, act)
            }
            First::Waiting(waiting) => {
                self.park(kind, waiting);
                Action::Pause
            }
        };
        executor::settle(self.root);
        action
    }

    fn park<P>(&mut self, kind: StreamKind, waiting: executor::Waiting<P>)
    where
        P: Future<Output = (F::State, Result<Flow>)> + 'static,
    {
        let state = Rc::<RefCell<Option<F::State>>>::default();
        let (slot, plugin, replied) =
            (Rc::clone(&state), self.plugin.clone(), Rc::clone(&self.replied));
        let finish = move |(state, result)| {
            slot.replace(Some(state));
            if let Some(plugin) = plugin
                && plugin.act(kind, result, &replied) == Action::Continue
                && let Err(error) = abi::continue_stream(kind)
            {
                crate::warn!("tollgate {}: cannot continue a stream: {error}", F::NAME);
            }
        };
        self.parked = Some(Parked { task: waiting.park(self.root, self.id, finish), state });
    }

    /// Ends a phase that still waits, because the stream has gone on without it.
    fn cancel(&self) {
        if let Some(parked) = &self.parked {
            executor::cancel(parked.task);
        }
    }

    fn take_state(&mut self) -> F::State {
        match self.parked.take() {
            Some(parked) => parked.state.take(),
            None => self.state.take(),
        }
        .unwrap_or_default()
    }
}

impl<F: HttpFilter> Plugin<F> {
    /// Does what a phase decided. `Action::Continue` is left to the caller, which knows whether the
    /// stream is paused.
    fn act(&self, kind: StreamKind, result: Result<Flow>, replied: &Cell<bool>) -> Action {
        let reply = match result {
            Ok(Flow::Continue) => return Action::Continue,
            Ok(Flow::Reply(reply)) => reply,
            Err(error) => {
                self.failures.increment();
                crate::warn!("tollgate {}: failed on a {}: {error}", F::NAME, phase_name(kind));
                match F::ON_FAILURE {
                    FailurePolicy::Open => return Action::Continue,
                    FailurePolicy::Closed => failure_reply(F::NAME),
                }
            }
        };
        if replied.replace(true) {
            return Action::Continue;
        }
        // A refusal that cannot be sent must not become a pass.
        if let Err(error) = reply.send() {
            self.failures.increment();
            crate::warn!("tollgate {}: cannot send a reply: {error}", F::NAME);
            let _ = abi::close_stream(kind);
        }
        Action::Pause
    }
}

fn phase_name(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Request => "request",
        StreamKind::Response => "response",
    }
}

fn failure_reply(filter: &str) -> LocalReply {
    LocalReply::new(503).details(format!("tollgate_{filter}_failed"))
}

impl<F: HttpFilter> Context for Stream<F> {}

impl<F: HttpFilter> HttpContext for Stream<F> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(plugin) = self.plugin.clone() else {
            let _ = abi::close_stream(StreamKind::Request);
            return Action::Pause;
        };
        if !F::HANDLES_REQUEST {
            return Action::Continue;
        }
        let mut request = Request::new(self.root, end_of_stream, self.take_state());
        self.run(StreamKind::Request, async move {
            let result = plugin.filter.request(&mut request).await;
            (request.state, result)
        })
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.cancel();
        let Some(plugin) = self.plugin.clone().filter(|_| F::HANDLES_RESPONSE) else {
            return Action::Continue;
        };
        let mut response = Response::new(self.root, end_of_stream, self.take_state());
        self.run(StreamKind::Response, async move {
            let result = plugin.filter.response(&mut response).await;
            (response.state, result)
        })
    }
}

impl<F: HttpFilter> Drop for Stream<F> {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests;
