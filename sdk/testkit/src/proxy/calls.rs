//! The calls of filters to other services (Envoy, `Context::httpCall` and `grpcCall` in
//! `source/extensions/common/wasm/context.cc`, `source/common/http/async_client_impl.cc`).

use super::events::Event;
use super::replies::grpc_status_of;
use super::routing::{RESET_BODY, RESET_DETAILS};
use super::simulation::Simulation;
use super::upstream::{Delivery, Part, UpstreamRequest};
use crate::abi::{BufferKind, MapKind};
use crate::engine::Callback;
use crate::headers::HeaderMap;
use crate::host::HttpCall;
use crate::simulated::{Callout, CalloutRequest, grpc_cluster};
use std::time::Duration;

/// The status of a call that a proxy has broken off (`WasmResult::BrokenConnection`).
const BROKEN_CONNECTION: u32 = 11;

/// A call on its way.
#[derive(Debug)]
pub(super) struct Call {
    vm: usize,
    root: u32,
    token: u32,
    request: CalloutRequest,
    /// Which of its cluster's requests it is.
    sent: Option<usize>,
    delivery: Option<Delivery>,
    headers: Option<HeaderMap>,
    body: Vec<u8>,
    trailers: HeaderMap,
    is_over: bool,
}

impl Call {
    fn is_grpc(&self) -> bool {
        !matches!(self.request, CalloutRequest::Http(_))
    }

    fn timeout(&self) -> Duration {
        match &self.request {
            CalloutRequest::Http(call) => call.timeout,
            CalloutRequest::Grpc(call) => call.timeout,
            CalloutRequest::GrpcStream(_) => Duration::ZERO,
        }
    }

    /// What the upstream gets.
    fn request(&self) -> UpstreamRequest {
        let request = match &self.request {
            CalloutRequest::Http(call) => UpstreamRequest {
                cluster: String::from_utf8_lossy(&call.cluster).into_owned(),
                headers: with_length(call),
                body: call.body.clone(),
                trailers: call.trailers.clone(),
                ..UpstreamRequest::default()
            },
            CalloutRequest::Grpc(call) => UpstreamRequest {
                body: frame(&call.message),
                ..grpc_request(call.target(), &call.metadata, call.timeout)
            },
            CalloutRequest::GrpcStream(call) => {
                grpc_request(call.target(), &call.metadata, Duration::ZERO)
            }
        };
        UpstreamRequest { is_complete: true, is_callout: true, ..request }
    }
}

/// The headers of a call, as the router has them (`FilterUtility::setTimeoutHeaders`,
/// `AsyncStreamImpl::sendHeaders`).
fn with_length(call: &HttpCall) -> HeaderMap {
    let mut headers = call.headers.clone();
    if !call.body.is_empty() {
        headers.set_inline("content-length", call.body.len().to_string());
    }
    headers.set_inline("x-envoy-internal", "true");
    if !call.timeout.is_zero() {
        headers.set_inline("x-envoy-expected-rq-timeout-ms", call.timeout.as_millis().to_string());
    }
    headers
}

fn grpc_request(
    [service, package, method]: [&[u8]; 3],
    metadata: &HeaderMap,
    timeout: Duration,
) -> UpstreamRequest {
    let cluster = grpc_cluster(service).unwrap_or_default();
    let path = [b"/", package, b"/", method].concat();
    let mut headers = HeaderMap::from([
        (":method", &b"POST"[..]),
        (":path", &path),
        (":authority", cluster.as_bytes()),
        (":scheme", b"http"),
        ("te", b"trailers"),
    ]);
    if !timeout.is_zero() {
        headers.add("grpc-timeout", format!("{}m", timeout.as_millis()));
    }
    headers.add("content-type", "application/grpc");
    headers.extend(metadata.iter());
    UpstreamRequest { cluster, headers, ..UpstreamRequest::default() }
}

/// A message as gRPC sends it: not compressed, with its length.
fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// The first message in a body of gRPC; `None` when it is not whole.
pub(super) fn unframe(body: &[u8]) -> Option<&[u8]> {
    let (head, rest) = body.split_first_chunk::<5>()?;
    let [_, a, b, c, d] = *head;
    rest.get(..u32::from_be_bytes([a, b, c, d]) as usize)
}

impl Simulation {
    /// A filter has made a call. It sets out when the callback is over.
    pub(super) fn begin_call(&mut self, vm: usize, callout: Callout) {
        let Callout { token, root, request, .. } = callout;
        let call = Call {
            vm,
            root,
            token,
            request,
            sent: None,
            delivery: None,
            headers: None,
            body: Vec::new(),
            trailers: HeaderMap::new(),
            is_over: false,
        };
        let (now, index, timeout) = (self.now(), self.calls.len(), call.timeout());
        self.calls.push(call);
        self.events.plan(now, Event::Call(index));
        if !timeout.is_zero() {
            self.events.plan(now.saturating_add(timeout), Event::CallTimeout(index));
        }
    }

