use super::cell::{SharedCell, Update};
use super::lease::{BEAT, Confirmed, Directory, FORMAT};
use crate::abi::{HostError, Result, Status};
use crate::metrics::{Gauge, MetricError, Metrics};
use crate::properties::Properties;
use crate::random::Random;
use crate::time::{Instant, sleep};
use crate::{metrics, task};
use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

/// A count over all workers, of places that are taken and given back; visible as a gauge.
///
/// Never more than the limit hold a place: a place is taken first and looked at afterwards, so that of
/// two workers which ask at once for the last place both may be refused, but not both let in.
///
/// A VM that fails (a panic, memory used up) takes its memory with it, but not what it has added to the
/// host's gauge. So each VM notes in a second gauge how much it has added, and confirms once a second
/// that it is alive, while anyone holds a place. What a VM has added that has not done so for five
/// seconds is taken back by the first other that looks: one that confirms itself, or that is refused a
/// place. So the count is right again seven seconds after a VM has failed, if another VM uses the gauge
/// or one is started in its place (`failure_policy: FAIL_RELOAD`).
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::shared::{Reservation, SharedGauge};
///
/// struct Bouncer {
///     inside: SharedGauge,
/// }
///
/// impl Bouncer {
///     /// `None` when the house is full.
///     fn let_in(&self) -> Result<Option<Reservation>> {
///         self.inside.reserve(100)
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SharedGauge(Rc<Inner>);

struct Inner {
    stat: &'static str,
    metrics: Metrics,
    total: Gauge,
    directory: SharedCell<Directory>,
    /// Tells VMs, and configurations in one VM, apart.
    owner: u64,
    lease: Cell<Option<Lease>>,
    /// How many places are held here.
    held: Cell<i64>,
    /// A background task confirms the lease.
    is_beating: Cell<bool>,
    last_look: Cell<Instant>,
}

/// A slot in the directory, and the gauge in which its owner notes what it has added.
#[derive(Clone, Copy)]
struct Lease {
    slot: usize,
    added: Gauge,
}

/// A place in a [`SharedGauge`], given back when dropped. It is kept in the
/// [`State`](crate::HttpFilter::State), or in a local variable of the phase that it is for.
#[must_use = "dropping a reservation gives the place back"]
pub struct Reservation(Rc<Inner>);

impl SharedGauge {
    /// The count that is visible as the gauge `stat` of a filter.
    ///
    /// # Errors
    ///
    /// When the gauge cannot be defined, or Envoy does not keep it: see
    /// [`Metrics::require_gauges`].
    pub fn new(metrics: Metrics, stat: &'static str) -> Result<Self, MetricError> {
        metrics.require_gauges()?;
        let inner = Rc::new(Inner {
            stat,
            total: metrics.gauge(stat)?,
            directory: SharedCell::new(format!("{}.leases", metrics.name(stat)), FORMAT),
            metrics,
            owner: Random::from_host().draw(|rng| rng.u64(1..)),
            lease: Cell::new(None),
            held: Cell::new(0),
            is_beating: Cell::new(false),
            last_look: Cell::new(Instant::default()),
        });
        // Places that are held already may be those of a VM that has failed.
        if inner.taken()? != 0 {
            inner.beat();
        }
        Ok(Self(inner))
    }

    /// The count now.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    pub fn value(&self) -> Result<u64> {
        Ok(u64::try_from(self.0.taken()?).unwrap_or_default())
    }

    /// Takes one place out of `limit`, or `None` when all are taken.
    ///
    /// # Errors
    ///
    /// When the host fails; then nothing is taken.
    pub fn reserve(&self, limit: u64) -> Result<Option<Reservation>> {
        if let Some(reservation) = self.try_reserve(limit)? {
            return Ok(Some(reservation));
        }
        match self.0.look_for_failed()? {
            true => self.try_reserve(limit),
            false => Ok(None),
        }
    }

    fn try_reserve(&self, limit: u64) -> Result<Option<Reservation>> {
        self.0.take()?;
        // On an error the drop of the reservation gives the place back.
        let reservation = Reservation(Rc::clone(&self.0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok((self.0.taken()? <= limit).then_some(reservation))
    }
}

/// What the background task holds. It may be dropped with the plugin that began it, while another one
/// still uses the gauge.
struct Beating(Rc<Inner>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.is_beating.set(false);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// Nobody holds a place here any more. If the slot was buried before the last of them was given back, they
/// were taken back twice, and nobody comes to count them anew.
impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.count_anew(self.lease.get());
    }
}

impl Inner {
    fn name(&self) -> String {
        self.metrics.local_name(self.stat)
    }

    /// Below zero only for the moment in which a VM that was slow has not counted its places anew.
    fn taken(&self) -> Result<i64> {
        self.total.value().map(u64::cast_signed)
    }

    fn take(self: &Rc<Self>) -> Result<()> {
        let lease = self.lease()?;
        // Nothing that can fail comes between the two, so that they always agree.
        lease.added.add(1)?;
        if let Err(error) = self.total.add(1) {
            let _ = lease.added.add(-1);
            return Err(error);
        }
        self.held.set(self.held.get().saturating_add(1));
        Ok(())
    }

