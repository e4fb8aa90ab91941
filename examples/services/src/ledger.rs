//! A service with bad days: it fails, or keeps its callers waiting, for as long as it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Server;

/// A running ledger. Callers see it through its address; its owner also steers and observes it.
#[derive(Debug)]
pub struct Ledger {
    server: Server,
    books: Arc<Books>,
}

#[derive(Debug)]
struct Books {
    requests: AtomicU64,
    in_flight: AtomicU64,
    failing: AtomicBool,
    holding: watch::Sender<bool>,
}

/// Serves on `listener`: every path answers 200, or 500 while failing, and waits while holding.
///
/// The same controls as on [`Ledger`] for a user with `curl`: `POST /control/fail`, `/control/heal`,
/// `/control/hold` and `/control/release`; `GET /control` shows the counts. These are not counted.
///
/// # Errors
///
/// When the listener has no local address.
pub async fn serve(listener: TcpListener) -> Result<Ledger> {
    let books = Arc::new(Books {
        requests: AtomicU64::new(0),
        in_flight: AtomicU64::new(0),
        failing: AtomicBool::new(false),
        holding: watch::Sender::new(false),
    });
    let app = Router::new()
        .route("/control", get(report))
        .route("/control/fail", control(|books| books.set_failing(true)))
        .route("/control/heal", control(|books| books.set_failing(false)))
        .route("/control/hold", control(|books| books.set_holding(true)))
        .route("/control/release", control(|books| books.set_holding(false)))
        .fallback(entry)
        .with_state(Arc::clone(&books));
    Ok(Ledger { server: Server::start(listener, app)?, books })
}

impl Ledger {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// From now on every request is answered with 500.
    pub fn fail(&self) {
        self.books.set_failing(true);
    }

    /// From now on every request is answered with 200 again.
    pub fn heal(&self) {
        self.books.set_failing(false);
    }

    /// From now on requests wait, until [`release`](Self::release).
    pub fn hold(&self) {
        self.books.set_holding(true);
    }

    /// Answers those that wait, and holds no more.
    pub fn release(&self) {
        self.books.set_holding(false);
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.books.requests.load(Ordering::SeqCst)
    }

    /// How many requests have arrived and are not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.books.in_flight.load(Ordering::SeqCst)
    }

    /// Answers those that wait and ends it; see [`Server::stop`].
    pub async fn stop(self) {
        self.release();
        self.server.stop().await;
    }
}

impl Books {
    fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    fn set_holding(&self, holding: bool) {
        self.holding.send_replace(holding);
    }
}

/// A control: does `change` and reports the books.
fn control(change: fn(&Books)) -> MethodRouter<Arc<Books>> {
    post(async move |State(books): State<Arc<Books>>| {
        change(&books);
        report(State(books)).await
    })
}

async fn report(State(books): State<Arc<Books>>) -> Json<Value> {
    Json(json!({
        "requests": books.requests.load(Ordering::SeqCst),
        "in_flight": books.in_flight.load(Ordering::SeqCst),
        "failing": books.failing.load(Ordering::SeqCst),
        "holding": *books.holding.borrow(),
    }))
}

/// One request in progress; gives its place back also when the caller hangs up while it waits.
struct InFlight(Arc<Books>);

impl InFlight {
    fn enter(books: &Arc<Books>) -> Self {
        books.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(books))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn entry(State(books): State<Arc<Books>>) -> Response {
    let number = books.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let _in_flight = InFlight::enter(&books);
    // The sender lives in `books`, so waiting cannot fail before the condition holds.
    let _ = books.holding.subscribe().wait_for(|holding| !holding).await;
    if books.failing.load(Ordering::SeqCst) {
        let answer = Json(json!({ "app": "ledger", "entry": number, "error": "disk on fire" }));
        return (StatusCode::INTERNAL_SERVER_ERROR, answer).into_response();
    }
    Json(json!({ "app": "ledger", "entry": number })).into_response()
}
