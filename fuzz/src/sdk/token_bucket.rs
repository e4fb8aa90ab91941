use std::time::Duration;

use arbitrary::Arbitrary;
use tollgate::time::Instant;
use tollgate::token_bucket::TokenBucket;

use crate::input::structured;

/// The most takes of one input.
const STEPS: usize = 48;

/// A bucket, from which is taken at times that also go back. Between any two moments it gives no more than
/// it holds and gets; a wait that it names is exact; and it survives being stored in between.
pub fn token_bucket(data: &[u8]) {
    structured(data, |input| {
        let shrunk = |input: &mut arbitrary::Unstructured<'_>| {
            Ok::<_, arbitrary::Error>(u64::arbitrary(input)? >> input.int_in_range(0..=63)?)
        };
        let (capacity, refill) = (shrunk(input)?, shrunk(input)?);
        let period = Duration::from_nanos(shrunk(input)?);
        let Some(mut bucket) = TokenBucket::new(capacity, refill, period) else {
            assert!(capacity == 0 || refill == 0 || period.is_zero());
            return Ok(());
        };
        let (mut now, mut latest, mut given) = (0_u64, 0_u64, Vec::new());
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            let step = shrunk(input)?;
            now = match u8::arbitrary(input)? % 4 {
                0 => now.saturating_sub(step),
                _ => now.saturating_add(step),
            };
            latest = latest.max(now);
            let (at, tokens) = (Instant::from_nanoseconds(now), shrunk(input)?);
            let available = bucket.available(at);
            assert!(available <= capacity);
            let taken = match bool::arbitrary(input)? {
                true => bucket.take_up_to(tokens, at),
                false => take(&mut bucket, tokens, at, capacity),
            };
            assert!(taken == 0 || taken <= available, "{taken} of {available}");
            given.push((latest, taken));
            assert_eq!(bucket.available(at), available - taken, "tokens are lost or made");
            bucket = stored_and_read(&bucket);
        }
        check_rate(&given, u128::from(capacity), u128::from(refill), period.as_nanos());
        Ok(())
    });
}

/// How many are given; if none are, the wait is checked.
fn take(bucket: &mut TokenBucket, tokens: u64, at: Instant, capacity: u64) -> u64 {
    let wait = match bucket.try_take(tokens, at) {
        Ok(()) => return tokens,
        Err(wait) => wait,
    };
    assert_eq!(wait == Duration::MAX, tokens > capacity);
    let (earlier, there) = (wait.saturating_sub(Duration::from_nanos(1)), at.after(wait));
    // Behind the end of time nothing can be said.
    if wait != Duration::MAX && there < Instant::from_nanoseconds(u64::MAX) {
        assert_eq!(bucket.clone().try_take(tokens, there), Ok(()), "the wait is too short");
        assert!(bucket.clone().try_take(tokens, at.after(earlier)).is_err(), "too long");
    }
    0
}

/// All in tokens times nanoseconds of the period, so that nothing is rounded.
fn check_rate(given: &[(u64, u64)], capacity: u128, refill: u128, period: u128) {
    for (first, (begin, _)) in given.iter().enumerate() {
        let mut sum = 0_u128;
        for (end, taken) in &given[first..] {
            sum += u128::from(*taken);
            let brought = u128::from(end - begin).saturating_mul(refill);
            let most = capacity.saturating_mul(period).saturating_add(brought);
            assert!(sum.saturating_mul(period) <= most, "{sum} tokens from {begin} to {end}");
        }
    }
}

/// As in shared data.
fn stored_and_read(bucket: &TokenBucket) -> TokenBucket {
    let bytes = postcard::to_allocvec(bucket).expect("a bucket can be stored");
    postcard::from_bytes(&bytes).expect("what was stored can be read")
}
