//! Work in the background of a plugin, and work that many requests wait for together.
//!
//! A future spawned here belongs to the plugin and not to a request: it goes on when the request that
//! began it is gone, and ends with the plugin's configuration or its VM. The chapter on
//! [time](crate::guide::time#in-the-background) has more.
//!
//! Several futures at once need no task: [`zip`] waits for both of two, [`or`] for the first of two, and
//! [`time::timeout`](crate::time::timeout) not longer than it may.
//!
//! ```
//! # use tollgate::callout::{Answer, CallError, HttpCall};
//! use tollgate::task::zip;
//!
//! async fn ask_both() -> (Result<Answer, CallError>, Result<Answer, CallError>) {
//!     let (users, groups) = (
//!         HttpCall::get("users", "users.local", "/42"),
//!         HttpCall::get("groups", "groups.local", "/42"),
//!     );
//!     zip(users.send(), groups.send()).await
//! }
//! ```

use crate::executor::{self, Scope, TaskId};
pub use futures_lite::future::{or, zip};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Begins work in the background; in [`configure`](crate::HttpFilter::configure) or in a request.
///
/// The work is first looked at when the callback that spawned it is over. Dropping the [`Task`] ends
/// it; [`Task::detach`] lets it go on by itself.
///
/// ```
/// # async fn fetch() {}
/// use std::time::Duration;
/// use tollgate::{task, time};
///
/// fn refresh_every_minute() {
///     task::spawn(async {
///         loop {
///             fetch().await;
///             time::sleep(Duration::from_secs(60)).await;
///         }
///     })
///     .detach();
/// }
/// ```
pub fn spawn<T: 'static>(work: impl Future<Output = T> + 'static) -> Task<T> {
    let root = executor::current().root;
    let shared = Rc::new(Shared { output: Cell::new(None), waker: Cell::new(None) });
    let slot = Rc::clone(&shared);
    let id = executor::spawn(Scope { root, context: root }, async move {
        let output = work.await;
        slot.output.set(Some(output));
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    });
    Task { id: Some(id), shared }
}

/// Work in the background; awaiting it gives its output, dropping it ends it.
///
/// ```
/// # async fn ask(_: &str) -> u32 { 0 }
/// use tollgate::task;
///
/// /// Asks both at once.
/// async fn total() -> u32 {
///     let first = task::spawn(ask("first"));
///     let second = task::spawn(ask("second"));
///     first.await + second.await
/// }
/// ```
#[must_use = "dropping a task ends it: await it, keep it, or detach it"]
pub struct Task<T> {
    id: Option<TaskId>,
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    output: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

impl<T> Task<T> {
    /// Lets the work go on by itself, until it is done or the plugin is gone.
    pub fn detach(mut self) {
        self.id = None;
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.shared.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                self.shared.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            executor::cancel(id);
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// Work that is done once at a time, however many wait for it: the first who asks begins it, who asks
/// meanwhile waits for the same, and everyone gets the outcome.
///
/// It runs in the background, so it goes on when the request that began it goes away. Clones are the
/// same.
///
/// ```
/// # #[derive(Clone)] struct Keys;
/// # async fn fetch_keys() -> Keys { Keys }
/// # struct Filter { fetch: SingleFlight<Keys> }
/// use tollgate::task::SingleFlight;
///
/// impl Filter {
///     async fn keys(&self) -> Keys {
///         self.fetch.run(|| fetch_keys()).await
///     }
/// }
/// ```
pub struct SingleFlight<T>(Rc<RefCell<Option<Rc<Flight<T>>>>>);

struct Flight<T> {
    outcome: RefCell<Option<T>>,
    /// The work was dropped before it was done.
    is_lost: Cell<bool>,
    waiters: RefCell<Vec<Waker>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T> Clone for SingleFlight<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Clone + 'static> SingleFlight<T> {
    /// No work yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the work under way; begins it, if there is none, also when that under way ends without
    /// an outcome, because the plugin that began it is gone.
    pub async fn run<F: Future<Output = T> + 'static>(&self, work: impl FnOnce() -> F) -> T {
        let mut work = Some(work);
        loop {
            let running = self.0.borrow().clone();
            let flight = match running {
                Some(flight) => flight,
                None => match work.take() {
                    Some(work) => self.begin(work()),
                    // Its own plugin is gone, and the request with it.
                    None => return std::future::pending().await,
                },
            };
            let mut waits = None;
            let landed = std::future::poll_fn(|context| flight.poll(context, &mut waits)).await;
            if let Some(outcome) = landed {
                return outcome;
            }
        }
    }

    /// Whether work is under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.borrow().is_some()
    }

    fn begin(&self, work: impl Future<Output = T> + 'static) -> Rc<Flight<T>> {
        let flight = Rc::new(Flight {
            outcome: RefCell::default(),
            is_lost: Cell::default(),
            waiters: RefCell::default(),
        });
        self.0.replace(Some(Rc::clone(&flight)));
        let landing = Landing { place: Rc::clone(&self.0), flight: Rc::clone(&flight) };
        spawn(async move {
            let outcome = work.await;
            landing.flight.outcome.replace(Some(outcome));
        })
        .detach();
        flight
    }
}

/// Makes room for the next flight and wakes who waits, also when the work ends without an outcome.
struct Landing<T> {
    place: Rc<RefCell<Option<Rc<Flight<T>>>>>,
    flight: Rc<Flight<T>>,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        let is_this = |flight: &Rc<Flight<T>>| Rc::ptr_eq(flight, &self.flight);
        let landed = self.place.borrow_mut().take_if(|flight| is_this(flight));
        drop(landed);
        self.flight.is_lost.set(self.flight.outcome.borrow().is_none());
        let waiters = self.flight.waiters.take();
        waiters.into_iter().for_each(Waker::wake);
    }
}

impl<T: Clone> Flight<T> {
    /// Its outcome; none when it is lost. `waits` is whom it wakes already of those who ask: one who is
    /// woken by something else meanwhile is kept once.
    fn poll(&self, context: &Context<'_>, waits: &mut Option<Waker>) -> Poll<Option<T>> {
        match &*self.outcome.borrow() {
            Some(outcome) => Poll::Ready(Some(outcome.clone())),
            None if self.is_lost.get() => Poll::Ready(None),
            None => {
                if !waits.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                    *waits = Some(context.waker().clone());
                    self.waiters.borrow_mut().push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}

#[cfg(test)]
mod tests;
