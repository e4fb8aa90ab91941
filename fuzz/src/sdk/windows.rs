use std::time::Duration;

use arbitrary::Arbitrary;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate::time::Instant;
use tollgate::window::{CountWindow, Counts, Outcome, TimeWindow};

use crate::input::structured;

/// The most calls of one input.
const STEPS: usize = 256;

/// A window by count: what it says is what a list of the last calls says.
pub fn count_window(data: &[u8]) {
    structured(data, |input| {
        let length = u32::from(u8::arbitrary(input)? % 16);
        let Some(mut window) = CountWindow::new(length) else {
            assert_eq!(length, 0);
            return Ok(());
        };
        let mut calls: Vec<Outcome> = Vec::new();
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            let action = u8::arbitrary(input)?;
            if action >= 0xf8 {
                window.clear();
                calls.clear();
            } else {
                let outcome = outcome(action);
                window.record(outcome);
                calls.push(outcome);
            }
            window = stored_and_read(&window);
            let last = &calls[calls.len().saturating_sub(length as usize)..];
            check(window.counts(), last);
        }
        Ok(())
    });
}

/// A window by time, with times that also go back: what it says is what a list of all calls and their
/// times says.
pub fn time_window(data: &[u8]) {
    structured(data, |input| {
        let length = u64::arbitrary(input)? >> input.int_in_range(0..=63)?;
        let buckets = u16::from(u8::arbitrary(input)? % 20);
        let Some(mut window) = TimeWindow::new(Duration::from_nanos(length), buckets) else {
            assert!(length == 0 || buckets == 0);
            return Ok(());
        };
        let width = length.div_ceil(u64::from(buckets));
        let (mut now, mut latest, mut calls) = (0_u64, 0_u64, Vec::new());
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            let action = u8::arbitrary(input)?;
            let step = u64::arbitrary(input)? >> input.int_in_range(0..=63)?;
            now = match action & 4 {
                0 => now.saturating_add(step),
                _ => now.saturating_sub(step),
            };
            let at = Instant::from_nanoseconds(now);
            // Which buckets are in the window that ends with the one of a time.
            let within = |latest: u64, time: u64| {
                let age = (latest / width).checked_sub(time / width);
                age.is_some_and(|age| age < u64::from(buckets))
            };
            if action >= 0xf8 {
                window.clear();
                calls.clear();
            } else if action & 8 == 0 {
                window.record(outcome(action), at);
                latest = latest.max(now);
                if within(latest, now) {
                    calls.push((now, outcome(action)));
                }
            }
            window = stored_and_read(&window);
            let seen_at = latest.max(now);
            let inside = calls.iter().filter(|(time, _)| within(seen_at, *time));
            check(window.counts(at), &Vec::from_iter(inside.map(|(_, outcome)| *outcome)));
        }
        Ok(())
    });
}

fn outcome(bits: u8) -> Outcome {
    Outcome { failed: bits & 1 != 0, slow: bits & 2 != 0 }
}

fn check(counts: Counts, calls: &[Outcome]) {
    let number = |calls: usize| u32::try_from(calls).expect("few calls");
    let expected = Counts {
        total: number(calls.len()),
        failed: number(calls.iter().filter(|call| call.failed).count()),
        slow: number(calls.iter().filter(|call| call.slow).count()),
    };
    assert_eq!(counts, expected);
    for rate in [counts.failure_rate(), counts.slow_rate()] {
        assert!((0.0..=1.0).contains(&rate));
    }
}

/// As in shared data.
fn stored_and_read<T: Serialize + DeserializeOwned>(window: &T) -> T {
    let bytes = postcard::to_allocvec(window).expect("a window can be stored");
    postcard::from_bytes(&bytes).expect("what was stored can be read")
}
