use super::{Extensions, Headers, Memory};
use crate::abi::Result;
use crate::filter::Flow;
use crate::headers::HeaderMap;
use crate::properties::Properties;

/// The trailers of a request or a response, which end it.
///
/// A gRPC service says in them how a call has ended:
///
/// ```
/// use tollgate::prelude::*;
///
/// pub struct Calls {
///     failed: Counter,
/// }
///
/// # #[derive(Deserialize)] pub struct Config {}
/// #[tollgate::filter]
/// impl HttpFilter for Calls {
///     type Config = Config;
/// #
/// #     fn configure(_: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
/// #         Ok(Self { failed: setup.counter("failed")? })
/// #     }
///
///     async fn response_trailers(&self, trailers: &mut Trailers<'_>) -> Result<Flow> {
///         if trailers.get()?.get("grpc-status").is_some_and(|status| status != b"0") {
///             self.failed.increment();
///             trailers.get_mut().set("x-seen-by", "calls")?;
///         }
///         Ok(Flow::Continue)
///     }
/// }
/// ```
///
/// `S` is the [`State`](crate::HttpFilter::State) of the filter.
#[derive(Debug)]
pub struct Trailers<'a, S = ()> {
    memory: Memory<'a, S>,
    trailers: &'a mut Headers,
}

impl<'a, S> Trailers<'a, S> {
    pub(crate) fn new(memory: Memory<'a, S>, trailers: &'a mut Headers) -> Self {
        Self { memory, trailers }
    }

    /// What the filter remembers of this exchange.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.memory.state
    }

    /// What the filters of a chain have left for each other.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.memory.extensions
    }

    /// The trailers. They are read from the host once, at the first use.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn get(&self) -> Result<&HeaderMap> {
        self.trailers.get()
    }

    /// The trailers, to change them.
    pub fn get_mut(&mut self) -> &mut Headers {
        self.trailers
    }

    /// What Envoy knows about this exchange.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// Whether what a part of the filter decided ends the way of all.
    pub(crate) fn is_ended_by(&self, flow: &Flow) -> bool {
        self.memory.is_ended_by(flow)
    }

    /// The same trailers, as a part of the filter sees them.
    pub(crate) fn part<T: 'a>(&mut self, part: impl FnOnce(&'a S) -> &'a T) -> Trailers<'_, T> {
        Trailers::new(self.memory.map(part), self.trailers)
    }
}
