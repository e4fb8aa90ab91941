//! Unleash's bucketing: its gradual rollout and its variants, for those who move from it or use both.
//!
//! Both hash `group:user` with [`murmur3_x86_32`], with a seed of their own each, so that who gets a
//! flag and which variant they get do not depend on each other. Unleash's servers say what the group
//! is: for a rollout and for the variants of a strategy its `groupId`, for those of a flag its name.
//!
//! ```
//! use tollgate::bucketing::unleash;
//!
//! // 10 % of the users, then half of those.
//! let percent = 10;
//! assert!(unleash::normalized(b"Feature.flexibleRollout.10", b"174") <= percent);
//! assert_eq!(unleash::variant(b"Feature.Variants.B", b"2", &[1, 1]), Some(1));
//! ```
//!
//! Vectors: `Unleash/client-specification`.

use super::{MAX_TOTAL_WEIGHT, murmur3_x86_32};

/// Of the rollout.
const ROLLOUT_SEED: u32 = 0;

/// Of the variants.
const VARIANT_SEED: u32 = 86_028_157;

/// A user's place in the gradual rollout of `group`, from 1 to 100: the user is in when it is at most
/// the rollout's percentage, which at 0 is nobody and at 100 everybody.
///
/// ```
/// use tollgate::bucketing::unleash::normalized;
///
/// assert!((1..=100).contains(&normalized(b"voting-app", b"alice")));
/// ```
#[must_use]
pub fn normalized(group: &[u8], user: &[u8]) -> u32 {
    hash(group, user, ROLLOUT_SEED, 100)
}

/// The index of the variant of `group` that a user gets, by weights in the order of the variants.
///
/// Nothing when the weights add up to 0 or to more than [`MAX_TOTAL_WEIGHT`].
///
/// ```
/// use tollgate::bucketing::unleash::variant;
///
/// assert_eq!(variant(b"Feature.Variants.C", b"656", &[33, 33, 33]), Some(2));
/// assert_eq!(variant(b"Feature.Variants.C", b"656", &[]), None);
/// ```
#[must_use]
pub fn variant(group: &[u8], user: &[u8], weights: &[u32]) -> Option<usize> {
    let total = weights.iter().try_fold(0u32, |sum, weight| sum.checked_add(*weight))?;
    if total == 0 || total > MAX_TOTAL_WEIGHT {
        return None;
    }
    let target = hash(group, user, VARIANT_SEED, total);
    let mut end = 0u32;
    weights.iter().position(|weight| {
        end = end.saturating_add(*weight);
        target <= end
    })
}

/// From 1 to `modulus`.
fn hash(group: &[u8], user: &[u8], seed: u32, modulus: u32) -> u32 {
    let hash = murmur3_x86_32(&[group, b":", user].concat(), seed);
    hash.checked_rem(modulus).unwrap_or_default().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rollouts_are_unleashs() {
        // Unleash/client-specification, 10-flexible-rollout-strategy and 12-custom-stickiness
        for (group, user, percent, enabled) in [
            ("Feature.flexibleRollout.10", "174", 10, true),
            ("Feature.flexibleRollout.10", "499", 10, false),
            ("Feature.flexibleRollout.userId.55", "25", 55, true),
            ("Feature.flexibleRollout.sessionId.42", "147", 42, true),
            ("Feature.flexibleRollout.0", "12", 0, false),
            ("Feature.flexible.rollout.custom.stickiness_50", "402", 50, false),
            ("Feature.flexible.rollout.custom.stickiness_50", "388", 50, true),
            ("Feature.flexible.rollout.custom.stickiness_50", "39", 50, true),
        ] {
            let place = normalized(group.as_bytes(), user.as_bytes());
            assert_eq!(place <= percent, enabled, "{group} {user} {place}");
        }
    }

    #[test]
    fn variants_are_unleashs() {
        // Unleash/client-specification, 08-variants, 12-custom-stickiness and 16-strategy-variants
        for (group, user, weights, index) in [
            ("Feature.Variants.B", "2", &[1, 1][..], 1),
            ("Feature.Variants.B", "0", &[1, 1], 0),
            ("Feature.Variants.C", "232", &[33, 33, 33], 0),
            ("Feature.Variants.C", "607", &[33, 33, 33], 1),
            ("Feature.Variants.C", "656", &[33, 33, 33], 2),
            ("Feature.Variants.D", "712", &[1, 49, 50], 0),
            ("Feature.Variants.D", "525", &[1, 49, 50], 1),
            ("Feature.Variants.D", "537", &[1, 49, 50], 2),
            ("Feature.Variants.override.D", "388", &[33, 33, 34], 1),
            ("Feature.flexible.rollout.custom.stickiness_100", "616", &[25; 4], 0),
            ("Feature.flexible.rollout.custom.stickiness_100", "503", &[25; 4], 1),
            ("Feature.flexible.rollout.custom.stickiness_100", "438", &[25; 4], 2),
            ("Feature.flexible.rollout.custom.stickiness_100", "44", &[25; 4], 3),
            ("a", "5", &[1, 1], 0),
            ("a", "0", &[1, 1], 1),
            ("a", "1", &[1, 1], 0),
            ("a", "2", &[1, 1], 1),
        ] {
            let variant = variant(group.as_bytes(), user.as_bytes(), weights);
            assert_eq!(variant, Some(index), "{group} {user}");
        }
    }

    #[test]
    fn one_percent_of_a_million_users_is_one_percent() {
        let users = (0..1_000_000).map(|user| format!("user-{user}"));
        let enabled = users.filter(|user| normalized(b"voting-app", user.as_bytes()) <= 1).count();
        assert!((9_500..=10_500).contains(&enabled), "{enabled}");
    }

    #[test]
    fn weights_that_add_up_to_nothing_or_too_much_pick_nothing() {
        for weights in [&[][..], &[0, 0], &[MAX_TOTAL_WEIGHT, 1], &[u32::MAX; 3]] {
            assert_eq!(variant(b"flag", b"user", weights), None);
        }
    }

    proptest! {
        #[test]
        fn a_user_has_one_place_from_1_to_100(group: Vec<u8>, user: Vec<u8>) {
            let place = normalized(&group, &user);
            prop_assert!((1..=100).contains(&place));
            prop_assert_eq!(place, normalized(&group, &user));
        }

        #[test]
        fn a_weight_of_0_gets_nobody(
            group: Vec<u8>, user: Vec<u8>, weights in prop::collection::vec(0u32..1000, 1..6),
        ) {
            match variant(&group, &user, &weights) {
                Some(index) => prop_assert!(weights[index] > 0),
                None => prop_assert_eq!(weights.iter().sum::<u32>(), 0),
            }
        }

        #[test]
        fn a_variant_keeps_its_users_when_its_neighbour_makes_room_for_it(
            user: Vec<u8>, weight in 0u32..1000, from in 0u32..1000, given in 0u32..1000,
        ) {
            let given = given.min(from);
            if variant(b"flag", &user, &[from, weight]) == Some(1) {
                prop_assert_eq!(variant(b"flag", &user, &[from - given, weight + given]), Some(1));
            }
        }
    }
}
