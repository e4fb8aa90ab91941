//! Calls to other services, by HTTP and gRPC, through the clusters that Envoy knows.
//!
//! ```
//! use std::time::Duration;
//! use tollgate::callout::{Answer, CallError, HttpCall, Retry};
//!
//! async fn ask() -> Result<Answer, CallError> {
//!     HttpCall::get("users", "users.local", "/users/42")
//!         .header("accept", "application/json")
//!         .timeout(Duration::from_millis(500))
//!         .retry(Retry::times(2))
//!         .send()
//!         .await?
//!         .success()
//! }
//! ```
//!
//! A call belongs to whoever awaits it: a request that ends drops it. What several requests wait for
//! goes into a [`SingleFlight`](crate::task::SingleFlight).

pub(crate) mod grpc;
pub(crate) mod http;
mod retry;

pub use grpc::{GrpcCall, GrpcError};
pub use http::{Answer, CallError, HttpCall};
pub use retry::Retry;

use crate::abi::{self, Result};
use crate::executor;
use crate::id_map::IdMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long a call may take unless it is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// How large an answer may be unless it is said, in bytes.
const DEFAULT_LIMIT: usize = 1024 * 1024;

/// Makes a call as the plugin: its answer arrives on the context that made it and dies with it
/// (Envoy, `Context::httpCall` in `source/extensions/common/wasm/context.cc`), and a stream may be
/// gone by then.
fn as_plugin<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    let scope = executor::current();
    abi::set_effective_context(scope.root)?;
    let made = call();
    abi::set_effective_context(scope.context)?;
    made
}

/// Whole milliseconds for the host, at least one.
fn milliseconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX as u32)
}

/// The calls of a VM whose answers somebody waits for, by the host's numbers.
struct Calls<T>(RefCell<IdMap<u32, Rc<Slot<T>>>>);

/// Where the answer to one call is left.
struct Slot<T> {
    limit: usize,
    answer: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

/// A call under way.
struct Pending<T: 'static> {
    calls: &'static std::thread::LocalKey<Calls<T>>,
    number: u32,
    slot: Rc<Slot<T>>,
    abandon: fn(u32),
}

impl<T> Calls<T> {
    const fn new() -> Self {
        Self(RefCell::new(IdMap::with_hasher(std::hash::BuildHasherDefault::new())))
    }

    /// The slot of a call, if somebody still waits for it.
    fn find(&self, number: u32) -> Option<Rc<Slot<T>>> {
        self.0.borrow().get(&number).map(Rc::clone)
    }
}

impl<T> Slot<T> {
    fn fill(&self, answer: T) {
        self.answer.set(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Pending<T> {
    fn new(
        calls: &'static std::thread::LocalKey<Calls<T>>,
        number: u32,
        limit: usize,
        abandon: fn(u32),
    ) -> Self {
        let slot = Rc::new(Slot { limit, answer: Cell::new(None), waker: Cell::new(None) });
        calls.with(|calls| calls.0.borrow_mut().insert(number, Rc::clone(&slot)));
        Self { calls, number, slot, abandon }
    }

    async fn answer(&self) -> T {
        std::future::poll_fn(|context| match self.slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.slot.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        // Fails only while a native thread ends.
        let slot = self.calls.try_with(|calls| calls.0.borrow_mut().remove(&self.number));
        if let Ok(Some(_)) = slot {
            (self.abandon)(self.number);
        }
    }
}

#[cfg(test)]
mod tests;
