//! What a filter is.

use crate::abi::Result;
use crate::config::ConfigError;
use crate::message::{Request, Response};
use crate::reply::LocalReply;
use crate::setup::Setup;
use serde::de::DeserializeOwned;

/// An HTTP filter: one value per worker and configuration, shared by all of its requests.
///
/// Implement it under the attribute [`#[tollgate::filter]`](macro@crate::filter), which supplies
/// what is left out (`NAME`, `State`) and exports the module's entry point.
///
/// The methods are `async`: a filter may await a [`sleep`](Request::sleep) in the middle of a
/// request. One that does not, pays nothing for it. The future of a stream that ends early is
/// dropped, so what must be given back belongs into a value with a `Drop`.
pub trait HttpFilter: Sized + 'static {
    /// The filter's name in metrics and logs, in snake case; by default the crate's.
    const NAME: &'static str;

    /// What happens to a request when the filter itself fails, that is, returns an error.
    const ON_FAILURE: FailurePolicy = FailurePolicy::Closed;

    /// Whether [`HttpFilter::request`] does anything; the attribute sets it.
    #[doc(hidden)]
    const HANDLES_REQUEST: bool = true;

    /// Whether [`HttpFilter::response`] does anything; the attribute sets it.
    #[doc(hidden)]
    const HANDLES_RESPONSE: bool = true;

    /// What the operator writes.
    type Config: DeserializeOwned;

    /// What the filter remembers of one request, from its headers to the end of its stream, where it
    /// is dropped; by default nothing.
    type State: Default + 'static;

    /// Makes the filter. Runs once per worker, before any request.
    ///
    /// # Errors
    ///
    /// A configuration that is wrong; Envoy then refuses it.
    fn configure(config: Self::Config, setup: &mut Setup) -> Result<Self, ConfigError>;

    /// The headers of a request have arrived.
    #[allow(async_fn_in_trait, reason = "a VM has one thread: no future is ever sent")]
    async fn request(&self, _request: &mut Request<Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// The headers of a response are about to be sent, be it from the upstream or made by Envoy or a
    /// filter (this one included).
    #[allow(async_fn_in_trait, reason = "a VM has one thread: no future is ever sent")]
    async fn response(&self, _response: &mut Response<Self::State>) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// How a request or response goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// To the next filter.
    Continue,
    /// Not at all: the client gets this answer instead.
    Reply(LocalReply),
}

/// What happens to a request when its filter fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is answered with 503: for filters that protect something.
    Closed,
    /// It passes untouched: for filters that improve something.
    Open,
}
