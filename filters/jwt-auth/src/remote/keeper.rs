//! The adapter of fetched keys: makes the calls, and shares with the other workers what came of them.

use super::RemoteKeys;
use super::record::{self, Idle, Plan, Reason, Record, Set, Tag};
use super::source::{self, FetchError, Fetched, Source, Url};
use crate::keys::KeySet;
use crate::provider::Provider;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::time::Duration;
use tollgate::HostError;
use tollgate::callout::{Answer, CallError, HttpCall, Retry};
use tollgate::metrics::Counter;
use tollgate::random::Random;
use tollgate::shared::{SharedCell, Update};
use tollgate::task::{self, SingleFlight};
use tollgate::time::{self, Instant};

/// The largest key set, and discovery document, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// How often a worker that waits for another one looks whether it is done.
const POLL: Duration = Duration::from_millis(25);
/// The shortest sleep.
const MOMENT: Duration = Duration::from_millis(1);
/// How long a worker leaves its background alone whose host has failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The form of [`Body`] in shared data.
const BODY_FORMAT: u8 = 1;
/// The longest reason in a log line, in characters.
const MAX_REASON: usize = 300;

/// Keeps the keys of a provider, in one worker.
#[derive(Debug)]
pub struct Keeper {
    name: String,
    provider: Rc<Provider>,
    keys: Rc<RemoteKeys>,
    /// Small, since it is read once a second,
    record: SharedCell<Record>,
    /// and large, read when there is news.
    body: SharedCell<Body>,
    /// One task of this worker fetches, or waits for another worker.
    flight: SingleFlight<()>,
    /// Tells this worker from the others.
    owner: u64,
    stats: FetchStats,
}

/// A key set, as it came.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    version: Instant,
    bytes: Vec<u8>,
}

/// What is counted of fetches.
#[derive(Clone, Copy, Debug)]
pub struct FetchStats {
    /// Those that brought a set, or confirmed one.
    pub success: Counter,
    /// Those that did not.
    pub failed: Counter,
    /// Those for a token whose key was not there.
    pub unknown_kid: Counter,
}

impl Keeper {
    /// Keeps the keys of this provider, if it fetches them: takes what other workers, or a configuration
    /// before this one, have fetched, and begins to fetch in the background if that was asked for.
    ///
    /// # Errors
    ///
    /// When the host has no shared data or no clock.
    pub fn start(
        name: &str,
        provider: &Rc<Provider>,
        stats: FetchStats,
    ) -> Result<Option<Rc<Self>>, HostError> {
        let Some(keys) = provider.remote() else { return Ok(None) };
        // Who allows other algorithms finds other keys usable.
        let algorithms: Vec<_> = provider.algorithms().iter().map(|it| format!("{it:?}")).collect();
        let key = format!("tollgate.jwt_auth {} {}", keys.source().key(), algorithms.join(" "));
        let keeper = Rc::new(Self {
            name: name.to_owned(),
            provider: provider.clone(),
            keys: keys.clone(),
            record: SharedCell::new(format!("{key} record"), record::FORMAT),
            body: SharedCell::new(format!("{key} body"), BODY_FORMAT),
            flight: SingleFlight::new(),
            owner: Random::from_host().draw(|rng| rng.u64(..)),
            stats,
        });
        keeper.look(Instant::now()?)?;
        if keys.policy().in_background {
            task::spawn(Rc::clone(&keeper).keep_fresh()).detach();
        }
        Ok(Some(keeper))
    }

    /// Whether it keeps these keys.
    #[must_use]
    pub fn keeps(&self, keys: &Rc<RemoteKeys>) -> bool {
        Rc::ptr_eq(&self.keys, keys)
    }

