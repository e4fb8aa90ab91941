//! Clients: one connection a request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body as HyperBody, Frame};
use hyper::header::{HeaderName, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::scenario::http1::{self, Body, Fields, Head, Length};
use crate::scenario::{Answer, Content, Request, Scenario, body_text};

/// No answer may take longer.
const LIMIT: Duration = Duration::from_secs(10);

const HOST: &str = "probe.test";

/// A request in progress.
#[derive(Debug)]
pub(super) struct InProgress {
    sender: Sender,
    answer: JoinHandle<Result<Received>>,
}

/// What has come.
#[derive(Debug, Default)]
struct Received {
    status: u16,
    headers: Fields,
    body: Vec<u8>,
    trailers: Fields,
    is_broken: bool,
}

/// What sends the rest of a request; gone when the client has left.
#[derive(Debug)]
enum Sender {
    Http1(OwnedWriteHalf),
    Http2(mpsc::UnboundedSender<(Frame<Bytes>, bool)>),
    Gone,
}

impl InProgress {
    /// Sends a request, as far as it goes.
    pub(super) async fn begin(request: &Request, address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("no listener")?;
        stream.set_nodelay(true)?;
        if request.is_http2 { http2(request, stream).await } else { http1(request, stream).await }
    }

    /// Sends a part of the body.
    pub(super) async fn part(&mut self, bytes: &[u8], is_last: bool) -> Result<()> {
        match &mut self.sender {
            Sender::Http1(_) if is_last => bail!("in HTTP/1.1 no part of a body is the end, too"),
            Sender::Http1(stream) => stream.write_all(&http1::chunk(bytes)).await?,
            Sender::Http2(parts) => {
                parts.send((Frame::data(Bytes::copy_from_slice(bytes)), is_last))?;
            }
            Sender::Gone => bail!("the client has left"),
        }
        Ok(())
    }

    /// Ends the request.
    pub(super) async fn end(&mut self, trailers: &[(String, String)]) -> Result<()> {
        match &mut self.sender {
            Sender::Http1(stream) => stream.write_all(&http1::last_chunk(trailers)).await?,
            Sender::Http2(parts) if trailers.is_empty() => {
                parts.send((Frame::data(Bytes::new()), true))?;
            }
            Sender::Http2(parts) => {
                let mut map = HeaderMap::new();
                for (name, value) in trailers {
                    map.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
                }
                parts.send((Frame::trailers(map), true))?;
            }
            Sender::Gone => bail!("the client has left"),
        }
        Ok(())
    }

    /// Hangs up.
    pub(super) fn leave(&mut self) {
        self.sender = Sender::Gone;
        self.answer.abort();
    }

    /// Waits for the answer, or for the end of the connection.
    pub(super) async fn answered(&mut self, scenario: &Scenario) -> Result<Answer> {
        let answer = tokio::time::timeout(LIMIT, &mut self.answer).await;
        let received = match answer.context("no answer in time")? {
            Ok(received) => received?,
            Err(error) if error.is_cancelled() => {
                Received { is_broken: true, ..Received::default() }
            }
            Err(error) => return Err(error.into()),
        };
        let mut headers = received.headers;
        headers.retain(|(name, _)| scenario.looks_at(name));
        Ok(Answer {
            status: received.status,
            headers,
            body: body_text(&received.body),
            trailers: received.trailers,
            is_broken: received.is_broken,
        })
    }
}

async fn http1(request: &Request, stream: TcpStream) -> Result<InProgress> {
    let (reading, mut writing) = stream.into_split();
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        bytes.extend(http1::write_fields(&[("host", HOST)]));
    }
    bytes.extend(http1::write_fields(&request.headers));
    match &request.body {
        Content::None => bytes.extend(b"\r\n"),
        Content::Whole(body) => {
            bytes.extend(http1::write_fields(&[("content-length", body.len().to_string())]));
            bytes.extend([b"\r\n", &body[..]].concat());
        }
        Content::Later => {
            bytes.extend(http1::write_fields(&[("transfer-encoding", "chunked")]));
            bytes.extend(b"\r\n");
        }
    }
    let method = request.method.clone();
    let answer = tokio::spawn(async move {
        let mut reading = BufReader::new(reading);
        read_answer(&mut reading, &method).await
    });
    // Fails when Envoy closes the connection before it has read all: the answer shows that.
    writing.write_all(&bytes).await.ok();
    Ok(InProgress { sender: Sender::Http1(writing), answer })
}

