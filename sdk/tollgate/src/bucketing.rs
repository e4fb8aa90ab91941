//! Which share a user falls into: the same user always the same one, on every worker.
//!
//! The scheme is that of flagd's `fractional` operation, second version, so that other tools can
//! predict an assignment: a 32-bit hash of flag and user is a point on a line, and the weights cut
//! the line into intervals in their order. [`unleash`] has the other scheme that is in wide use.
//!
//! # What stays when weights change
//!
//! A user moves only when an interval's border passes over their point. The variant at some place
//! keeps all of its users if neither the share of the weights before it nor the share of those
//! after it grows. So a variant whose weight is raised keeps its users
//!
//! - when no other weight changes, and
//! - when other weights are only lowered to make room for it, as from 90/10 to 80/20.
//!
//! It may lose users when several weights are raised at once: from 10/10/80 to 20/20/60 everyone
//! in the second variant moves to the first. Users of a variant whose weight does *not* grow may
//! move to any other.

pub mod unleash;

/// The most that weights may add up to, as in flagd: 2³¹ - 1.
pub const MAX_TOTAL_WEIGHT: u32 = i32::MAX.cast_unsigned();

/// The index of the weight that the user `key` of `flag` falls into.
///
/// That is flagd's `fractional` v2: with `hash` = [`murmur3_x86_32`] of flag and key together and
/// seed 0, the point is `(hash * total weight) >> 32`. A weight of 0 gets nobody, the only
/// positive weight everybody.
///
/// ```
/// use tollgate::bucketing::fractional;
///
/// let suits = ["clubs", "diamonds", "hearts", "spades"];
/// let index = fractional(b"fractional-flag", b"jack", &[25, 25, 25, 25]).unwrap();
/// assert_eq!(suits[index], "hearts");
/// ```
///
/// Nothing when the weights add up to 0 or to more than [`MAX_TOTAL_WEIGHT`].
#[must_use]
pub fn fractional(flag: &[u8], key: &[u8], weights: &[u32]) -> Option<usize> {
    pick(murmur3_x86_32(&[flag, key].concat(), 0), weights)
}

/// The index of the weight that a point from 0 to 2³² - 1 falls into: [`fractional`] for a user
/// that is drawn at random instead of hashed.
///
/// Nothing when the weights add up to 0 or to more than [`MAX_TOTAL_WEIGHT`].
#[must_use]
pub fn pick(point: u32, weights: &[u32]) -> Option<usize> {
    let total = weights.iter().fold(0u64, |sum, weight| sum.saturating_add(u64::from(*weight)));
    if total > u64::from(MAX_TOTAL_WEIGHT) {
        return None;
    }
    // Below 2^63, and the bucket below the total; with a total of 0 no weight is over it.
    let bucket = u64::from(point).wrapping_mul(total) >> 32;
    let mut end = 0u64;
    weights.iter().position(|weight| {
        end = end.saturating_add(u64::from(*weight));
        bucket < end
    })
}

/// MurmurHash3, the variant with 32 bits for x86, by Austin Appleby (public domain).
///
/// Not for keeping secrets or resisting attackers: who may choose the bytes may choose the hash.
///
/// ```
/// use tollgate::bucketing::murmur3_x86_32;
///
/// assert_eq!(murmur3_x86_32(b"", 0), 0);
/// assert_eq!(murmur3_x86_32(b"6LvT0", 0), 0x8000_0000);
/// ```
#[must_use]
pub fn murmur3_x86_32(bytes: &[u8], seed: u32) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let last = tail.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    hash ^= scramble(last);
    // The algorithm takes the length modulo 2^32.
    finish(hash ^ bytes.len() as u32)
}

fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

