//! What all workers know together about the keys of one source: the state machine of fetching.
//!
//! ```text
//!            first fetch ok            expired
//!   never ───────────────────► fresh ─────────► stale ──────────────► too old
//!                                ▲                │   stale_if_error     │
//!                                └────────────────┴──── a fetch is ok ◄──┘
//! ```
//!
//! Beside it stands a lease: one worker fetches at a time, and it has the lease until it has told the
//! others what came of it. A worker that fails meanwhile keeps nobody waiting for longer than the fetch
//! could have taken.
//!
//! Pure: a value that is replaced as a whole by compare-and-swap; `now` is an argument.

use super::policy::Policy;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tollgate::time::Instant;

/// The form of [`Record`] in shared data; a new one for every change of its fields.
pub const FORMAT: u8 = 1;

/// By so much a fetch may be over later than its time: timers are late by some milliseconds.
const GRACE: Duration = Duration::from_millis(100);

/// What is known of the keys of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    set: Option<Set>,
    last: Option<Last>,
    lease: Option<Lease>,
}

/// A key set that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Names the set: the moment when it came first.
    pub version: Instant,
    /// When the issuer last said that it is right.
    pub confirmed: Instant,
    /// How long it may be used, if the issuer said so.
    pub max_age: Option<Duration>,
    /// By what the issuer knows it again.
    pub tag: Option<Tag>,
}

/// The `ETag` of what is at a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The URL.
    pub uri: String,
    /// The tag.
    pub etag: Vec<u8>,
}

/// The last fetch that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    ended: Instant,
    failed: bool,
}

/// The right to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    owner: u64,
    began: Instant,
    until: Instant,
}

/// Why keys are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another worker may have fetched some since this one last looked.
    Look,
    /// There are none that may be used.
    Missing,
    /// Those that are there have expired.
    Expired,
    /// A token names one that is not there.
    UnknownKid,
    /// It is time for the background to fetch.
    Due,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: what is there has to do.
    GoOn,
    /// A fetch, while what is there has to do.
    Refresh,
    /// To wait for a fetch: for the one under way, or a new one.
    Wait,
}

/// Why no fetch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Another worker fetches.
    Fetching,
    /// There is no reason for one, or not yet again.
    NoReason,
}

/// How good a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// There was never one.
    Never,
    /// It may be used.
    Fresh,
    /// It has expired, and may be used while fetches fail.
    Stale,
    /// It may not be used any more.
    TooOld,
}

impl Record {
    /// The version of the set, if there was ever one.
    #[must_use]
    pub fn version(&self) -> Option<Instant> {
        self.set.as_ref().map(|set| set.version)
    }

    /// By what the issuer knows the set again.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.set.as_ref()?.tag.as_ref()
    }

    /// How good the set is.
    #[must_use]
    pub fn age(&self, policy: &Policy, now: Instant) -> Age {
        let Some(set) = &self.set else { return Age::Never };
        let expiry = set.expiry(policy);
        if now < expiry {
            Age::Fresh
        } else if now < expiry.after(policy.stale_if_error) {
            Age::Stale
        } else {
            Age::TooOld
        }
    }

    /// What a worker does that has this reason, and the keys of this record if there are any.
    #[must_use]
    pub fn plan(&self, reason: Reason, policy: &Policy, now: Instant) -> Plan {
        let is_fetching = self.is_fetching(now);
        let may_fetch = !is_fetching && now >= self.next_try(policy);
        let waits_or_fetches = if is_fetching || may_fetch { Plan::Wait } else { Plan::GoOn };
        match (self.age(policy, now), reason) {
            (_, Reason::Look) => Plan::GoOn,
            (Age::Never | Age::TooOld, _) | (_, Reason::Missing) => waits_or_fetches,
            (_, Reason::UnknownKid) if is_fetching || self.may_fetch_for_unknown(policy, now) => {
                Plan::Wait
            }
            (Age::Stale, _) if self.has_failed() || policy.in_background => match may_fetch {
                true => Plan::Refresh,
                false => Plan::GoOn,
            },
            (Age::Stale, _) => waits_or_fetches,
            (Age::Fresh, Reason::Due) if !is_fetching && now >= self.due(policy, now) => {
                Plan::Refresh
            }
            (Age::Fresh, _) => Plan::GoOn,
        }
    }

    /// When the background has something to do.
    #[must_use]
    pub fn due(&self, policy: &Policy, now: Instant) -> Instant {
        if let Some(lease) = self.lease.filter(|lease| now < lease.until) {
            return lease.until;
        }
        let Some(set) = &self.set else { return self.next_try(policy) };
        let lifetime = policy.lifetime(set.max_age);
        let ahead = set.confirmed.after(lifetime.saturating_sub(policy.ahead(lifetime)));
        ahead.max(self.next_try(policy))
    }

    /// When a fetch may follow one that failed; always, if the last one did not.
    #[must_use]
    pub fn next_try(&self, policy: &Policy) -> Instant {
        match self.last {
            Some(Last { ended, failed: true }) => ended.after(policy.failed_refetch),
            _ => Instant::default(),
        }
    }

    /// Begins a fetch that `owner` makes.
    ///
    /// # Errors
    ///
    /// Why there is none to make.
    pub fn begin(
        mut self,
        reason: Reason,
        policy: &Policy,
        owner: u64,
        now: Instant,
    ) -> Result<Self, Idle> {
        if self.is_fetching(now) {
            // Who waits for it sees by itself whether it was what it waited for.
            return Err(Idle::Fetching);
        }
        if self.plan(reason, policy, now) == Plan::GoOn {
            return Err(Idle::NoReason);
        }
        let until = now.after(policy.timeout.saturating_add(GRACE));
        self.lease = Some(Lease { owner, began: now, until });
        Ok(self)
    }

    /// A fetch has brought this set.
    #[must_use]
    pub fn succeeded(self, owner: u64, set: Set, now: Instant) -> Self {
        Self { set: Some(set), ..self.ended(owner, false, now) }
    }

    /// A fetch has confirmed the set; has failed, if there is none.
    #[must_use]
    pub fn confirmed(self, owner: u64, max_age: Option<Duration>, now: Instant) -> Self {
        match self.set.clone() {
            Some(set) => self.succeeded(owner, Set { confirmed: now, max_age, ..set }, now),
            None => self.failed(owner, now),
        }
    }

    /// A fetch has failed.
    #[must_use]
    pub fn failed(self, owner: u64, now: Instant) -> Self {
        self.ended(owner, true, now)
    }

    fn ended(mut self, owner: u64, failed: bool, now: Instant) -> Self {
        // It may have taken longer than it was allowed to, and be another's turn by now.
        self.lease = self.lease.filter(|lease| lease.owner != owner);
        self.last = Some(Last { ended: now, failed });
        self
    }

    fn is_fetching(&self, now: Instant) -> bool {
        self.lease.is_some_and(|lease| now < lease.until)
    }

    fn has_failed(&self) -> bool {
        self.last.is_some_and(|last| last.failed)
    }

    /// Counted from the last fetch, whatever caused it, also from one whose worker never told its end.
    fn may_fetch_for_unknown(&self, policy: &Policy, now: Instant) -> bool {
        let ended = self.last.map(|last| last.ended);
        let last = self.lease.map(|lease| lease.began).max(ended);
        last.is_none_or(|last| now >= last.after(policy.unknown_kid))
    }
}

impl Set {
    fn expiry(&self, policy: &Policy) -> Instant {
        self.confirmed.after(policy.lifetime(self.max_age))
    }
}

#[cfg(test)]
pub(crate) mod tests;
