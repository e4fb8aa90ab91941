//! A voting application that exists in two versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Server;

/// The header in which the canary filter tells Envoy, and whoever comes after, the variant.
pub const ROUTING_HEADER: &str = "x-tollgate-variant";

/// A running voting application.
#[derive(Debug)]
pub struct Voting {
    server: Server,
    state: Arc<Votes>,
}

#[derive(Debug)]
struct Votes {
    version: String,
    requests: AtomicU64,
}

/// Serves the given version (`v1`, `v2`) of the application on `listener`.
///
/// `GET` of any path answers JSON, or one line of text when the caller's `accept` asks for `text/plain`.
///
/// # Errors
///
/// When the listener has no local address.
pub async fn serve(listener: TcpListener, version: impl Into<String>) -> Result<Voting> {
    let state = Arc::new(Votes { version: version.into(), requests: AtomicU64::new(0) });
    let app = Router::new().fallback(get(vote)).with_state(Arc::clone(&state));
    Ok(Voting { server: Server::start(listener, app)?, state })
}

impl Voting {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// How many requests it has answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Ends it; see [`Server::stop`].
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

async fn vote(State(votes): State<Arc<Votes>>, headers: HeaderMap) -> Response {
    let requests = votes.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let version = &votes.version;
    if prefers_text(&headers) {
        return format!("voting app {version}, request {requests}\n").into_response();
    }
    let routing_headers: Vec<_> = headers
        .get_all(ROUTING_HEADER)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    Json(json!({
        "app": "voting",
        "version": version,
        "requests": requests,
        ROUTING_HEADER: routing_headers,
    }))
    .into_response()
}

fn prefers_text(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.starts_with("text/plain"))
}
