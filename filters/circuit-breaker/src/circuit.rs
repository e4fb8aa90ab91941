//! One breaker, shared by all workers: the state in shared data, its counts in Envoy gauges.
//!
//! A request on a closed breaker touches gauges only (about 0.1 µs each); shared data, which costs ten
//! times as much and takes a process-wide lock, is for transitions.

use crate::detector::{Detectors, Outcome, Streak, Trip};
use crate::state::{FORMAT, Kind, Policy, ProbeId, Refusal, State};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tollgate::Result;
use tollgate::metrics::{self, Counter, Gauge, MetricError, Metrics};
use tollgate::shared::{Reservation, SharedCell, SharedGauge, Update};
use tollgate::time::Instant;

/// The most characters of a breaker's name that a line of the log repeats.
const MAX_NAME: usize = 128;

/// The breaker of one key, as one worker holds it.
#[derive(Debug)]
pub struct Circuit {
    name: String,
    policy: Policy,
    detectors: Option<Detectors>,
    limit: u64,
    cell: SharedCell<State>,
    stats: Stats,
}

#[derive(Debug)]
struct Stats {
    in_flight: SharedGauge,
    /// The state, where every worker can read it cheaply.
    state: Gauge,
    /// Counts generations as well: an answer belongs to the one in which its request was let in.
    opened: Counter,
    server_errors: Gauge,
    gateway_errors: Gauge,
    ejections_active: Gauge,
    ejections_5xx: Counter,
    ejections_gateway: Counter,
    overflow: Counter,
    rejected: Counter,
    probes: Counter,
    probe_failures: Counter,
}

impl Stats {
    /// Names are Envoy's where it has one for the same thing.
    fn define(metrics: &Metrics) -> Result<Self, MetricError> {
        let counter = |stat| metrics.counter(stat);
        let gauge = |stat| metrics.gauge(stat);
        Ok(Self {
            in_flight: metrics.shared_gauge("in_flight")?,
            state: gauge("state")?,
            opened: counter("opened")?,
            server_errors: gauge("consecutive_5xx")?,
            gateway_errors: gauge("consecutive_gateway_failure")?,
            ejections_active: gauge("ejections_active")?,
            ejections_5xx: counter("ejections_enforced_consecutive_5xx")?,
            ejections_gateway: counter("ejections_enforced_consecutive_gateway_failure")?,
            overflow: counter("upstream_rq_pending_overflow")?,
            rejected: counter("rejected")?,
            probes: counter("probes")?,
            probe_failures: counter("probe_failures")?,
        })
    }
}

/// Why a request may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// As many as allowed are in flight.
    Overflow,
    /// The breaker is not closed; look again after this time.
    Open {
        /// How long.
        retry_after: Duration,
    },
}

/// The right of one request to be in flight. What it holds is given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    circuit: Rc<Circuit>,
    generation: u64,
    probe: Cell<Option<ProbeId>>,
    _in_flight: Reservation,
}

impl Circuit {
    /// The breaker called `name`, in the state that other workers, or a configuration before this
    /// one, left it in; with metrics that have its key.
    ///
    /// # Errors
    ///
    /// When the host refuses a metric or shared data.
    pub fn new(
        name: String,
        (policy, detectors, limit): (Policy, Option<Detectors>, u64),
        metrics: &Metrics,
    ) -> Result<Self> {
        // State and gauges belong together, so both go by the same name.
        let key = metrics::segment(&name);
        let cell = SharedCell::new(format!("tollgate.circuit_breaker.{key}"), FORMAT);
        let (name, stats) = (printable(&name), Stats::define(metrics)?);
        let circuit = Self { name, policy, detectors, limit, cell, stats };
        circuit.publish_stored()?;
        Ok(circuit)
    }

