//! A token bucket: so much at a time on average, and a burst of at most so much.
//!
//! Pure: the time is an argument. One bucket limits a worker when it is a field, and the whole
//! process when it is kept in a [`SharedCell`](crate::shared::SharedCell).
//!
//! ```
//! use std::time::Duration;
//! use tollgate::time::Instant;
//! use tollgate::token_bucket::TokenBucket;
//!
//! // Ten requests a second, at most two at once.
//! let mut bucket = TokenBucket::new(2, 10, Duration::from_secs(1)).unwrap();
//! let now = Instant::from_nanoseconds(0);
//! assert_eq!(bucket.try_take(2, now), Ok(()));
//! assert_eq!(bucket.try_take(1, now), Err(Duration::from_millis(100)));
//!
//! let later = now.after(Duration::from_millis(100));
//! assert_eq!(bucket.try_take(1, later), Ok(()));
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// A bucket that fills at a steady rate up to its capacity, and from which tokens are taken.
///
/// It begins full. Its level is kept as a whole number of the smallest amount that a nanosecond can
/// bring, so nothing is rounded and the rate is exact over any length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBucket {
    /// In tokens.
    capacity: u64,
    /// Tokens a period.
    refill: u64,
    /// In nanoseconds.
    period: u64,
    /// A token is as many of these as the period has nanoseconds, so that a nanosecond brings
    /// `refill` of them.
    level: u128,
    /// When the level was what it is.
    as_of: Instant,
}

impl TokenBucket {
    /// A full bucket that holds at most `capacity` tokens and gets `refill` tokens every `period`,
    /// evenly.
    ///
    /// Nothing when one of the three is 0, or the period has more than 2⁶⁴ - 1 nanoseconds (584
    /// years).
    #[must_use]
    pub fn new(capacity: u64, refill: u64, period: Duration) -> Option<Self> {
        let period = u64::try_from(period.as_nanos()).ok()?;
        let as_of = Instant::default();
        let empty = Self { capacity, refill, period, level: 0, as_of };
        (capacity > 0 && refill > 0 && period > 0).then_some(Self { level: empty.full(), ..empty })
    }

    /// The same bucket with other limits, as after a change of configuration. It keeps its tokens,
    /// as many as the new capacity allows, and what is between two tokens is rounded down.
    ///
    /// Nothing when [`TokenBucket::new`] would give nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::time::Instant;
    /// use tollgate::token_bucket::TokenBucket;
    ///
    /// let (second, now) = (Duration::from_secs(1), Instant::from_nanoseconds(0));
    /// let mut bucket = TokenBucket::new(5, 1, second).unwrap();
    /// bucket.try_take(2, now).unwrap();
    /// assert_eq!(bucket.with_limits(9, 1, second, now).unwrap().available(now), 3);
    /// assert_eq!(bucket.with_limits(2, 1, second, now).unwrap().available(now), 2);
    /// ```
    #[must_use]
    pub fn with_limits(
        mut self,
        capacity: u64,
        refill: u64,
        period: Duration,
        now: Instant,
    ) -> Option<Self> {
        self.fill(now);
        let changed = Self::new(capacity, refill, period)?;
        let level = changed.cost(self.tokens()).min(changed.full());
        Some(Self { level, as_of: self.as_of, ..changed })
    }

    /// Takes `tokens`, or none of them: then it says how long it takes until there are enough,
    /// if nobody else takes any. That is exact to the nanosecond, and [`Duration::MAX`] when the
    /// bucket cannot hold so many.
    ///
    /// A time before one that the bucket has seen brings nothing and takes nothing back.
    ///
    /// # Errors
    ///
    /// How long to wait.
    pub fn try_take(&mut self, tokens: u64, now: Instant) -> Result<(), Duration> {
        self.fill(now);
        match self.level.checked_sub(self.cost(tokens)) {
            Some(left) => {
                self.level = left;
                Ok(())
            }
            None if tokens > self.capacity => Err(Duration::MAX),
            None => Err(self.time_until(tokens, now)),
        }
    }

    /// Takes as many tokens as there are, at most `tokens`, and says how many.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::time::Instant;
    /// use tollgate::token_bucket::TokenBucket;
    ///
    /// // 64 KiB a second, in pieces of at most 16 KiB: what may be sent now of a body's 20 KiB?
    /// let mut bucket = TokenBucket::new(16_384, 65_536, Duration::from_secs(1)).unwrap();
    /// assert_eq!(bucket.take_up_to(20_480, Instant::from_nanoseconds(0)), 16_384);
    /// ```
    pub fn take_up_to(&mut self, tokens: u64, now: Instant) -> u64 {
        self.fill(now);
        let taken = tokens.min(self.tokens());
        self.level = self.level.saturating_sub(self.cost(taken));
        taken
    }

