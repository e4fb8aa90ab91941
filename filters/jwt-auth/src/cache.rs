//! Tokens whose signature was verified, so that it need not be verified again.
//!
//! Tokens are told apart by all of their bytes; nothing is believed because of a hash. Only the
//! signature is remembered: whoever finds a token here still has to check its times and claims.
//!
//! When there is no room, the *second chance* algorithm makes some: a hand goes round the tokens and
//! removes the first one that was not used since it last came by. Finding a token and making room
//! thus take the same time however many there are.

use crate::binding::Thumbprint;
use crate::requirement::Verified;
use crate::weight;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use tollgate::VerifiedClaims;

/// The most bytes of memory for the tokens of a provider. With all else a module with one provider then
/// stays below 16 MiB.
pub const MAX_BYTES: usize = 14 * 1024 * 1024;

/// The bounds of a [`Cache`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most tokens; none are kept if it is 0.
    pub tokens: usize,
    /// The most bytes of memory.
    pub bytes: usize,
    /// The longest token that is kept, in bytes.
    pub token_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tokens: 1000, bytes: MAX_BYTES, token_bytes: 4096 }
    }
}

/// The verified tokens of a provider.
#[derive(Debug, Default)]
pub struct Cache {
    limits: Limits,
    /// Where tokens are in `slots`, by their last bytes.
    places: HashMap<u64, usize, BuildHasherDefault<Spread>>,
    slots: Vec<Slot>,
    /// What is kept, in bytes of memory.
    bytes: usize,
    hand: usize,
}

struct Slot {
    key: u64,
    token: Box<[u8]>,
    verified: Rc<Verified>,
    weight: usize,
    used: bool,
}

/// Shows no token.
impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({} bytes)", self.token.len())
    }
}

impl Cache {
    /// An empty cache with these bounds.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What is known of a token.
    #[must_use]
    pub fn get(&mut self, token: &[u8]) -> Option<Rc<Verified>> {
        let slot = self.slots.get_mut(*self.places.get(&key(token)?)?)?;
        if !same(&slot.token, token) {
            return None;
        }
        slot.used = true;
        Some(slot.verified.clone())
    }

    /// Keeps a token whose signature was verified, if it is not too long.
    pub fn insert(&mut self, token: &[u8], verified: &Rc<Verified>) {
        let Some(key) = key(token).filter(|_| token.len() <= self.limits.token_bytes) else {
            return;
        };
        let weight = weight(token, verified);
        if self.limits.tokens == 0 || weight > self.limits.bytes {
            return;
        }
        if let Some(place) = self.places.get(&key) {
            self.remove(*place);
        }
        // An empty cache has room: there may be one token at least, and it is not too heavy.
        while self.slots.len() >= self.limits.tokens
            || self.bytes.saturating_add(weight) > self.limits.bytes
        {
            self.remove_unused();
        }
        self.bytes = self.bytes.saturating_add(weight);
        self.places.insert(key, self.slots.len());
        let (token, verified) = (token.into(), verified.clone());
        self.slots.push(Slot { key, token, verified, weight, used: false });
    }

    /// Forgets everything, as when the keys have changed.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// How many tokens are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How much memory they take at most, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes the next token that was not used since the hand last came by. There is one.
    fn remove_unused(&mut self) {
        while !self.slots.is_empty() {
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.hand = self.hand.saturating_add(1);
                }
                Some(_) => return self.remove(self.hand),
                None => self.hand = 0,
            }
        }
    }

    /// Removes the token in a slot, and fills the slot with the last one.
    fn remove(&mut self, place: usize) {
        if place >= self.slots.len() {
            return;
        }
        let slot = self.slots.swap_remove(place);
        self.bytes = self.bytes.saturating_sub(slot.weight);
        self.places.remove(&slot.key);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.key, place);
        }
    }
}

/// The last bytes of a token, which are those of its signature: as good as random, and nobody but
/// the issuer can make two genuine tokens that have them in common.
fn key(token: &[u8]) -> Option<u64> {
    token.last_chunk().map(|last| u64::from_le_bytes(*last))
}

/// Compares 16 bytes at a time: in a module, what compares bytes one by one takes ten times as long.
fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let word = |bytes: &[u8; 16]| u128::from_le_bytes(*bytes);
    a.len() == b.len() && a_rest == b_rest && a.iter().zip(b).all(|(a, b)| word(a) == word(b))
}

/// The most memory that a token takes in here, in bytes.
fn weight(token: &[u8], verified: &Verified) -> usize {
    /// The list of slots and the table of places double when they are full. The table is full when an
    /// eighth of it is free, and has a byte more for each place.
    const LISTS: usize = 2 * size_of::<Slot>() + (size_of::<(u64, usize)>() + 1) * 16 / 7 + 1;
    let claims = verified.claims.as_ref().map(|claims| {
        weight::shared::<VerifiedClaims>().saturating_add(weight::of_claims(&claims.0))
    });
    [
        LISTS,
        weight::block(token.len()),
        weight::shared::<Verified>(),
        weight::of_written(&verified.written),
        weight::block(verified.issuer.len()),
        verified.bound_to.iter().map(|_| weight::block(size_of::<Thumbprint>())).sum(),
        claims.unwrap_or_default(),
    ]
    .into_iter()
    .fold(0, usize::saturating_add)
}

/// Spreads keys that are random already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The fraction of the golden ratio: every bit of a key moves the upper bits, by which the map
        // tells entries apart.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

#[cfg(test)]
mod tests;
