//! Fault injection: forced delays and aborts, for some requests or on demand by header.
//!
//! - [`config`]: Envoy's `HTTPFault` and Istio's spelling of it;
//! - [`faults`]: which faults a request gets; pure;
//! - [`Fault`]: the filter.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

pub mod config;
pub mod faults;

use crate::config::{Config, Settings};
use crate::faults::{Plan, Status};
use tollgate::headers::HeaderMap;
use tollgate::prelude::*;
use tollgate::random::Random;
use tollgate::shared::SharedGauge;
use tollgate::time;

/// The filter.
#[derive(Debug)]
pub struct Fault {
    settings: Settings,
    random: Random,
    active_faults: SharedGauge,
    delays_injected: Counter,
    aborts_injected: Counter,
    faults_overflow: Counter,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Fault {
    const NAME: &'static str = "fault";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        // A count for each configuration, since each has a maximum of its own.
        let of_plugin = setup.metrics().tagged("plugin", setup.plugin_name());
        Ok(Self {
            settings: config.compile()?,
            random: setup.random(),
            active_faults: of_plugin.shared_gauge("active_faults")?,
            delays_injected: setup.counter("delays_injected")?,
            aborts_injected: setup.counter("aborts_injected")?,
            faults_overflow: setup.counter("faults_overflow")?,
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let plan = self.plan(request)?;
        if plan.is_empty() {
            return Ok(Flow::Continue);
        }
        // Given back when this future ends, be it because the client went away during the delay.
        let Some(_active) = self.active_faults.reserve(self.settings.max_active_faults)? else {
            self.faults_overflow.increment();
            return Ok(Flow::Continue);
        };
        if let Some(delay) = plan.delay {
            self.delays_injected.increment();
            time::sleep(delay).await;
        }
        Ok(plan.abort.map_or(Flow::Continue, |status| {
            self.aborts_injected.increment();
            Flow::Reply(reply(status))
        }))
    }
}

impl Fault {
    fn plan(&self, request: &Request<'_>) -> Result<Plan> {
        let (faults, none) = (&self.settings.faults, HeaderMap::default());
        let headers = if faults.look_at_headers() { request.headers()? } else { &none };
        Ok(self.random.draw(|rng| faults.plan(headers, rng)))
    }
}

/// The answer of Envoy's own filter.
fn reply(status: Status) -> LocalReply {
    let reply = match status {
        Status::Http(status) => LocalReply::new(status),
        Status::Grpc(status) => LocalReply::new(200).grpc_status(status.code()),
    };
    reply.body("fault filter abort").details("fault_filter_abort")
}