    /// Does what can be done for a request that lacks keys; it is to be decided anew then. Waits for a
    /// fetch, but not longer than one may take.
    ///
    /// # Errors
    ///
    /// When the host has no shared data or no clock.
    pub async fn settle(self: &Rc<Self>, reason: Reason) -> Result<(), HostError> {
        let now = Instant::now()?;
        let before = self.keys.version();
        self.look(now)?;
        if self.keys.version() != before {
            // Another worker was faster.
            return Ok(());
        }
        match self.keys.plan(reason, now) {
            Plan::GoOn => {}
            Plan::Refresh => {
                let keeper = Rc::clone(self);
                task::spawn(async move { keeper.fly(reason).await }).detach();
            }
            Plan::Wait => {
                // A fetch that is over in time is over for everybody: the time is not told apart.
                let _ = time::timeout(self.keys.policy().timeout, self.fly(reason)).await;
                self.look(Instant::now()?)?;
            }
        }
        Ok(())
    }

    /// Looks at what all workers know, and reads the set if it is another one.
    fn look(&self, now: Instant) -> Result<(), HostError> {
        let record = self.record.get()?.unwrap_or_default();
        if record.version() != self.keys.version()
            && let Some(Body { version, bytes }) = self.body.get()?
            && Some(version) != self.keys.version()
        {
            self.install(version, KeySet::parse_for(self.provider.algorithms(), &bytes).ok());
        }
        self.keys.see(record, now);
        Ok(())
    }

    fn install(&self, version: Instant, keys: Option<KeySet>) {
        if !self.keys.install(version, keys) {
            self.provider.cache().borrow_mut().clear();
        }
    }

    /// Fetches in the background, before a set expires, as long as this plugin is there.
    async fn keep_fresh(self: Rc<Self>) {
        // Envoy tries a configuration out in a VM that it deletes at once (`WasmHandleBase::canary` in
        // proxy-wasm-cpp-host, `src/wasm.cc`): a fetch would end with it, and all others wait for that.
        // Such a VM has no tick.
        time::sleep(MOMENT).await;
        loop {
            let pause = match self.time_until_due() {
                Ok(Duration::ZERO) => {
                    self.fly(Reason::Due).await;
                    POLL
                }
                Ok(pause) => pause,
                Err(_) => PAUSE,
            };
            time::sleep(pause).await;
        }
    }

    fn time_until_due(&self) -> Result<Duration, HostError> {
        let now = Instant::now()?;
        self.look(now)?;
        let record = self.record.get()?.unwrap_or_default();
        Ok(record.due(self.keys.policy(), now).since(now))
    }

    /// Waits for the fetch of this worker; begins it, if there is none.
    async fn fly(self: &Rc<Self>, reason: Reason) {
        let keeper = Rc::clone(self);
        self.flight
            .run(|| async move {
                if let Err(error) = keeper.fetch_or_wait(reason).await {
                    let name = &keeper.name;
                    tollgate::warn!(
                        "tollgate jwt_auth: provider {name:?}: no shared keys: {error}"
                    );
                }
            })
            .await;
    }

    /// Fetches, if no other worker does; else waits until that one is done, or ought to be.
    async fn fetch_or_wait(&self, reason: Reason) -> Result<(), HostError> {
        let before = self.keys.version();
        loop {
            let now = Instant::now()?;
            self.look(now)?;
            if self.keys.version() != before {
                return Ok(());
            }
            let policy = self.keys.policy();
            let begun = self.record.update(|record| {
                record.unwrap_or_default().begin(reason, policy, self.owner, now)
            })?;
            match begun {
                Update::Kept(Idle::Fetching) => time::sleep(POLL).await,
                Update::Kept(Idle::NoReason) => return Ok(()),
                Update::Stored(record) => {
                    if reason == Reason::UnknownKid {
                        self.stats.unknown_kid.increment();
                    }
                    let outcome = time::timeout(policy.timeout, self.fetch(&record)).await;
                    let outcome = outcome.unwrap_or_else(|_| Err(timed_out(policy.timeout)));
                    return self.publish(outcome);
                }
            }
        }
    }

    async fn fetch(&self, record: &Record) -> Result<Fetched, FetchError> {
        match self.keys.source() {
            Source::Uri(url, cluster) => self.fetch_keys(url, cluster, record).await,
            Source::Discovery { issuer, document, cluster, jwks_cluster } => {
                let answer = self.call(document, cluster).send().await.map_err(no_answer)?;
                let url = source::jwks_uri(issuer, document, answer.status(), answer.body())?;
                self.fetch_keys(&url, jwks_cluster, record).await
            }
        }
    }

