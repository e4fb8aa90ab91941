//! Headers, bodies and trailers on their way through the filter, in either direction: Envoy's
//! `FilterManager` (`source/common/http/filter_manager.cc`) and its Wasm filter
//! (`source/extensions/common/wasm/context.cc`).

use super::simulation::{CRASH, Simulation};
use super::stream::{Frame, Iteration, StreamId};
use crate::abi::StreamKind;
use crate::engine::Callback;
use crate::headers::HeaderMap;
use crate::host::LocalResponse;
use crate::module::Trap;

/// What a callback answers (`FilterHeadersStatus` and so on in proxy-wasm-cpp-host,
/// `context_interface.h`).
const CONTINUE: u32 = 0;
const STOP_ITERATION: u32 = 1;
/// Envoy takes it for [`CONTINUE`] (`convertFilterHeadersStatus`).
const CONTINUE_AND_END_STREAM: u32 = 2;
const STOP_ALL_AND_BUFFER: u32 = 3;
const STOP_AND_BUFFER: u32 = 1;
const STOP_AND_WATERMARK: u32 = 2;
const STOP_NO_BUFFER: u32 = 3;
const STOP_ALL: u32 = 4;

fn count(headers: &HeaderMap) -> u32 {
    u32::try_from(headers.len()).unwrap_or(u32::MAX)
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Simulation {
    /// The headers of a direction have come.
    pub(super) fn headers(
        &mut self,
        id: StreamId,
        kind: StreamKind,
        headers: HeaderMap,
        end: bool,
    ) {
        let number = count(&headers);
        let stream = &mut self.streams[id];
        let direction = stream.direction(kind);
        direction.headers = Some(headers);
        direction.is_complete |= end;
        direction.filter_saw_end = end;
        let callback = match kind {
            StreamKind::Request => Callback::RequestHeaders { count: number, end },
            _ => Callback::ResponseHeaders { count: number, end },
        };
        self.show_headers(id, kind);
        let action = self.in_filter(id, kind, callback, STOP_ALL);
        let Some(action) = action else { return };
        let may_pause_alone = self.settings.headers_may_pause_alone;
        match action {
            // Also if it has continued them meanwhile: then they go on twice.
            CONTINUE | CONTINUE_AND_END_STREAM => {
                self.hide_headers(id, kind);
                self.streams[id].direction(kind).headers_continued = true;
                self.next_headers(id, kind, end);
            }
            STOP_ITERATION if may_pause_alone => self.pause(id, kind, Iteration::StopSingle),
            STOP_ALL_AND_BUFFER => self.pause(id, kind, Iteration::StopAllBuffer),
            _ => self.pause(id, kind, Iteration::StopAllWatermark),
        }
    }

    /// A part of a body has come.
    pub(super) fn data(&mut self, id: StreamId, kind: StreamKind, data: Vec<u8>, end: bool) {
        if self.is_over(id, kind) {
            return;
        }
        let direction = self.streams[id].direction(kind);
        if direction.is_above_watermark {
            direction.withheld.push_back(Frame::Data(data, end));
            return;
        }
        direction.is_complete |= end;
        let iteration = direction.iteration;
        if kind == StreamKind::Request {
            let stream = &mut self.streams[id];
            stream.bytes_received = stream.bytes_received.saturating_add(data.len() as u64);
        }
        match iteration {
            Iteration::StopAllBuffer => self.keep(id, kind, data, false),
            Iteration::StopAllWatermark => self.keep(id, kind, data, true),
            _ => self.filter_data(id, kind, data, end),
        }
    }

    /// The proxy holds a part of a body. When that is too much it stops the sender, or gives up
    /// (`ActiveStreamDecoderFilter::handleBufferData`).
    fn keep(&mut self, id: StreamId, kind: StreamKind, data: Vec<u8>, is_streaming: bool) {
        let limit = self.settings.buffer_limit;
        let direction = self.streams[id].direction(kind);
        let buffered = direction.buffered.get_or_insert_default();
        buffered.extend(data);
        if buffered.len() <= limit {
            return;
        }
        if is_streaming {
            direction.is_above_watermark = true;
        } else {
            self.body_too_large(id, kind);
        }
    }

    /// The sender goes on.
    fn resume_sender(&mut self, id: StreamId, kind: StreamKind) {
        self.streams[id].direction(kind).is_above_watermark = false;
        while !self.streams[id].direction(kind).is_above_watermark
            && let Some(frame) = self.streams[id].direction(kind).withheld.pop_front()
        {
            match frame {
                Frame::Data(data, end) => self.data(id, kind, data, end),
                Frame::Trailers(trailers) => self.trailers(id, kind, trailers),
            }
        }
    }

    /// The trailers of a direction have come.
    pub(super) fn trailers(&mut self, id: StreamId, kind: StreamKind, trailers: HeaderMap) {
        if self.is_over(id, kind) {
            return;
        }
        let direction = self.streams[id].direction(kind);
        if direction.is_above_watermark {
            direction.withheld.push_back(Frame::Trailers(trailers));
            return;
        }
        direction.trailers = Some(trailers);
        (direction.is_complete, direction.has_trailers) = (true, true);
        if !direction.iteration.is_stop_all() {
            self.filter_trailers(id, kind);
        }
    }

    fn filter_data(&mut self, id: StreamId, kind: StreamKind, data: Vec<u8>, end: bool) {
        let direction = self.streams[id].direction(kind);
        if direction.filter_saw_end {
            return;
        }
        let end = end && !direction.has_trailers;
        direction.filter_saw_end = end;
        let was_buffering = std::mem::take(&mut direction.is_buffering);
        let size = size(self.show_body(id, kind, data));
        let callback = match kind {
            StreamKind::Request => Callback::RequestBody { size, end },
            _ => Callback::ResponseBody { size, end },
        };
        self.allow_trailers(id, kind, end);
        let action = self.in_filter(id, kind, callback, STOP_NO_BUFFER);
        self.allow_trailers(id, kind, false);
        let body = self.take_body(id, kind);
        let Some(action) = action else { return };
        match action {
            CONTINUE => self.data_continues(id, kind, body, end),
            STOP_AND_BUFFER => {
                let direction = self.streams[id].direction(kind);
                direction.has_trailers |= std::mem::take(&mut direction.has_new_trailers);
                self.hold(id, kind, body);
            }
            STOP_AND_WATERMARK => {
                self.pause(id, kind, Iteration::StopSingle);
                self.keep(id, kind, body, true);
            }
            _ => {
                self.pause(id, kind, Iteration::StopSingle);
                let direction = self.streams[id].direction(kind);
                if was_buffering {
                    direction.buffered = Some(body);
                } else if direction.is_complete && !direction.has_trailers {
                    direction.buffered.get_or_insert_default();
                }
            }
        }
    }

    fn data_continues(&mut self, id: StreamId, kind: StreamKind, body: Vec<u8>, end: bool) {
        let direction = self.streams[id].direction(kind);
        let has_new_trailers = std::mem::take(&mut direction.has_new_trailers);
        direction.has_trailers |= has_new_trailers;
        if direction.iteration == Iteration::StopSingle {
            direction.buffered.get_or_insert_default().extend(body);
            self.go_on(id, kind);
            return;
        }
        self.next_data(id, kind, body, end && !has_new_trailers);
        if has_new_trailers {
            self.next_trailers(id, kind);
        }
    }

    /// The filter has the proxy hold all of the body.
    fn hold(&mut self, id: StreamId, kind: StreamKind, body: Vec<u8>) {
        self.pause(id, kind, Iteration::StopSingle);
        if body.len() > self.settings.buffer_limit {
            self.body_too_large(id, kind);
            return;
        }
        self.streams[id].direction(kind).is_buffering = true;
        self.show_body(id, kind, body);
    }

    fn body_too_large(&mut self, id: StreamId, kind: StreamKind) {
        let (status, details) = match kind {
            StreamKind::Request => (413, "request_payload_too_large"),
            _ => (500, "response_payload_too_large"),
        };
        let body = if status == 413 { "Payload Too Large" } else { "Internal Server Error" };
        let reply = LocalResponse {
            status,
            details: details.into(),
            body: body.into(),
            ..LocalResponse::default()
        };
        self.send_local_reply(id, reply);
    }

    fn filter_trailers(&mut self, id: StreamId, kind: StreamKind) {
        let direction = self.streams[id].direction(kind);
        let number = direction.trailers.as_ref().map_or(0, count);
        direction.filter_saw_end = true;
        self.show_trailers(id, kind);
        let callback = match kind {
            StreamKind::Request => Callback::RequestTrailers { count: number },
            _ => Callback::ResponseTrailers { count: number },
        };
        let action = self.in_filter(id, kind, callback, STOP_ITERATION);
        let Some(action) = action else { return };
        let direction = self.streams[id].direction(kind);
        if action != CONTINUE {
            if direction.iteration == Iteration::Continue {
                direction.iteration = Iteration::StopSingle;
            }
            return;
        }
        let was_stopped = direction.iteration == Iteration::StopSingle;
        self.hide_trailers(id, kind);
        if was_stopped {
            self.go_on(id, kind);
        } else {
            self.next_trailers(id, kind);
        }
    }

    /// The filter lets the stream go on, from outside of its callbacks (`continueDecoding`).
    ///
    /// # Panics
    ///
    /// Where Envoy crashes: it continues headers that are not there.
    pub(super) fn continue_stream(&mut self, id: StreamId, kind: StreamKind) {
        assert!(
            kind == StreamKind::Request || self.streams[id].has_response_headers,
            "{CRASH}: the filter has continued a response that has not begun"
        );
        self.hide_headers(id, StreamKind::Request);
        self.hide_trailers(id, StreamKind::Request);
        self.see_route(id);
        self.go_on(id, kind);
    }

    /// `ActiveStreamFilterBase::commonContinue`.
    fn go_on(&mut self, id: StreamId, kind: StreamKind) {
        if self.is_over(id, kind) {
            return;
        }
        self.hide_headers(id, kind);
        let body = self.take_held(id, kind);
        let direction = self.streams[id].direction(kind);
        let from_filter = direction.iteration.is_stop_all();
        direction.iteration = Iteration::Continue;
        let (is_complete, has_trailers) = (direction.is_complete, direction.has_trailers);
        let had_headers = std::mem::replace(&mut direction.headers_continued, true);
        if !had_headers && direction.headers.is_some() {
            self.next_headers(id, kind, is_complete && body.is_none() && !has_trailers);
        }
        if let Some(body) = body {
            let end = is_complete && !has_trailers;
            if from_filter {
                self.filter_data(id, kind, body, end);
            } else {
                self.next_data(id, kind, body, end);
            }
        }
        if has_trailers {
            self.hide_trailers(id, kind);
            if from_filter {
                self.filter_trailers(id, kind);
            } else {
                self.next_trailers(id, kind);
            }
        }
        self.resume_sender(id, kind);
    }

    /// What the proxy holds of a body.
    fn take_held(&mut self, id: StreamId, kind: StreamKind) -> Option<Vec<u8>> {
        let direction = self.streams[id].direction(kind);
        if std::mem::take(&mut direction.is_buffering) {
            return Some(self.take_body(id, kind));
        }
        direction.buffered.take()
    }

    /// Runs a callback of the filter. `None` when the stream does not go on here: it was answered, or
    /// is gone; else the action. `stopped` is the action of a filter that has answered.
    fn in_filter(
        &mut self,
        id: StreamId,
        kind: StreamKind,
        callback: Callback,
        stopped: u32,
    ) -> Option<u32> {
        let stream = &mut self.streams[id];
        let Some(context) = stream.context else { return Some(CONTINUE) };
        if stream.is_failure_told && kind == StreamKind::Response {
            return Some(CONTINUE);
        }
        let vm = stream.vm;
        stream.direction(kind).is_in_filter = true;
        self.update_info(id);
        let answer = if self.is_orphaned(&self.streams[id]) {
            self.fail_stream(id);
            Err(Trap::ended(callback.name()))
        } else {
            self.call(vm, context, callback, |it| it.fail_stream(id))
        };
        let action = match answer {
            Ok(answered) if answered.has_replied || answered.action > stopped => stopped,
            Ok(answered) => answered.action,
            Err(_) => stopped,
        };
        let stream = &mut self.streams[id];
        let direction = stream.direction(kind);
        direction.is_in_filter = false;
        let is_aborted = std::mem::take(&mut direction.is_aborted);
        if self.streams[id].is_destroyed {
            return None;
        }
        self.see_route(id);
        if is_aborted {
            self.send_prepared_reply(id);
            return None;
        }
        Some(action)
    }

    /// The VM has failed: so does every stream that has a context in it, whatever the failure policy
    /// (`Context::failStream`).
    fn fail_stream(&mut self, id: StreamId) {
        if std::mem::replace(&mut self.streams[id].is_failure_told, true) {
            return;
        }
        self.send_local_reply(
            id,
            LocalResponse {
                status: 503,
                details: b"wasm_fail_stream".to_vec(),
                grpc_status: Some(14),
                ..LocalResponse::default()
            },
        );
    }

    fn pause(&mut self, id: StreamId, kind: StreamKind, iteration: Iteration) {
        self.streams[id].direction(kind).iteration = iteration;
    }

    /// Whether nothing of this direction goes on any more.
    fn is_over(&self, id: StreamId, kind: StreamKind) -> bool {
        let stream = &self.streams[id];
        stream.is_destroyed || (kind == StreamKind::Request && stream.is_local_complete)
    }

    fn next_headers(&mut self, id: StreamId, kind: StreamKind, end: bool) {
        match kind {
            StreamKind::Request => self.route_headers(id, end),
            _ => self.client_headers(id, end),
        }
    }

    fn next_data(&mut self, id: StreamId, kind: StreamKind, data: Vec<u8>, end: bool) {
        if self.is_over(id, kind) {
            return;
        }
        match kind {
            StreamKind::Request => self.route_data(id, &data, end),
            _ => self.client_data(id, &data, end),
        }
    }

    fn next_trailers(&mut self, id: StreamId, kind: StreamKind) {
        if self.is_over(id, kind) {
            return;
        }
        let trailers = self.streams[id].direction(kind).trailers.take().unwrap_or_default();
        match kind {
            StreamKind::Request => self.route_trailers(id, trailers),
            _ => self.client_trailers(id, trailers),
        }
    }
}
