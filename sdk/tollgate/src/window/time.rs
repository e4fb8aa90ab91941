//! The calls of the last so long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Counts, Outcome};
use crate::time::Instant;

/// The outcomes of the calls in the last so long, counted in buckets of equal width.
///
/// The buckets begin at whole multiples of their width on the host's monotonic clock, the same for
/// all workers: bucket `n` has the times from `n * width`, which is in it, to `(n + 1) * width`, which
/// is in the next. The window at a time is the bucket of that time and those before it, as many
/// buckets as it was made with. So a call counts from when it is recorded until exactly
/// `(n + buckets) * width`, where the whole of its bucket goes out: for at most the length of the
/// window, and for at least that less one width.
///
/// Times need not come in order. A call with a time that is not in the window any more is not counted;
/// a look at a time before the latest recorded one sees the window of the latest.
///
/// ```
/// use std::time::Duration;
/// use tollgate::time::Instant;
/// use tollgate::window::{Outcome, TimeWindow};
///
/// let mut window = TimeWindow::new(Duration::from_secs(3), 3).unwrap();
/// let at = |milliseconds: u64| Instant::from_nanoseconds(milliseconds * 1_000_000);
/// window.record(Outcome::default(), at(0));
/// window.record(Outcome::default(), at(999));
/// window.record(Outcome::default(), at(1_000));
/// assert_eq!(window.counts(at(2_999)).total, 3);
/// assert_eq!(window.counts(at(3_000)).total, 1);
/// assert_eq!(window.counts(at(4_000)).total, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWindow {
    /// Of a bucket, in nanoseconds.
    width: u64,
    /// The number of the bucket of the latest time.
    latest: u64,
    /// Bucket `n` is at `n` modulo their number.
    buckets: Vec<Counts>,
}

impl TimeWindow {
    /// An empty window of `length`, in `buckets` buckets.
    ///
    /// Their width is the length divided by their number, rounded up to a nanosecond. More buckets
    /// slide more smoothly and take 12 bytes each. Nothing when either is 0, or the length is more than
    /// 2⁶⁴ - 1 nanoseconds (584 years).
    #[must_use]
    pub fn new(length: Duration, buckets: u16) -> Option<Self> {
        let length = u64::try_from(length.as_nanos()).ok()?;
        let width = length.checked_sub(1)?.checked_div(buckets.into())?.checked_add(1)?;
        Some(Self { width, latest: 0, buckets: vec![Counts::default(); buckets.into()] })
    }

    /// Adds a call.
    pub fn record(&mut self, outcome: Outcome, now: Instant) {
        let number = self.number(now);
        self.advance(number);
        if self.age(number).is_some_and(|age| age < self.length())
            && let Some(bucket) = self.bucket(number)
        {
            *bucket = bucket.plus(Counts::of(outcome));
        }
    }

    /// What the window holds at a time.
    #[must_use]
    pub fn counts(&self, now: Instant) -> Counts {
        let gone = self.number(now).saturating_sub(self.latest);
        (0..self.length().saturating_sub(gone))
            .filter_map(|age| self.buckets.get(self.index(self.latest.checked_sub(age)?)?))
            .fold(Counts::default(), |sum, bucket| sum.plus(*bucket))
    }

    /// Lets every call go.
    pub fn clear(&mut self) {
        self.buckets.fill(Counts::default());
    }

    /// Makes `number` the latest, and empties the buckets that come into use again.
    fn advance(&mut self, number: u64) {
        let steps = number.saturating_sub(self.latest).min(self.length());
        for step in 0..steps {
            if let Some(bucket) = self.bucket(number.saturating_sub(step)) {
                *bucket = Counts::default();
            }
        }
        self.latest = self.latest.max(number);
    }

    /// How many buckets before the latest one, unless it is after it.
    fn age(&self, number: u64) -> Option<u64> {
        self.latest.checked_sub(number)
    }

    fn number(&self, time: Instant) -> u64 {
        let nanoseconds = time.since(Instant::default()).as_nanos();
        let number = nanoseconds.checked_div(self.width.into()).unwrap_or_default();
        u64::try_from(number).unwrap_or(u64::MAX)
    }

    fn bucket(&mut self, number: u64) -> Option<&mut Counts> {
        let index = self.index(number)?;
        self.buckets.get_mut(index)
    }

    fn index(&self, number: u64) -> Option<usize> {
        number.checked_rem(self.length()).and_then(|index| usize::try_from(index).ok())
    }

    /// In buckets.
    fn length(&self) -> u64 {
        self.buckets.len() as u64
    }
}
