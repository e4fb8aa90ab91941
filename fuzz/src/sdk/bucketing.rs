use arbitrary::Arbitrary;
use tollgate::bucketing::{MAX_TOTAL_WEIGHT, fractional, murmur3_x86_32, pick, unleash};

use crate::input::{list, structured};

/// A user, a flag and weights: whoever is given a place keeps it when only its weight grows, and the
/// places are where the cumulated shares say.
pub fn bucketing(data: &[u8]) {
    structured(data, |input| {
        let weight = |input: &mut arbitrary::Unstructured<'_>| {
            Ok(u32::arbitrary(input)? >> input.int_in_range(0..=31)?)
        };
        let mut weights = list(input, 8, weight)?;
        let (point, by) = (u32::arbitrary(input)?, weight(input)?);
        let (flag, user) = (Vec::<u8>::arbitrary(input)?, Vec::<u8>::arbitrary(input)?);

        let place = pick(point, &weights);
        assert_eq!(place, expected(point, &weights));
        let hash = murmur3_x86_32(&[&flag[..], &user].concat(), 0);
        assert_eq!(fractional(&flag, &user, &weights), pick(hash, &weights));
        let of_unleash = unleash::variant(&flag, &user, &weights);
        assert_eq!(of_unleash.is_some(), place.is_some());
        for place in [place, of_unleash].into_iter().flatten() {
            assert!(weights[place] > 0, "a weight of 0 gets somebody");
        }
        assert!((1..=100).contains(&unleash::normalized(&flag, &user)));

        if let Some(place) = place {
            weights[place] = weights[place].saturating_add(by);
            let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            let after = pick(point, &weights);
            assert_eq!(after, (total <= u64::from(MAX_TOTAL_WEIGHT)).then_some(place));
            // The same share for all of them moves nobody.
            let halves: Vec<_> = weights.iter().map(|weight| weight / 2).collect();
            let even = weights.iter().all(|weight| weight % 2 == 0);
            assert!(!even || after.is_none() || pick(point, &halves) == after);
        }
        Ok(())
    });
}

fn expected(point: u32, weights: &[u32]) -> Option<usize> {
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if total == 0 || total > u128::from(MAX_TOTAL_WEIGHT) {
        return None;
    }
    // The last place that begins at or before the point.
    let bucket = u128::from(point) * total / (1 << 32);
    let begin = |place: usize| weights[..place].iter().map(|it| u128::from(*it)).sum::<u128>();
    (0..weights.len()).rev().find(|place| weights[*place] > 0 && begin(*place) <= bucket)
}
