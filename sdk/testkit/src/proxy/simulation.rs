//! The proxy at work: one event after the other, and callbacks as Envoy makes them.

use super::calls::Call;
use super::events::{Event, Events};
use super::exchange::{AccessLogEntry, status_of};
use super::settings::{PluginSettings, Settings};
use super::stream::{Stream, StreamId};
use super::upstream::Upstream;
use super::workers::{VmReloads, VmSlot};
use crate::abi::{MapKind, StreamKind};
use crate::engine::{Callback, Filter};
use crate::headers::HeaderMap;
use crate::module::Trap;
use crate::simulated::{Action, LogLine, Process};
use std::collections::BTreeMap;
use std::time::Duration;

/// `envoy.config.core.v3.TrafficDirection`.
const OUTBOUND: u64 = 2;

/// How a panic begins where Envoy itself would have crashed.
pub(super) const CRASH: &str = "Envoy crashes";

/// Everything there is.
pub(super) struct Simulation {
    pub(super) filter: Filter,
    pub(super) process: Process,
    pub(super) settings: Settings,
    /// By listener.
    pub(super) plugins: Vec<PluginSettings>,
    /// The main thread's, then one for each worker.
    pub(super) vms: Vec<VmSlot>,
    pub(super) streams: Vec<Stream>,
    pub(super) upstreams: BTreeMap<String, Upstream>,
    pub(super) calls: Vec<Call>,
    pub(super) events: Events,
    pub(super) log: Vec<(usize, LogLine)>,
    pub(super) access_log: Vec<AccessLogEntry>,
    pub(super) traps: Vec<Trap>,
    pub(super) reloads: VmReloads,
    pub(super) next_worker: usize,
    pub(super) hooks: Vec<super::workers::Hook>,
}

/// What a callback of a stream answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) action: u32,
    /// Whether the filter has answered the client meanwhile: then nothing goes on
    /// (`WasmBase::isNextIterationStopped`).
    pub(super) has_replied: bool,
    /// Whether it has closed a stream.
    pub(super) has_closed: bool,
}

impl Simulation {
    pub(super) fn now(&self) -> Duration {
        self.process.lock().monotonic_time
    }

