//! An issuer that changes its signing key again and again.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;
use tollgate_e2e::tokens::{SigningKey, jwks, rsa_key};
use tollgate_e2e::upstream::{Answer, Upstream};

/// How many keys are kept after they were withdrawn, to sign with what must be refused.
const WITHDRAWN: usize = 4;

/// A running issuer; it ends when dropped.
pub(super) struct Issuer {
    server: Upstream,
    keys: Arc<Keys>,
    rotation: JoinHandle<()>,
}

/// Its keys, now.
pub(super) struct Keys {
    now: RwLock<Generation>,
    period: Duration,
}

/// Its keys between two rotations.
pub(super) struct Generation {
    /// How many rotations there have been.
    pub(super) number: usize,
    /// When the last one was.
    pub(super) since: Instant,
    /// When the next one is.
    pub(super) until: Instant,
    /// Published, and not used yet.
    pub(super) next: Arc<SigningKey>,
    /// Signs.
    pub(super) current: Arc<SigningKey>,
    /// Signed before, and is still published.
    pub(super) last: Arc<SigningKey>,
    /// Are not published any more; the newest first.
    pub(super) withdrawn: Vec<Arc<SigningKey>>,
}

impl Issuer {
    /// Starts one on a free port.
    pub(super) async fn start(period: Duration) -> Result<Self> {
        let server = Upstream::start().await?;
        let keys = Arc::new(Keys { now: RwLock::new(Generation::first(period)), period });
        let published = Arc::clone(&keys);
        server.respond(move |_| Answer::status(200).body(published.now().jwks()));
        let rotation = tokio::spawn(rotate(Arc::clone(&keys)));
        Ok(Self { server, keys, rotation })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// How many keys it has signed with.
    pub(super) fn generations(&self) -> usize {
        self.keys.now().number + 1
    }

    /// How often its key set was fetched.
    pub(super) fn asked(&self) -> usize {
        self.server.count()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.rotation.abort();
    }
}

impl Keys {
    pub(super) fn now(&self) -> RwLockReadGuard<'_, Generation> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn rotate(keys: Arc<Keys>) {
    loop {
        let until = keys.now().until;
        tokio::time::sleep_until(until.into()).await;
        let mut now = keys.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = now.following(keys.period);
    }
}

fn key(number: usize) -> Arc<SigningKey> {
    Arc::new(SigningKey::es256(&format!("key-{number}")))
}

impl Generation {
    fn first(period: Duration) -> Self {
        let since = Instant::now();
        Self {
            number: 0,
            since,
            until: since + period,
            next: key(2),
            current: key(1),
            last: key(0),
            withdrawn: Vec::new(),
        }
    }

    fn following(&self, period: Duration) -> Self {
        let number = self.number + 1;
        let mut withdrawn = vec![Arc::clone(&self.last)];
        withdrawn.extend(self.withdrawn.iter().take(WITHDRAWN - 1).cloned());
        Self {
            number,
            since: self.until,
            until: self.until + period,
            next: key(number + 2),
            current: Arc::clone(&self.next),
            last: Arc::clone(&self.current),
            withdrawn,
        }
    }

    /// What it publishes; an RSA key that never changes is there, too.
    fn jwks(&self) -> String {
        jwks(&[&self.next, &self.current, &self.last, rsa_key()]).to_string()
    }
}
