//! What an operator writes: Envoy's `HTTPFault`, or Istio's `HTTPFaultInjection`.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/fault/v3/fault.proto>
//! <https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection>

use crate::faults::{Abort, Delay, Faults, Source, Status};
use serde::Deserialize;
use tollgate::config::{ConfigError, Duration, Percent};
use tollgate::grpc;

/// The configuration of the filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Holds requests back.
    delay: Option<DelayConfig>,
    /// Answers requests in the upstream's stead.
    abort: Option<AbortConfig>,
    /// At most so many requests have a fault at a time, over all workers; no limit by default.
    #[serde(alias = "maxActiveFaults")]
    max_active_faults: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DelayConfig {
    #[serde(alias = "fixedDelay")]
    fixed_delay: Option<Duration>,
    #[serde(alias = "headerDelay")]
    header_delay: Option<ByHeader>,
    percentage: Option<Percent>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AbortConfig {
    #[serde(alias = "httpStatus")]
    http_status: Option<u16>,
    #[serde(alias = "grpcStatus")]
    grpc_status: Option<grpc::Status>,
    #[serde(alias = "headerAbort")]
    header_abort: Option<ByHeader>,
    percentage: Option<Percent>,
}

/// The request's headers say it; an empty message in Envoy's API.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
        let source = match (self.fixed_delay.map(Duration::get), self.header_delay) {
            (Some(std::time::Duration::ZERO), None) => {
                return Err(ConfigError::new(
                    "fixed_delay",
                    "0",
                    "a duration above 0, such as \"0.25s\"",
                ));
            }
            (Some(delay), None) => Source::Fixed(delay),
            (None, Some(ByHeader {})) => Source::Header,
            (fixed, header) => {
                let given = u8::from(fixed.is_some()).saturating_add(u8::from(header.is_some()));
                return Err(exactly_one(given, "`fixed_delay`, `header_delay`"));
            }
        };
        Ok(Delay { source, percentage: self.percentage.unwrap_or_default() })
    }
}

impl AbortConfig {
    fn compile(self) -> Result<Abort, ConfigError> {
        let source = match (self.http_status, self.grpc_status, self.header_abort) {
            (Some(status @ 200..=599), None, None) => Source::Fixed(Status::Http(status)),
            (Some(status), None, None) => {
                return Err(ConfigError::new(
                    "http_status",
                    status.to_string(),
                    "an HTTP status from 200 to 599",
                ));
            }
            (None, Some(status), None) => Source::Fixed(Status::Grpc(status)),
            (None, None, Some(ByHeader {})) => Source::Header,
            (http, grpc, header) => {
                let given = [http.is_some(), grpc.is_some(), header.is_some()]
                    .into_iter()
                    .fold(0u8, |count, given| count.saturating_add(u8::from(given)));
                return Err(exactly_one(given, "`http_status`, `grpc_status`, `header_abort`"));
            }
        };
        Ok(Abort { source, percentage: self.percentage.unwrap_or_default() })
    }
}

fn exactly_one(given: u8, fields: &str) -> ConfigError {
    let found = if given == 0 { "none of them" } else { "several of them" };
    ConfigError::new("", found, format!("exactly one of {fields}"))
}

#[cfg(test)]
mod tests;
