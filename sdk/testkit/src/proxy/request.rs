//! Requests in the making.

use super::exchange::Exchange;
use super::simulation::Simulation;
use crate::headers::HeaderMap;
use std::cell::RefCell;
use std::rc::Rc;

/// A request that a client is about to send; made by [`Proxy::get`](crate::Proxy::get) and others.
#[must_use = "nothing happens before it is sent"]
pub struct Request {
    pub(super) simulation: Rc<RefCell<Simulation>>,
    pub(super) sending: Sending,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) host: String,
    /// Without pseudo-headers.
    pub(super) headers: HeaderMap,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) is_open: bool,
    pub(super) is_http2: bool,
    pub(super) worker: Option<usize>,
    pub(super) listener: usize,
}

impl Sending {
    /// All headers, in the order in which Envoy has them.
    pub(super) fn all_headers(&self) -> HeaderMap {
        let [method, path, host] = [&self.method, &self.path, &self.host].map(String::as_bytes);
        let (method, path) = ((":method", method), (":path", path));
        let (host, scheme) = ((":authority", host), (":scheme", &b"http"[..]));
        let mut headers = match self.is_http2 {
            _ if self.is_connect() => HeaderMap::from([(":authority", path.1), method, scheme]),
            true => HeaderMap::from([method, scheme, host, path]),
            false => HeaderMap::from([host, path, method, scheme]),
        };
        headers.extend(self.headers.iter());
        headers
    }

    /// A `CONNECT` has no path: what is asked for is a host.
    pub(super) fn is_connect(&self) -> bool {
        self.method == "CONNECT"
    }
}

impl Request {
    pub(super) fn new(simulation: Rc<RefCell<Simulation>>, method: &str, path: &str) -> Self {
        let sending = Sending {
            method: method.to_owned(),
            path: path.to_owned(),
            host: "example.com".to_owned(),
            headers: HeaderMap::new(),
            parts: Vec::new(),
            trailers: None,
            is_open: false,
            is_http2: false,
            worker: None,
            listener: 0,
        };
        Self { simulation, sending }
    }

    /// One more header, beside those of the same name.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.sending.headers.add(name, value);
        self
    }

    /// The host that it asks for; `example.com` unless it is set.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.sending.host);
        self
    }

    /// A whole body, whose length the headers tell.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        self.sending.headers.replace("content-length", body.len().to_string());
        self.sending.parts = vec![body.to_vec()];
        self
    }

    /// A part of a body, or one more.
    pub fn chunk(mut self, chunk: impl AsRef<[u8]>) -> Self {
        self.sending.parts.push(chunk.as_ref().to_vec());
        self
    }

    /// The trailers, which end it.
    pub fn trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.sending.trailers = Some(trailers.into_iter().collect());
        self
    }

    /// A gRPC call with this message.
    pub fn grpc(self, message: impl AsRef<[u8]>) -> Self {
        let message = message.as_ref();
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut it =
            self.http2().header("content-type", "application/grpc").header("te", "trailers");
        "POST".clone_into(&mut it.sending.method);
        it.chunk([&[0], &length[..], message].concat())
    }

    /// Over HTTP/2: the last part of a body ends it.
    pub fn http2(mut self) -> Self {
        self.sending.is_http2 = true;
        self
    }

    /// To this worker, 1 being the first; else they take turns.
    pub fn on_worker(mut self, worker: usize) -> Self {
        self.sending.worker = Some(worker);
        self
    }

    /// To this listener, 0 being the first.
    pub fn at_listener(mut self, listener: usize) -> Self {
        self.sending.listener = listener;
        self
    }

    /// Sends it all, and lets happen what needs no time.
    pub fn send(self) -> Exchange {
        let id = self.simulation.borrow_mut().begin(&self.sending);
        Exchange { simulation: self.simulation, id }
    }

    /// Sends it, and does not end it: [`Exchange::chunk`] and [`Exchange::end`] follow.
    pub fn begin(mut self) -> Exchange {
        self.sending.is_open = true;
        self.send()
    }
}