    /// Asks for a request to be let in.
    ///
    /// # Errors
    ///
    /// When the host fails.
    pub fn admit(self: &Rc<Self>) -> Result<Result<Permit, Rejection>> {
        // Before the state is looked at: who finds it closed has a generation that ends with it.
        let generation = self.stats.opened.value()?;
        let probe = match self.pass()? {
            Ok(probe) => probe,
            Err(rejection) => {
                self.stats.rejected.increment();
                return Ok(Err(rejection));
            }
        };
        match self.stats.in_flight.reserve(self.limit) {
            Ok(Some(in_flight)) => Ok(Ok(Permit {
                circuit: Rc::clone(self),
                generation,
                probe: Cell::new(probe),
                _in_flight: in_flight,
            })),
            refused => {
                if let Some(probe) = probe {
                    self.release(probe);
                }
                refused?;
                self.stats.overflow.increment();
                Ok(Err(Rejection::Overflow))
            }
        }
    }

    /// Whether the state lets a request in, and if so, whether as a probe.
    fn pass(&self) -> Result<Result<Option<ProbeId>, Rejection>> {
        if self.detectors.is_none() || self.stats.state.value()? == Kind::Closed as u64 {
            return Ok(Ok(None));
        }
        let (now, mut from, mut admitted) = (Instant::now()?, Kind::Closed, None);
        let update = self.cell.update(|state| {
            let state = state.unwrap_or_else(|| State::new(now));
            from = state.kind();
            let (state, probe) = state.probe(&self.policy, now)?;
            admitted = Some(probe);
            Ok(state)
        })?;
        match update {
            Update::Stored(state) => {
                self.stats.probes.increment();
                self.transition(from, &state, format_args!("letting a probe in"))?;
                Ok(Ok(admitted))
            }
            Update::Kept(Refusal::Closed) => {
                self.publish(Kind::Closed)?;
                Ok(Ok(None))
            }
            Update::Kept(Refusal::Open { retry_after }) => Ok(Err(Rejection::Open { retry_after })),
        }
    }

    /// Counts an answer to a request that was let in while the breaker was closed.
    fn count(&self, outcome: Outcome) -> Result<()> {
        let Some(detectors) = self.detectors else { return Ok(()) };
        let Stats { server_errors, gateway_errors, .. } = self.stats;
        match outcome {
            Outcome::Ignored => return Ok(()),
            Outcome::Success => return self.end_streak(),
            Outcome::ServerError => gateway_errors.set(0)?,
            Outcome::GatewayError => gateway_errors.add(1)?,
        }
        server_errors.add(1)?;
        let streak = Streak {
            server_errors: server_errors.value()?,
            gateway_errors: gateway_errors.value()?,
        };
        match detectors.judge(streak) {
            Some(trip) => self.trip(trip),
            None => Ok(()),
        }
    }

    fn end_streak(&self) -> Result<()> {
        for gauge in [self.stats.server_errors, self.stats.gateway_errors] {
            if gauge.value()? != 0 {
                gauge.set(0)?;
            }
        }
        Ok(())
    }

    fn trip(&self, trip: Trip) -> Result<()> {
        let now = Instant::now()?;
        let update = self
            .cell
            .update(|state| state.unwrap_or_else(|| State::new(now)).trip(&self.policy, now))?;
        let Update::Stored(state) = update else { return self.publish_stored() };
        match trip {
            Trip::Consecutive5xx(_) => self.stats.ejections_5xx.increment(),
            Trip::ConsecutiveGateway(_) => self.stats.ejections_gateway.increment(),
        }
        self.transition(Kind::Closed, &state, format_args!("after {trip}"))?;
        // In this order: who reads the new generation finds the state published, and answers to
        // requests of the old one do not count towards the next streak.
        self.stats.opened.increment();
        self.end_streak()
    }

    /// A probe was answered.
    fn judge_probe(&self, probe: ProbeId, outcome: Outcome) -> Result<()> {
        let now = Instant::now()?;
        let failed = matches!(outcome, Outcome::ServerError | Outcome::GatewayError);
        if outcome == Outcome::Success {
            self.end_streak()?;
        }
        let update = self.cell.update(|state| {
            let state = state.unwrap_or_else(|| State::new(now));
            match outcome {
                Outcome::Success => state.probe_succeeded(probe, &self.policy, now),
                Outcome::Ignored => state.probe_released(probe),
                _ => state.probe_failed(probe, &self.policy, now),
            }
        })?;
        let Update::Stored(state) = update else { return self.publish_stored() };
        let why = if failed { "a probe failed" } else { "a probe succeeded" };
        self.transition(Kind::HalfOpen, &state, format_args!("{why}"))?;
        if failed {
            self.stats.probe_failures.increment();
            self.stats.opened.increment();
        }
        Ok(())
    }

