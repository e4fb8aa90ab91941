//! Several filters as one: in one module, one VM and one crossing a callback.
//!
//! Which filters a chain may have is said at compile time, which it has and in what order by its
//! configuration:
//!
//! ```
//! # use tollgate::prelude::*;
//! # #[derive(Deserialize)] pub struct Config {}
//! # pub struct Greeter; pub struct Guard;
//! # #[tollgate::filter(feature = "module")]
//! # impl HttpFilter for Greeter {
//! #     const NAME: &'static str = "greeter";
//! #     type Config = Config;
//! #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
//! # }
//! # #[tollgate::filter(feature = "module")]
//! # impl HttpFilter for Guard {
//! #     const NAME: &'static str = "guard";
//! #     type Config = Config;
//! #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
//! # }
//! use tollgate::chain::Chain;
//!
//! /// `{"filters": [{"guard": {...}}, {"greeter": {...}}]}`
//! pub type Both = Chain<(Guard, Greeter)>;
//! # #[cfg(target_arch = "wasm32")]
//! tollgate::export!(Both);
//! ```
//!
//! Requests pass the members in that order and responses in reverse, as in Envoy's own chain: a member
//! that waits holds the stream for those behind it, an answer in the upstream's place ends the way of
//! the request and comes by all members as a response, and each is told of the end once. A body passes
//! the members chunk by chunk; one that holds chunks back holds them for those behind it. A member that
//! fails is dealt with by its own [`ON_FAILURE`](HttpFilter::ON_FAILURE), and counted under its own
//! name. A filter may be a member several times.

mod list;

use crate::abi::{Result, StreamKind};
use crate::config::ConfigError;
use crate::filter::{FailurePolicy, Flow, HttpFilter};
use crate::message::{Body, End, Request, Response, Trailers};
use crate::setup::Setup;
use list::Member;
pub use list::{Filters, Nothing, OneOf};
use serde::Deserialize;
use serde_json::Value;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::Poll;

/// Filters as one; `L` is a tuple of them, in any order. See [the module](self).
pub struct Chain<L: Filters> {
    members: Vec<L::Member>,
}

/// What an operator writes: the members in order, each under its name.
///
/// ```
/// use tollgate::chain::Config;
/// use tollgate::config;
///
/// let chain = br#"{ "filters": [{ "jwt_auth": {} }, { "canary": { "flag": "vote" } }] }"#;
/// assert!(config::from_slice::<Config>(chain).is_ok());
///
/// let error = config::from_slice::<Config>(br#"{ "filter": [] }"#).unwrap_err();
/// assert_eq!(error.path, "filter");
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The filters in the order in which requests pass them, each under its name.
    filters: Vec<BTreeMap<String, Value>>,
}

/// What the members remember of one exchange.
#[derive(Debug)]
pub struct State<S>(OnceCell<Vec<S>>);

impl<S> Default for State<S> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<S: Default> State<S> {
    fn of(&self, members: usize) -> &[S] {
        self.0.get_or_init(|| std::iter::repeat_with(S::default).take(members).collect())
    }
}

type MemberState<L> = <<L as Filters>::Member as Member>::State;

impl<L: Filters> Chain<L> {
    /// The members in the order of a direction, each with its state.
    fn members<'s, 'a>(
        &'s self,
        kind: StreamKind,
        state: &'a State<MemberState<L>>,
    ) -> Vec<(&'s L::Member, &'a MemberState<L>)> {
        let members = self.members.iter().zip(state.of(self.members.len()));
        match kind {
            StreamKind::Request => members.collect(),
            StreamKind::Response => members.rev().collect(),
        }
    }

