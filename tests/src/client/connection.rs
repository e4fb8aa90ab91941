//! A connection that stays open between requests.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::request::{Parts, Target};
use super::{Request, Response};

/// One connection, which Envoy serves with one worker. Dropping it hangs up.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: Sender,
    driver: Arc<Driver>,
}

/// What moves the bytes of a connection, until the last who uses it is gone.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects for HTTP/1.1.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn http1(address: SocketAddr) -> Result<Self> {
        let (sender, connection) = http1::Builder::new()
            .max_headers(1000)
            .handshake(TokioIo::new(connect(address).await?))
            .await?;
        // Its end, good or bad, is seen by the request that needs it.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { address, sender: Sender::Http1(sender), driver: Arc::new(Driver(driver)) })
    }

    /// Connects for HTTP/2, with prior knowledge.
    ///
    /// # Errors
    ///
    /// When nobody listens, or who does speaks no HTTP/2.
    pub async fn http2(address: SocketAddr) -> Result<Self> {
        let stream = TokioIo::new(connect(address).await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { address, sender: Sender::Http2(sender), driver: Arc::new(Driver(driver)) })
    }

    /// The same connection for another request at the same time; HTTP/2 only.
    ///
    /// # Errors
    ///
    /// When it is HTTP/1.1, which has one request at a time.
    pub fn share(&self) -> Result<Self> {
        let Sender::Http2(sender) = &self.sender else {
            bail!("an HTTP/1.1 connection has one request at a time");
        };
        let sender = Sender::Http2(sender.clone());
        Ok(Self { address: self.address, sender, driver: Arc::clone(&self.driver) })
    }

    /// `GET path` on this connection.
    pub fn get(&mut self, path: &str) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// A request with any method on this connection.
    pub fn request(&mut self, method: Method, path: &str) -> Request<'_> {
        Request::new(Target::Kept(self), method, path)
    }

    pub(super) async fn exchange(&mut self, parts: Parts) -> Result<Response> {
        let request = self.to_hyper(parts)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let (status, body) = (head.status.as_u16(), body.to_bytes());
        Ok(Response { status, headers: head.headers, body, trailers })
    }

    /// HTTP/1.1 has the path alone and a `host` header, HTTP/2 the authority beside it.
    fn to_hyper(&self, mut parts: Parts) -> Result<hyper::Request<Full<Bytes>>> {
        let host = parts.headers.remove(HOST);
        let host = match host {
            Some(host) => host,
            None => HeaderValue::from_str(&self.address.to_string())?,
        };
        let uri = match self.sender {
            Sender::Http1(_) => {
                parts.headers.insert(HOST, host);
                parts.path
            }
            Sender::Http2(_) => format!("http://{}{}", host.to_str()?, parts.path),
        };
        let uri: Uri = uri.parse().with_context(|| format!("{uri} is no URI"))?;
        let mut request = hyper::Request::new(Full::new(parts.body));
        *request.method_mut() = parts.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = parts.headers;
        Ok(request)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
