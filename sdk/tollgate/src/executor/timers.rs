//! Every sleep of a plugin, over the one tick that the host gives it.

use super::{EXECUTOR, current};
use crate::root_map::RootMap;
use crate::time::Instant;
use futures_lite::future;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The sleeps of each plugin (a root context has one tick).
pub(super) struct Timers(RefCell<RootMap<Queue>>);

#[derive(Default)]
struct Queue {
    sleeps: BTreeMap<(Instant, u64), Waker>,
    last_id: u64,
    tick: Tick,
}

/// What the host's tick is set to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Tick {
    #[default]
    Off,
    /// It comes every `period` milliseconds, next at `due`.
    Every { period: u32, due: Instant },
    /// It came just now, and comes again after `period` milliseconds unless it is set.
    Came { period: u32 },
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(RootMap::new()))
    }

    pub(super) fn wake_due(&self, root: u32) {
        let Ok(now) = Instant::now() else { return };
        let due = {
            let mut queues = self.0.borrow_mut();
            let Some(queue) = queues.get_mut(root) else { return };
            if let Tick::Every { period, .. } = queue.tick {
                queue.tick = Tick::Came { period };
            }
            let later = queue.sleeps.split_off(&(now, u64::MAX));
            std::mem::replace(&mut queue.sleeps, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// The tick to set for the next sleep, or for what is ready already; `None` when it is right.
    pub(super) fn next_period(&self, root: u32, has_ready: bool) -> Option<u32> {
        let mut queues = self.0.borrow_mut();
        if has_ready {
            queues.get_or_default(root)?.tick_for(Instant::now().ok())
        } else {
            queues.get_mut(root)?.tick_for_next()
        }
    }

    pub(super) fn tick_failed(&self, root: u32) {
        if let Some(queue) = self.0.borrow_mut().get_mut(root) {
            queue.tick = Tick::Off;
        }
    }

    pub(super) fn remove_root(&self, root: u32) {
        let queue = self.0.borrow_mut().remove(root);
        drop(queue);
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.0.borrow().iter().all(|(_, queue)| queue.sleeps.is_empty())
    }
}

impl Queue {
    fn tick_for_next(&mut self) -> Option<u32> {
        let next = self.sleeps.first_key_value().map(|((deadline, _), _)| *deadline);
        self.tick_for(next)
    }

    fn tick_for(&mut self, next: Option<Instant>) -> Option<u32> {
        let Some(next) = next else {
            let was_on = self.tick != Tick::Off;
            self.tick = Tick::Off;
            return was_on.then_some(0);
        };
        match self.tick {
            Tick::Off => self.start_tick(next),
            Tick::Came { period } => self.start_tick(next).filter(|new| *new != period),
            // Every callback comes by here, so it is set again only for a sleep that would end late:
            // one that comes early is cheaper left alone, and one put off each time never comes.
            Tick::Every { due, .. } if due.since(next) < milliseconds(1) => None,
            Tick::Every { due, .. } => {
                let soonest = Instant::now().ok()?.after(milliseconds(1));
                if due <= soonest { None } else { self.start_tick(next) }
            }
        }
    }

    fn start_tick(&mut self, next: Instant) -> Option<u32> {
        let now = Instant::now().ok()?;
        let period = period_until(next.since(now));
        self.tick = Tick::Every { period, due: now.after(milliseconds(period)) };
        Some(period)
    }
}

/// Whole milliseconds, rounded up, so that one tick is enough; at least one, because 0 is off.
fn period_until(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}

/// Waits. Never shorter than asked, and late by a few milliseconds: the host's tick counts whole ones.
///
/// A request that waits stays with its filter and costs nothing meanwhile; when its stream ends, so
/// does the sleep. A host without a clock cannot wait: then the sleep is over soon.
///
/// ```
/// # async fn example() {
/// tollgate::time::sleep(std::time::Duration::from_millis(300)).await;
/// # }
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = Instant::now().ok().map(|now| now.after(duration));
    Sleep { root: current().root, deadline, timer: None, yields: !duration.is_zero() }
}

/// A future that is ready at a moment, never earlier; see [`sleep`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    root: u32,
    deadline: Option<Instant>,
    timer: Option<u64>,
    /// It has not made room for others yet. Whoever sleeps again and again must do so, also on a host
    /// whose clock fails or stands still.
    yields: bool,
}

impl Sleep {
    fn remove_timer(&mut self) {
        let (Some(deadline), Some(id)) = (self.deadline, self.timer.take()) else { return };
        // Fails only while a native thread ends and drops the executor itself.
        let waker = EXECUTOR.try_with(|executor| {
            let mut queues = executor.timers.0.borrow_mut();
            queues.get_mut(self.root).and_then(|queue| queue.sleeps.remove(&(deadline, id)))
        });
        drop(waker);
    }

    fn set_timer(&mut self, deadline: Instant, waker: &Waker) {
        let replaced = EXECUTOR.with(|executor| {
            let mut queues = executor.timers.0.borrow_mut();
            let queue = queues.get_or_default(self.root)?;
            let id = *self.timer.get_or_insert_with(|| {
                queue.last_id = queue.last_id.wrapping_add(1);
                queue.last_id
            });
            queue.sleeps.insert((deadline, id), waker.clone())
        });
        drop(replaced);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let yields = std::mem::take(&mut self.yields);
        match self.deadline {
            Some(deadline) if Instant::now().is_ok_and(|now| now < deadline) => {
                self.set_timer(deadline, context.waker());
                Poll::Pending
            }
            _ if yields => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => {
                self.remove_timer();
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.remove_timer();
    }
}

/// What [`timeout`] gives when the time is over.
///
/// ```
/// assert_eq!(tollgate::time::Elapsed.to_string(), "the time is over");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl std::error::Error for Elapsed {}

/// Waits for a future, but not longer than `limit`; then the future is dropped.
///
/// ```
/// # async fn example(answer: impl Future<Output = u16>) -> u16 {
/// use std::time::Duration;
///
/// tollgate::time::timeout(Duration::from_secs(1), answer).await.unwrap_or(504)
/// # }
/// ```
///
/// # Errors
///
/// When the time is over.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let in_time = async { Ok(future.await) };
    let too_late = async {
        sleep(limit).await;
        Err(Elapsed)
    };
    future::or(in_time, too_late).await
}
