//! Randomness, seeded by the host.

use crate::abi;
use std::cell::Cell;
use std::fmt;

/// A generator that a filter keeps and all of its requests draw from. Not for secrets.
///
/// [`Setup::random`](crate::Setup::random) makes one, and a test takes one with a seed. The generator
/// that it lends is [`fastrand`](https://docs.rs/fastrand)'s.
///
/// ```
/// use tollgate::random::Random;
///
/// fn samples(random: &Random) -> Vec<bool> {
///     (0..1000).map(|_| random.draw(|rng| rng.u32(..100) < 5)).collect()
/// }
///
/// let (once, again) = (Random::with_seed(7), Random::with_seed(7));
/// assert_eq!(samples(&once), samples(&again));
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
