//! Stock Envoy with the built modules, on real sockets: the harness of the end-to-end tests and of
//! the demo.
//!
//! | module | what it gives |
//! |---|---|
//! | [`envoy`] | finds Envoy, writes its configuration, runs it, reads its stats and logs |
//! | [`upstream`] | a service that records what arrives and answers as told |
//! | [`wire`] | a service that answers with exactly the bytes it is told, in pieces |
//! | [`client`] | HTTP/1.1 and HTTP/2 requests; raw bytes for what no client library would send |
//! | [`certificates`] | an authority and certificates, for TLS on both sides |
//! | [`tokens`] | signing keys, their JWKS, and tokens good and bad |
//! | [`oracle`] | a filter of this project and Envoy's own, side by side |
//! | [`modules`] | where the built `.wasm` files are |
//! | [`costs`] | what a request costs each filter, as recorded |
//! | [`scenario`] | how Envoy's Wasm host behaves, as scenarios that more than one world can show |
//! | [`scenarios`] | the scenarios themselves |
//! | [`wait`] | waits for a condition instead of for a time |
//!
//! A whole test:
//!
//! ```no_run
//! use serde_json::json;
//! use tollgate_e2e::client;
//! use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
//! use tollgate_e2e::upstream::Upstream;
//!
//! # async fn test() -> anyhow::Result<()> {
//! let upstream = Upstream::start().await?;
//! let canary = WasmFilter::new("canary", json!({ "flag": "voting-app" }))?;
//! let config = Bootstrap::new()
//!     .listener(Listener::new("ingress").filter(canary).route(Route::prefix("/").to("app")))
//!     .cluster(Cluster::new("app", upstream.address()))
//!     .build();
//!
//! let envoy = Process::start(&config, 2).await?; // two workers
//! let answer = client::get(envoy.address("ingress")?, "/").send().await?;
//! assert_eq!(answer.status, 200);
//! assert_eq!(upstream.requests().len(), 1);
//! # Ok(())
//! # }
//! ```

use std::path::{Path, PathBuf};

pub mod certificates;
pub mod client;
pub mod costs;
pub mod envoy;
pub mod modules;
pub mod oracle;
pub mod scenario;
pub mod scenarios;
pub mod tokens;
pub mod upstream;
pub mod wait;
pub mod wire;

/// The folder of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// Cargo's target folder: `$CARGO_TARGET_DIR`, a relative one seen from the workspace, else `target`.
#[must_use]
pub fn target_dir() -> PathBuf {
    let configured = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    workspace_root().join(configured.unwrap_or_else(|| "target".into()))
}

/// What the SDK's guide says of this crate: its example is compiled here.
#[cfg(doctest)]
#[doc = include_str!("../../sdk/tollgate/src/guide/testing_in_envoy.md")]
mod guide {}
