//! Who holds places of a [`SharedGauge`](super::SharedGauge), so that those of a VM that failed can be
//! given back.
//!
//! Each VM that takes places has a slot here, which it confirms once a second while anyone holds any. One
//! that was not confirmed for [`LEASE`] is of a VM that failed: who finds it buries it, which takes its
//! places back. A VM that was only slow finds its slot buried, retakes it, and counts its places anew.
//!
//! Pure: a value that is replaced as a whole by compare-and-swap; `now` is an argument.

use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The form of [`Directory`] in shared data; a new one for every change of its fields.
pub(super) const FORMAT: u8 = 1;

/// How often a slot is confirmed.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// How long a slot that is not confirmed counts as held. Longer than any stall of a worker that still
/// works: a VM that is slower than this is missing in the count until its next beat.
pub(super) const LEASE: Duration = Duration::from_secs(5);

/// How long a buried slot waits for a VM that was only slow, before another may have it.
const QUARANTINE: Duration = Duration::from_secs(60);

/// The slots of one gauge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Directory {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    /// Whose it is, or was.
    owner: u64,
    /// When it was confirmed, or its burial begun.
    beat: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Held,
    /// Somebody takes its places back right now.
    Burying,
    Buried,
}

/// What [`Directory::confirm`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// The slot is still its owner's.
    Held,
    /// It was buried, and is its owner's again: the places have to be counted anew.
    Retaken,
    /// It is being buried: to be confirmed again later.
    NotNow,
    /// It is another's by now: a new one is needed.
    Lost,
}

impl Directory {
    /// A slot for a new owner.
    pub(super) fn claim(&mut self, owner: u64, now: Instant) -> usize {
        let is_free = |slot: &Slot| {
            slot.phase == Phase::Buried && now.since(slot.beat) >= LEASE.saturating_add(QUARANTINE)
        };
        let new = Slot { owner, beat: now, phase: Phase::Held };
        match self.slots.iter_mut().enumerate().find(|(_, slot)| is_free(slot)) {
            Some((index, slot)) => {
                *slot = new;
                index
            }
            None => {
                self.slots.push(new);
                self.slots.len().saturating_sub(1)
            }
        }
    }

    /// The owner of a slot is alive.
    pub(super) fn confirm(&mut self, index: usize, owner: u64, now: Instant) -> Confirmed {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.owner == owner) else {
            return Confirmed::Lost;
        };
        match slot.phase {
            Phase::Burying => Confirmed::NotNow,
            Phase::Held => {
                slot.beat = now;
                Confirmed::Held
            }
            Phase::Buried => {
                (slot.beat, slot.phase) = (now, Phase::Held);
                Confirmed::Retaken
            }
        }
    }

    /// Begins to bury the first slot whose owner has failed, also one whose burial was begun by one that
    /// has failed since.
    pub(super) fn begin_burial(&mut self, now: Instant) -> Option<usize> {
        let is_dead = |slot: &Slot| slot.phase != Phase::Buried && now.since(slot.beat) >= LEASE;
        let (index, slot) = self.slots.iter_mut().enumerate().find(|(_, slot)| is_dead(slot))?;
        (slot.beat, slot.phase) = (now, Phase::Burying);
        Some(index)
    }

    /// The places of a slot have been taken back.
    pub(super) fn end_burial(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.phase = Phase::Buried;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanoseconds(seconds * 1_000_000_000)
    }

    #[test]
    fn every_owner_has_a_slot_of_its_own() {
        let mut directory = Directory::default();
        assert_eq!((directory.claim(7, at(0)), directory.claim(8, at(0))), (0, 1));
    }

    #[test]
    fn a_slot_that_is_confirmed_is_never_buried() {
        let mut directory = Directory::default();
        directory.claim(7, at(0));
        for second in 1..100 {
            assert_eq!(directory.confirm(0, 7, at(second)), Confirmed::Held);
            assert_eq!(directory.begin_burial(at(second + 4)), None);
        }
    }

    #[test]
    fn a_slot_that_is_not_confirmed_is_buried_once() {
        let mut directory = Directory::default();
        directory.claim(7, at(0));
        assert_eq!(directory.begin_burial(at(4)), None);
        assert_eq!(directory.begin_burial(at(5)), Some(0));
        assert_eq!(directory.begin_burial(at(6)), None);
        directory.end_burial(0);
        assert_eq!(directory.begin_burial(at(60)), None);
    }

    #[test]
    fn a_burial_whose_undertaker_failed_is_begun_again() {
        let mut directory = Directory::default();
        directory.claim(7, at(0));
        assert_eq!(directory.begin_burial(at(5)), Some(0));
        assert_eq!(directory.begin_burial(at(10)), Some(0));
    }

    #[test]
    fn an_owner_that_was_only_slow_has_its_slot_back() {
        let mut directory = Directory::default();
        directory.claim(7, at(0));
        directory.begin_burial(at(5));
        assert_eq!(directory.confirm(0, 7, at(5)), Confirmed::NotNow);
        directory.end_burial(0);
        assert_eq!(directory.claim(8, at(64)), 1);
        assert_eq!(directory.confirm(0, 7, at(64)), Confirmed::Retaken);
        assert_eq!(directory.confirm(0, 7, at(65)), Confirmed::Held);
    }

    #[test]
    fn a_slot_is_used_again_after_its_quarantine_and_lost_to_the_owner_before() {
        let mut directory = Directory::default();
        directory.claim(7, at(0));
        directory.begin_burial(at(5));
        directory.end_burial(0);
        assert_eq!(directory.claim(8, at(70)), 0);
        assert_eq!(directory.confirm(0, 7, at(70)), Confirmed::Lost);
        assert_eq!(directory.confirm(9, 7, at(70)), Confirmed::Lost);
    }
}
