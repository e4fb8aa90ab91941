//! What an operator writes: Envoy's `HTTPFault`, or Istio's `HTTPFaultInjection`.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/fault/v3/fault.proto>
//! <https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection>

use crate::faults::{Abort, Delay, Faults, Source, Status};
use tollgate::config::{HttpStatus, Percent, PositiveDuration, exactly_one};
use tollgate::grpc;
use tollgate::prelude::*;

/// What the filter `fault` does to requests: Envoy's `HTTPFault`, or Istio's `HTTPFaultInjection`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// Holds requests back.
    delay: Option<DelayConfig>,
    /// Answers requests in the upstream's stead.
    abort: Option<AbortConfig>,
    /// How many requests may have a fault at a time, over all workers; others pass. Default: no limit.
    max_active_faults: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [{ "required": ["fixed_delay"] }, { "required": ["header_delay"] }]))]
struct DelayConfig {
    /// The time that requests are held back.
    fixed_delay: Option<PositiveDuration>,
    /// Empty, `{}`: the time is as many milliseconds as the request's `x-envoy-fault-delay-request` says.
    header_delay: Option<ByHeader>,
    /// The share of requests that get it. Default: none, as in Envoy.
    #[serde(default)]
    percentage: Percent,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [
    { "required": ["http_status"] },
    { "required": ["grpc_status"] },
    { "required": ["header_abort"] },
]))]
struct AbortConfig {
    /// The HTTP status of the answer.
    http_status: Option<HttpStatus>,
    /// The gRPC status of the answer.
    grpc_status: Option<grpc::Status>,
    /// Empty, `{}`: the answer has the HTTP status in the request's `x-envoy-fault-abort-request`, or
    /// the gRPC status in its `x-envoy-fault-abort-grpc-request`.
    header_abort: Option<ByHeader>,
    /// The share of requests that get it. Default: none, as in Envoy.
    #[serde(default)]
    percentage: Percent,
}

/// An empty object: `{}`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
struct ByHeader {}

/// What the filter does, after the configuration was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The faults.
    pub faults: Faults,
    /// How many requests may have one at a time; `u64::MAX` is no limit.
    pub max_active_faults: u64,
}

impl Config {
    /// Checks the configuration, and brings it into the form that the filter works with.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn compile(self) -> Result<Settings, ConfigError> {
        let delay = self.delay.map(DelayConfig::compile).transpose();
        let abort = self.abort.map(AbortConfig::compile).transpose();
        Ok(Settings {
            faults: Faults {
                delay: delay.map_err(|error| error.at("delay"))?,
                abort: abort.map_err(|error| error.at("abort"))?,
            },
            max_active_faults: self.max_active_faults.map_or(u64::MAX, u64::from),
        })
    }
}

impl DelayConfig {
    fn compile(self) -> Result<Delay, ConfigError> {
        exactly_one(&[
            ("fixed_delay", self.fixed_delay.is_some()),
            ("header_delay", self.header_delay.is_some()),
        ])?;
        let fixed = self.fixed_delay.map(|delay| Source::Fixed(delay.get()));
        Ok(Delay { source: fixed.unwrap_or(Source::Header), percentage: self.percentage })
    }
}

impl AbortConfig {
    fn compile(self) -> Result<Abort, ConfigError> {
        exactly_one(&[
            ("http_status", self.http_status.is_some()),
            ("grpc_status", self.grpc_status.is_some()),
            ("header_abort", self.header_abort.is_some()),
        ])?;
        let http = self.http_status.map(|status| Status::Http(status.code()));
        let fixed = http.or(self.grpc_status.map(Status::Grpc)).map(Source::Fixed);
        Ok(Abort { source: fixed.unwrap_or(Source::Header), percentage: self.percentage })
    }
}

#[cfg(test)]
mod tests;
