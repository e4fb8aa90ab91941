//! What the operator says about fetching keys.

use crate::config::{self, OnKeysUnavailable};
use std::time::Duration;
use tollgate::config::ConfigError;

/// The default of `cache_duration`, as in Envoy.
const CACHE_DURATION: Duration = Duration::from_secs(600);
/// The default of `timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The default of `failed_refetch_duration`, as in Envoy.
const FAILED_REFETCH: Duration = Duration::from_secs(1);
/// The default of `unknown_kid_refetch.min_interval`.
const UNKNOWN_KID: Duration = Duration::from_secs(30);
/// The default of `stale_if_error`.
const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);

/// Whatever an issuer says, its keys are fetched not more often than this, unless `cache_duration` is
/// shorter,
const SHORTEST: Duration = Duration::from_secs(60);
/// and not less often than this, unless it is longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// In the background keys are fetched so long before they expire, as in Envoy; a quarter of their time,
/// if that is less.
const AHEAD: Duration = Duration::from_secs(5);

/// The default pauses between tries, as in Envoy.
const BASE_INTERVAL: Duration = Duration::from_secs(1);
const INTERVALS: u32 = 10;

/// When keys are fetched, and what happens without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a set is used, unless its issuer says something else.
    pub cache_duration: Duration,
    /// How long a fetch may take.
    pub timeout: Duration,
    /// How long after a failed fetch the next one is made.
    pub failed_refetch: Duration,
    /// How long after any fetch one may be made for an unknown key.
    pub unknown_kid: Duration,
    /// How long an expired set is used while fetches fail.
    pub stale_if_error: Duration,
    /// Whether keys are fetched before a request needs them.
    pub in_background: bool,
    /// What requests get before the first set.
    pub unavailable: OnKeysUnavailable,
    /// Tries after the first.
    pub retry: Tries,
}

/// How often a call is made again, and after which pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How often.
    pub times: u32,
    /// The longest first pause.
    pub base: Duration,
    /// The longest pause of all.
    pub max: Duration,
}

/// The fields that key sets from a URL and those by discovery have in common.
pub(super) struct Fetching {
    pub(super) cache_duration: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) in_background: Option<config::AsyncFetch>,
    pub(super) retry: Option<config::RetryPolicy>,
}

impl Policy {
    pub(super) fn new(config: &config::Provider, own: &Fetching) -> Result<Self, ConfigError> {
        let unknown_kid = config.unknown_kid_refetch.and_then(|refetch| refetch.min_interval);
        let failed_refetch =
            own.in_background.and_then(|fetch| fetch.failed_refetch_duration.map(|it| it.get()));
        Ok(Self {
            cache_duration: own.cache_duration.unwrap_or(CACHE_DURATION),
            timeout: own.timeout.unwrap_or(TIMEOUT),
            failed_refetch: failed_refetch.unwrap_or(FAILED_REFETCH),
            unknown_kid: unknown_kid.map_or(UNKNOWN_KID, |interval| interval.get()),
            stale_if_error: config.stale_if_error.map_or(STALE_IF_ERROR, |limit| limit.get()),
            in_background: own.in_background.is_some(),
            unavailable: config.on_keys_unavailable.unwrap_or_default(),
            retry: Tries::new(own.retry)?,
        })
    }

    /// How long a set is used whose issuer has said this about it.
    #[must_use]
    pub fn lifetime(&self, max_age: Option<Duration>) -> Duration {
        let (least, most) = (self.cache_duration.min(SHORTEST), self.cache_duration.max(LONGEST));
        max_age.map_or(self.cache_duration, |age| age.clamp(least, most))
    }

    /// How long before its end such a set is fetched in the background.
    #[must_use]
    pub fn ahead(&self, lifetime: Duration) -> Duration {
        AHEAD.min(lifetime.checked_div(4).unwrap_or_default())
    }
}

impl Tries {
    fn new(config: Option<config::RetryPolicy>) -> Result<Self, ConfigError> {
        let Some(config) = config else {
            return Ok(Self { times: 0, base: BASE_INTERVAL, max: BASE_INTERVAL });
        };
        let base = config.retry_back_off.map_or(BASE_INTERVAL, |it| it.base_interval.get());
        let max = config.retry_back_off.and_then(|it| it.max_interval);
        let max = max.map_or(base.saturating_mul(INTERVALS), |it| it.get());
        if max < base {
            let error = ConfigError::new(
                "max_interval",
                "less than `base_interval`",
                "at least `base_interval`",
            );
            return Err(error.at("retry_back_off").at("retry_policy"));
        }
        Ok(Self { times: config.num_retries.unwrap_or(1), base, max })
    }
}
