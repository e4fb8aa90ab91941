//! What an operator writes: Istio's `trafficPolicy`, and what it lacks.
//!
//! <https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy>

use crate::detector::Detectors;
use crate::state::Policy;
use serde::Deserialize;
use tollgate::config::{ConfigError, Duration};

/// The configuration of the filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Limits.
    #[serde(alias = "connectionPool")]
    connection_pool: Option<ConnectionPool>,
    /// When the breaker opens, and for how long.
    #[serde(alias = "outlierDetection")]
    outlier_detection: Option<OutlierDetection>,
    /// The two above, as they stand in a `DestinationRule`; instead of them.
    #[serde(alias = "trafficPolicy")]
    traffic_policy: Option<TrafficPolicy>,
    /// What has a breaker of its own.
    #[serde(default)]
    key: Key,
    /// What Istio has no words for.
    #[serde(default)]
    breaker: Breaker,
}

/// What has a breaker of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The cluster that the request's route leads to.
    #[default]
    Cluster,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficPolicy {
    #[serde(alias = "connectionPool")]
    connection_pool: Option<ConnectionPool>,
    #[serde(alias = "outlierDetection")]
    outlier_detection: Option<OutlierDetection>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionPool {
    #[serde(default)]
    tcp: Tcp,
    #[serde(default)]
    http: Http,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tcp {
    #[serde(alias = "maxConnections")]
    max_connections: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    #[serde(alias = "http1MaxPendingRequests")]
    http1_max_pending_requests: Option<u32>,
    #[serde(alias = "http2MaxRequests")]
    http2_max_requests: Option<u32>,
    #[serde(alias = "maxRequestsPerConnection")]
    max_requests_per_connection: Option<u32>,
    #[serde(alias = "maxRetries")]
    max_retries: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutlierDetection {
    #[serde(alias = "consecutiveErrors")]
    consecutive_errors: Option<u32>,
    #[serde(alias = "consecutive5xxErrors")]
    consecutive_5xx_errors: Option<u32>,
    #[serde(alias = "consecutiveGatewayErrors")]
    consecutive_gateway_errors: Option<u32>,
    interval: Option<Duration>,
    #[serde(alias = "baseEjectionTime")]
    base_ejection_time: Option<Duration>,
    #[serde(alias = "maxEjectionPercent")]
    max_ejection_percent: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Breaker {
    #[serde(default)]
    open: Open,
    #[serde(default, alias = "halfOpen")]
    half_open: HalfOpen,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    max: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct HalfOpen {
    #[serde(alias = "maxProbes")]
    max_probes: Option<u32>,
    #[serde(alias = "successThreshold")]
    success_threshold: Option<u32>,
    #[serde(alias = "maxWait")]
    max_wait: Option<Duration>,
}

/// What the filter does, after the configuration was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many requests may be in flight over all workers; `u64::MAX` is no limit.
    pub limit: u64,
    /// What opens the breaker; `None` when nothing does.
    pub detectors: Option<Detectors>,
    /// How it closes again.
    pub policy: Policy,
    /// Fields that were given and do nothing, each with why or what to do.
    pub without_effect: Vec<(&'static str, &'static str)>,
}

/// Istio: `consecutive5xxErrors` is 5 when outlier detection is on and nothing is said.
const DEFAULT_CONSECUTIVE_5XX: u32 = 5;
/// Istio and Envoy: the default of `interval`.
const DEFAULT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);
/// Istio and Envoy: the default of `baseEjectionTime`.
const DEFAULT_BASE: std::time::Duration = std::time::Duration::from_secs(30);
/// Envoy: the default of `max_ejection_time`.
const DEFAULT_MAX: std::time::Duration = std::time::Duration::from_secs(300);
/// A probe that takes longer is given up.
const DEFAULT_MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

impl Config {
    /// Checks the configuration, and brings it into the form that the filter works with.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn compile(self) -> Result<Settings, ConfigError> {
        let Key::Cluster = self.key;
        let breaker = self.breaker.clone();
        let (pool, outlier) = self.traffic_policy()?;
        let without_effect = without_effect(pool.as_ref(), outlier.as_ref(), &breaker);
        Ok(Settings {
            limit: pool
                .map_or(Ok(u64::MAX), |(path, pool)| pool.limit().map_err(|e| e.at(path)))?,
            policy: policy(outlier.as_ref(), &breaker)?,
            detectors: outlier
                .map(|(path, outlier)| outlier.detectors().map_err(|e| e.at(path)))
                .transpose()?
                .flatten(),
            without_effect,
        })
    }

    /// The two halves of a traffic policy, each with the path where it stood.
    fn traffic_policy(self) -> Result<Halves, ConfigError> {
        let Some(policy) = self.traffic_policy else {
            return Ok((
                self.connection_pool.map(|pool| ("connection_pool", pool)),
                self.outlier_detection.map(|outlier| ("outlier_detection", outlier)),
            ));
        };
        if self.connection_pool.is_some() || self.outlier_detection.is_some() {
            return Err(ConfigError::new(
                "traffic_policy",
                "`connection_pool` or `outlier_detection` beside it",
                "either `traffic_policy` or its fields, not both",
            ));
        }
        Ok((
            policy.connection_pool.map(|pool| ("traffic_policy.connection_pool", pool)),
            policy.outlier_detection.map(|outlier| ("traffic_policy.outlier_detection", outlier)),
        ))
    }
}

type Halves = (Option<(&'static str, ConnectionPool)>, Option<(&'static str, OutlierDetection)>);

impl ConnectionPool {
    /// Requests that Envoy's own pool would let in: active ones, one a connection, and those that
    /// wait for a connection; in any case no more than HTTP/2 allows.
    fn limit(&self) -> Result<u64, ConfigError> {
        let connections = at_least_one("tcp.max_connections", self.tcp.max_connections)?;
        let requests = at_least_one("http.http2_max_requests", self.http.http2_max_requests)?;
        let pending = self.http.http1_max_pending_requests.map(u64::from);
        // Istio's default for both is 2^32 - 1: no limit.
        let http1 = match (connections, pending) {
            (Some(connections), pending) => connections.saturating_add(pending.unwrap_or(u64::MAX)),
            (None, _) => u64::MAX,
        };
        Ok(http1.min(requests.unwrap_or(u64::MAX)))
    }
}

impl OutlierDetection {
    fn detectors(&self) -> Result<Option<Detectors>, ConfigError> {
        let server_errors = match (self.consecutive_errors, self.consecutive_5xx_errors) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "consecutive_errors",
                    "`consecutive_5xx_errors` beside it",
                    "one of the two, which mean the same here",
                ));
            }
            (None, None) => Some(DEFAULT_CONSECUTIVE_5XX),
            (errors, errors_5xx) => errors.or(errors_5xx),
        };
        // Istio: 0 turns a detector off.
        let on = |threshold: Option<u32>| threshold.filter(|n| *n > 0).map(u64::from);
        let detectors = Detectors {
            consecutive_5xx: on(server_errors),
            consecutive_gateway: on(self.consecutive_gateway_errors),
        };
        Ok((detectors != Detectors::default()).then_some(detectors))
    }
}