    /// Whether somebody waits for the answer to a call.
    fn is_awaited(&self, index: usize) -> bool {
        self.calls.get(index).is_some_and(|call| {
            let slot = self.vms.get(call.vm);
            !call.is_over
                && slot
                    .is_some_and(|slot| slot.trap.is_none() && slot.host.lock().awaits(call.token))
        })
    }

    /// How many calls are on their way.
    pub(super) fn pending_calls(&self) -> usize {
        (0..self.calls.len()).filter(|index| self.is_awaited(*index)).count()
    }

    pub(super) fn advance_call(&mut self, index: usize) {
        if !self.is_awaited(index) {
            return;
        }
        if self.calls[index].delivery.is_none() {
            let request = self.calls[index].request();
            let cluster = request.cluster.clone();
            let Some(upstream) = self.upstreams.get_mut(&cluster) else {
                return self.fail_call(index, 14, "Cluster not available");
            };
            let last = upstream.receive(request);
            let call = &mut self.calls[index];
            (call.sent, call.delivery) = (Some(last), Some(upstream.answer(last)));
        }
        while let Some(part) = self.calls[index].delivery.as_mut().and_then(Delivery::next) {
            match part {
                Part::Wait(time) => {
                    let time = self.now().saturating_add(time);
                    return self.events.plan(time, Event::Call(index));
                }
                Part::Told | Part::Hang => return,
                Part::Headers(headers) => self.calls[index].headers = Some(headers),
                Part::Body(body) => self.calls[index].body.extend(body),
                Part::Trailers(trailers) => self.calls[index].trailers = trailers,
                Part::Reset => return self.reset_call(index),
            }
        }
        self.answer_call(index);
    }

    /// Envoy's router answers in the place of an upstream that it cannot reach.
    fn reset_call(&mut self, index: usize) {
        if self.calls[index].headers.is_some() {
            return self.fail_call(index, 14, "reset");
        }
        self.answer_locally(index, 503, RESET_BODY, RESET_DETAILS);
    }

    pub(super) fn time_out_call(&mut self, index: usize) {
        if self.is_awaited(index) {
            let has_begun = self.calls[index].headers.is_some();
            match has_begun {
                true => self.fail_call(index, 4, "reset"),
                false => {
                    let body = "upstream request timeout";
                    self.answer_locally(index, 504, body, "response_timeout");
                }
            }
        }
    }

    fn answer_locally(&mut self, index: usize, status: u16, body: &str, details: &str) {
        if self.calls[index].is_grpc() {
            let status = grpc_status_of(status.into());
            return self.fail_call(index, status, &format!("{body}{{{details}}}"));
        }
        self.calls[index].headers = Some(HeaderMap::from([
            (":status", status.to_string()),
            ("content-length", body.len().to_string()),
            ("content-type", "text/plain".into()),
        ]));
        self.calls[index].body = body.into();
        self.finish_http_call(index);
    }

    fn answer_call(&mut self, index: usize) {
        if self.calls[index].is_grpc() {
            return self.finish_grpc_call(index);
        }
        if let Some(headers) = &mut self.calls[index].headers {
            headers.add("x-envoy-upstream-service-time", "0");
        }
        self.finish_http_call(index);
    }

    fn finish_http_call(&mut self, index: usize) {
        let call = &mut self.calls[index];
        call.is_over = true;
        let (vm, root, token) = (call.vm, call.root, call.token);
        let headers = call.headers.take().unwrap_or_default();
        let (body, trailers) = (std::mem::take(&mut call.body), std::mem::take(&mut call.trailers));
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let callback = Callback::HttpCallResponse {
            token,
            headers: number(headers.len()),
            body: number(body.len()),
            trailers: number(trailers.len()),
        };
        self.show_answer(vm, root, MapKind::HttpCallHeaders, headers);
        if !trailers.is_empty() {
            self.show_answer(vm, root, MapKind::HttpCallTrailers, trailers);
        }
        self.with_body(vm, root, BufferKind::HttpCallBody, body, |it| {
            let _ = it.call(vm, root, callback, |_| {});
        });
        self.hide_answer(vm, root, token);
    }

    fn show_answer(&mut self, vm: usize, root: u32, map: MapKind, headers: HeaderMap) {
        if let Some(slot) = self.vms.get(vm) {
            slot.host.lock().set_headers(root, map, headers);
        }
    }

