//! Local circuit breaking: limits and outlier detection with half-open probes, over all workers of an
//! Envoy process.
//!
//! - [`config`]: Istio's `trafficPolicy`;
//! - [`detector`] and [`state`]: what is a failure, and the state machine; pure;
//! - [`circuit`]: one breaker in the host's shared state;
//! - [`CircuitBreaker`]: the filter.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

pub mod circuit;
pub mod config;
pub mod detector;
pub mod state;

use crate::circuit::{Circuit, Permit, Rejection};
use crate::config::{Config, Key, Settings};
use std::cell::OnceCell;
use std::rc::Rc;
use tollgate::grpc::Status;
use tollgate::metrics::Keyed;
use tollgate::prelude::*;

/// At most so many keys have a breaker of their own; the others share one.
const MAX_KEYS: usize = 256;

/// The filter.
#[derive(Debug)]
pub struct CircuitBreaker {
    settings: Settings,
    circuits: Keyed<Circuit>,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for CircuitBreaker {
    const NAME: &'static str = "circuit_breaker";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;
    type State = OnceCell<Permit>;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let settings = config.compile()?;
        for (field, reason) in &settings.without_effect {
            tollgate::warn!("tollgate circuit_breaker: {field} has no effect: {reason}");
        }
        setup.metrics().require_gauges()?;
        Ok(Self { settings, circuits: Keyed::new(setup.metrics(), MAX_KEYS)? })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        // Without a cluster there is no route, and Envoy answers by itself.
        let Some(key) = self.key(request)? else { return Ok(Flow::Continue) };
        match self.circuit(&key)?.admit()? {
            Ok(permit) => {
                let _ = request.state().set(permit);
                Ok(Flow::Continue)
            }
            Err(rejection) => Ok(Flow::Reply(reply(rejection))),
        }
    }

    async fn response(&self, response: &mut Response<'_, Self::State>) -> Result<Flow> {
        let Some(permit) = response.state().get() else { return Ok(Flow::Continue) };
        if self.settings.detectors.is_some() {
            let (status, properties) = (status_that_counts(response)?, response.properties());
            permit.answered(status, || Ok(properties.response().code_details()?.map(Vec::from)))?;
        }
        Ok(Flow::Continue)
    }
}

impl CircuitBreaker {
    fn key(&self, request: &mut Request<'_, OnceCell<Permit>>) -> Result<Option<Vec<u8>>> {
        if let Key::Header(name) = &self.settings.key
            && let Some(value) = request.headers_mut().first(name)?
        {
            return Ok(Some(value.into_owned()));
        }
        Ok(request.properties().xds().cluster_name()?.map(Vec::from))
    }

    fn circuit(&self, key: &[u8]) -> Result<Rc<Circuit>> {
        let Settings { policy, detectors, limit, .. } = self.settings;
        self.circuits.get_or_make(key, |key, metrics| {
            let name = String::from_utf8_lossy(key).into_owned();
            Circuit::new(name, (policy, detectors, limit), metrics)
        })
    }
}

/// The status; of a gRPC answer without a message the one that stands for its `grpc-status`, as in Envoy's
/// outlier detection (`router.cc`). Envoy answers gRPC callers so when it cannot reach the upstream.
fn status_that_counts(response: &mut Response<'_, OnceCell<Permit>>) -> Result<u16> {
    const UNKNOWN: u16 = 500;
    let status = response.status()?;
    if status != 200 || !response.end_of_stream() {
        return Ok(status);
    }
    let grpc_status = response.headers_mut().first("grpc-status")?;
    Ok(grpc_status
        .map_or(status, |value| Status::from_header(&value).map_or(UNKNOWN, Status::http)))
}

/// The answer that Envoy itself gives for the same reason (`router.cc`), and when to come back.
fn reply(rejection: Rejection) -> LocalReply {
    let reply = LocalReply::new(503).header("x-envoy-overloaded", "true");
    match rejection {
        Rejection::Overflow => reply
            .body(
                "upstream connect error or disconnect/reset before headers. reset reason: overflow",
            )
            .details("circuit_breaker_overflow"),
        Rejection::Open { retry_after } => reply
            .header("retry-after", whole_seconds(retry_after).to_string())
            .body("circuit breaker open")
            .details("circuit_breaker_open"),
    }
}

/// `retry-after` is in whole seconds (RFC 9110, 10.2.3); never so early that it is refused again.
fn whole_seconds(duration: std::time::Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}