async fn read_answer(
    stream: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    method: &str,
) -> Result<Received> {
    let mut received = Received::default();
    let head = loop {
        let Some(head) = Head::read(stream).await? else {
            received.is_broken = true;
            return Ok(received);
        };
        let status = head.line.split(' ').nth(1).context("no status line")?;
        received.status = status.parse()?;
        if received.status >= 200 {
            break head;
        }
    };
    let has_body = method != "HEAD" && received.status != 204 && received.status != 304;
    let length = if has_body { head.length(Length::UntilClose)? } else { Length::Known(0) };
    received.headers = head.headers;
    let body = Body::read(stream, length).await?;
    received.body = body.bytes;
    received.trailers = body.trailers;
    received.is_broken = !body.is_complete;
    Ok(received)
}

async fn http2(request: &Request, stream: TcpStream) -> Result<InProgress> {
    let (parts, body) = mpsc::unbounded_channel();
    match &request.body {
        Content::None => parts.send((Frame::data(Bytes::new()), true))?,
        Content::Whole(body) => parts.send((Frame::data(body.clone().into()), true))?,
        Content::Later => {}
    }
    let body = Parts::new(body);
    let mut builder = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(format!("http://{HOST}{}", request.path));
    for (name, value) in &request.headers {
        builder = builder.header(name, HeaderValue::from_bytes(value)?);
    }
    let hyper_request = builder.body(body)?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let answer = tokio::spawn(async move {
        // The connection ends together with this task, when the client leaves.
        let exchange = async {
            let mut received = Received::default();
            let Ok(response) = sender.send_request(hyper_request).await else {
                received.is_broken = true;
                return received;
            };
            let (head, mut body) = response.into_parts();
            received.status = head.status.as_u16();
            received.headers = fields(&head.headers);
            while let Some(frame) = body.frame().await {
                match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => received.body.extend_from_slice(&data),
                    Ok(Err(frame)) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        received.trailers = fields(&trailers);
                    }
                    Err(_) => {
                        received.is_broken = true;
                        break;
                    }
                }
            }
            received
        };
        tokio::pin!(exchange, connection);
        tokio::select! {
            received = &mut exchange => Ok(received),
            _ = &mut connection => Ok(exchange.await),
        }
    });
    Ok(InProgress { sender: Sender::Http2(parts), answer })
}

fn fields(map: &HeaderMap) -> Fields {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), value.as_bytes().escape_ascii().to_string())
    };
    map.iter().map(field).collect()
}

/// A body whose parts come later; the last says that it is.
struct Parts {
    coming: mpsc::UnboundedReceiver<(Frame<Bytes>, bool)>,
    /// One part is held ahead, so that the end is known with the last.
    ready: VecDeque<(Frame<Bytes>, bool)>,
    has_ended: bool,
}

impl Parts {
    fn new(mut coming: mpsc::UnboundedReceiver<(Frame<Bytes>, bool)>) -> Self {
        let ready: VecDeque<_> = coming.try_recv().into_iter().collect();
        let is_empty = |(frame, is_last): &(Frame<Bytes>, bool)| {
            *is_last && frame.data_ref().is_some_and(Bytes::is_empty)
        };
        let has_ended = ready.front().is_some_and(is_empty);
        Self { coming, ready, has_ended }
    }
}

impl HyperBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let next = match self.ready.pop_front() {
            Some(next) => Some(next),
            None => ready!(self.coming.poll_recv(context)),
        };
        match next {
            Some((frame, is_last)) => {
                self.has_ended = is_last;
                Poll::Ready(Some(Ok(frame)))
            }
            // The client leaves: the stream is reset with its task, it does not end.
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}
