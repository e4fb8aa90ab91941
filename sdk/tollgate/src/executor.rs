//! One executor per VM: it polls what is ready, on behalf of the stream or plugin it belongs to.
//!
//! A future is polled for the first time by its callback, where most finish; only one that has to
//! wait is kept. Nothing here holds a borrow while it polls, drops a future or calls the host, so
//! whatever those call back finds the executor usable.

mod timers;

use crate::abi;
use crate::id_map::IdMap;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use timers::Timers;
pub use timers::{Elapsed, Sleep, sleep, timeout};

/// How many futures are polled in one tick or request and the callbacks that follow from it; the rest
/// waits for the next. So futures that wake each other do not hang the worker.
const POLLS_AT_ONCE: u32 = 1024;

/// How many streams are continued, answered or reset by futures that waited, likewise.
///
/// The host does so when the callback is over, one stream after the other; and when that ends a stream,
/// it is another callback, in which the host goes on with the next one (`WasmBase::doAfterVmCallActions`
/// in proxy-wasm-cpp-host, `include/proxy-wasm/wasm.h`). So they nest, and too many overflow the stack of
/// V8: between 200 and 400 did, with no other filter in the chain.
const ACTIONS_AT_ONCE: u32 = 48;

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static EXECUTOR: Executor = const { Executor::new() };
}

/// On whose behalf a future runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The plugin: its root context, which has the tick and makes the calls.
    pub(crate) root: u32,
    /// The stream, or once more the root for what runs in the background.
    pub(crate) context: u32,
}

/// Names a future that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskId(u64);

struct Executor {
    last_id: Cell<u64>,
    /// The futures that wait; none for one that is being polled.
    tasks: RefCell<IdMap<u64, Option<Task>>>,
    ready: RefCell<VecDeque<Arc<TaskWaker>>>,
    /// How many futures have been polled since the last tick.
    polls: Cell<u32>,
    /// How many streams have been acted on since the last tick.
    actions: Cell<u32>,
    /// The waker of a future that finished at once, for the next one to use.
    spare: RefCell<Option<Arc<TaskWaker>>>,
    timers: Timers,
    current: Cell<Scope>,
}

