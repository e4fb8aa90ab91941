//! Arbitrary bytes over HTTP/1.1, for hostile requests and for clients that hang up.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Response;

/// No answer may take longer than this.
const LIMIT: Duration = Duration::from_secs(30);

/// A TCP connection. Dropping it hangs up, whatever is in progress.
#[derive(Debug)]
pub struct RawConnection(BufReader<TcpStream>);

/// Sends `bytes` on a connection of its own and reads one answer.
///
/// # Errors
///
/// When nobody listens, or what comes back is no HTTP/1.1 answer.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Result<Response> {
    let mut connection = RawConnection::open(address).await?;
    connection.write(bytes).await?;
    connection.read_response().await
}

/// The bytes of a `GET` with exactly these header lines besides `host`, not checked in any way.
#[must_use]
pub fn get_request(path: &[u8], headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = [b"GET ", path, b" HTTP/1.1\r\nhost: raw.test\r\n"].concat();
    for (name, value) in headers {
        bytes.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

impl RawConnection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// When the peer has closed the connection.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.0.get_mut().write_all(bytes.as_ref()).await?)
    }

    /// Reads the next answer to a request other than `HEAD`.
    ///
    /// # Errors
    ///
    /// When the peer closes the connection before it is complete, when it is no HTTP/1.1, or when
    /// it takes longer than 30 seconds.
    pub async fn read_response(&mut self) -> Result<Response> {
        timeout(LIMIT, self.response()).await.context("no answer in time")?
    }

    /// Reads everything until the peer closes the connection.
    ///
    /// # Errors
    ///
    /// When it breaks instead, or takes longer than 30 seconds.
    pub async fn rest(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        timeout(LIMIT, self.0.read_to_end(&mut bytes)).await.context("no end in time")??;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the peer closes the connection, having sent nothing more, within 30 seconds.
    pub async fn is_closed_by_peer(&mut self) -> bool {
        let end = timeout(LIMIT, self.0.fill_buf()).await;
        end.is_ok_and(|read| read.map_or(true, <[u8]>::is_empty))
    }

    async fn response(&mut self) -> Result<Response> {
        let status_line = self.line().await?;
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .with_context(|| format!("no status line: {status_line:?}"))?;
        let headers = self.headers().await?;
        let body = self.body(status, &headers).await?;
        Ok(Response { status, headers, body, trailers: HeaderMap::new() })
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await?;
        ensure!(line.ends_with(b"\r\n"), "the connection was closed in the middle of the answer");
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    async fn headers(&mut self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) =
                line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
            headers.append(
                HeaderName::from_bytes(name.as_bytes())?,
                HeaderValue::from_str(value.trim())?,
            );
        }
    }

    async fn body(&mut self, status: u16, headers: &HeaderMap) -> Result<Bytes> {
        if status < 200 || status == 204 || status == 304 {
            return Ok(Bytes::new());
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if text("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        let mut body = Vec::new();
        match text("content-length") {
            Some(length) => {
                body.resize(length.parse()?, 0);
                self.0.read_exact(&mut body).await?;
            }
            None => {
                self.0.read_to_end(&mut body).await?;
            }
        }
        Ok(body.into())
    }

    async fn chunks(&mut self) -> Result<Bytes> {
        let mut body = Vec::new();
        loop {
            let size = self.line().await?;
            let Ok(size) = usize::from_str_radix(&size, 16) else {
                bail!("no chunk size: {size:?}");
            };
            let mut chunk = vec![0; size];
            self.0.read_exact(&mut chunk).await?;
            body.append(&mut chunk);
            ensure!(self.line().await?.is_empty(), "a chunk that is longer than it said");
            if size == 0 {
                return Ok(body.into());
            }
        }
    }
}
