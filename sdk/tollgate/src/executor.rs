//! One executor per VM: it polls what is ready, and multiplexes every sleep of a plugin over the
//! one tick that the host gives it.
//!
//! A future is polled for the first time by its callback, where most finish; only one that has to
//! wait is handed over. Nothing here holds a borrow while it polls, drops a future or calls the
//! host, so whatever those call back finds the executor usable.

use crate::abi;
use crate::time::Instant;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How often one callback goes round tasks that wake each other, before the rest waits for a tick.
const ROUNDS_PER_CALLBACK: u32 = 16;

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static EXECUTOR: Executor = Executor::default();
}

#[derive(Default)]
struct Executor {
    last_id: Cell<u64>,
    tasks: RefCell<HashMap<u64, Task>>,
    ready: RefCell<VecDeque<Arc<TaskWaker>>>,
    /// The waker of a future that finished at once, for the next one to use.
    spare: RefCell<Option<Arc<TaskWaker>>>,
    timers: RefCell<HashMap<u32, Timers>>,
}

/// A future that waits, and the stream of the plugin on whose behalf it does.
struct Task {
    root: u32,
    stream: u32,
    future: TaskFuture,
}

/// The sleeps of one plugin (a root context has one tick).
#[derive(Default)]
struct Timers {
    queue: BTreeMap<(Instant, u64), Waker>,
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

struct TaskWaker {
    id: AtomicU64,
    queued: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            // Fails only while a native thread ends and drops the executor itself.
            let _ = EXECUTOR.try_with(|executor| executor.ready.borrow_mut().push_back(self));
        }
    }
}

/// What became of a future that was polled for the first time.
pub(crate) enum First<F: Future> {
    /// It finished.
    Done(F::Output),
    /// It waits.
    Waiting(Waiting<F>),
}

/// A future that was polled once, and waits.
pub(crate) struct Waiting<F> {
    future: Pin<Box<F>>,
    id: u64,
}

/// Polls a future for the first time.
pub(crate) fn poll_first<F: Future>(mut future: Pin<Box<F>>) -> First<F> {
    EXECUTOR.with(|executor| {
        let task = executor.next_waker();
        let id = task.id.load(Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(waker);
        match polled {
            Poll::Ready(output) => {
                executor.recycle(task);
                First::Done(output)
            }
            Poll::Pending => First::Waiting(Waiting { future, id }),
        }
    })
}

impl<F: Future + 'static> Waiting<F> {
    /// Hands the future over; `finish` gets its output, in a callback of the host in which `stream`
    /// is the effective context. Returns the number for [`cancel`].
    pub(crate) fn park(
        self,
        root: u32,
        stream: u32,
        finish: impl FnOnce(F::Output) + 'static,
    ) -> u64 {
        let future = Box::pin(async move { finish(self.future.await) });
        EXECUTOR.with(|executor| {
            executor.tasks.borrow_mut().insert(self.id, Task { root, stream, future });
        });
        self.id
    }
}

/// Drops a parked future, and with it its sleeps. Does nothing if it has finished.
pub(crate) fn cancel(id: u64) {
    let task = EXECUTOR.with(|executor| executor.tasks.borrow_mut().remove(&id));
    drop(task);
}

/// Polls what was woken, and sets the tick of `root` for the next sleep. To be called last in every
/// callback that polls.
pub(crate) fn settle(root: u32) {
    EXECUTOR.with(|executor| {
        executor.run();
        executor.set_tick(root);
    });
}

/// The tick of `root` came: wakes the sleeps that are due, and settles.
pub(crate) fn tick(root: u32) {
    EXECUTOR.with(|executor| {
        executor.wake_due(root);
        executor.run();
        executor.set_tick(root);
    });
}

/// Forgets a plugin that is gone.
pub(crate) fn remove_root(root: u32) {
    let timers = EXECUTOR.with(|executor| executor.timers.borrow_mut().remove(&root));
    drop(timers);
}

impl Executor {
    fn next_waker(&self) -> Arc<TaskWaker> {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        match self.spare.borrow_mut().take() {
            Some(task) => {
                task.id.store(id, Ordering::Relaxed);
                task
            }
            None => Arc::new(TaskWaker { id: AtomicU64::new(id), queued: AtomicBool::new(false) }),
        }
    }