struct Task {
    scope: Scope,
    waker: Arc<TaskWaker>,
    future: TaskFuture,
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

/// On whose behalf the code runs that asks.
pub(crate) fn current() -> Scope {
    EXECUTOR.with(|executor| executor.current.get())
}

/// Runs code on behalf of a plugin.
pub(crate) fn within<T>(scope: Scope, run: impl FnOnce() -> T) -> T {
    EXECUTOR.with(|executor| executor.within(scope, run))
}

/// Polls a future for the first time, in a callback of its context; keeps it if it waits. Its output
/// goes to `then`, which may say how it goes on.
pub(crate) fn start<First, Rest>(
    scope: Scope,
    first: First,
    then: impl FnOnce(First::Output) -> Option<Rest> + 'static,
) -> Option<TaskId>
where
    First: Future + 'static,
    Rest: Future<Output = ()> + 'static,
{
    EXECUTOR.with(|executor| {
        let waker = executor.next_waker();
        let mut first = Box::pin(first);
        match executor.poll_as(scope, &waker, first.as_mut()) {
            Poll::Ready(output) => {
                drop(first);
                executor.recycle(waker);
                start_rest(scope, executor.within(scope, || then(output)))
            }
            Poll::Pending => {
                let future = async move {
                    if let Some(rest) = then(first.await) {
                        rest.await;
                    }
                };
                Some(executor.keep(Task { scope, waker, future: Box::pin(future) }))
            }
        }
    })
}

/// As [`start`], for a first future that never waits: it needs no memory and no waker.
#[inline]
pub(crate) fn start_at_once<First, Rest>(
    scope: Scope,
    first: First,
    then: impl FnOnce(First::Output) -> Option<Rest>,
) -> Option<TaskId>
where
    First: Future,
    Rest: Future<Output = ()> + 'static,
{
    // Only a macro that was wrong about it gets nothing.
    let output = poll_at_once(scope, first);
    start_rest(scope, output.and_then(|output| within(scope, || then(output))))
}

/// The output of a future that never waits; nothing of one that does.
#[inline]
pub(crate) fn poll_at_once<F: Future>(scope: Scope, future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match within(scope, || std::pin::pin!(future).poll(&mut context)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Polls for the first time what follows a future.
fn start_rest(scope: Scope, rest: Option<impl Future<Output = ()> + 'static>) -> Option<TaskId> {
    let mut future: TaskFuture = Box::pin(rest?);
    EXECUTOR.with(|executor| {
        let waker = executor.next_waker();
        if executor.poll_as(scope, &waker, future.as_mut()).is_pending() {
            return Some(executor.keep(Task { scope, waker, future }));
        }
        drop(future);
        executor.recycle(waker);
        None
    })
}

/// Keeps a future, to be polled for the first time when the callback settles.
pub(crate) fn spawn(scope: Scope, future: impl Future<Output = ()> + 'static) -> TaskId {
    EXECUTOR.with(|executor| {
        let waker = executor.next_waker();
        let task = Task { scope, waker: Arc::clone(&waker), future: Box::pin(future) };
        let id = executor.keep(task);
        waker.wake();
        id
    })
}

/// Polls a future that waits, in a callback of its context; says whether it still waits.
pub(crate) fn poll(id: TaskId) -> bool {
    EXECUTOR.with(|executor| executor.take(id.0).is_some_and(|task| executor.run_task(id.0, task)))
}

/// Drops a future that waits, and with it its sleeps and calls. Does nothing if it has finished.
pub(crate) fn cancel(id: TaskId) {
    // Fails only while a native thread ends and drops the executor itself.
    let task = EXECUTOR.try_with(|executor| executor.tasks.borrow_mut().remove(&id.0));
    drop(task);
}

/// Polls what was woken, and sets the tick of `root` for the next sleep. To be called last in every
/// callback.
pub(crate) fn settle(root: u32) {
    EXECUTOR.with(|executor| {
        executor.run();
        executor.set_tick(root);
    });
}

/// The tick of `root` came: wakes the sleeps that are due, and settles.
pub(crate) fn tick(root: u32) {
    EXECUTOR.with(|executor| {
        executor.refresh();
        executor.timers.wake_due(root);
        executor.run();
        executor.set_tick(root);
    });
}

/// A callback begins that the host does not make inside another one: there is room for more.
pub(crate) fn refresh() {
    EXECUTOR.with(Executor::refresh);
}

/// The host was told to continue, answer or reset a stream.
pub(crate) fn acted() {
    EXECUTOR.with(|executor| executor.actions.set(executor.actions.get().saturating_add(1)));
}

/// Forgets a plugin that is gone, and what ran for it in the background.
pub(crate) fn remove_root(root: u32) {
    EXECUTOR.with(|executor| {
        let is_of_root = |task: &Task| task.scope == Scope { root, context: root };
        let gone: Vec<_> = executor
            .tasks
            .borrow_mut()
            .extract_if(|_, task| task.as_ref().is_some_and(is_of_root))
            .collect();
        drop(gone);
        executor.timers.remove_root(root);
    });
}

impl Executor {
    const fn new() -> Self {
        Self {
            last_id: Cell::new(0),
            tasks: RefCell::new(IdMap::with_hasher(BuildHasherDefault::new())),
            ready: RefCell::new(VecDeque::new()),
            polls: Cell::new(0),
            actions: Cell::new(0),
            spare: RefCell::new(None),
            timers: Timers::new(),
            current: Cell::new(Scope { root: 0, context: 0 }),
        }
    }

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

    fn within<T>(&self, scope: Scope, run: impl FnOnce() -> T) -> T {
        let before = self.current.replace(scope);
        let output = run();
        self.current.set(before);
        output
    }

    fn keep(&self, task: Task) -> TaskId {
        let id = task.waker.id.load(Ordering::Relaxed);
        self.tasks.borrow_mut().insert(id, Some(task));
        TaskId(id)
    }

    /// Takes a future out to poll it; its place remains, so that it can be cancelled meanwhile.
    fn take(&self, id: u64) -> Option<Task> {
        self.tasks.borrow_mut().get_mut(&id)?.take()
    }

    fn refresh(&self) {
        self.polls.set(0);
        self.actions.set(0);
    }

    fn run(&self) {
        while self.polls.get() < POLLS_AT_ONCE && self.actions.get() < ACTIONS_AT_ONCE {
            let next = self.ready.borrow_mut().pop_front();
            let Some(waker) = next else { return };
            self.polls.set(self.polls.get().saturating_add(1));
            self.run_ready(&waker);
        }
    }

    fn run_ready(&self, waker: &TaskWaker) {
        if !waker.queued.swap(false, Ordering::Relaxed) {
            // Its callback has polled it meanwhile.
            return;
        }
        let id = waker.id.load(Ordering::Relaxed);
        let Some(task) = self.take(id) else { return };
        // A stream that is gone took its tasks with it, so this fails only if the host is confused;
        // then the future must not act on another stream.
        if abi::set_effective_context(task.scope.context).is_err() {
            cancel(TaskId(id));
            return;
        }
        let root = task.scope.root;
        if self.run_task(id, task) {
            // It may sleep now, and be another plugin's than the one whose callback this is.
            self.set_tick(root);
        }
    }

    /// Polls a future that was taken out; says whether it still waits.
    fn run_task(&self, id: u64, mut task: Task) -> bool {
        task.waker.queued.store(false, Ordering::Relaxed);
        if self.poll_as(task.scope, &task.waker, task.future.as_mut()).is_pending() {
            return self.put_back(id, task);
        }
        self.tasks.borrow_mut().remove(&id);
        let Task { waker, future, .. } = task;
        drop(future);
        self.recycle(waker);
        false
    }

    /// Polls a future on behalf of its owner.
    fn poll_as<F: Future + ?Sized>(
        &self,
        scope: Scope,
        waker: &Arc<TaskWaker>,
        future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(waker));
        self.within(scope, || future.poll(&mut Context::from_waker(&waker)))
    }

    /// Keeps a future on, unless it was cancelled while it was polled.
    fn put_back(&self, id: u64, task: Task) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        match tasks.get_mut(&id) {
            Some(place) => {
                *place = Some(task);
                true
            }
            None => {
                drop(tasks);
                drop(task);
                false
            }
        }
    }

    fn set_tick(&self, root: u32) {
        let has_ready = !self.ready.borrow().is_empty();
        if let Some(period) = self.timers.next_period(root, has_ready)
            && abi::set_effective_context(root).and_then(|()| abi::set_tick_period(period)).is_err()
        {
            self.timers.tick_failed(root);
        }
    }
}

#[cfg(test)]
mod tests;