    fn give_back(&self) {
        self.held.set(self.held.get().saturating_sub(1));
        if let Some(lease) = self.lease.get() {
            let _ = self.total.add(-1);
            let _ = lease.added.add(-1);
        }
    }

    /// The lease, confirmed within the last second or so.
    fn lease(self: &Rc<Self>) -> Result<Lease> {
        if self.is_beating.get()
            && let Some(lease) = self.lease.get()
        {
            return Ok(lease);
        }
        self.confirm()?;
        self.beat();
        self.lease.get().ok_or(HostError::new("proxy_set_shared_data", Status::CasMismatch))
    }

    /// Confirms the lease from now on, while anyone holds a place.
    fn beat(self: &Rc<Self>) {
        if self.is_beating.replace(true) {
            return;
        }
        let beating = Beating(Rc::clone(self));
        task::spawn(async move { while beating.0.confirm_later().await {} }).detach();
    }

    /// Says whether it has to be done again.
    async fn confirm_later(&self) -> bool {
        sleep(BEAT).await;
        let confirmed = self.confirm_held().and_then(|()| self.bury_failed());
        if let Err(error) = confirmed {
            crate::warn!("tollgate: cannot confirm the places of {}: {error}", self.name());
            // Without a clock there is no beat. Else it goes on: places that are held would be taken
            // for those of a VM that has failed.
            return self.held.get() != 0 && Instant::now().is_ok();
        }
        self.held.get() != 0 || self.taken().is_ok_and(|taken| taken != 0)
    }

    fn confirm_held(&self) -> Result<()> {
        if self.lease.get().is_some() { self.confirm() } else { Ok(()) }
    }

    /// Confirms the lease, or gets one.
    fn confirm(&self) -> Result<()> {
        let (now, before) = (Instant::now()?, self.lease.get());
        let mut confirmed = Confirmed::Lost;
        let mut slot = 0;
        self.update(|directory| {
            if let Some(before) = before {
                slot = before.slot;
                confirmed = directory.confirm(slot, self.owner, now);
            }
            if confirmed == Confirmed::Lost {
                slot = directory.claim(self.owner, now);
            }
        })?;
        match confirmed {
            Confirmed::NotNow => Ok(()),
            // They agree already, unless the slot was buried in between.
            Confirmed::Held | Confirmed::Retaken => self.count_anew(before),
            Confirmed::Lost => {
                let added = self.metrics.lease(self.stat, &vm_id(), slot)?;
                self.lease.set(Some(Lease { slot, added }));
                self.count_anew(self.lease.get())
            }
        }
    }

    /// Brings what the host believes in line with what is held here.
    fn count_anew(&self, lease: Option<Lease>) -> Result<()> {
        let Some(lease) = lease else { return Ok(()) };
        let missing = self.held.get().saturating_sub(lease.added.value()?.cast_signed());
        if missing != 0 {
            self.total.add(missing)?;
            lease.added.add(missing)?;
        }
        Ok(())
    }

    /// Looks for VMs that have failed, at most once in a beat; says whether there was one.
    fn look_for_failed(&self) -> Result<bool> {
        let now = Instant::now()?;
        if now.since(self.last_look.get()) < BEAT {
            return Ok(false);
        }
        self.last_look.set(now);
        let before = self.taken()?;
        self.bury_failed()?;
        Ok(self.taken()? < before)
    }

    fn bury_failed(&self) -> Result<()> {
        let now = Instant::now()?;
        loop {
            let mut failed = None;
            let update = self.directory.update(|directory| {
                let mut directory = directory.unwrap_or_default();
                failed = directory.begin_burial(now);
                if failed.is_some() { Ok(directory) } else { Err(()) }
            })?;
            let (Update::Stored(_), Some(slot)) = (update, failed) else { return Ok(()) };
            let added = self.metrics.lease(self.stat, &vm_id(), slot)?;
            let places = added.value()?.cast_signed();
            self.total.add(places.saturating_neg())?;
            added.add(places.saturating_neg())?;
            self.update(|directory| directory.end_burial(slot))?;
            if places != 0 {
                crate::warn!(
                    "tollgate: a VM failed: its {places} of {} are given back",
                    self.name()
                );
            }
        }
    }

    fn update(&self, mut change: impl FnMut(&mut Directory)) -> Result<()> {
        let update = self.directory.update(|directory| {
            let mut directory = directory.unwrap_or_default();
            change(&mut directory);
            Ok::<_, Infallible>(directory)
        })?;
        match update {
            Update::Stored(_) => Ok(()),
            Update::Kept(never) => match never {},
        }
    }
}

/// Shared data is by `vm_id`, and metrics are not: so what goes with it is named by it.
fn vm_id() -> String {
    let id = Properties.plugin_vm_id().ok().flatten().unwrap_or_default();
    metrics::segment(&id.to_string_lossy())
}

impl fmt::Debug for SharedGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedGauge({})", self.0.name())
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({})", self.0.name())
    }
}