fn finish(mut hash: u32) -> u32 {
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY_WEIGHTS: std::ops::Range<u32> = 0..1_000_000;

    #[test]
    fn hashes_are_flagds() {
        // open-feature/flagd-testbed, evaluator/gherkin/fractional.feature
        for (text, hash) in [
            ("ejOoVL", 0x0000_0000),
            ("bY9fO-", 0x0000_0001),
            ("SI7p-", 0x7fff_ffff),
            ("6LvT0", 0x8000_0000),
            ("ceQdGm", 0xffff_ffff),
        ] {
            assert_eq!(murmur3_x86_32(text.as_bytes(), 0), hash, "{text}");
        }
    }

    #[test]
    fn the_hash_passes_smhashers_verification() {
        // Hash the keys [], [0], [0, 1], ... with seeds 256, 255, ..., then hash the hashes.
        let keys: Vec<u8> = (0..=255).collect();
        let hashes: Vec<u8> = (0..256usize)
            .flat_map(|n| murmur3_x86_32(&keys[..n], 256 - n as u32).to_le_bytes())
            .collect();
        assert_eq!(murmur3_x86_32(&hashes, 0), 0xb0f5_7ee3);
    }

    #[test]
    fn assignments_are_flagds() {
        let suits = ["clubs", "diamonds", "hearts", "spades"];
        for (key, suit) in [
            ("jack", "hearts"),
            ("queen", "spades"),
            ("ten", "clubs"),
            ("nine", "diamonds"),
            ("3", "clubs"),
        ] {
            let index = fractional(b"fractional-flag", key.as_bytes(), &[25; 4]).unwrap();
            assert_eq!(suits[index], suit, "{key}");
        }
        for (key, side) in [("jon@company.com", 0), ("jane@company.com", 1)] {
            let index = fractional(b"fractional-flag-shorthand", key.as_bytes(), &[1, 1]);
            assert_eq!(index, Some(side), "{key}");
        }
    }

    #[test]
    fn the_ends_of_the_line_are_the_first_and_the_last_weight() {
        assert_eq!(pick(0, &[1, 98, 1]), Some(0));
        assert_eq!(pick(u32::MAX, &[1, 98, 1]), Some(2));
        assert_eq!(pick(0x7fff_ffff, &[1, 1]), Some(0));
        assert_eq!(pick(0x8000_0000, &[1, 1]), Some(1));
    }

    #[test]
    fn weights_that_add_up_to_nothing_or_too_much_pick_nothing() {
        assert_eq!(pick(7, &[]), None);
        assert_eq!(pick(7, &[0, 0]), None);
        assert_eq!(pick(7, &[MAX_TOTAL_WEIGHT, 1]), None);
        assert_eq!(pick(7, &[u32::MAX; 8]), None);
        assert_eq!(pick(u32::MAX, &[MAX_TOTAL_WEIGHT - 1, 1]), Some(1));
    }

    #[test]
    fn one_percent_of_a_million_users_is_one_percent() {
        let canary = (0..1_000_000)
            .filter(|user| {
                fractional(b"voting-app", format!("user-{user}").as_bytes(), &[99, 1]) == Some(1)
            })
            .count();
        assert!((9_500..=10_500).contains(&canary), "{canary}");
    }

    #[test]
    fn raising_two_weights_at_once_may_move_users_between_them() {
        let point = u32::MAX / 100 * 15;
        assert_eq!(pick(point, &[10, 10, 80]), Some(1));
        assert_eq!(pick(point, &[20, 20, 60]), Some(0));
    }

    proptest! {
        #[test]
        fn a_weight_of_0_gets_nobody_and_the_only_weight_everybody(
            point: u32, weights in prop::collection::vec(ANY_WEIGHTS, 1..6), only in 0usize..6,
        ) {
            if let Some(index) = pick(point, &weights) {
                prop_assert!(weights[index] > 0);
            }
            let only = only % weights.len();
            let mut alone = vec![0; weights.len()];
            alone[only] = weights[only].max(1);
            prop_assert_eq!(pick(point, &alone), Some(only));
        }

        #[test]
        fn a_variant_keeps_its_users_when_only_its_weight_grows(
            point: u32,
            weights in prop::collection::vec(ANY_WEIGHTS, 1..6),
            by in ANY_WEIGHTS,
        ) {
            if let Some(index) = pick(point, &weights) {
                let mut raised = weights;
                raised[index] += by;
                prop_assert_eq!(pick(point, &raised), Some(index));
            }
        }

        #[test]
        fn a_variant_keeps_its_users_when_others_make_room_for_it(
            point: u32,
            weights in prop::collection::vec(ANY_WEIGHTS, 2..6),
            percent_given in prop::collection::vec(0u32..=100, 6),
        ) {
            if let Some(index) = pick(point, &weights) {
                let mut raised = weights.clone();
                for other in (0..weights.len()).filter(|other| *other != index) {
                    let given = weights[other] / 100 * percent_given[other];
                    raised[other] -= given;
                    raised[index] += given;
                }
                prop_assert_eq!(pick(point, &raised), Some(index));
            }
        }

        #[test]
        fn scaling_all_weights_moves_nobody(
            point: u32, weights in prop::collection::vec(0u32..1_000, 1..6), factor in 1u32..1_000,
        ) {
            let scaled: Vec<_> = weights.iter().map(|weight| weight * factor).collect();
            prop_assert_eq!(pick(point, &scaled), pick(point, &weights));
        }
    }
}
