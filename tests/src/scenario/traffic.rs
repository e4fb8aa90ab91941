//! What clients and upstreams do in a scenario.

/// A request in the making. Over HTTP/1.1 it has a connection of its own, and so over HTTP/2.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// With its query.
    pub path: String,
    /// Besides `host` (`:authority`), which is `probe.test` unless it is given here.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What follows the headers.
    pub body: Content,
    /// The version of HTTP.
    pub is_http2: bool,
    /// Which of the scenario's listeners: 0 or 1.
    pub listener: usize,
}

/// What follows the headers of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing: the headers end the stream.
    None,
    /// A body of known size (`content-length`), sent together with the headers. In HTTP/2 its last
    /// part ends the stream; in HTTP/1.1 Envoy sees the end by itself.
    Whole(Vec<u8>),
    /// What later steps send, in HTTP/1.1 by `transfer-encoding: chunked`.
    Later,
}

/// `GET`.
#[must_use]
pub fn get_request(path: &str) -> Request {
    request("GET", path)
}

/// `POST`; say also what its body is.
#[must_use]
pub fn post_request(path: &str) -> Request {
    request("POST", path)
}

/// A request of any method.
#[must_use]
pub fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        headers: Vec::new(),
        body: Content::None,
        is_http2: false,
        listener: 0,
    }
}

impl Request {
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// With a body of known size.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Content::Whole(body.as_ref().to_vec());
        self
    }

    /// With a body that later steps send.
    #[must_use]
    pub fn body_later(mut self) -> Self {
        self.body = Content::Later;
        self
    }

    /// Over HTTP/2.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.is_http2 = true;
        self
    }

    /// At the second listener.
    #[must_use]
    pub fn at_second_listener(mut self) -> Self {
        self.listener = 1;
        self
    }
}

/// Something that happens in a scenario, after the steps before it.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends a request and waits for its answer.
    Exchange(Request),
    /// Sends a request, as far as it goes.
    Begin(Request),
    /// Sends a part of the body of the n-th request, counted from 0; with the end of the stream in the
    /// same frame, if that is asked for and the request is HTTP/2.
    Part(usize, Vec<u8>, bool),
    /// Ends the n-th request, with these trailers.
    End(usize, Vec<(String, String)>),
    /// Waits until the n-th request is answered, or broken off.
    Answered(usize),
    /// The client of the n-th request hangs up: closes the connection, or resets the HTTP/2 stream.
    Leave(usize),
    /// Waits until the probe has logged a line, so many times.
    Logged(String, usize),
    /// Waits until an upstream has got so many heads of requests.
    Arrived(&'static str, usize),
    /// Lets an upstream go on that waits for it.
    Tell(&'static str),
    /// Lets so many milliseconds pass.
    Pass(u64),
}

/// What an upstream does with a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// 200 to 599.
    pub status: u16,
    /// Besides those that say how long the body is.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Sent ahead, such as 103.
    pub informational: Option<u16>,
    /// What is done, in this order. The head is sent before the first part that is sent.
    pub parts: Vec<ReplyPart>,
}

/// A part of what an upstream does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyPart {
    /// Waits for a [`Step::Tell`].
    Told,
    /// Sends only the headers; a body follows.
    Head,
    /// Sends a whole body of known size; the last part.
    Body(Vec<u8>),
    /// Sends a part of a body.
    Chunk(Vec<u8>),
    /// Ends a body of parts, with these trailers; the last part.
    End(Vec<(String, String)>),
    /// Closes the connection.
    Reset,
}

/// An answer without a body, unless more is said.
#[must_use]
pub fn reply_of(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), informational: None, parts: Vec::new() }
}

impl Reply {
    fn part(mut self, part: ReplyPart) -> Self {
        self.parts.push(part);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// With an answer of this status ahead.
    #[must_use]
    pub fn informational(mut self, status: u16) -> Self {
        self.informational = Some(status);
        self
    }

    /// Waits until it is told to go on.
    #[must_use]
    pub fn told(self) -> Self {
        self.part(ReplyPart::Told)
    }

    /// Sends the headers alone.
    #[must_use]
    pub fn head(self) -> Self {
        self.part(ReplyPart::Head)
    }

    /// With a body of known size.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        self.part(ReplyPart::Body(body.as_ref().to_vec()))
    }

    /// With a part of a body whose size is not known beforehand.
    #[must_use]
    pub fn chunk(self, chunk: impl AsRef<[u8]>) -> Self {
        self.part(ReplyPart::Chunk(chunk.as_ref().to_vec()))
    }

    /// The end of a body of parts, with trailers.
    #[must_use]
    pub fn end(self, trailers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.part(ReplyPart::End(trailers.iter().map(owned).collect()))
    }

    /// Closes the connection.
    #[must_use]
    pub fn reset(self) -> Self {
        self.part(ReplyPart::Reset)
    }
}

/// What the gRPC service does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcReply {
    /// Answers with this message and the status 0.
    Message(Vec<u8>),
    /// Fails with a status and a text.
    Status(u32, String),
    /// Waits for a [`Step::Tell`], then answers with this message.
    Told(Vec<u8>),
}
