//! A small relative of <https://httpbin.org>: says what it received.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::Server;

/// The longest wait that `/delay/{ms}` grants.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// A running httpbin.
#[derive(Debug)]
pub struct Httpbin {
    server: Server,
    requests: Arc<AtomicU64>,
}

/// Serves on `listener`, for every method:
///
/// | path | answer |
/// |---|---|
/// | `/headers` | the request's headers |
/// | `/status/{code}` | that status, without a body |
/// | `/delay/{ms}` | the headers, after so many milliseconds (at most 60 s) |
/// | `/anything` and all other paths | method, path, headers and body |
///
/// A header with several values shows them as a list.
///
/// # Errors
///
/// When the listener has no local address.
pub async fn serve(listener: TcpListener) -> Result<Httpbin> {
    let requests = Arc::new(AtomicU64::new(0));
    let app = Router::new()
        .route("/headers", any(echo_headers))
        .route("/status/{code}", any(echo_status))
        .route("/delay/{ms}", any(delayed_headers))
        .fallback(any(echo_everything))
        .layer(middleware::from_fn_with_state(Arc::clone(&requests), count));
    Ok(Httpbin { server: Server::start(listener, app)?, requests })
}

impl Httpbin {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many requests it has received.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Ends it; see [`Server::stop`].
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

async fn count(State(requests): State<Arc<AtomicU64>>, request: Request, next: Next) -> Response {
    requests.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

async fn echo_headers(headers: HeaderMap) -> Json<Value> {
    Json(json!({ "headers": to_json(&headers) }))
}

async fn echo_status(Path(code): Path<u16>) -> Response {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST).into_response()
}

async fn delayed_headers(Path(ms): Path<u64>, headers: HeaderMap) -> Json<Value> {
    tokio::time::sleep(Duration::from_millis(ms).min(MAX_DELAY)).await;
    echo_headers(headers).await
}

async fn echo_everything(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    Json(json!({
        "method": method.as_str(),
        "path": uri.to_string(),
        "headers": to_json(&headers),
        "body": String::from_utf8_lossy(&body),
    }))
}

fn to_json(headers: &HeaderMap) -> Value {
    let text = |value: &[u8]| Value::from(String::from_utf8_lossy(value).into_owned());
    headers
        .keys()
        .map(|name| {
            let mut values: Vec<_> =
                headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
            let value = if values.len() == 1 { values.remove(0) } else { Value::from(values) };
            (name.to_string(), value)
        })
        .collect::<Map<_, _>>()
        .into()
}
