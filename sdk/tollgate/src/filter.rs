//! What a filter is.

use crate::abi::Result;
use crate::config::ConfigError;
use crate::message::{Body, End, Request, Response, Trailers};
use crate::reply::LocalReply;
use crate::setup::Setup;
use serde::de::DeserializeOwned;

/// An HTTP filter: one value per worker and configuration, shared by all of its requests.
///
/// Implement it under the attribute [`#[tollgate::filter]`](macro@crate::filter), which supplies
/// what is left out (`NAME`, `State`) and exports the module's entry point.
///
/// Each phase has a method, all of which do nothing unless they are written; a phase without a method
/// costs nothing, because Envoy does not call the module for it. They are `async`: a filter may
/// await a [`sleep`](crate::time::sleep), a [call](crate::callout) or a value from another request.
/// One that does not, pays nothing for it. Meanwhile the stream stays where it is. The future of a
/// stream that ends early is dropped, so what must be given back belongs into a value with a `Drop`,
/// in the future or in the [`State`](HttpFilter::State).
///
/// The phases of one direction follow each other; request and response may overlap, as when an
/// upstream answers before it has the whole request. That is why they share the state by reference:
/// what changes in it goes into a [`Cell`](std::cell::Cell) or a [`OnceCell`](std::cell::OnceCell).
///
/// ```
/// use std::cell::Cell;
/// use tollgate::prelude::*;
/// use tollgate::time::Instant;
///
/// /// Tells clients how long the upstream took.
/// pub struct Stopwatch;
///
/// #[derive(Deserialize)]
/// pub struct Config {}
///
/// #[tollgate::filter]
/// impl HttpFilter for Stopwatch {
///     type Config = Config;
///     type State = Cell<Option<Instant>>;
///
///     fn configure(_config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
///         Ok(Self)
///     }
///
///     async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
///         request.state().set(Some(Instant::now()?));
///         Ok(Flow::Continue)
///     }
///
///     async fn response(&self, response: &mut Response<'_, Self::State>) -> Result<Flow> {
///         if let Some(start) = response.state().get() {
///             let took = Instant::now()?.since(start).as_millis().to_string();
///             response.headers_mut().set("x-took-ms", took)?;
///         }
///         Ok(Flow::Continue)
///     }
/// }
/// ```
#[allow(async_fn_in_trait, reason = "a VM has one thread: no future is ever sent")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a filter",
    label = "`HttpFilter` is not implemented for it",
    note = "write `#[tollgate::filter] impl HttpFilter for {Self} {{ ... }}`"
)]
pub trait HttpFilter: Sized + 'static {
    /// The filter's name in metrics and logs, in snake case; by default the crate's.
    const NAME: &'static str;

    /// What happens to a request when the filter itself fails, that is, returns an error.
    const ON_FAILURE: FailurePolicy = FailurePolicy::Closed;

    /// What the operator writes.
    type Config: DeserializeOwned;

    /// What the filter remembers of one exchange, from its first phase to the end of its stream, where
    /// it is dropped; by default nothing.
    type State: Default + 'static;

    /// Makes the filter. Runs in every worker before any request, and besides on Envoy's main thread,
    /// which serves none.
    ///
    /// # Errors
    ///
    /// A configuration that is wrong; Envoy then refuses it.
    fn configure(config: Self::Config, setup: &mut Setup) -> Result<Self, ConfigError>;

    /// The headers of a request have arrived.
    async fn request(&self, _request: &mut Request<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The body of a request arrives; the headers have gone on. Not called for a request without one.
    /// When it returns, the rest of the body passes.
    async fn request_body(&self, _body: &mut Body<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The trailers of a request have arrived.
    async fn request_trailers(&self, _trailers: &mut Trailers<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The headers of a response are about to be sent, be it from the upstream or made by Envoy or a
    /// filter (this one included).
    async fn response(&self, _response: &mut Response<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The body of a response arrives; the headers have gone on, so that an answer in its place resets
    /// the stream. Not called for a response without one. When it returns, the rest of the body
    /// passes.
    async fn response_body(&self, _body: &mut Body<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The trailers of a response have arrived.
    async fn response_trailers(&self, _trailers: &mut Trailers<'_, Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The exchange is over, however it ended. Called exactly once for each stream that the filter
    /// has seen anything of, also after a reset; then the state is dropped.
    fn end(&self, _end: &End<'_, Self::State>) {}

    /// Whether [`HttpFilter::request`] does anything; the attribute sets these.
    #[doc(hidden)]
    const HANDLES_REQUEST: bool = true;
    #[doc(hidden)]
    const HANDLES_REQUEST_BODY: bool = true;
    #[doc(hidden)]
    const HANDLES_REQUEST_TRAILERS: bool = true;
    #[doc(hidden)]
    const HANDLES_RESPONSE: bool = true;
    #[doc(hidden)]
    const HANDLES_RESPONSE_BODY: bool = true;
    #[doc(hidden)]
    const HANDLES_RESPONSE_TRAILERS: bool = true;
    #[doc(hidden)]
    const HANDLES_END: bool = true;
    /// Whether [`HttpFilter::request`] may wait for something: not if there is no `await` in it.
    #[doc(hidden)]
    const REQUEST_WAITS: bool = true;
    /// Likewise [`HttpFilter::response`].
    #[doc(hidden)]
    const RESPONSE_WAITS: bool = true;
    /// Whether anything of a stream outlives its request's headers, other than what waits.
    #[doc(hidden)]
    const KEEPS_STREAMS: bool = size_of::<Self::State>() > 0 || keeps_streams::<Self>();
    /// Whether it matters to a stream which plugin it is of. A filter without fields does the same
    /// whatever its configuration; if nothing of its streams is left, it need not be told of them.
    #[doc(hidden)]
    const TELLS_PLUGINS_APART: bool =
        size_of::<Self>() > 0 || Self::KEEPS_STREAMS || Self::REQUEST_WAITS;
    /// How many filters a body passes inside this one: more than one only for a chain.
    #[doc(hidden)]
    fn body_stages(&self) -> usize {
        1
    }
}

/// Whether a filter comes back to a stream by its phases or the end of its state.
pub(crate) const fn keeps_streams<F: HttpFilter>() -> bool {
    std::mem::needs_drop::<F::State>()
        || F::HANDLES_REQUEST_BODY
        || F::HANDLES_REQUEST_TRAILERS
        || F::HANDLES_RESPONSE
        || F::HANDLES_RESPONSE_BODY
        || F::HANDLES_RESPONSE_TRAILERS
        || F::HANDLES_END
}

/// How a request or response goes on.
///
/// ```
/// use tollgate::prelude::*;
///
/// fn judge(score: u32) -> Flow {
///     match score {
///         0..50 => Flow::Continue,
///         50..90 => Flow::Reply(LocalReply::new(429).details("suspicious")),
///         _ => Flow::Reset, // not worth an answer
///     }
/// }
///
/// assert_eq!(judge(10), Flow::Continue);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// To the next filter.
    Continue,
    /// Not at all: the client gets this answer instead. Once the headers of a response have been sent
    /// it is too late for another answer, and Envoy resets the stream.
    Reply(LocalReply),
    /// Not at all: the stream is reset.
    Reset,
}

/// What happens to a request when its filter fails: [`HttpFilter::ON_FAILURE`]. The chapter on
/// [failing](crate::guide::failing) has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is answered with 503: for filters that protect something.
    Closed,
    /// It passes untouched: for filters that improve something.
    Open,
}
