//! The breaker itself: closed, open, half-open.
//!
//! A value that is replaced as a whole, so that all workers can share it by compare-and-swap. It
//! changes only when a request looks at it, never on a timer; `now` is an argument. Each transition
//! takes the state, and gives the next one or why nothing changes.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tollgate::time::Instant;

/// The form of [`State`] in shared data; a new one for every change of its fields.
pub const FORMAT: u8 = 1;

/// How a breaker closes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long it is open the first time; n times as long when it opens the nth time in a row.
    pub base: Duration,
    /// It is never open longer.
    pub max: Duration,
    /// Each such time of staying closed makes the next opening count one less in a row.
    pub interval: Duration,
    /// How many probes may be in flight over all workers; at least 1.
    pub max_probes: u64,
    /// How many probes must succeed before it closes; at least 1.
    pub success_threshold: u64,
    /// A probe without an answer for so long gives its place to another.
    pub max_wait: Duration,
}

/// The state of one breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How often in a row it has opened.
    openings: u32,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Closed { since: Instant },
    Open { until: Instant },
    HalfOpen(Trial),
}

/// What is known of a half-open phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trial {
    /// Those that were let in and have not been answered.
    probes: Vec<Probe>,
    last_number: u64,
    successes: u64,
}

/// A request that finds out whether the upstream is well again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    id: ProbeId,
    expires: Instant,
}

/// Names one probe of one half-open phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeId {
    /// When it was let in; tells phases apart.
    since: Instant,
    /// Tells the probes of one phase apart.
    number: u64,
}

/// What a request gets to hear from a breaker that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has closed meanwhile: no refusal at all.
    Closed,
    /// It is open, or half-open with every probe taken; look again after this time.
    Open {
        /// How long.
        retry_after: Duration,
    },
}

/// The transition does not apply (any more): the answer came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outdated;

/// The three states, as the gauge `state` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0: everything passes.
    Closed = 0,
    /// 1: probes pass.
    HalfOpen = 1,
    /// 2: nothing passes.
    Open = 2,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        })
    }
}

impl State {
    /// A breaker that nothing is known of: closed.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { openings: 0, phase: Phase::Closed { since: now } }
    }

    /// Which of the three states this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.phase {
            Phase::Closed { .. } => Kind::Closed,
            Phase::Open { .. } => Kind::Open,
            Phase::HalfOpen(_) => Kind::HalfOpen,
        }
    }

    /// When a probe may be tried, if the breaker is open.
    #[must_use]
    pub fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            _ => None,
        }
    }

    /// Too many failures while closed: opens.
    ///
    /// # Errors
    ///
    /// When it is not closed.
    pub fn trip(self, policy: &Policy, now: Instant) -> Result<Self, Outdated> {
        let Phase::Closed { since } = self.phase else { return Err(Outdated) };
        let healthy = now.since(since).as_nanos().checked_div(policy.interval.as_nanos());
        let forgiven = u32::try_from(healthy.unwrap_or_default()).unwrap_or(u32::MAX);
        Ok(Self::opened(self.openings.saturating_sub(forgiven), policy, now))
    }

    /// A request asks to be a probe.
    ///
    /// # Errors
    ///
    /// The refusal, when it may not.
    pub fn probe(self, policy: &Policy, now: Instant) -> Result<(Self, ProbeId), Refusal> {
        let mut trial = match self.phase {
            Phase::Closed { .. } => return Err(Refusal::Closed),
            Phase::Open { until } if now < until => {
                return Err(Refusal::Open { retry_after: until.since(now) });
            }
            Phase::Open { .. } => Trial::default(),
            Phase::HalfOpen(trial) => trial,
        };
        let id = trial.admit(policy, now)?;
        Ok((Self { phase: Phase::HalfOpen(trial), ..self }, id))
    }

    /// A probe was answered well: closes, or waits for more of them.
    ///
    /// # Errors
    ///
    /// When the probe is not of this phase, or was given up.
    pub fn probe_succeeded(
        self,
        id: ProbeId,
        policy: &Policy,
        now: Instant,
    ) -> Result<Self, Outdated> {
        let mut trial = self.phase.trial_without(id)?;
        trial.successes = trial.successes.saturating_add(1);
        let phase = if trial.successes >= policy.success_threshold {
            Phase::Closed { since: now }
        } else {
            Phase::HalfOpen(trial)
        };
        Ok(Self { phase, ..self })
    }

    /// A probe failed: opens again, for longer.
    ///
    /// # Errors
    ///
    /// When the probe is not of this phase, or was given up.
    pub fn probe_failed(
        self,
        id: ProbeId,
        policy: &Policy,
        now: Instant,
    ) -> Result<Self, Outdated> {
        self.phase.trial_without(id)?;
        Ok(Self::opened(self.openings, policy, now))
    }

    /// A probe ended without an answer that counts: its place is free again.
    ///
    /// # Errors
    ///
    /// When the probe is not of this phase, or was given up.
    pub fn probe_released(self, id: ProbeId) -> Result<Self, Outdated> {
        let trial = self.phase.trial_without(id)?;
        Ok(Self { phase: Phase::HalfOpen(trial), ..self })
    }

    fn opened(openings_before: u32, policy: &Policy, now: Instant) -> Self {
        let openings = openings_before.saturating_add(1);
        let open_for = policy.base.saturating_mul(openings).min(policy.max);
        Self { openings, phase: Phase::Open { until: now.after(open_for) } }
    }
}

impl Phase {
    /// The half-open phase once the probe `id` has ended.
    fn trial_without(self, id: ProbeId) -> Result<Trial, Outdated> {
        let Self::HalfOpen(mut trial) = self else { return Err(Outdated) };
        let before = trial.probes.len();
        trial.probes.retain(|probe| probe.id != id);
        if trial.probes.len() < before { Ok(trial) } else { Err(Outdated) }
    }
}

impl Trial {
    fn admit(&mut self, policy: &Policy, now: Instant) -> Result<ProbeId, Refusal> {
        self.probes.retain(|probe| now < probe.expires);
        let next_expiry = self.probes.iter().map(|probe| probe.expires).min();
        if let Some(expiry) = next_expiry
            && self.probes.len() as u64 >= policy.max_probes
        {
            return Err(Refusal::Open { retry_after: expiry.since(now) });
        }
        self.last_number = self.last_number.saturating_add(1);
        let id = ProbeId { since: now, number: self.last_number };
        self.probes.push(Probe { id, expires: now.after(policy.max_wait) });
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
