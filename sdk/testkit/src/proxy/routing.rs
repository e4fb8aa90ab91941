//! Behind the filter: the choice of a route, and the upstream's answer
//! (Envoy, `source/common/router/router.cc`).

use super::codec::{Framing, invalid_name, invalid_value};
use super::events::Event;
use super::exchange::status_of;
use super::settings::Route;
use super::simulation::Simulation;
use super::stream::{StreamId, Target};
use super::upstream::{Delivery, Part, Upstream, UpstreamRequest};
use crate::abi::StreamKind;
use crate::headers::HeaderMap;
use crate::host::LocalResponse;

/// The cluster of a proxy without routes.
pub(super) const DEFAULT_CLUSTER: &str = "upstream";

/// How a connection breaks before an answer, in Envoy's words.
pub(super) const RESET_BODY: &str = "upstream connect error or disconnect/reset before headers. \
    reset reason: connection termination";
pub(super) const RESET_DETAILS: &str =
    "upstream_reset_before_response_started{connection_termination}";

impl Simulation {
    /// The route of a request, chosen now if it is not.
    pub(super) fn choose_route(&mut self, id: StreamId) -> Option<Target> {
        if let Some(chosen) = &self.streams[id].route {
            return chosen.clone();
        }
        let headers = self.headers_now(id, StreamKind::Request).unwrap_or_default();
        let default = [Route::to(DEFAULT_CLUSTER)];
        let routes = match self.settings.routes.as_slice() {
            [] => &default,
            routes => routes,
        };
        // Without these no route is even looked for (`VirtualHostImpl::getRouteFromEntries`).
        let is_complete = [":path", "x-forwarded-proto"].iter().all(|it| headers.get(it).is_some());
        let matches = |route: &&Route| is_complete && route.matches(&headers);
        let target = routes.iter().find(matches).map(|route| Target {
            route: route.name.clone(),
            cluster: route.cluster.clone(),
            timeout: route.timeout,
        });
        self.streams[id].route = Some(target.clone());
        target
    }

    /// After a callback: the filter may have cleared the route, or changed headers, which does it too
    /// (`Context::replaceHeaderMapValue` and others).
    pub(super) fn see_route(&mut self, id: StreamId) {
        let stream = &self.streams[id];
        let Some(context) = stream.context else { return };
        let is_gone = stream.host.lock().take_cleared_route(context);
        if is_gone && stream.outgoing.request.is_none() {
            self.streams[id].route = None;
        }
    }

    fn refuse(
        &mut self,
        id: StreamId,
        status: u32,
        (flags, details): (&'static str, &str),
        body: &str,
    ) {
        self.streams[id].flags = flags;
        self.send_local_reply(
            id,
            LocalResponse {
                status,
                details: details.into(),
                body: body.into(),
                ..LocalResponse::default()
            },
        );
    }

    pub(super) fn route_headers(&mut self, id: StreamId, end: bool) {
        let Some(target) = self.choose_route(id) else {
            return self.refuse(id, 404, ("NR", "route_not_found"), "");
        };
        let mut headers = self.streams[id].request.headers.clone().unwrap_or_default();
        if let Some(fault) = fault_of(&headers) {
            let details = format!("filter_removed_required_request_headers{{{fault}}}");
            return self.refuse(id, 503, ("DPE", &details), &fault);
        }
        let Some(upstream) = self.upstreams.get_mut(&target.cluster) else {
            return self.refuse(id, 503, ("NC", "cluster_not_found"), "");
        };
        let framing = match upstream.is_http2 {
            true => Framing::Frames,
            false => Framing::of_request(&mut headers, end),
        };
        let is_head = headers.get(":method") == Some(b"HEAD");
        let request = UpstreamRequest {
            cluster: target.cluster.clone(),
            headers,
            ..UpstreamRequest::default()
        };
        upstream.requests.push(request);
        let is_early = upstream.is_early;
        let index = upstream.requests.len().saturating_sub(1);
        let outgoing = &mut self.streams[id].outgoing;
        (outgoing.request, outgoing.framing) = (Some((target.cluster, index)), framing);
        outgoing.is_head = is_head;
        if end {
            self.request_complete(id);
        } else if is_early {
            self.ask_upstream(id);
        }
    }

    fn upstream_request(&mut self, id: StreamId) -> Option<&mut UpstreamRequest> {
        let (cluster, index) = self.streams[id].outgoing.request.as_ref()?;
        self.upstreams.get_mut(cluster)?.requests.get_mut(*index)
    }

    pub(super) fn route_data(&mut self, id: StreamId, data: &[u8], end: bool) {
        let taken = self.streams[id].outgoing.framing.take(data);
        if let Some(request) = self.upstream_request(id) {
            request.body.extend_from_slice(taken);
        }
        if end {
            self.request_complete(id);
        }
    }

    pub(super) fn route_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        let has_room = self.streams[id].outgoing.framing.has_room_for_trailers();
        if let Some(request) = self.upstream_request(id).filter(|_| has_room) {
            request.trailers = trailers;
        }
        self.request_complete(id);
    }

    fn request_complete(&mut self, id: StreamId) {
        let is_complete = self.streams[id].outgoing.framing.is_complete();
        let Some(request) = self.upstream_request(id) else { return };
        request.is_complete = is_complete;
        let timeout = self.streams[id].route.clone().flatten().and_then(|target| target.timeout);
        if let Some(timeout) = timeout {
            self.events.plan(self.now().saturating_add(timeout), Event::RouteTimeout(id));
        }
        let is_asked = self.streams[id].outgoing.delivery.is_some();
        if is_complete && !is_asked {
            self.ask_upstream(id);
        }
    }