    /// How many whole tokens there are.
    #[must_use]
    pub fn available(mut self, now: Instant) -> u64 {
        self.fill(now);
        self.tokens()
    }

    fn fill(&mut self, now: Instant) {
        // Neither product can be too large: both have factors below 2^64.
        let brought = now.since(self.as_of).as_nanos().saturating_mul(self.refill.into());
        self.level = self.level.saturating_add(brought).min(self.full());
        self.as_of = self.as_of.max(now);
    }

    fn time_until(&self, tokens: u64, now: Instant) -> Duration {
        let missing = self.cost(tokens).saturating_sub(self.level);
        let nanoseconds = divide_up(missing, self.refill.into());
        let wait = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        wait.saturating_add(self.as_of.since(now))
    }

    fn tokens(&self) -> u64 {
        let tokens = self.level.checked_div(self.period.into()).unwrap_or_default();
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    fn full(&self) -> u128 {
        self.cost(self.capacity)
    }

    fn cost(&self, tokens: u64) -> u128 {
        u128::from(tokens).saturating_mul(self.period.into())
    }
}

fn divide_up(dividend: u128, divisor: u128) -> u128 {
    let rounded = dividend.checked_rem(divisor).map_or(0, |rest| u128::from(rest > 0));
    dividend.checked_div(divisor).unwrap_or(u128::MAX).saturating_add(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(nanoseconds: u64) -> Instant {
        Instant::from_nanoseconds(nanoseconds)
    }

    #[test]
    fn a_new_bucket_is_full_whatever_the_time() {
        for now in [0, 1, u64::MAX] {
            let mut bucket = TokenBucket::new(3, 1, SECOND).unwrap();
            assert_eq!(bucket.available(at(now)), 3);
            assert_eq!(bucket.try_take(3, at(now)), Ok(()));
            assert_eq!(bucket.try_take(1, at(now)), Err(SECOND));
        }
    }

    #[test]
    fn a_bucket_without_capacity_rate_or_period_is_none() {
        assert_eq!(TokenBucket::new(0, 1, SECOND), None);
        assert_eq!(TokenBucket::new(1, 0, SECOND), None);
        assert_eq!(TokenBucket::new(1, 1, Duration::ZERO), None);
        assert_eq!(TokenBucket::new(1, 1, Duration::MAX), None);
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let mut bucket = TokenBucket::new(5, 1, SECOND).unwrap();
        assert_eq!(bucket.try_take(6, at(0)), Err(Duration::MAX));
        assert_eq!(bucket.try_take(6, at(u64::MAX)), Err(Duration::MAX));
        assert_eq!(bucket.try_take(5, at(u64::MAX)), Ok(()));
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let mut bucket = TokenBucket::new(5, 1, SECOND).unwrap();
        bucket.try_take(3, at(0)).unwrap();
        assert_eq!(bucket.try_take(3, at(0)), Err(SECOND));
        assert_eq!(bucket.try_take(2, at(0)), Ok(()));
    }

    #[test]
    fn a_rate_that_no_nanosecond_divides_does_not_drift() {
        // Three tokens in seven nanoseconds: one nanosecond and one token at a time, and a day at once.
        let mut bucket = TokenBucket::new(2, 3, Duration::from_nanos(7)).unwrap();
        let taken = (0..=70_000).filter(|now| bucket.try_take(1, at(*now)).is_ok()).count();
        assert_eq!(taken, 30_002);
        let day = 86_400_000_000_000;
        let mut bucket = TokenBucket::new(u64::MAX, 3, Duration::from_nanos(7)).unwrap();
        bucket.try_take(u64::MAX, at(0)).unwrap();
        assert_eq!(bucket.available(at(7 * day)), 3 * day);
    }

    #[test]
    fn an_earlier_time_neither_brings_nor_costs_tokens() {
        let mut bucket = TokenBucket::new(1, 1, SECOND).unwrap();
        bucket.try_take(1, at(5_000_000_000)).unwrap();
        assert_eq!(bucket.try_take(1, at(3_000_000_000)), Err(3 * SECOND));
        assert_eq!(bucket.try_take(1, at(5_999_999_999)), Err(Duration::from_nanos(1)));
        assert_eq!(bucket.try_take(1, at(6_000_000_000)), Ok(()));
    }

    #[test]
    fn new_limits_keep_the_tokens_that_fit() {
        let mut bucket = TokenBucket::new(10, 1, SECOND).unwrap();
        bucket.try_take(4, at(0)).unwrap();
        let faster = bucket.with_limits(100, 1000, SECOND, at(0)).unwrap();
        assert_eq!(faster.available(at(0)), 6);
        assert_eq!(faster.available(at(1_000_000)), 7);
        assert_eq!(bucket.with_limits(3, 1, SECOND, at(0)).unwrap().available(at(0)), 3);
        assert_eq!(bucket.with_limits(0, 1, SECOND, at(0)), None);
    }

    #[test]
    fn it_survives_shared_data() {
        let mut bucket = TokenBucket::new(u64::MAX, 7, 3 * SECOND).unwrap();
        bucket.try_take(1, at(9)).unwrap();
        let bytes = postcard::to_allocvec(&bucket).unwrap();
        assert_eq!(postcard::from_bytes::<TokenBucket>(&bytes).unwrap(), bucket);
    }

    /// The tokens of a bucket over time, counted in fractions with the period below the line.
    struct Naive {
        level: i128,
        last: u64,
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_naive_count(
            capacity in 1u64..50, refill in 1u64..50, period in 1u64..50,
            steps in prop::collection::vec((0u64..60, 0u64..60), 1..60),
        ) {
            let mut bucket = TokenBucket::new(capacity, refill, Duration::from_nanos(period)).unwrap();
            let full = i128::from(capacity * period);
            let mut naive = Naive { level: full, last: 0 };
            for (wait, tokens) in steps {
                let now = naive.last + wait;
                // One nanosecond after the other.
                for _ in naive.last..now {
                    naive.level = (naive.level + i128::from(refill)).min(full);
                }
                naive.last = now;
                let cost = i128::from(tokens * period);
                let enough = naive.level >= cost;
                prop_assert_eq!(bucket.available(at(now)), (naive.level / i128::from(period)) as u64);
                prop_assert_eq!(bucket.try_take(tokens, at(now)).is_ok(), enough);
                if enough {
                    naive.level -= cost;
                }
            }
        }

        #[test]
        fn the_wait_is_exact_to_the_nanosecond(
            capacity in 1u64.., refill in 1u64.., period in 1u64.., taken: u64, tokens: u64, now in 0u64..1 << 62,
        ) {
            let mut bucket = TokenBucket::new(capacity, refill, Duration::from_nanos(period)).unwrap();
            bucket.take_up_to(taken, at(now));
            let tokens = tokens.min(capacity);
            if let Err(wait) = bucket.try_take(tokens, at(now)) {
                let wait = u64::try_from(wait.as_nanos()).unwrap();
                if let Some(then) = now.checked_add(wait) {
                    prop_assert!(bucket.clone().try_take(tokens, at(then - 1)).is_err());
                    prop_assert_eq!(bucket.try_take(tokens, at(then)), Ok(()));
                }
            }
        }

        #[test]
        fn over_any_time_no_more_is_taken_than_capacity_and_rate_allow(
            capacity in 1u64..1000, refill in 1u64..1000, period in 1u64..1_000_000,
            steps in prop::collection::vec((0u64..1_000_000, 0u64..2000), 1..60),
        ) {
            let mut bucket = TokenBucket::new(capacity, refill, Duration::from_nanos(period)).unwrap();
            let (mut now, mut taken) = (0, 0);
            for (wait, tokens) in steps {
                now += wait;
                taken += bucket.take_up_to(tokens, at(now));
                prop_assert!(u128::from(taken) <= u128::from(capacity) + u128::from(now) * u128::from(refill) / u128::from(period));
            }
        }

        #[test]
        fn any_bytes_in_shared_data_are_a_bucket_that_does_not_panic(bytes: Vec<u8>, tokens: u64, now: u64) {
            if let Ok(mut bucket) = postcard::from_bytes::<TokenBucket>(&bytes) {
                let _ = bucket.try_take(tokens, at(now));
                let _ = (bucket.take_up_to(tokens, at(now)), bucket.available(at(now)));
                let _ = bucket.with_limits(tokens, now, SECOND, at(now));
            }
        }
    }
}
