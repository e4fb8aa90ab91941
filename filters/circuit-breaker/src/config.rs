//! What an operator writes: Istio's `trafficPolicy`, and what it lacks.
//!
//! <https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy>

use crate::detector::Detectors;
use crate::state::Policy;
use serde::Serialize;
use tollgate::config::{AtLeastOne, HeaderName, PositiveDuration, Whole};
use tollgate::prelude::*;

/// How the filter `circuit-breaker` protects clusters: the fields of an Istio `trafficPolicy`, and what
/// it lacks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Config {
    /// Limits. Default: none.
    connection_pool: Option<ConnectionPool>,
    /// When the breaker opens, and for how long. Default: it never opens.
    outlier_detection: Option<OutlierDetection>,
    /// The two above, as they stand in a `DestinationRule`; instead of them.
    traffic_policy: Option<TrafficPolicy>,
    /// What has a breaker of its own.
    #[serde(default)]
    key: Key,
    /// What Istio has no words for.
    #[serde(default)]
    breaker: Breaker,
}

/// What has a breaker of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Key {
    /// the cluster that the request's route leads to.
    #[default]
    Cluster,
    /// the value of this request header, such as one that canary writes; of a request without it, the
    /// cluster.
    Header(HeaderName),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct TrafficPolicy {
    /// Limits. Default: none.
    connection_pool: Option<ConnectionPool>,
    /// When the breaker opens, and for how long. Default: it never opens.
    outlier_detection: Option<OutlierDetection>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct ConnectionPool {
    /// Limits on connections.
    tcp: Tcp,
    /// Limits on requests.
    http: Http,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
struct Tcp {
    /// How many requests in flight count as active. Without `http1_max_pending_requests` or
    /// `http2_max_requests` this limits nothing, and a line in the log says so. Default: no limit.
    max_connections: Option<AtLeastOne>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
struct Http {
    /// How many requests may be in flight beyond `max_connections`. Default: no limit.
    http1_max_pending_requests: Option<u32>,
    /// How many requests may be in flight in any case. Default: no limit.
    http2_max_requests: Option<AtLeastOne>,
    /// Accepted without effect, since a filter cannot enforce it; a line in the log says so. Set it on
    /// the cluster.
    max_requests_per_connection: Option<u32>,
    /// Accepted without effect, like `max_requests_per_connection`.
    max_retries: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default)]
struct OutlierDetection {
    /// How many 5xx answers in a row open the breaker; 0 is off. Default: 5.
    consecutive_5xx_errors: Option<u32>,
    /// Another name for `consecutive_5xx_errors`, instead of it.
    consecutive_errors: Option<u32>,
    /// How many of 502, 503, 504 and failures to reach the cluster in a row open the breaker; 0 is off.
    /// Default: 0.
    consecutive_gateway_errors: Option<u32>,
    /// Each such time of staying closed makes the next opening count one less in a row.
    interval: PositiveDuration,
    /// How long it is open the first time; n times as long when it opens the nth time in a row.
    base_ejection_time: PositiveDuration,
    /// Accepted without effect, since a filter cannot enforce it; a line in the log says so. Set it on
    /// the cluster.
    max_ejection_percent: Option<Whole<0, 100>>,
}

impl Default for OutlierDetection {
    /// Istio's defaults, which are Envoy's.
    fn default() -> Self {
        Self {
            consecutive_5xx_errors: None,
            consecutive_errors: None,
            consecutive_gateway_errors: None,
            interval: PositiveDuration::seconds::<10>(),
            base_ejection_time: PositiveDuration::seconds::<30>(),
            max_ejection_percent: None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
struct Breaker {
    /// While it is open.
    open: Open,
    /// While it tries whether the cluster is well again.
    half_open: HalfOpen,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
struct Open {
    /// It is never open longer. A longer `base_ejection_time` raises it.
    max: PositiveDuration,
}

impl Default for Open {
    /// Envoy's default of `max_ejection_time`.
    fn default() -> Self {
        Self { max: PositiveDuration::seconds::<300>() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
struct HalfOpen {
    /// How many requests are let in at a time, over all workers.
    max_probes: AtLeastOne,
    /// How many of them must succeed before it closes.
    success_threshold: AtLeastOne,
    /// A probe without an answer for so long gives its place to another.
    max_wait: PositiveDuration,
}

impl Default for HalfOpen {
    fn default() -> Self {
        Self {
            max_probes: AtLeastOne::constant::<1>(),
            success_threshold: AtLeastOne::constant::<1>(),
            max_wait: PositiveDuration::seconds::<10>(),
        }
    }
}

/// What the filter does, after the configuration was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What has a breaker of its own.
    pub key: Key,
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

impl Config {
    /// Checks the configuration, and brings it into the form that the filter works with.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn compile(self) -> Result<Settings, ConfigError> {
        let key = self.key.clone();
        let breaker = self.breaker.clone();
        let (pool, outlier) = self.traffic_policy()?;
        let policy = policy(outlier.as_ref().map(|(_, outlier)| outlier.clone()), &breaker);
        let detectors = outlier
            .as_ref()
            .map(|(path, outlier)| outlier.detectors().map_err(|error| error.at(path)));
        Ok(Settings {
            key,
            limit: pool.as_ref().map_or(u64::MAX, ConnectionPool::limit),
            detectors: detectors.transpose()?.flatten(),
            without_effect: without_effect(
                pool.as_ref(),
                outlier.as_ref().map(|(_, outlier)| outlier),
                &breaker,
            ),
            policy,
        })
    }

    /// The two halves of a traffic policy, the second with the path where it stood.
    fn traffic_policy(self) -> Result<Halves, ConfigError> {
        let Some(policy) = self.traffic_policy else {
            let outlier = self.outlier_detection.map(|outlier| ("outlier_detection", outlier));
            return Ok((self.connection_pool, outlier));
        };
        if self.connection_pool.is_some() || self.outlier_detection.is_some() {
            return Err(ConfigError::new(
                "traffic_policy",
                "`connection_pool` or `outlier_detection` beside it",
                "either `traffic_policy` or its fields, not both",
            ));
        }
        let path = "traffic_policy.outlier_detection";
        Ok((policy.connection_pool, policy.outlier_detection.map(|outlier| (path, outlier))))
    }
}

type Halves = (Option<ConnectionPool>, Option<(&'static str, OutlierDetection)>);

impl ConnectionPool {
    /// Requests that Envoy's own pool would let in: active ones, one a connection, and those that
    /// wait for a connection; in any case no more than HTTP/2 allows.
    fn limit(&self) -> u64 {
        let number = |number: AtLeastOne| u64::from(number.get());
        // Istio's default for both is 2^32 - 1: no limit.
        let pending = self.http.http1_max_pending_requests.map_or(u64::MAX, u64::from);
        let http1 = self.tcp.max_connections.map_or(u64::MAX, number).saturating_add(pending);
        http1.min(self.http.http2_max_requests.map_or(u64::MAX, number))
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

fn policy(outlier: Option<OutlierDetection>, breaker: &Breaker) -> Policy {
    let outlier = outlier.unwrap_or_default();
    let half_open = &breaker.half_open;
    let base = outlier.base_ejection_time.get();
    Policy {
        base,
        interval: outlier.interval.get(),
        // As in Envoy, a base above the default maximum raises the maximum.
        max: breaker.open.max.get().max(base),
        max_probes: half_open.max_probes.get().into(),
        success_threshold: half_open.success_threshold.get().into(),
        max_wait: half_open.max_wait.get(),
    }
}

/// What does nothing: half a limit, and what a filter cannot enforce, which sees neither hosts nor
/// upstream connections nor retries.
fn without_effect(
    pool: Option<&ConnectionPool>,
    outlier: Option<&OutlierDetection>,
    breaker: &Breaker,
) -> Vec<(&'static str, &'static str)> {
    let http = pool.map(|pool| &pool.http);
    let connections = pool.is_some_and(|pool| pool.tcp.max_connections.is_some());
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
            outlier.is_some_and(|outlier| outlier.max_ejection_percent.is_some()),
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
