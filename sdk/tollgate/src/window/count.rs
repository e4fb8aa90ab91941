//! The last so many calls.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Counts, Outcome};

/// The outcomes of the last calls, at most so many.
///
/// Takes a byte a call. A call goes out when one more than the length has come in, however long that
/// takes.
///
/// ```
/// use tollgate::window::{CountWindow, Counts, Outcome};
///
/// let mut window = CountWindow::new(2).unwrap();
/// let (failure, success) = (Outcome { failed: true, slow: false }, Outcome::default());
/// for outcome in [failure, success, success] {
///     window.record(outcome);
/// }
/// assert_eq!(window.counts(), Counts { total: 2, failed: 0, slow: 0 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountWindow {
    length: u32,
    outcomes: VecDeque<Flags>,
    counts: Counts,
}

/// An outcome in a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Flags(u8);

const FAILED: u8 = 1;
const SLOW: u8 = 2;

impl From<Outcome> for Flags {
    fn from(outcome: Outcome) -> Self {
        let flag = |set, flag| if set { flag } else { 0 };
        Self(flag(outcome.failed, FAILED) | flag(outcome.slow, SLOW))
    }
}

impl From<Flags> for Outcome {
    fn from(Flags(flags): Flags) -> Self {
        Self { failed: flags & FAILED != 0, slow: flags & SLOW != 0 }
    }
}

impl CountWindow {
    /// An empty window of `length` calls; nothing when that is 0.
    #[must_use]
    pub fn new(length: u32) -> Option<Self> {
        let empty = Self { length, outcomes: VecDeque::new(), counts: Counts::default() };
        (length > 0).then_some(empty)
    }

    /// Adds a call, and lets the oldest go when there are too many.
    pub fn record(&mut self, outcome: Outcome) {
        self.outcomes.push_back(outcome.into());
        self.counts = self.counts.plus(Counts::of(outcome));
        while self.outcomes.len() > self.length as usize {
            let oldest = self.outcomes.pop_front().map(Outcome::from);
            self.counts =
                oldest.map_or(self.counts, |oldest| self.counts.minus(Counts::of(oldest)));
        }
    }

    /// What the window holds.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Lets every call go.
    pub fn clear(&mut self) {
        self.outcomes.clear();
        self.counts = Counts::default();
    }
}
