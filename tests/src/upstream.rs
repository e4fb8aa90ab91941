//! A service that records what arrives and answers as told, in HTTP/1.1 and HTTP/2 (prior
//! knowledge).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// So many headers are taken in; hyper's own limit of 100 would hide what Envoy lets through.
const MAX_HEADERS: usize = 2000;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Of HTTP.
    pub version: Version,
    /// All headers; the values are bytes.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// What came behind the body; the values are bytes.
    pub trailers: HeaderMap,
}

impl Received {
    /// The bytes of every line of a header, in the order they arrived; empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
}

/// What the upstream does with a request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
    delay: Duration,
    reset: bool,
}

impl Answer {
    /// An answer without a body.
    ///
    /// # Panics
    ///
    /// When the status is not between 100 and 999.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status between 100 and 999"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            trailers: HeaderMap::new(),
            delay: Duration::ZERO,
            reset: false,
        }
    }

    /// No answer: the connection is closed, or in HTTP/2 the stream reset.
    #[must_use]
    pub fn reset() -> Self {
        Self { reset: true, ..Self::status(500) }
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With one more header.
    ///
    /// # Panics
    ///
    /// When name or value cannot be a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// With one more trailer. In HTTP/1.1 they are sent only to who says `te: trailers`.
    ///
    /// # Panics
    ///
    /// When name or value cannot be a header.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.trailers.append(name, value);
        self
    }

    /// The answer of a unary gRPC service: a message, in protobuf.
    #[must_use]
    pub fn grpc(message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self::status(200)
            .header("content-type", "application/grpc")
            .body([&[0], &length[..], message].concat())
            .trailer("grpc-status", "0")
    }

    /// The answer of a gRPC service that fails.
    #[must_use]
    pub fn grpc_status(status: u32, message: &str) -> Self {
        Self::status(200)
            .header("content-type", "application/grpc")
            .header("grpc-status", status.to_string())
            .header("grpc-message", message)
    }

    /// After a pause.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Script = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// A running upstream; it ends when dropped. It answers 200 with the body `ok` until told otherwise.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: RwLock<Script>,
    received: Mutex<Vec<Received>>,
    held: watch::Sender<bool>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

impl Upstream {
    /// Starts one on a free port of the loopback.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: RwLock::new(Arc::new(|_| Answer::status(200).body("ok"))),
            received: Mutex::default(),
            held: watch::Sender::new(false),
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers come from `script`.
    pub fn respond(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.shared.script.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(script);
    }

    /// From now on requests wait for their answer until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Answers those that wait, and holds no more.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// All requests so far, in the order in which they had arrived completely.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// The last request.
    ///
    /// # Errors
    ///
    /// When there was none.
    pub fn last(&self) -> Result<Received> {
        let received = self.shared.received();
        received.last().cloned().ok_or_else(|| anyhow!("the upstream has seen no request"))
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.received().len()
    }

    /// How many requests are not answered yet. One whose caller hung up counts no more.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// The most that were in flight at the same time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.shared.max_in_flight.load(Ordering::SeqCst)
    }

    /// Forgets the requests and the maximum so far.
    pub fn forget(&self) {
        self.shared.received().clear();
        self.shared.max_in_flight.store(self.in_flight(), Ordering::SeqCst);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn received(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> Script {
        Arc::clone(&self.script.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request in flight, until it is answered or its caller is gone.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn enter(shared: &Arc<Shared>) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.max_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Accepts until aborted; the connections end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().max_headers(MAX_HEADERS);
    // Ends with an error when a client hangs up or a reset was asked for.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<hyper::Response<BoxBody<Bytes, Infallible>>> {
    let _in_flight = InFlight::enter(&shared);
    let received = receive(request).await?;
    let script = shared.script();
    shared.received().push(received.clone());
    // The sender lives in `shared`, so waiting cannot fail.
    let _ = shared.held.subscribe().wait_for(|held| !held).await;
    let answer = script(&received);
    tokio::time::sleep(answer.delay).await;
    if answer.reset {
        return Err(anyhow!("a reset was asked for"));
    }
    let body = Full::new(answer.body);
    let mut response = hyper::Response::new(match answer.trailers.is_empty() {
        true => body.boxed(),
        false => body.with_trailers(std::future::ready(Some(Ok(answer.trailers)))).boxed(),
    });
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

async fn receive(request: hyper::Request<Incoming>) -> Result<Received> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok(Received {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        version: head.version,
        headers: head.headers,
        body: body.to_bytes(),
        trailers,
    })
}
