//! Randomness, seeded by the host.

use crate::abi;
use std::cell::Cell;
use std::fmt;

/// A generator that a filter keeps and all of its requests draw from. Not for secrets.
///
/// ```
/// use tollgate::random::Random;
///
/// let random = Random::with_seed(7);
/// assert!(random.draw(|rng| rng.u32(..10)) < 10);
/// ```
pub struct Random(Cell<u64>);

impl Random {
    /// A generator that starts differently in every VM. Where the host gives no randomness, the
    /// clock seeds it.
    #[must_use]
    pub fn from_host() -> Self {
        Self::with_seed(abi::random_seed().or_else(|_| abi::unix_nanoseconds()).unwrap_or_default())
    }

    /// A generator that always gives the same sequence.
    #[must_use]
    pub const fn with_seed(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Lends the generator.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut rng = fastrand::Rng::with_seed(self.0.get());
        let drawn = draw(&mut rng);
        self.0.set(rng.get_seed());
        drawn
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