    /// Gives back the place of a probe that got no answer.
    fn release(&self, probe: ProbeId) {
        let update = self.cell.update(|state| match state {
            Some(state) => state.probe_released(probe),
            None => Err(crate::state::Outdated),
        });
        // If this fails, the place is free again after the policy's `max_wait`.
        drop(update);
    }

    /// Makes a stored state known: to the other workers, and to the operator.
    fn transition(&self, from: Kind, state: &State, why: std::fmt::Arguments<'_>) -> Result<()> {
        let to = state.kind();
        if from == to {
            return Ok(());
        }
        self.publish(to)?;
        match state.open_until() {
            Some(until) => tollgate::info!(
                "tollgate circuit_breaker: {}: {from} to {to}, {why}; next probe in {:.3?}",
                self.name,
                until.since(Instant::now()?)
            ),
            None => {
                tollgate::info!("tollgate circuit_breaker: {}: {from} to {to}, {why}", self.name);
            }
        }
        Ok(())
    }

    /// Brings the gauges in line with the state, whatever put them out of it.
    fn publish_stored(&self) -> Result<()> {
        match self.cell.get()? {
            Some(state) => self.publish(state.kind()),
            None => Ok(()),
        }
    }

    /// Writes the state to the gauges, and again until they show what shared data holds: two workers
    /// that publish at once may overtake each other, but the last one to write looks after it wrote.
    fn publish(&self, mut kind: Kind) -> Result<()> {
        loop {
            self.stats.state.set(kind as u64)?;
            self.stats.ejections_active.set(u64::from(kind != Kind::Closed))?;
            match self.cell.get()?.map(|state| state.kind()) {
                Some(now) if now != kind => kind = now,
                _ => return Ok(()),
            }
        }
    }
}

/// A name that a log can bear: it may be what a client has sent in a header.
fn printable(name: &str) -> String {
    name.escape_default().take(MAX_NAME).collect()
}

impl Permit {
    /// Tells the breaker how the request was answered. `details` is asked for only when the answer
    /// can make a difference.
    ///
    /// # Errors
    ///
    /// When the host fails.
    pub fn answered(
        &self,
        status: u16,
        details: impl FnOnce() -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        let circuit = &self.circuit;
        if let Some(probe) = self.probe.get() {
            let outcome = Outcome::classify(status, &details()?.unwrap_or_default());
            circuit.judge_probe(probe, outcome)?;
            self.probe.set(None);
            return Ok(());
        }
        if !circuit.can_matter(status)? || self.is_outdated()? {
            return Ok(());
        }
        circuit.count(Outcome::classify(status, &details()?.unwrap_or_default()))
    }

    /// Whether the breaker has opened since the request was let in.
    fn is_outdated(&self) -> Result<bool> {
        let stats = &self.circuit.stats;
        Ok(stats.opened.value()? != self.generation || stats.state.value()? != Kind::Closed as u64)
    }
}

impl Circuit {
    /// A success matters only when it ends a streak. Every gateway error is a server error too.
    fn can_matter(&self, status: u16) -> Result<bool> {
        Ok(status >= 500 || self.stats.server_errors.value()? != 0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(probe) = self.probe.get() {
            self.circuit.release(probe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, printable};

    #[test]
    fn a_name_of_a_clients_making_stays_on_one_line_of_the_log() {
        assert_eq!(printable("outbound|80||reviews.default"), "outbound|80||reviews.default");
        assert_eq!(printable("a\u{85}[info] b\t\n"), r"a\u{85}[info] b\t\n");
        assert_eq!(printable(&"a".repeat(60_000)).len(), MAX_NAME);
    }
}