    /// Sends a body through the members: each looks at a chunk once the one before has let it go.
    async fn body(&self, kind: StreamKind, body: &Body<'_, State<MemberState<L>>>) -> Flow {
        let direction = body.direction();
        let mut stages = Vec::new();
        for (stage, (member, state)) in self.members(kind, body.state()).into_iter().enumerate() {
            if member.handles_body(kind) {
                let part = body.part(stage, |_| state);
                stages.push((stage, Some(pinned(member.body(kind, part)))));
            } else {
                direction.finish_stage(stage);
            }
        }
        std::future::poll_fn(|context| {
            let mut waiting = false;
            for (stage, slot) in &mut stages {
                let Some(future) = slot else { continue };
                match future.as_mut().poll(context) {
                    Poll::Pending => waiting = true,
                    Poll::Ready(flow) if body.is_ended_by(&flow) => return Poll::Ready(flow),
                    Poll::Ready(_) => {
                        *slot = None;
                        direction.finish_stage(*stage);
                    }
                }
            }
            if waiting { Poll::Pending } else { Poll::Ready(Flow::Continue) }
        })
        .await
    }
}

fn pinned<'a>(future: impl Future<Output = Flow> + 'a) -> Pin<Box<dyn Future<Output = Flow> + 'a>> {
    Box::pin(future)
}

impl<L: Filters> HttpFilter for Chain<L> {
    const NAME: &'static str = "chain";
    /// Each member has its own.
    const ON_FAILURE: FailurePolicy = FailurePolicy::Closed;
    const HANDLES_REQUEST: bool = L::Member::PHASES.request;
    const HANDLES_REQUEST_BODY: bool = L::Member::PHASES.request_body;
    const HANDLES_REQUEST_TRAILERS: bool = L::Member::PHASES.request_trailers;
    const HANDLES_RESPONSE: bool = L::Member::PHASES.response;
    const HANDLES_RESPONSE_BODY: bool = L::Member::PHASES.response_body;
    const HANDLES_RESPONSE_TRAILERS: bool = L::Member::PHASES.response_trailers;
    const HANDLES_END: bool = L::Member::PHASES.end;
    const REQUEST_WAITS: bool = L::Member::PHASES.request_waits;
    const RESPONSE_WAITS: bool = L::Member::PHASES.response_waits;
    const KEEPS_STREAMS: bool = L::Member::PHASES.keeps;

    type Config = Config;
    type State = State<MemberState<L>>;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        if config.filters.is_empty() {
            return Err(ConfigError::new("filters", "an empty list", "at least one filter"));
        }
        let mut members = Vec::new();
        for (index, entry) in config.filters.into_iter().enumerate() {
            let member = list::configure(entry, setup)
                .map_err(|error| error.at(format!("filters[{index}]")))?;
            members.push(member);
        }
        Ok(Self { members })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        let states = request.state().of(self.members.len());
        for (member, state) in self.members.iter().zip(states) {
            let flow = member.request(&mut request.part(|_| state)).await;
            if request.is_ended_by(&flow) {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }

    async fn request_body(&self, body: &mut Body<'_, Self::State>) -> Result<Flow> {
        Ok(self.body(StreamKind::Request, body).await)
    }

    async fn request_trailers(&self, trailers: &mut Trailers<'_, Self::State>) -> Result<Flow> {
        for (member, state) in self.members(StreamKind::Request, trailers.state()) {
            let flow = member.trailers(StreamKind::Request, trailers.part(|_| state)).await;
            if trailers.is_ended_by(&flow) {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_, Self::State>) -> Result<Flow> {
        let states = response.state().of(self.members.len());
        for (member, state) in self.members.iter().zip(states).rev() {
            let flow = member.response(&mut response.part(|_| state)).await;
            if response.is_ended_by(&flow) {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }

    async fn response_body(&self, body: &mut Body<'_, Self::State>) -> Result<Flow> {
        Ok(self.body(StreamKind::Response, body).await)
    }

    async fn response_trailers(&self, trailers: &mut Trailers<'_, Self::State>) -> Result<Flow> {
        for (member, state) in self.members(StreamKind::Response, trailers.state()) {
            let flow = member.trailers(StreamKind::Response, trailers.part(|_| state)).await;
            if trailers.is_ended_by(&flow) {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }

    fn end(&self, end: &End<'_, Self::State>) {
        for (member, state) in self.members.iter().zip(end.state().of(self.members.len())) {
            member.end(&end.part(|_| state));
        }
    }

    fn body_stages(&self) -> usize {
        self.members.len()
    }
}

impl<L: Filters> fmt::Debug for Chain<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.members.iter().map(Member::name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests;
