//! A request on its way, and what became of it.

use super::simulation::Simulation;
use super::stream::{Received, Stream, StreamId};
use super::upstream::UpstreamRequest;
use crate::abi::StreamKind;
use crate::headers::HeaderMap;
use std::cell::RefCell;
use std::rc::Rc;

/// A request that was sent. It can be looked at at any time; what it shows is how far it is.
#[derive(Clone)]
pub struct Exchange {
    pub(super) simulation: Rc<RefCell<Simulation>>,
    pub(super) id: StreamId,
}

/// What the access log says of a request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogEntry {
    /// `%RESPONSE_CODE%`: 0 when there was no response.
    pub status: u16,
    /// `%RESPONSE_CODE_DETAILS%`; empty when there are none.
    pub details: String,
    /// `%RESPONSE_FLAGS%`; empty when there are none.
    pub flags: &'static str,
}

impl AccessLogEntry {
    pub(super) fn of(stream: &Stream) -> Self {
        Self { status: stream.status, details: stream.details.clone(), flags: stream.flags }
    }
}

pub(super) fn status_of(headers: &HeaderMap) -> Option<u16> {
    std::str::from_utf8(headers.get(":status")?).ok()?.parse().ok()
}

/// What the client has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers; empty when there were none.
    pub trailers: HeaderMap,
    /// Whether it has ended.
    pub is_complete: bool,
    /// `%RESPONSE_CODE_DETAILS%` of the access log.
    pub details: String,
}

impl Response {
    /// The first value of a header, as text: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Exchange {
    fn received<T>(&self, look: impl FnOnce(&Received, &str) -> T) -> T {
        let simulation = self.simulation.borrow();
        let stream = &simulation.streams[self.id];
        look(&stream.received, &stream.details)
    }

    /// The response so far; `None` before its headers.
    #[must_use]
    pub fn try_response(&self) -> Option<Response> {
        self.received(|received, details| {
            let headers = received.headers.clone()?;
            Some(Response {
                status: status_of(&headers).unwrap_or_default(),
                headers,
                body: received.body.clone(),
                trailers: received.trailers.clone(),
                is_complete: received.is_complete,
                details: details.to_owned(),
            })
        })
    }

    /// The whole response.
    ///
    /// # Panics
    ///
    /// When there is none, or it has not ended: that fails the test.
    #[must_use]
    #[track_caller]
    pub fn response(&self) -> Response {
        match self.try_response() {
            Some(response) if response.is_complete => response,
            so_far => panic!("no whole response, {}: {so_far:?}", self.state()),
        }
    }

    /// The status of the whole response.
    ///
    /// # Panics
    ///
    /// As [`Exchange::response`].
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> u16 {
        self.response().status
    }

    /// Whether nothing has become of it yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.received(|received, _| !received.is_complete && !received.is_reset)
    }

    /// Whether the client saw it break off.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.received(|received, _| received.is_reset)
    }

    /// `%RESPONSE_CODE_DETAILS%` of the access log; empty while there is nothing to say.
    #[must_use]
    pub fn details(&self) -> String {
        self.received(|_, details| details.to_owned())
    }

    fn state(&self) -> &'static str {
        match (self.is_pending(), self.is_reset()) {
            (_, true) => "it was broken off",
            (true, _) => "it is still on its way",
            _ => "it has ended",
        }
    }

    /// What its upstream has got; `None` while it has got nothing.
    #[must_use]
    pub fn try_upstream_request(&self) -> Option<UpstreamRequest> {
        let simulation = self.simulation.borrow();
        let (cluster, index) = simulation.streams[self.id].outgoing.request.clone()?;
        simulation.upstreams.get(&cluster)?.requests.get(index).cloned()
    }

    /// What its upstream has got.
    ///
    /// # Panics
    ///
    /// When it has not reached one: that fails the test.
    #[must_use]
    #[track_caller]
    pub fn upstream_request(&self) -> UpstreamRequest {
        let found = self.try_upstream_request();
        found.unwrap_or_else(|| panic!("it has not reached an upstream: {}", self.state()))
    }

    /// Sends a part of the body of a request that was only begun.
    pub fn chunk(&self, chunk: impl AsRef<[u8]>) {
        self.send(|it, id| it.data(id, StreamKind::Request, chunk.as_ref().to_vec(), false));
    }

    /// Ends a request that was only begun.
    pub fn end(&self) {
        self.send(|it, id| it.data(id, StreamKind::Request, Vec::new(), true));
    }

    /// Ends a request that was only begun, with a last part, in one frame (HTTP/2).
    pub fn end_with(&self, chunk: impl AsRef<[u8]>) {
        self.send(|it, id| it.data(id, StreamKind::Request, chunk.as_ref().to_vec(), true));
    }

    /// Ends a request that was only begun, with trailers.
    pub fn end_with_trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        trailers: impl IntoIterator<Item = (N, V)>,
    ) {
        let trailers = trailers.into_iter().collect();
        self.send(|it, id| it.trailers(id, StreamKind::Request, trailers));
    }

    /// The client goes away.
    pub fn leave(&self) {
        self.send(|it, id| {
            let stream = &mut it.streams[id];
            let (details, flags) = match stream.is_http2 {
                true => ("http2.remote_reset", "DR"),
                false => ("downstream_remote_disconnect", "DC"),
            };
            stream.flags = flags;
            if stream.details.is_empty() {
                stream.details = details.into();
            }
            it.reset_client(id);
        });
    }

    fn send(&self, run: impl FnOnce(&mut Simulation, StreamId)) {
        let mut simulation = self.simulation.borrow_mut();
        if !simulation.streams[self.id].is_destroyed {
            run(&mut simulation, self.id);
        }
        simulation.settle();
    }
}
