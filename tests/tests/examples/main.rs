//! The example filters in stock Envoy.

mod ask;
mod check;
mod limit;
mod redact;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::client::{self, Request};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::upstream::Upstream;
use tollgate_e2e::{modules, wait};

/// No wait takes longer than this.
const LIMIT: Duration = Duration::from_secs(10);

/// Envoy with one example in front of an upstream.
struct Proxy {
    envoy: Process,
    example: &'static str,
}

impl Proxy {
    async fn start(
        example: &'static str,
        configuration: Value,
        upstream: SocketAddr,
        services: impl IntoIterator<Item = Cluster>,
        workers: u32,
    ) -> Result<Self> {
        let filter = WasmFilter::of_module(modules::example(example)?, example, configuration);
        let listener = Listener::new("example")
            .filter(filter)
            .route(Route::prefix("/").to("upstream"))
            .with(json!({ "http_protocol_options": { "enable_trailers": true } }));
        let upstream = Cluster::new("upstream", upstream).http1_trailers();
        let bootstrap = Bootstrap::new().listener(listener).cluster(upstream);
        let bootstrap = services.into_iter().fold(bootstrap, Bootstrap::cluster);
        Ok(Self { envoy: Process::start(&bootstrap.build(), workers).await?, example })
    }

    fn address(&self) -> Result<SocketAddr> {
        self.envoy.address("example")
    }

    fn get(&self, path: &str) -> Result<Request<'static>> {
        Ok(client::get(self.address()?, path))
    }

    async fn stat(&self, name: &str) -> Result<u64> {
        let name = format!("wasmcustom.tollgate.{}.{name}", self.example);
        self.envoy.stats().await?.get(&name)
    }

    async fn until_stat(&self, name: &str, value: u64) -> Result<()> {
        wait::until(&format!("{name} is {value}"), LIMIT, async || {
            self.stat(name).await.is_ok_and(|seen| seen == value)
        })
        .await
        .with_context(|| format!("the clients of {}", self.example))
    }
}

/// The address of a service that is down.
fn nobody() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
