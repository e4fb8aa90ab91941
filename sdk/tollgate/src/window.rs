//! Sliding windows: what the last calls were like, by count or by time.
//!
//! Pure: the time is an argument.
//!
//! ```
//! use std::time::Duration;
//! use tollgate::time::Instant;
//! use tollgate::window::{CountWindow, Outcome, TimeWindow};
//!
//! // The last 100 calls.
//! let mut calls = CountWindow::new(100).unwrap();
//! calls.record(Outcome { failed: true, slow: false });
//! calls.record(Outcome::default());
//! assert_eq!(calls.counts().failure_rate(), 0.5);
//!
//! // The last 10 seconds, in steps of one.
//! let mut seconds = TimeWindow::new(Duration::from_secs(10), 10).unwrap();
//! let start = Instant::from_nanoseconds(0);
//! seconds.record(Outcome { failed: true, slow: true }, start);
//! assert_eq!(seconds.counts(start.after(Duration::from_millis(9_999))).failed, 1);
//! assert_eq!(seconds.counts(start.after(Duration::from_secs(10))).failed, 0);
//! ```

mod count;
mod time;

pub use count::CountWindow;
pub use time::TimeWindow;

use serde::{Deserialize, Serialize};

/// How a call went; by default neither failed nor slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// It failed.
    pub failed: bool,
    /// It took too long.
    pub slow: bool,
}

/// How many calls a window holds, and of what kind. A slow failure is both.
///
/// ```
/// use tollgate::window::Counts;
///
/// let counts = Counts { total: 20, failed: 5, slow: 1 };
/// assert_eq!((counts.failure_rate(), counts.slow_rate()), (0.25, 0.05));
/// assert_eq!(Counts::default().failure_rate(), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All calls.
    pub total: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that took too long.
    pub slow: u32,
}

impl Counts {
    /// The share of calls that failed, from 0 to 1; 0 when there are none.
    #[must_use]
    pub fn failure_rate(self) -> f64 {
        self.share(self.failed)
    }

    /// The share of calls that took too long, from 0 to 1; 0 when there are none.
    #[must_use]
    pub fn slow_rate(self) -> f64 {
        self.share(self.slow)
    }

    fn share(self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.total.max(1))
    }

    fn of(outcome: Outcome) -> Self {
        Self { total: 1, failed: outcome.failed.into(), slow: outcome.slow.into() }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            total: self.total.saturating_add(other.total),
            failed: self.failed.saturating_add(other.failed),
            slow: self.slow.saturating_add(other.slow),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            total: self.total.saturating_sub(other.total),
            failed: self.failed.saturating_sub(other.failed),
            slow: self.slow.saturating_sub(other.slow),
        }
    }
}

#[cfg(test)]
mod tests;