    /// Keeps the waker for another future, unless somebody still holds it.
    fn recycle(&self, task: Arc<TaskWaker>) {
        if Arc::strong_count(&task) == 1 {
            self.spare.replace(Some(task));
        }
    }

    fn run(&self) {
        for _ in 0..ROUNDS_PER_CALLBACK {
            let round = std::mem::take(&mut *self.ready.borrow_mut());
            if round.is_empty() {
                return;
            }
            for waker in round {
                self.poll(waker);
            }
        }
    }

    fn poll(&self, waker: Arc<TaskWaker>) {
        waker.queued.store(false, Ordering::Relaxed);
        let id = waker.id.load(Ordering::Relaxed);
        let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { return };
        // A stream that is gone took its tasks with it, so this fails only if the host is confused;
        // then the future must not act on another stream.
        if abi::set_effective_context(task.stream).is_err() {
            return;
        }
        let waker = Waker::from(waker);
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let root = task.root;
            self.tasks.borrow_mut().insert(id, task);
            // It may sleep now, and be another plugin's than the one whose callback this is.
            self.set_tick(root);
        }
    }

    fn wake_due(&self, root: u32) {
        let Ok(now) = Instant::now() else { return };
        let due = {
            let mut timers = self.timers.borrow_mut();
            let Some(timers) = timers.get_mut(&root) else { return };
            if let Tick::Every { period, .. } = timers.tick {
                timers.tick = Tick::Came { period };
            }
            let later = timers.queue.split_off(&(now, u64::MAX));
            std::mem::replace(&mut timers.queue, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    fn set_tick(&self, root: u32) {
        let has_ready = !self.ready.borrow().is_empty();
        let change = {
            let mut timers = self.timers.borrow_mut();
            if has_ready {
                timers.entry(root).or_default().tick_for(Instant::now().ok())
            } else {
                timers.get_mut(&root).and_then(Timers::tick_for_next)
            }
        };
        if let Some(period) = change
            && abi::set_effective_context(root).and_then(|()| abi::set_tick_period(period)).is_err()
            && let Some(timers) = self.timers.borrow_mut().get_mut(&root)
        {
            timers.tick = Tick::Off;
        }
    }
}

impl Timers {
    /// The period to set for the first sleep in the queue; `None` when the tick is right already.
    fn tick_for_next(&mut self) -> Option<u32> {
        let next = self.queue.first_key_value().map(|((deadline, _), _)| *deadline);
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

/// A future that is ready at a moment, never earlier; see [`crate::Request::sleep`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    root: u32,
    deadline: Option<Instant>,
    timer: Option<u64>,
}

impl Sleep {
    /// A host without a clock cannot wait: then the sleep is over at once.
    pub(crate) fn new(root: u32, duration: Duration) -> Self {
        let deadline = Instant::now().ok().map(|now| now.after(duration));
        Self { root, deadline, timer: None }
    }

    fn remove_timer(&mut self) {
        let (Some(deadline), Some(id)) = (self.deadline, self.timer.take()) else { return };
        // Fails only while a native thread ends and drops the executor itself.
        let waker = EXECUTOR.try_with(|executor| {
            let mut timers = executor.timers.borrow_mut();
            timers.get_mut(&self.root).and_then(|timers| timers.queue.remove(&(deadline, id)))
        });
        drop(waker);
    }

    fn set_timer(&mut self, deadline: Instant, waker: &Waker) {
        EXECUTOR.with(|executor| {
            let mut timers = executor.timers.borrow_mut();
            let timers = timers.entry(self.root).or_default();
            let id = *self.timer.get_or_insert_with(|| {
                timers.last_id = timers.last_id.wrapping_add(1);
                timers.last_id
            });
            timers.queue.insert((deadline, id), waker.clone());
        });
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Ready(()) };
        if Instant::now().map_or(true, |now| now >= deadline) {
            self.remove_timer();
            return Poll::Ready(());
        }
        self.set_timer(deadline, context.waker());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.remove_timer();
    }
}

#[cfg(test)]
mod tests;
