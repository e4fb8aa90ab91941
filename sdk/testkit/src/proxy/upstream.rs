//! Services behind the proxy: what they get, and what a test has them answer.

use crate::headers::HeaderMap;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// What an upstream has got of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// Which cluster.
    pub cluster: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body so far.
    pub body: Vec<u8>,
    /// The trailers; empty when there were none.
    pub trailers: HeaderMap,
    /// Whether it has ended.
    pub is_complete: bool,
    /// Whether it was broken off.
    pub is_reset: bool,
    /// Whether it is a call of a filter's own.
    pub is_callout: bool,
}

impl UpstreamRequest {
    /// The first value of a header, as text: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// All values of a header.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let values = self.headers.iter().filter(|(it, _)| *it == name.as_bytes());
        values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The path with its query.
    #[must_use]
    pub fn path(&self) -> String {
        self.header(":path").unwrap_or_default()
    }
}

/// What an upstream answers: parts, one after the other.
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::Answer;
///
/// let slow = Answer::status(200).header("x-version", "v2").body("hello").after(Duration::from_secs(2));
/// let failed = Answer::reset();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    parts: VecDeque<Part>,
    headers: HeaderMap,
    has_no_head_yet: bool,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Wait(Duration),
    /// Until the test says so.
    Told,
    Headers(HeaderMap),
    Body(Vec<u8>),
    Trailers(HeaderMap),
    Reset,
    /// Nothing follows, and it does not end.
    Hang,
}

impl Answer {
    /// An answer with this status, and no body yet.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let headers = HeaderMap::from([(":status", status.to_string())]);
        Self { parts: VecDeque::new(), headers, has_no_head_yet: true }
    }

    /// The connection breaks.
    #[must_use]
    pub fn reset() -> Self {
        Self { parts: [Part::Reset].into(), ..Self::default() }
    }

    /// Nothing ever comes.
    #[must_use]
    pub fn never() -> Self {
        Self { parts: [Part::Hang].into(), ..Self::default() }
    }

    /// A gRPC answer with this message.
    #[must_use]
    pub fn grpc(message: impl AsRef<[u8]>) -> Self {
        let message = message.as_ref();
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self::status(200)
            .header("content-type", "application/grpc")
            .body([&[0], &length[..], message].concat())
            .trailers([("grpc-status", "0")])
    }

    /// A gRPC answer without a message: an error, in trailers only.
    #[must_use]
    pub fn grpc_status(status: u32, message: &str) -> Self {
        Self::status(200)
            .header("content-type", "application/grpc")
            .header("grpc-status", status.to_string())
            .header("grpc-message", message)
    }

    /// One more header, also when something of the body has been said already.
    ///
    /// ```
    /// use tollgate_testkit::Answer;
    ///
    /// let late = Answer::status(200).body("hello").header("x-version", "v2");
    /// assert_eq!(late, Answer::status(200).header("x-version", "v2").body("hello"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        for part in &mut self.parts {
            if let Part::Headers(headers) = part {
                headers.add(name, value);
            }
        }
        self.headers.add(name, value);
        self
    }

    /// A body, or the next part of it.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        self.part(Part::Body(body.as_ref().to_vec()))
    }

    /// The trailers, which end it.
    #[must_use]
    pub fn trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        self,
        trailers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.part(Part::Trailers(trailers.into_iter().collect()))
    }

    /// All of it comes so much later.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.parts.push_front(Part::Wait(time));
        self
    }

    /// What follows comes so much later than what is there.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.part(Part::Wait(time))
    }

    /// The headers go ahead by themselves; parts that follow come one by one.
    #[must_use]
    pub fn head(mut self) -> Self {
        if self.has_no_head_yet {
            self.has_no_head_yet = false;
            self.parts.push_back(Part::Headers(self.headers.clone()));
        }
        self
    }

    /// What follows waits for [`Proxy::tell`](crate::Proxy::tell): what is said of the body next, and the
    /// headers, if they have not gone ahead.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.parts.push_back(Part::Told);
        self
    }

    /// All of it waits for [`Proxy::tell`](crate::Proxy::tell).
    #[must_use]
    pub fn when_told(mut self) -> Self {
        self.parts.push_front(Part::Told);
        self
    }

    /// Breaks off here.
    #[must_use]
    pub fn break_off(self) -> Self {
        self.part(Part::Reset)
    }

    /// Never ends.
    #[must_use]
    pub fn hang(self) -> Self {
        self.part(Part::Hang)
    }

    /// The headers, if they have not gone ahead, and a part behind them.
    fn part(self, part: Part) -> Self {
        let mut it = self.head();
        it.parts.push_back(part);
        it
    }

    pub(super) fn into_delivery(self) -> Delivery {
        Delivery { parts: self.head().parts }
    }
}

/// An answer on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    parts: VecDeque<Part>,
}

impl Delivery {
    /// The next part. One that waits to be told, or for ever, stays.
    pub(super) fn next(&mut self) -> Option<Part> {
        match self.parts.front() {
            Some(stays @ (Part::Told | Part::Hang)) => Some(stays.clone()),
            _ => self.parts.pop_front(),
        }
    }

    /// Whether it waits to be told.
    pub(super) fn waits(&self) -> bool {
        self.parts.front() == Some(&Part::Told)
    }

    /// Lets it go on if it waits to be told; whether it did.
    pub(super) fn tell(&mut self) -> bool {
        let waits = self.waits();
        if waits {
            self.parts.pop_front();
        }
        waits
    }

    /// Whether nothing but the end follows.
    pub(super) fn is_at_end(&self) -> bool {
        self.parts.is_empty()
    }
}

type Responder = Box<dyn FnMut(&UpstreamRequest) -> Answer>;

/// A cluster with one upstream.
pub(super) struct Upstream {
    pub(super) respond: Responder,
    /// Whether it answers when the headers have come, and does not wait for the body.
    pub(super) is_early: bool,
    pub(super) is_http2: bool,
    pub(super) requests: Vec<UpstreamRequest>,
}

impl Default for Upstream {
    fn default() -> Self {
        let respond = Box::new(|_: &UpstreamRequest| Answer::status(200));
        Self { respond, is_early: false, is_http2: false, requests: Vec::new() }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("requests", &self.requests).finish_non_exhaustive()
    }
}
