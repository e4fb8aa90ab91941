//! Keys that are fetched: when, by whom, and what serves meanwhile.
//!
//! | file | what it is about |
//! |---|---|
//! | `policy.rs` | what the operator says |
//! | `record.rs` | what all workers know together: the state machine |
//! | `source.rs` | where keys are, and what counts as an answer |
//! | `freshness.rs` | how long an answer may be used |
//! | `keeper.rs` | the adapter: calls, shared data, clocks |
//!
//! All but the adapter is pure. A decision never waits: it asks [`RemoteKeys`], what this worker knows. If
//! that is not enough the decision stops with the [`Reason`], the [`Keeper`] finds out more, which may
//! take a while, and the request is decided anew, from the start.

pub mod freshness;
mod keeper;
pub mod policy;
pub mod record;
pub mod source;

pub use keeper::{FetchStats, Keeper};
pub use policy::Policy;
pub use record::{Plan, Reason};
pub use source::Source;

use crate::config::{self, OnKeysUnavailable};
use crate::keys::KeySet;
use crate::token::Token;
use policy::Fetching;
use record::{Age, Record};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tollgate::config::ConfigError;
use tollgate::time::Instant;

/// How often a worker looks at what all know, as long as it lacks nothing.
const LOOK: Duration = Duration::from_secs(1);

/// What a worker knows of the keys of a provider that fetches them.
#[derive(Debug)]
pub struct RemoteKeys {
    source: Source,
    policy: Policy,
    view: RefCell<View>,
}

/// What it saw when it last looked.
#[derive(Debug, Default)]
struct View {
    record: Record,
    /// The set that was read last, and its keys if it had any.
    version: Option<Instant>,
    keys: Option<Rc<KeySet>>,
    next_look: Instant,
}

/// Keys that may be used.
#[derive(Clone, Debug)]
pub struct Usable {
    /// The keys.
    pub keys: Rc<KeySet>,
    /// Whether they have expired, and serve because fetches fail.
    pub are_stale: bool,
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// This worker does not know enough.
    Wanted(Reason),
    /// All that can be done has been done.
    Unavailable {
        /// Whether requests pass nevertheless.
        is_allowed: bool,
        /// In how many seconds it is worth to come again; nothing for a client that shall not know.
        retry_after: Option<u64>,
    },
}

impl RemoteKeys {
    /// Those of a provider, if it fetches them.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration, with a path below the provider's name.
    pub fn new(config: &config::Provider) -> Result<Option<Self>, ConfigError> {
        let Some(source) = Source::new(config)? else {
            return Ok(None);
        };
        let (fetching, field) = match (&config.remote_jwks, &config.discovery) {
            (Some(remote), _) => {
                let fetching = Fetching {
                    cache_duration: remote.cache_duration.map(|it| it.get()),
                    timeout: remote.http_uri.timeout.map(|it| it.get()),
                    in_background: remote.async_fetch,
                    retry: remote.retry_policy,
                };
                (fetching, "remote_jwks")
            }
            (None, Some(discovery)) => {
                let fetching = Fetching {
                    cache_duration: discovery.cache_duration.map(|it| it.get()),
                    timeout: discovery.timeout.map(|it| it.get()),
                    in_background: discovery.async_fetch,
                    retry: discovery.retry_policy,
                };
                (fetching, "discovery")
            }
            (None, None) => return Ok(None),
        };
        let policy = Policy::new(config, &fetching).map_err(|error| error.at(field))?;
        Ok(Some(Self { source, policy, view: RefCell::default() }))
    }

    /// Where they come from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What the operator said.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys for a request at `now`; `is_settled` if all has been done for it that can be.
    ///
    /// # Errors
    ///
    /// What has to be done first, or that nothing helps.
    pub fn usable(&self, now: Instant, is_settled: bool) -> Result<Usable, Lack> {
        let view = self.view.borrow();
        if !is_settled && now >= view.next_look {
            return Err(Lack::Wanted(Reason::Look));
        }
        let age = view.record.age(&self.policy, now);
        match (&view.keys, age) {
            (Some(keys), Age::Fresh) => Ok(Usable { keys: keys.clone(), are_stale: false }),
            (Some(_), Age::Stale) if !is_settled && view.wants_refresh(&self.policy, now) => {
                Err(Lack::Wanted(Reason::Expired))
            }
            (Some(keys), Age::Stale) => Ok(Usable { keys: keys.clone(), are_stale: true }),
            _ if !is_settled => Err(Lack::Wanted(Reason::Missing)),
            _ => Err(self.unavailable(&view, now)),
        }
    }

    /// The keys for a token, as [`RemoteKeys::usable`]: a key that it names and that is not there is a
    /// reason to fetch.
    ///
    /// # Errors
    ///
    /// What has to be done first, or that nothing helps.
    pub fn usable_for(
        &self,
        token: &Token<'_>,
        now: Instant,
        is_settled: bool,
    ) -> Result<Usable, Lack> {
        let usable = self.usable(now, is_settled)?;
        let is_unknown = |kid: &str| {
            let mut fitting = usable.keys.matching(token.algorithm(), Some(kid));
            !usable.keys.knows(kid) && fitting.next().is_none()
        };
        match token.kid().is_some_and(is_unknown) && !is_settled {
            true => Err(Lack::Wanted(Reason::UnknownKid)),
            false => Ok(usable),
        }
    }

    /// A set that has served and is too old now must not be mistaken for an issuer that was never there.
    fn unavailable(&self, view: &View, now: Instant) -> Lack {
        let wait = view.record.next_try(&self.policy).since(now);
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        Lack::Unavailable {
            is_allowed: self.policy.unavailable == OnKeysUnavailable::Allow
                && view.record.version().is_none(),
            retry_after: match self.policy.unavailable {
                OnKeysUnavailable::Deny401 => None,
                OnKeysUnavailable::Deny503 | OnKeysUnavailable::Allow => Some(seconds.max(1)),
            },
        }
    }

    /// What is to be done, by what this worker last saw.
    #[must_use]
    pub fn plan(&self, reason: Reason, now: Instant) -> Plan {
        let view = self.view.borrow();
        view.record.plan(view.reason(reason), &self.policy, now)
    }

    /// This worker looks at what all know.
    pub fn see(&self, record: Record, now: Instant) {
        let mut view = self.view.borrow_mut();
        view.record = record;
        view.next_look = now.after(LOOK);
    }

    /// The version of the set that this worker has read last.
    #[must_use]
    pub fn version(&self) -> Option<Instant> {
        self.view.borrow().version
    }

    /// Whether this worker has keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.view.borrow().keys.is_some()
    }

    /// This worker has read a set. Returns whether tokens may still be believed that were verified with
    /// the one before: if none of its keys is gone.
    pub fn install(&self, version: Instant, keys: Option<KeySet>) -> bool {
        let mut view = self.view.borrow_mut();
        let keeps = match (&view.keys, &keys) {
            (Some(before), Some(keys)) => keys.includes(before),
            (before, _) => before.is_none(),
        };
        view.version = Some(version);
        view.keys = keys.map(Rc::new);
        keeps
    }
}

impl View {
    /// A worker whose keys are not there lacks all of them, whatever the others have.
    fn reason(&self, reason: Reason) -> Reason {
        match reason {
            Reason::Expired | Reason::UnknownKid if self.keys.is_none() => Reason::Missing,
            reason => reason,
        }
    }

    fn wants_refresh(&self, policy: &Policy, now: Instant) -> bool {
        self.record.plan(Reason::Expired, policy, now) != Plan::GoOn
    }
}

#[cfg(test)]
mod tests;