    /// Moves time, and lets everything happen that falls into it.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now().saturating_add(by);
        while let Some((time, event)) = self.events.next(end) {
            self.process.advance(time.saturating_sub(self.now()));
            self.happen(event);
        }
        self.process.advance(end.saturating_sub(self.now()));
    }

    /// Lets everything happen that needs no time.
    pub(super) fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { vm, root, setting } => self.tick(vm, root, setting),
            Event::QueueReady { vm, root, token } => {
                let _ = self.call(vm, root, Callback::QueueReady { token }, |_| {});
            }
            Event::Answer(stream) => self.deliver(stream),
            Event::RouteTimeout(stream) => self.route_timeout(stream),
            Event::Call(call) => self.advance_call(call),
            Event::CallTimeout(call) => self.time_out_call(call),
        }
    }

    /// Runs a callback, and then what it asked for (`DeferAfterCallActions` in proxy-wasm-cpp-host).
    pub(super) fn call(
        &mut self,
        vm: usize,
        context: u32,
        callback: Callback,
        failed: impl FnOnce(&mut Self),
    ) -> Result<Answered, Trap> {
        let Some(slot) = self.vms.get_mut(vm) else { return Err(Trap::ended(callback.name())) };
        let answer = slot.call(context, callback);
        let collected = slot.collect();
        self.log.extend(collected.log.into_iter().map(|line| (vm, line)));
        if let Err(trap) = &answer
            && collected.has_failed_now
        {
            self.traps.push(trap.clone());
        }
        for (root, period) in collected.ticks {
            self.set_tick(vm, root, period);
        }
        let ready = self.process.lock().queues.take_ready();
        let now = self.now();
        for (owner, token) in ready {
            let event = Event::QueueReady { vm: owner.vm, root: owner.root, token };
            self.events.plan(now, event);
        }
        for callout in collected.callouts {
            self.begin_call(vm, callout);
        }
        if answer.is_err() {
            failed(self);
        }
        let has = |is_it: fn(&Action) -> bool| collected.actions.iter().any(|(_, it)| is_it(it));
        let has_replied = has(|action| matches!(action, Action::Reply(_)));
        let has_closed = has(|action| matches!(action, Action::Close(_)));
        self.after_call(vm, collected.actions);
        answer.map(|action| Answered { action, has_replied, has_closed })
    }

    /// Everything waits its turn. Callbacks that it leads to go on with what is left.
    fn after_call(&mut self, vm: usize, actions: Vec<(u32, Action)>) {
        for (context, action) in actions {
            if let (Action::Close(_), Some(id)) = (&action, self.stream_of(vm, context)) {
                let stream = &mut self.streams[id];
                if stream.details.is_empty() {
                    stream.details = "wasm_close_stream".into();
                }
            }
            if let Some(slot) = self.vms.get_mut(vm) {
                slot.actions.push_back((context, action));
            }
        }
        while let Some((context, action)) =
            self.vms.get_mut(vm).and_then(|slot| slot.actions.pop_front())
        {
            let Some(stream) = self.stream_of(vm, context) else { continue };
            match action {
                Action::Continue(kind) => self.continue_stream(stream, kind),
                Action::Reply(reply) => self.send_local_reply(stream, reply),
                Action::Close(StreamKind::Request | StreamKind::Response) => {
                    self.reset_client(stream);
                }
                Action::Close(_) => {}
            }
        }
    }

    /// The stream with this context, as long as there is one.
    pub(super) fn stream_of(&self, vm: usize, context: u32) -> Option<StreamId> {
        let is_it = |stream: &Stream| {
            let is_here = stream.vm == vm && !stream.is_destroyed && !self.is_orphaned(stream);
            is_here && stream.context == Some(context)
        };
        self.streams.iter().rposition(is_it)
    }

    /// Whether the VM of a stream has failed, and there is another in its place.
    pub(super) fn is_orphaned(&self, stream: &Stream) -> bool {
        self.vms.get(stream.vm).is_none_or(|slot| slot.number != stream.vm_number)
    }

    /// Answers the client by breaking off.
    pub(super) fn reset_client(&mut self, id: StreamId) {
        self.streams[id].received.is_reset = true;
        self.destroy(id);
    }

    /// The stream is over: it is logged, and the filter told (`ConnectionManagerImpl::doDeferredStreamDestroy`).
    pub(super) fn destroy(&mut self, id: StreamId) {
        let stream = &mut self.streams[id];
        if std::mem::replace(&mut stream.is_destroyed, true) {
            return;
        }
        let (vm, context) = (stream.vm, stream.context);
        self.access_log.push(AccessLogEntry::of(stream));
        self.end_outgoing(id);
        let Some(context) = context.filter(|_| !self.is_orphaned(&self.streams[id])) else {
            return;
        };
        self.create_context(id);
        self.update_info(id);
        self.show_log(id, context);
        // A VM that fails now has nobody left to tell.
        let logged = self.call(vm, context, Callback::Log, |_| {});
        assert!(
            !logged.is_ok_and(|logged| logged.has_replied || logged.has_closed),
            "{CRASH}: the filter has answered or closed a stream while it was logged"
        );
        for callback in [Callback::Done, Callback::Delete] {
            let _ = self.call(vm, context, callback, |_| {});
        }
    }

    /// When a stream is logged both of its header maps can be read.
    fn show_log(&mut self, id: StreamId, context: u32) {
        let maps =
            [StreamKind::Request, StreamKind::Response].map(|kind| self.headers_now(id, kind));
        let mut host = self.streams[id].host.lock();
        let kinds = [MapKind::RequestHeaders, MapKind::ResponseHeaders];
        for (kind, headers) in kinds.into_iter().zip(maps) {
            host.set_headers(context, kind, headers.unwrap_or_default());
        }
        host.set_headers(context, MapKind::RequestTrailers, HeaderMap::new());
        host.show_log(context);
    }

    /// What filters see of a stream as its attributes.
    pub(super) fn update_info(&mut self, id: StreamId) {
        let now = self.process.lock().unix_time;
        let stream = &self.streams[id];
        let Some(context) = stream.context else { return };
        let route = stream.route.clone().flatten();
        let headers = self.headers_now(id, StreamKind::Response);
        let is_outbound = self.settings.outbound_listeners.contains(&stream.listener);
        let mut host = stream.host.lock();
        let info = host.stream_info(context);
        let status = (stream.status != 0).then_some(stream.status);
        info.status = status.or_else(|| headers.as_ref().and_then(status_of)).map(u64::from);
        info.listener_direction = if is_outbound { OUTBOUND } else { 0 };
        info.has_upstream = stream.outgoing.request.is_some();
        info.request_size = stream.bytes_received;
        info.flags = stream.flags;
        info.protocol = if stream.is_http2 { "HTTP/2" } else { "HTTP/1.1" };
        info.started = if info.started.is_zero() { now } else { info.started };
        if let Some(target) = route {
            info.route = Some((target.route, target.cluster));
        }
        info.details.clone_from(&stream.details);
        info.response_size = stream.received.body.len() as u64;
        info.connection = id as u64;
    }
}
