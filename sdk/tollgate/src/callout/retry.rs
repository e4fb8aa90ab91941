use crate::random::Random;
use std::time::Duration;

/// How often a call is made again, and after which pauses.
///
/// The pause doubles each time and is drawn evenly between nothing and that ("full jitter"), so that
/// workers which failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use tollgate::callout::Retry;
///
/// let twice = Retry::times(2).backoff(Duration::from_millis(50), Duration::from_secs(1));
/// assert_eq!(twice.longest_pause(0), Duration::from_millis(50));
/// assert_eq!(twice.longest_pause(1), Duration::from_millis(100));
/// assert_eq!(twice.longest_pause(9), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    base: Duration,
    max: Duration,
}

impl Retry {
    /// Never.
    pub const NONE: Self = Self::times(0);

    /// Again at most so many times, after pauses of up to 25 ms, 50 ms, 100 ms, ... 250 ms: the
    /// defaults of Envoy's router.
    #[must_use]
    pub const fn times(times: u32) -> Self {
        Self { times, base: Duration::from_millis(25), max: Duration::from_millis(250) }
    }

    /// The longest first pause, and the longest of all.
    #[must_use]
    pub const fn backoff(self, base: Duration, max: Duration) -> Self {
        Self { base, max, ..self }
    }

    /// The longest pause before the retry of this number, counted from 0.
    #[must_use]
    pub fn longest_pause(self, retry: u32) -> Duration {
        self.base.saturating_mul(2u32.saturating_pow(retry)).min(self.max)
    }

    /// Whether there is another try after so many retries.
    pub(super) fn allows(self, retries: u32) -> bool {
        retries < self.times
    }

    /// Waits before the retry of this number.
    pub(super) async fn pause(self, retry: u32) {
        let longest = u64::try_from(self.longest_pause(retry).as_nanos()).unwrap_or(u64::MAX);
        let nanoseconds = Random::from_host().draw(|rng| rng.u64(..=longest));
        crate::time::sleep(Duration::from_nanos(nanoseconds)).await;
    }
}
