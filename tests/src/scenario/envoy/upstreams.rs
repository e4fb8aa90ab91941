//! Upstreams that do what a scenario says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::scenario::http1::{self, Body, Fields, Head, Length};
use crate::scenario::{Reply, ReplyPart};

/// An upstream of HTTP/1.1; it ends when dropped.
#[derive(Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    replies: Vec<Reply>,
    received: Mutex<Vec<Received>>,
    told: Semaphore,
}

/// A request as far as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Fields,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Fields,
    pub(super) is_complete: bool,
}

impl Upstream {
    pub(super) async fn start(replies: Vec<Reply>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { replies, received: Mutex::default(), told: Semaphore::new(0) });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                // Ends with an error when Envoy hangs up.
                tokio::spawn(async move { serve(stream, &shared).await.ok() });
            }
        });
        Ok(Self { address, shared, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests whose heads have come.
    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets one reply go on.
    pub(super) fn tell(&self) {
        self.shared.told.add_permits(1);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// Remembers a request whose head has come, and says which it is.
    fn arrived(&self, received: Received) -> usize {
        let mut all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(received);
        all.len() - 1
    }

    fn completed(&self, index: usize, body: Body) {
        let mut all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all[index].body = body.bytes;
        all[index].trailers = body.trailers;
        all[index].is_complete = body.is_complete;
    }
}

/// Answers one request after the other.
async fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    while let Some(head) = Head::read(&mut reading).await? {
        let length = head.length(Length::Known(0))?;
        let mut line = head.line.split(' ').map(str::to_owned);
        let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let is_head = method == "HEAD";
        let received = Received { method, path, headers: head.headers, ..Received::default() };
        let index = shared.arrived(received);
        let reply = shared.replies.get(index).or(shared.replies.last());
        let reply = reply.context("an upstream without replies")?;
        let mut body = Box::pin(Body::read(&mut reading, length));
        let answers_early = reply.parts.first() == Some(&ReplyPart::Reset);
        if answers_early {
            return Ok(());
        }
        // What Envoy sends is read to its end before the answer, unless it waits for the answer.
        let body = tokio::select! {
            biased;
            body = &mut body => body?,
            told = shared.told.acquire(), if reply.parts.first() == Some(&ReplyPart::Told) => {
                told?.forget();
                send(&mut writing, reply, is_head, shared, 1).await?;
                let body = body.await?;
                shared.completed(index, body);
                continue;
            }
        };
        let is_complete = body.is_complete;
        shared.completed(index, body);
        if !is_complete || !send(&mut writing, reply, is_head, shared, 0).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Does what a reply says from a part on; `false` if the connection is to be closed.
async fn send(
    stream: &mut (impl AsyncWriteExt + Unpin),
    reply: &Reply,
    is_head: bool,
    shared: &Shared,
    from: usize,
) -> Result<bool> {
    if let Some(status) = reply.informational {
        stream.write_all(format!("HTTP/1.1 {status} Ahead\r\n\r\n").as_bytes()).await?;
    }
    let mut has_head = false;
    for part in &reply.parts[from..] {
        if !matches!(part, ReplyPart::Told | ReplyPart::Reset) && !has_head {
            has_head = true;
            stream.write_all(&head(reply, Some(part))).await?;
        }
        match part {
            ReplyPart::Told => shared.told.acquire().await?.forget(),
            ReplyPart::Head => {}
            ReplyPart::Body(body) if !is_head => stream.write_all(body).await?,
            ReplyPart::Body(_) => {}
            ReplyPart::Chunk(chunk) => stream.write_all(&http1::chunk(chunk)).await?,
            ReplyPart::End(trailers) => stream.write_all(&http1::last_chunk(trailers)).await?,
            ReplyPart::Reset => return Ok(false),
        }
    }
    if !has_head {
        stream.write_all(&head(reply, None)).await?;
    }
    Ok(true)
}

/// The bytes of the head, if this part of the body is the first.
fn head(reply: &Reply, part: Option<&ReplyPart>) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} Probed\r\n", reply.status).into_bytes();
    bytes.extend(http1::write_fields(&reply.headers));
    let length = match part {
        None if reply.status == 204 || reply.status == 304 => Vec::new(),
        None => http1::write_fields(&[("content-length", "0")]),
        Some(ReplyPart::Body(body)) => {
            http1::write_fields(&[("content-length", body.len().to_string())])
        }
        Some(_) => http1::write_fields(&[("transfer-encoding", "chunked")]),
    };
    [&bytes[..], &length, b"\r\n"].concat()
}