    async fn fetch_keys(
        &self,
        url: &Url,
        cluster: &str,
        record: &Record,
    ) -> Result<Fetched, FetchError> {
        let uri = url.to_string();
        // Only a worker that has the set can do with the word that it is still right.
        let has_it = self.keys.has_keys() && self.keys.version() == record.version();
        let tag = record.tag().filter(|tag| has_it && tag.uri == uri);
        let call = self.call(url, cluster);
        let call = match tag {
            Some(Tag { etag, .. }) => call.header("if-none-match", etag),
            None => call,
        };
        let answer: Answer = call.send().await.map_err(no_answer)?;
        source::fetched(url, tag, answer.status(), answer.headers(), answer.body())
    }

    fn call(&self, url: &Url, cluster: &str) -> HttpCall {
        let policy = self.keys.policy();
        let retry = Retry::times(policy.retry.times).backoff(policy.retry.base, policy.retry.max);
        HttpCall::get(cluster, url.authority(), url.path())
            .timeout(policy.timeout)
            .limit(MAX_BODY)
            .retry(retry)
    }

    /// Tells all workers, and the operator, what came of a fetch.
    fn publish(&self, outcome: Result<Fetched, FetchError>) -> Result<(), HostError> {
        let now = Instant::now()?;
        let change = match outcome {
            Ok(Fetched::Unchanged { max_age }) => Ok(Change::Confirmed(max_age)),
            Ok(Fetched::Set { body, tag, max_age }) => self.take(body, tag, max_age, now)?,
            Err(error) => Err(error),
        };
        let owner = self.owner;
        self.record.update(|record| {
            let record = record.unwrap_or_default();
            Ok::<_, ()>(match &change {
                Ok(Change::Confirmed(max_age)) => record.confirmed(owner, *max_age, now),
                Ok(Change::New(set)) => record.succeeded(owner, set.clone(), now),
                Err(_) => record.failed(owner, now),
            })
        })?;
        self.look(now)?;
        match &change {
            Ok(_) => self.stats.success.increment(),
            Err(error) => self.report(error),
        }
        Ok(())
    }

    /// Reads a set that came, and leaves it for the other workers.
    fn take(
        &self,
        body: Vec<u8>,
        tag: Option<Tag>,
        max_age: Option<Duration>,
        now: Instant,
    ) -> Result<Result<Change, FetchError>, HostError> {
        let keys = match KeySet::parse_for(self.provider.algorithms(), &body) {
            Ok(keys) => keys,
            Err(error) => return Ok(Err(FetchError(error.to_string()))),
        };
        let stored = self.body.update(|stored| match stored {
            Some(stored) if stored.bytes == body => Err(stored.version),
            _ => Ok(Body { version: now, bytes: body.clone() }),
        })?;
        let version = match stored {
            Update::Stored(body) => body.version,
            Update::Kept(version) => version,
        };
        if self.keys.version() != Some(version) {
            for skipped in keys.skipped().iter().take(8) {
                let name = &self.name;
                tollgate::warn!(
                    "tollgate jwt_auth: provider {name:?}: a fetched key is not used: {skipped}"
                );
            }
            self.install(version, Some(keys));
        }
        Ok(Ok(Change::New(Set { version, confirmed: now, max_age, tag })))
    }

    fn report(&self, error: &FetchError) {
        self.stats.failed.increment();
        let (name, url) = (&self.name, self.keys.source().url());
        let reason: String = error.0.chars().take(MAX_REASON).collect();
        let then = match self.keys.version() {
            Some(_) => "the last good ones are used for as long as `stale_if_error` allows",
            None => "there are none yet",
        };
        tollgate::warn!(
            "tollgate jwt_auth: provider {name:?}: cannot fetch keys from {url}: {reason}; {then}"
        );
    }
}

/// What a fetch that was good has brought.
enum Change {
    Confirmed(Option<Duration>),
    New(Set),
}

fn no_answer(error: CallError) -> FetchError {
    FetchError(error.to_string())
}

fn timed_out(limit: Duration) -> FetchError {
    FetchError(format!("no answer within {} ms", limit.as_millis()))
}
