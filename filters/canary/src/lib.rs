//! Canary routing by feature-flag cookie, header and percentage, as a filter for Envoy.
//!
//! The filter decides which variant of a service a request gets and writes it to a routing header;
//! Envoy's own route table does the rest.
//!
//! - [`config`]: what the operator writes;
//! - [`rollout`]: which variant a request gets, and why; pure;
//! - [`Canary`]: the filter.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

mod compile;
pub mod config;
pub mod decision;
mod metrics;
pub mod rollout;

use std::cell::Cell;

use tollgate::prelude::*;
use tollgate::random::Random;

use crate::config::Config;
use crate::decision::Decision;
use crate::metrics::Decisions;
use crate::rollout::Rollout;

/// The filter.
#[derive(Debug)]
pub struct Canary {
    rollout: Rollout,
    decisions: Decisions,
    random: Random,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Canary {
    const NAME: &'static str = "canary";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;
    type State = Cell<Option<Decision>>;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let rollout = Rollout::try_from(config)?;
        let decisions = Decisions::define(&rollout, setup)?;
        Ok(Self { rollout, decisions, random: setup.random() })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        let facts = request.facts();
        let decision = match self.random.draw(|rng| self.rollout.decide(&facts, rng)) {
            Ok(decision) => decision,
            Err(error) => {
                tollgate::warn!("tollgate canary: a request gets the default variant: {error}");
                self.rollout.failed()
            }
        };
        self.decisions.count(decision);
        request.state().set(Some(decision));

        let (name, variant) = (&self.rollout.routing_header, self.rollout.variant(decision));
        // If the host refuses one of the two, the other still keeps the client's from the upstream.
        let removed = request.headers_mut().remove(name);
        request.headers_mut().set(name, variant)?;
        removed?;
        request.clear_route_cache()?;
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_, Self::State>) -> Result<Flow> {
        let Some(decision) = response.state().get() else { return Ok(Flow::Continue) };
        let names = &self.rollout.response;
        if let Some(name) = &names.variant {
            response.headers_mut().set(name, self.rollout.variant(decision))?;
        }
        if let Some(name) = &names.reason {
            response.headers_mut().set(name, decision.reason.as_str())?;
        }
        Ok(Flow::Continue)
    }
}
