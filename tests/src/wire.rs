//! A service that answers with exactly the bytes it is told, in pieces, for what no HTTP library would
//! send: chunks at given moments, trailers, answers that break off.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What ends the head of a request.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What is done after a request's head has arrived.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits so long, so that Envoy sees what came before by itself.
    Pause(Duration),
    /// Waits until the request ends so.
    Until(Vec<u8>),
}

/// A running service; it ends when dropped. Every connection gets one answer, and is closed then.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Wire {
    /// Starts one on a free port of the loopback.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start(steps: impl IntoIterator<Item = Step>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let received = Arc::<Mutex<Vec<_>>>::default();
        let steps: Arc<[Step]> = steps.into_iter().collect();
        let requests = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (steps, requests) = (Arc::clone(&steps), Arc::clone(&requests));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    // Ends with an error when Envoy hangs up first.
                    let _ = answer(stream, &steps, &mut request).await;
                    requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                });
            }
        });
        Ok(Self { address, received, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, each with all bytes that came until it was answered.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, steps: &[Step], request: &mut Vec<u8>) -> Result<()> {
    stream.set_nodelay(true)?;
    while !request.windows(END_OF_HEAD.len()).any(|window| window == END_OF_HEAD) {
        read(&mut stream, request).await?;
    }
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(bytes).await?,
            Step::Pause(pause) => tokio::time::sleep(*pause).await,
            Step::Until(end) => {
                while !request.ends_with(end) {
                    read(&mut stream, request).await?;
                }
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream, request: &mut Vec<u8>) -> Result<()> {
    anyhow::ensure!(stream.read_buf(request).await? > 0, "the request broke off");
    Ok(())
}
