//! Which answers are failures, and how many in a row open the breaker.

/// How an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream is well.
    Success,
    /// A 5xx that no gateway makes: 500, 501, 505 and above.
    ServerError,
    /// 502, 503 or 504 from the upstream, or the router could not get an answer.
    GatewayError,
    /// Says nothing about the upstream: an answer made by Envoy or a filter.
    Ignored,
}

impl Outcome {
    /// Classifies an answer by its status and by Envoy's response code details.
    ///
    /// What counts is what the upstream sent (`via_upstream`), and the router's own failures to reach
    /// it, which count as gateway errors (Envoy maps them to 503 or 504 for its outlier detection,
    /// `outlier_detection_impl.cc`). Envoy's own overflow is a limit at work and no failure
    /// (envoyproxy/envoy#25487).
    #[must_use]
    pub fn classify(status: u16, details: &[u8]) -> Self {
        if details == b"via_upstream" {
            return match status {
                502..=504 => Self::GatewayError,
                500.. => Self::ServerError,
                _ => Self::Success,
            };
        }
        match is_failure_to_reach(details) {
            true => Self::GatewayError,
            false => Self::Ignored,
        }
    }
}

/// The details that Envoy's router sets when it gives up on an upstream before an answer began
/// (`ResponseCodeDetailValues` in `envoy/stream_info/stream_info.h`).
fn is_failure_to_reach(details: &[u8]) -> bool {
    const TIMEOUTS: [&[u8]; 4] = [
        b"response_timeout",
        b"upstream_per_try_timeout",
        b"upstream_per_try_idle_timeout",
        b"upstream_max_stream_duration_reached",
    ];
    const RESET: &[u8] = b"upstream_reset_before_response_started{";
    const OVERFLOW: &[u8] = b"upstream_reset_before_response_started{overflow";
    TIMEOUTS.contains(&details) || (details.starts_with(RESET) && !details.starts_with(OVERFLOW))
}

/// How many failures in a row open the breaker. At least one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detectors {
    /// 5xx of any kind.
    pub consecutive_5xx: Option<u64>,
    /// 502, 503, 504 and failures to reach the upstream.
    pub consecutive_gateway: Option<u64>,
}

/// Failures in a row, as counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// 5xx of any kind.
    pub server_errors: u64,
    /// Gateway errors; any other 5xx ends this streak.
    pub gateway_errors: u64,
}

/// Why a breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// So many 5xx in a row.
    Consecutive5xx(u64),
    /// So many gateway errors in a row.
    ConsecutiveGateway(u64),
}

impl std::fmt::Display for Trip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Consecutive5xx(n) => write!(f, "{n} consecutive 5xx"),
            Self::ConsecutiveGateway(n) => write!(f, "{n} consecutive gateway errors"),
        }
    }
}

impl Detectors {
    /// Whether a streak opens the breaker.
    #[must_use]
    pub fn judge(self, streak: Streak) -> Option<Trip> {
        if self.consecutive_gateway.is_some_and(|limit| streak.gateway_errors >= limit) {
            return Some(Trip::ConsecutiveGateway(streak.gateway_errors));
        }
        self.consecutive_5xx
            .is_some_and(|limit| streak.server_errors >= limit)
            .then_some(Trip::Consecutive5xx(streak.server_errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_upstream_sent_counts_by_its_status() {
        for (status, outcome) in [
            (200, Outcome::Success),
            (404, Outcome::Success),
            (429, Outcome::Success),
            (500, Outcome::ServerError),
            (501, Outcome::ServerError),
            (502, Outcome::GatewayError),
            (504, Outcome::GatewayError),
            (505, Outcome::ServerError),
            (599, Outcome::ServerError),
        ] {
            assert_eq!(Outcome::classify(status, b"via_upstream"), outcome, "{status}");
        }
    }

    #[test]
    fn a_failure_to_reach_the_upstream_is_a_gateway_error() {
        for details in [
            "upstream_reset_before_response_started{connection_failure}",
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}",
            "response_timeout",
            "upstream_per_try_timeout",
            "upstream_per_try_idle_timeout",
            "upstream_max_stream_duration_reached",
        ] {
            let outcome = Outcome::classify(503, details.as_bytes());
            assert_eq!(outcome, Outcome::GatewayError, "{details}");
        }
    }

    #[test]
    fn local_replies_and_overflows_do_not_count() {
        for details in [
            "",
            "circuit_breaker_open",
            "fault_filter_abort",
            "direct_response",
            "jwt_authn_access_denied{Jwt_is_missing}",
            "upstream_reset_before_response_started{overflow}",
            "no_healthy_upstream",
            "via_upstream_not",
        ] {
            let outcome = Outcome::classify(503, details.as_bytes());
            assert_eq!(outcome, Outcome::Ignored, "{details}");
        }
    }

    #[test]
    fn each_detector_has_its_own_threshold() {
        let detectors = Detectors { consecutive_5xx: Some(5), consecutive_gateway: Some(2) };
        let streak = |server_errors, gateway_errors| Streak { server_errors, gateway_errors };
        assert_eq!(detectors.judge(streak(4, 1)), None);
        assert_eq!(detectors.judge(streak(5, 0)), Some(Trip::Consecutive5xx(5)));
        assert_eq!(detectors.judge(streak(2, 2)), Some(Trip::ConsecutiveGateway(2)));
        assert_eq!(Detectors::default().judge(streak(100, 100)), None);
    }
}
