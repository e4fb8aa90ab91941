//! What the filter can see of a stream's messages: they are in its host meanwhile, where it changes them.

use super::simulation::Simulation;
use super::stream::StreamId;
use crate::abi::StreamKind;
use crate::engine::SharedHost;
use crate::headers::HeaderMap;

impl Simulation {
    /// The filter's host and context.
    fn place(&self, id: StreamId) -> Option<(SharedHost, u32)> {
        let stream = &self.streams[id];
        Some((stream.host.clone(), stream.context?))
    }

    pub(super) fn show_headers(&mut self, id: StreamId, kind: StreamKind) {
        let Some((host, context)) = self.place(id) else { return };
        let direction = self.streams[id].direction(kind);
        let map = direction.headers_map();
        if let Some(headers) = direction.headers.take() {
            host.lock().set_headers(context, map, headers);
        }
    }

    pub(super) fn hide_headers(&mut self, id: StreamId, kind: StreamKind) {
        let Some((host, context)) = self.place(id) else { return };
        let direction = self.streams[id].direction(kind);
        if let Some(headers) = host.lock().take_headers(context, direction.headers_map()) {
            direction.headers = Some(headers);
        }
    }

    pub(super) fn show_trailers(&mut self, id: StreamId, kind: StreamKind) {
        let Some((host, context)) = self.place(id) else { return };
        let direction = self.streams[id].direction(kind);
        let map = direction.trailers_map();
        if let Some(trailers) = direction.trailers.take() {
            host.lock().set_headers(context, map, trailers);
        }
    }

    pub(super) fn hide_trailers(&mut self, id: StreamId, kind: StreamKind) {
        let Some((host, context)) = self.place(id) else { return };
        let direction = self.streams[id].direction(kind);
        if let Some(trailers) = host.lock().take_headers(context, direction.trailers_map()) {
            direction.trailers = Some(trailers);
        }
    }

    /// Whether a message without trailers may get some in the callback that comes; afterwards it has
    /// those that it has got.
    pub(super) fn allow_trailers(&mut self, id: StreamId, kind: StreamKind, are_allowed: bool) {
        let Some((host, context)) = self.place(id) else { return };
        let direction = self.streams[id].direction(kind);
        let map = direction.trailers_map();
        let mut host = host.lock();
        host.allow_trailers(context, map, are_allowed && !direction.has_trailers);
        if are_allowed || direction.has_trailers {
            return;
        }
        if let Some(trailers) = host.take_headers(context, map) {
            direction.trailers = Some(trailers);
            direction.has_new_trailers = true;
        }
    }

    /// Adds to what the filter sees of a body; how much that is now.
    pub(super) fn show_body(&mut self, id: StreamId, kind: StreamKind, data: Vec<u8>) -> usize {
        let buffer = self.streams[id].direction(kind).body_buffer();
        let Some((host, context)) = self.place(id) else {
            self.streams[id].direction(kind).buffered.get_or_insert_default().extend(data);
            return 0;
        };
        let mut host = host.lock();
        let mut body = host.take_body(context, buffer).unwrap_or_default();
        body.extend(data);
        let size = body.len();
        host.set_body(context, buffer, body);
        size
    }

    pub(super) fn take_body(&mut self, id: StreamId, kind: StreamKind) -> Vec<u8> {
        let direction = self.streams[id].direction(kind);
        let buffer = direction.body_buffer();
        match self.place(id) {
            Some((host, context)) => host.lock().take_body(context, buffer).unwrap_or_default(),
            None => self.streams[id].direction(kind).buffered.take().unwrap_or_default(),
        }
    }

    /// The headers of a direction, wherever they are.
    pub(super) fn headers_now(&self, id: StreamId, kind: StreamKind) -> Option<HeaderMap> {
        let stream = &self.streams[id];
        let direction =
            if kind == StreamKind::Request { &stream.request } else { &stream.response };
        if let Some(headers) = &direction.headers {
            return Some(headers.clone());
        }
        let (host, context) = self.place(id)?;
        let host = host.lock();
        let headers = host.headers(context, direction.headers_map());
        (!headers.is_empty()).then(|| headers.clone())
    }
}
