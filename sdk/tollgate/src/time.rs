//! Clocks of the host, and waiting. The chapter on [time](crate::guide::time) has more.

use crate::abi::{self, Result};
pub use crate::executor::{Elapsed, Sleep, sleep, timeout};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment of the host's monotonic clock.
///
/// All workers of one Envoy process read the same clock, so an `Instant` may be shared between
/// them; across processes it means nothing.
///
/// ```
/// use std::time::Duration;
/// use tollgate::time::Instant;
///
/// let start = Instant::from_nanoseconds(5);
/// let later = start.after(Duration::from_nanos(7));
/// assert_eq!(later.since(start), Duration::from_nanos(7));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(u64);

impl Instant {
    /// The current moment.
    ///
    /// ```
    /// use tollgate::time::Instant;
    ///
    /// fn milliseconds_since(start: Instant) -> tollgate::Result<u128> {
    ///     Ok(Instant::now()?.since(start).as_millis())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the host has no monotonic clock.
    pub fn now() -> Result<Self> {
        abi::monotonic_nanoseconds().map(Self)
    }

    /// The moment at which the clock shows `nanoseconds`; for tests and for values kept as numbers.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// The moment `duration` later; the end of time if that is too far.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Whole seconds since 1970-01-01T00:00:00Z, as JWT's NumericDate counts them (RFC 7519, 2).
///
/// ```
/// use tollgate::time;
///
/// fn is_over(end: u64) -> tollgate::Result<bool> {
///     Ok(time::unix_seconds()? >= end)
/// }
/// ```
///
/// # Errors
///
/// When the host has no clock.
pub fn unix_seconds() -> Result<u64> {
    abi::unix_nanoseconds().map(|nanoseconds| nanoseconds / 1_000_000_000)
}