    fn ask_upstream(&mut self, id: StreamId) {
        let Some((cluster, index)) = self.streams[id].outgoing.request.clone() else { return };
        let Some(upstream) = self.upstreams.get_mut(&cluster) else { return };
        self.streams[id].outgoing.delivery = Some(upstream.answer(index));
        self.events.plan(self.now(), Event::Answer(id));
    }

    /// The next parts of an upstream's answer.
    pub(super) fn deliver(&mut self, id: StreamId) {
        loop {
            let stream = &mut self.streams[id];
            if stream.is_destroyed || stream.outgoing.is_over {
                return;
            }
            let Some(delivery) = &mut stream.outgoing.delivery else { return };
            let Some(part) = delivery.next() else { return self.end_answer(id) };
            let is_last = delivery.is_at_end();
            match part {
                Part::Wait(time) => {
                    let time = self.now().saturating_add(time);
                    return self.events.plan(time, Event::Answer(id));
                }
                Part::Told | Part::Hang => return,
                part => self.deliver_part(id, part, is_last),
            }
        }
    }

    /// Nothing follows what has waited.
    fn end_answer(&mut self, id: StreamId) {
        self.streams[id].outgoing.is_over = true;
        self.respond_data(id, Vec::new(), true);
    }

    fn deliver_part(&mut self, id: StreamId, part: Part, is_last: bool) {
        match part {
            Part::Headers(mut headers) => {
                if !self.is_upstream_http2(id) {
                    headers.trim();
                    headers.remove("keep-alive");
                }
                let stream = &mut self.streams[id];
                stream.outgoing.has_answered = true;
                if stream.details.is_empty() {
                    stream.details = "via_upstream".into();
                }
                stream.status = status_of(&headers).unwrap_or_default();
                let end = is_last || stream.outgoing.is_head;
                stream.outgoing.is_over |= end;
                self.respond_headers(id, headers, end);
            }
            Part::Body(data) => self.deliver_body(id, data, is_last),
            Part::Trailers(trailers) => self.respond_trailers(id, trailers),
            Part::Reset => self.upstream_reset(id),
            Part::Wait(_) | Part::Told | Part::Hang => {}
        }
        if is_last {
            self.streams[id].outgoing.is_over = true;
        }
    }

    /// Over HTTP/1.1 the end of a body comes by itself.
    fn deliver_body(&mut self, id: StreamId, data: Vec<u8>, is_last: bool) {
        let is_http2 = self.is_upstream_http2(id);
        self.respond_data(id, data, is_last && is_http2);
        if is_last && !is_http2 && !self.streams[id].is_destroyed {
            self.respond_data(id, Vec::new(), true);
        }
    }

    fn is_upstream_http2(&self, id: StreamId) -> bool {
        let cluster = self.streams[id].outgoing.request.as_ref().map(|(cluster, _)| cluster);
        let upstream = cluster.and_then(|cluster| self.upstreams.get(cluster));
        upstream.is_some_and(|upstream| upstream.is_http2)
    }

    /// Over HTTP/1.1 a response that ends too soon is malformed.
    fn upstream_reset(&mut self, id: StreamId) {
        let (flags, reason) = match self.is_upstream_http2(id) {
            true => ("UC", "connection_termination"),
            false => ("UPE", "protocol_error"),
        };
        let stream = &mut self.streams[id];
        stream.outgoing.is_over = true;
        if stream.outgoing.has_answered {
            stream.flags = flags;
            stream.details = format!("upstream_reset_after_response_started{{{reason}}}");
            return self.reset_client(id);
        }
        self.refuse(id, 503, ("UC", RESET_DETAILS), RESET_BODY);
    }

    pub(super) fn route_timeout(&mut self, id: StreamId) {
        let stream = &mut self.streams[id];
        if stream.is_destroyed || stream.outgoing.is_over {
            return;
        }
        let has_answered = stream.outgoing.has_answered;
        self.end_outgoing(id);
        if has_answered {
            self.streams[id].flags = "UT";
            self.streams[id].details = "response_timeout".into();
            return self.reset_client(id);
        }
        self.refuse(id, 504, ("UT", "response_timeout"), "upstream request timeout");
    }

    /// The upstream is told no more, and nothing more is taken from it.
    pub(super) fn end_outgoing(&mut self, id: StreamId) {
        let was_over = std::mem::replace(&mut self.streams[id].outgoing.is_over, true);
        if !was_over && let Some(request) = self.upstream_request(id) {
            request.is_reset = true;
        }
    }
}

/// Why the upstream's codec does not take headers (`HeaderUtility::checkRequiredRequestHeaders`,
/// `HeaderUtility::checkValidRequestHeaders`).
fn fault_of(headers: &HeaderMap) -> Option<String> {
    if headers.get(":method").is_none() {
        return Some("missing required header: :method".into());
    }
    let name = invalid_name(headers).map(|name| ("name: ", name));
    let fault = name.or_else(|| invalid_value(headers).map(|name| ("value for: ", name)));
    fault.map(|(what, name)| format!("invalid header {what}{}", String::from_utf8_lossy(name)))
}

impl Upstream {
    /// A whole request has come; which of them it is.
    pub(super) fn receive(&mut self, mut request: UpstreamRequest) -> usize {
        if !self.is_http2 {
            let end = request.body.is_empty() && request.trailers.is_empty();
            if !Framing::of_request(&mut request.headers, end).has_room_for_trailers() {
                request.trailers = HeaderMap::new();
            }
        }
        self.requests.push(request);
        self.requests.len().saturating_sub(1)
    }

    /// What it answers to a request that it has got.
    pub(super) fn answer(&mut self, index: usize) -> Delivery {
        match self.requests.get(index) {
            Some(request) => (self.respond)(request).into_delivery(),
            None => Delivery::default(),
        }
    }
}