fn policy(
    outlier: Option<&(&'static str, OutlierDetection)>,
    breaker: &Breaker,
) -> Result<Policy, ConfigError> {
    let (path, outlier) = match outlier {
        Some((path, outlier)) => (*path, outlier.clone()),
        None => ("outlier_detection", OutlierDetection::default()),
    };
    let in_outlier = |error: ConfigError| error.at(path);
    let half_open = &breaker.half_open;
    let policy = Policy {
        base: positive("base_ejection_time", outlier.base_ejection_time, DEFAULT_BASE)
            .map_err(in_outlier)?,
        interval: positive("interval", outlier.interval, DEFAULT_INTERVAL).map_err(in_outlier)?,
        max: positive("breaker.open.max", breaker.open.max, DEFAULT_MAX)?,
        max_probes: at_least_one("breaker.half_open.max_probes", half_open.max_probes)?
            .unwrap_or(1),
        success_threshold: at_least_one(
            "breaker.half_open.success_threshold",
            half_open.success_threshold,
        )?
        .unwrap_or(1),
        max_wait: positive("breaker.half_open.max_wait", half_open.max_wait, DEFAULT_MAX_WAIT)?,
    };
    percentage(&outlier).map_err(in_outlier)?;
    // As in Envoy, a base above the default maximum raises the maximum.
    Ok(Policy { max: policy.max.max(policy.base), ..policy })
}

fn percentage(outlier: &OutlierDetection) -> Result<(), ConfigError> {
    match outlier.max_ejection_percent {
        Some(percent) if percent > 100 => Err(ConfigError::new(
            "max_ejection_percent",
            percent.to_string(),
            "a whole number from 0 to 100",
        )),
        _ => Ok(()),
    }
}

fn at_least_one(path: &str, value: Option<u32>) -> Result<Option<u64>, ConfigError> {
    match value {
        Some(0) => Err(ConfigError::new(path, "0", "a whole number from 1 to 4294967295")),
        value => Ok(value.map(u64::from)),
    }
}

fn positive(
    path: &str,
    value: Option<Duration>,
    default: std::time::Duration,
) -> Result<std::time::Duration, ConfigError> {
    match value.map(Duration::get) {
        Some(std::time::Duration::ZERO) => {
            Err(ConfigError::new(path, "0", "a duration above 0, such as \"30s\""))
        }
        value => Ok(value.unwrap_or(default)),
    }
}

/// What does nothing: half a limit, and what a filter cannot enforce, which sees neither hosts nor
/// upstream connections nor retries.
fn without_effect(
    pool: Option<&(&'static str, ConnectionPool)>,
    outlier: Option<&(&'static str, OutlierDetection)>,
    breaker: &Breaker,
) -> Vec<(&'static str, &'static str)> {
    let http = pool.map(|(_, pool)| &pool.http);
    let connections = pool.is_some_and(|(_, pool)| pool.tcp.max_connections.is_some());
    let pending = http.is_some_and(|http| http.http1_max_pending_requests.is_some());
    let requests = http.is_some_and(|http| http.http2_max_requests.is_some());
    [
        (
            connections && !pending && !requests,
            "maxConnections",
            "any number of requests may wait for a connection; give http1MaxPendingRequests or \
             http2MaxRequests too",
        ),
        (
            pending && !connections,
            "http1MaxPendingRequests",
            "no request has to wait for a connection; give maxConnections too",
        ),
        (
            outlier.is_none() && *breaker != Breaker::default(),
            "breaker",
            "nothing opens it; give outlierDetection too",
        ),
        (
            http.is_some_and(|http| http.max_requests_per_connection.is_some()),
            "maxRequestsPerConnection",
            "a filter cannot enforce it; set the cluster's \
             common_http_protocol_options.max_requests_per_connection",
        ),
        (
            http.is_some_and(|http| http.max_retries.is_some()),
            "maxRetries",
            "a filter cannot enforce it; set the cluster's circuit_breakers.thresholds.max_retries",
        ),
        (
            outlier.is_some_and(|(_, outlier)| outlier.max_ejection_percent.is_some()),
            "maxEjectionPercent",
            "a filter cannot enforce it; set the cluster's outlier_detection.max_ejection_percent",
        ),
    ]
    .into_iter()
    .filter_map(|(given, field, reason)| given.then_some((field, reason)))
    .collect()
}

#[cfg(test)]
mod tests;
