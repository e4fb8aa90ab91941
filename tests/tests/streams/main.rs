//! What the SDK makes of streams and calls in stock Envoy: a probe does what each request asks for.

mod bodies;
mod calls;
mod endings;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tollgate_e2e::client::raw::RawConnection;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::wire::Step;
use tollgate_e2e::{modules, wait};

/// No wait takes longer than this.
const LIMIT: Duration = Duration::from_secs(10);

/// Envoy with the probe in front of upstreams.
struct Proxy(Process);

impl Proxy {
    /// `/name...` goes to the upstream of that name, which speaks HTTP/2 if it is `grpc...`.
    async fn start(
        upstreams: impl IntoIterator<Item = (&str, SocketAddr)>,
        services: impl IntoIterator<Item = Cluster>,
    ) -> Result<Self> {
        let probe = WasmFilter::of_module(modules::probe("streams")?, "streams", json!({}));
        let mut listener = Listener::new("probe")
            .filter(probe)
            .with(json!({ "http_protocol_options": { "enable_trailers": true } }));
        let mut bootstrap = services.into_iter().fold(Bootstrap::new(), Bootstrap::cluster);
        for (name, address) in upstreams {
            listener = listener.route(Route::prefix(&format!("/{name}")).to(name));
            let cluster = Cluster::new(name, address);
            bootstrap = bootstrap.cluster(match name.starts_with("grpc") {
                true => cluster.http2(),
                false => cluster.http1_trailers(),
            });
        }
        listener = listener.route(Route::prefix("/").direct_response(200, "direct"));
        Process::start(&bootstrap.listener(listener).build(), 1).await.map(Self)
    }

    fn address(&self) -> Result<SocketAddr> {
        self.0.address("probe")
    }

    async fn stat(&self, name: &str) -> Result<u64> {
        self.0.stats().await?.get(&format!("wasmcustom.tollgate.streams.{name}"))
    }

    async fn until_stat(&self, name: &str, value: u64) -> Result<()> {
        wait::until(&format!("{name} is {value}"), LIMIT, async || {
            self.stat(name).await.is_ok_and(|seen| seen == value)
        })
        .await
    }

    /// Sends a request in pieces, and reads the answer until the connection is closed; empty when it
    /// is reset.
    async fn exchange(&self, pieces: &[Step]) -> Result<String> {
        let mut connection = RawConnection::open(self.address()?).await?;
        for piece in pieces {
            match piece {
                Step::Pause(pause) => tokio::time::sleep(*pause).await,
                // Fails when the answer was there before the request had ended.
                Step::Send(bytes) | Step::Until(bytes) => drop(connection.write(bytes).await),
            }
        }
        Ok(connection.rest().await.unwrap_or_default())
    }
}

fn send(bytes: impl AsRef<str>) -> Step {
    Step::Send(bytes.as_ref().into())
}

/// The request's head, with a header or nothing more.
fn head(method: &str, path: &str, more: &str) -> Step {
    send(format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\n{more}\r\n"
    ))
}

/// The address of a service that is down.
fn nobody() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