    fn hide_answer(&mut self, vm: usize, root: u32, token: u32) {
        if let Some(slot) = self.vms.get(vm) {
            let mut host = slot.host.lock();
            host.take_headers(root, MapKind::HttpCallHeaders);
            host.take_headers(root, MapKind::HttpCallTrailers);
            host.finish_callout(token);
        }
    }

    /// A unary call has either a message and the status 0, or a status.
    fn finish_grpc_call(&mut self, index: usize) {
        let call = &self.calls[index];
        let said = |name: &str| {
            let said = call.trailers.get(name);
            said.or_else(|| call.headers.as_ref()?.get(name)).map(<[u8]>::to_vec)
        };
        let status =
            said("grpc-status").and_then(|status| String::from_utf8(status).ok()?.parse().ok());
        let text = String::from_utf8_lossy(&said("grpc-message").unwrap_or_default()).into_owned();
        let message = unframe(&call.body).map(<[u8]>::to_vec);
        match (status, message) {
            (Some(0), Some(message)) => self.receive_grpc(index, message),
            (Some(0), None) => self.fail_call(index, 13, ""),
            (Some(status), _) => self.fail_call(index, status, &format!("{text}{{via_upstream}}")),
            (None, _) => self.fail_call(index, 2, &text),
        }
    }

    fn receive_grpc(&mut self, index: usize, message: Vec<u8>) {
        let call = &mut self.calls[index];
        call.is_over = true;
        let (vm, root, token) = (call.vm, call.root, call.token);
        let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.with_body(vm, root, BufferKind::GrpcMessage, message, |it| {
            let _ = it.call(vm, root, Callback::GrpcReceive { token, size }, |_| {});
        });
        self.hide_answer(vm, root, token);
    }

    /// A call has no answer: an HTTP call without headers, a gRPC call with a status.
    fn fail_call(&mut self, index: usize, status: u32, message: &str) {
        let call = &mut self.calls[index];
        call.is_over = true;
        let (vm, root, token) = (call.vm, call.root, call.token);
        let (code, callback) = match call.is_grpc() {
            true => (status, Callback::GrpcClose { token, status }),
            false => {
                let none = Callback::HttpCallResponse { token, headers: 0, body: 0, trailers: 0 };
                (BROKEN_CONNECTION, none)
            }
        };
        if let Some(slot) = self.vms.get(vm) {
            slot.host.lock().set_status(code, message);
        }
        let _ = self.call(vm, root, callback, |_| {});
        if let Some(slot) = self.vms.get(vm) {
            slot.host.lock().set_status(code, "");
        }
        self.hide_answer(vm, root, token);
    }

    /// Nobody waits any more for the answers to the calls from this one on.
    pub(super) fn abandon_calls(&mut self, first: usize) {
        self.calls.iter_mut().skip(first).for_each(|call| call.is_over = true);
    }

    /// Lets the answer go on that waits to be told and belongs to the earliest request; whether there was
    /// any.
    pub(super) fn tell_one(&mut self, cluster: &str) -> bool {
        let now = self.now();
        let of_streams = self.streams.iter_mut().enumerate().filter_map(|(id, stream)| {
            let (its, request) = stream.outgoing.request.as_ref()?;
            let delivery = stream.outgoing.delivery.as_mut()?;
            (its == cluster).then_some((*request, Event::Answer(id), delivery))
        });
        let of_calls = self.calls.iter_mut().enumerate().filter_map(|(index, call)| {
            let is_its = call.request().cluster == cluster;
            is_its.then_some((call.sent?, Event::Call(index), call.delivery.as_mut()?))
        });
        let mut waiting: Vec<_> =
            of_streams.chain(of_calls).filter(|(.., delivery)| delivery.waits()).collect();
        waiting.sort_by_key(|(request, ..)| *request);
        let Some((_, event, delivery)) = waiting.into_iter().next() else { return false };
        delivery.tell();
        self.events.plan(now, event);
        true
    }

    /// Lets answers go on that wait to be told; whether there were any.
    pub(super) fn tell(&mut self, cluster: &str) -> bool {
        let now = self.now();
        let mut events = Vec::new();
        for (id, stream) in self.streams.iter_mut().enumerate() {
            let is_its = stream.outgoing.request.as_ref().is_some_and(|(it, _)| it == cluster);
            let delivery = stream.outgoing.delivery.as_mut().filter(|_| is_its);
            if delivery.is_some_and(Delivery::tell) {
                events.push(Event::Answer(id));
            }
        }
        for (index, call) in self.calls.iter_mut().enumerate() {
            let is_its = call.request().cluster == cluster;
            if call.delivery.as_mut().filter(|_| is_its).is_some_and(Delivery::tell) {
                events.push(Event::Call(index));
            }
        }
        let were_any = !events.is_empty();
        events.into_iter().for_each(|event| self.events.plan(now, event));
        were_any
    }
}
