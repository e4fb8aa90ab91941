//! Which faults a request gets. Pure: headers and dice in, a plan out.
//!
//! Order, header names and caps are those of Envoy's own filter
//! (`source/extensions/filters/http/fault/fault_filter.cc` and `filters/common/fault/fault_config.cc`).

use std::time::Duration;
use tollgate::config::Percent;
use tollgate::grpc;
use tollgate::headers::HeaderMap;

const DELAY: &str = "x-envoy-fault-delay-request";
const DELAY_PERCENTAGE: &str = "x-envoy-fault-delay-request-percentage";
const ABORT: &str = "x-envoy-fault-abort-request";
const ABORT_GRPC: &str = "x-envoy-fault-abort-grpc-request";
const ABORT_PERCENTAGE: &str = "x-envoy-fault-abort-request-percentage";

/// The faults of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Holds requests back.
    pub delay: Option<Delay>,
    /// Answers requests in the upstream's stead.
    pub abort: Option<Abort>,
}

/// Where a fault's strength comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<T> {
    /// The configuration.
    Fixed(T),
    /// A header of the request.
    Header,
}

/// A delay, and the share of requests that get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long.
    pub source: Source<Duration>,
    /// How many; a request's header can lower it when the source is the header.
    pub percentage: Percent,
}

/// An abort, and the share of requests that get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// With which status.
    pub source: Source<Status>,
    /// How many; a request's header can lower it when the source is the header.
    pub percentage: Percent,
}

/// The status of an aborted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An HTTP status.
    Http(u16),
    /// HTTP status 200, and this gRPC status for gRPC callers.
    Grpc(grpc::Status),
}

/// What one request gets: first the delay, then the abort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How long to hold it back; never zero.
    pub delay: Option<Duration>,
    /// How to answer it.
    pub abort: Option<Status>,
}

impl Plan {
    /// Whether the request passes as if there was no filter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Faults {
    /// Whether [`Faults::plan`] looks at headers; if not, it may be given none.
    #[must_use]
    pub fn look_at_headers(&self) -> bool {
        self.delay.is_some_and(|delay| delay.source == Source::Header)
            || self.abort.is_some_and(|abort| abort.source == Source::Header)
    }

    /// Throws the dice for one request; delay and abort have dice of their own.
    ///
    /// Of a header that is there several times the first value counts. A value that is not what it
    /// should be is ignored, and with it the fault that it asks for.
    pub fn plan(&self, headers: &HeaderMap, rng: &mut fastrand::Rng) -> Plan {
        Plan {
            delay: self.delay.and_then(|delay| delay.draw(headers, rng)),
            abort: self.abort.and_then(|abort| abort.draw(headers, rng)),
        }
    }
}

impl Delay {
    fn draw(self, headers: &HeaderMap, rng: &mut fastrand::Rng) -> Option<Duration> {
        let (delay, percentage) = match self.source {
            Source::Fixed(delay) => (delay, self.percentage),
            Source::Header => (
                Duration::from_millis(number(headers, DELAY)?),
                lowered(self.percentage, headers, DELAY_PERCENTAGE),
            ),
        };
        (!delay.is_zero() && percentage.draws(rng)).then_some(delay)
    }
}

impl Abort {
    fn draw(self, headers: &HeaderMap, rng: &mut fastrand::Rng) -> Option<Status> {
        let (status, percentage) = match self.source {
            Source::Fixed(status) => (status, self.percentage),
            Source::Header => {
                (requested_status(headers)?, lowered(self.percentage, headers, ABORT_PERCENTAGE))
            }
        };
        percentage.draws(rng).then_some(status)
    }
}

/// The HTTP status, or if that is absent or invalid the gRPC status.
///
/// Envoy's own filter takes any number as a gRPC status; its Wasm host sends only those that gRPC
/// defines, so ours ignores the others.
fn requested_status(headers: &HeaderMap) -> Option<Status> {
    let http = number(headers, ABORT).filter(|status| (200..600).contains(status));
    match http {
        Some(status) => u16::try_from(status).ok().map(Status::Http),
        None => number(headers, ABORT_GRPC).and_then(grpc::Status::from_code).map(Status::Grpc),
    }
}

/// The configured percentage, or the header's if that is lower. The header gives the numerator; the
/// denominator is the configured one.
fn lowered(configured: Percent, headers: &HeaderMap, name: &str) -> Percent {
    let requested = number(headers, name).and_then(|numerator| u32::try_from(numerator).ok());
    requested.map_or(configured, |numerator| configured.with_numerator_at_most(numerator))
}

/// The first value of a header, if it is decimal digits, perhaps behind a plus as in Envoy
/// (`absl::SimpleAtoi`), and fits.
fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let value = headers.get(name)?;
    let digits = value.strip_prefix(b"+").unwrap_or(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
