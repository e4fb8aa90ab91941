use super::*;
use crate::time::Instant;
use proptest::prelude::*;
use std::time::Duration;

const FAILURE: Outcome = Outcome { failed: true, slow: false };
const SUCCESS: Outcome = Outcome { failed: false, slow: false };

fn at(nanoseconds: u64) -> Instant {
    Instant::from_nanoseconds(nanoseconds)
}

fn time_window(nanoseconds: u64, buckets: u16) -> TimeWindow {
    TimeWindow::new(Duration::from_nanos(nanoseconds), buckets).unwrap()
}

/// Of many outcomes.
fn naive(outcomes: impl IntoIterator<Item = Outcome>) -> Counts {
    outcomes.into_iter().fold(Counts::default(), |counts, outcome| Counts {
        total: counts.total + 1,
        failed: counts.failed + u32::from(outcome.failed),
        slow: counts.slow + u32::from(outcome.slow),
    })
}

#[test]
fn a_window_without_length_is_none() {
    assert_eq!(CountWindow::new(0), None);
    assert_eq!(TimeWindow::new(Duration::ZERO, 10), None);
    assert_eq!(TimeWindow::new(Duration::from_secs(1), 0), None);
    assert_eq!(TimeWindow::new(Duration::MAX, 10), None);
}

#[test]
fn an_empty_window_has_no_rates() {
    for counts in [CountWindow::new(1).unwrap().counts(), time_window(10, 10).counts(at(5))] {
        assert_eq!(counts, Counts::default());
        assert_eq!((counts.failure_rate(), counts.slow_rate()), (0.0, 0.0));
    }
}

#[test]
fn a_slow_failure_is_both() {
    let mut window = CountWindow::new(4).unwrap();
    window.record(Outcome { failed: true, slow: true });
    window.record(SUCCESS);
    assert_eq!(window.counts(), Counts { total: 2, failed: 1, slow: 1 });
}

#[test]
fn a_bucket_begins_at_its_border_and_ends_before_the_next() {
    let mut window = time_window(30, 3);
    window.record(FAILURE, at(9));
    window.record(FAILURE, at(10));
    window.record(FAILURE, at(19));
    window.record(FAILURE, at(20));
    let failed = |now| window.counts(at(now)).failed;
    assert_eq!((failed(20), failed(29)), (4, 4));
    assert_eq!((failed(30), failed(39)), (3, 3));
    assert_eq!((failed(40), failed(49)), (1, 1));
    assert_eq!((failed(50), failed(u64::MAX)), (0, 0));
}

#[test]
fn a_width_that_is_no_whole_number_is_rounded_up() {
    let mut window = time_window(10, 3);
    window.record(FAILURE, at(3));
    assert_eq!(window.counts(at(11)).failed, 1);
    assert_eq!(window.counts(at(12)).failed, 0);
}

#[test]
fn a_call_that_comes_late_counts_in_its_own_bucket() {
    let mut window = time_window(30, 3);
    window.record(SUCCESS, at(25));
    window.record(FAILURE, at(5));
    assert_eq!(window.counts(at(25)).failed, 1);
    assert_eq!(window.counts(at(30)).failed, 0);
    window.record(FAILURE, at(40));
    window.record(FAILURE, at(19));
    assert_eq!(window.counts(at(40)).failed, 1, "the one at 19 is out of the window");
}

#[test]
fn a_cleared_window_is_empty_and_goes_on() {
    let (mut calls, mut times) = (CountWindow::new(3).unwrap(), time_window(30, 3));
    calls.record(FAILURE);
    times.record(FAILURE, at(7));
    calls.clear();
    times.clear();
    assert_eq!((calls.counts().total, times.counts(at(7)).total), (0, 0));
    calls.record(SUCCESS);
    times.record(SUCCESS, at(8));
    assert_eq!((calls.counts().total, times.counts(at(8)).total), (1, 1));
}

#[test]
fn the_ends_of_time_are_ordinary() {
    let mut window = time_window(u64::MAX, 7);
    window.record(FAILURE, at(u64::MAX));
    window.record(FAILURE, at(0));
    assert_eq!(window.counts(at(u64::MAX)).failed, 2);
    let mut window = time_window(1, 1);
    window.record(FAILURE, at(u64::MAX));
    window.record(FAILURE, at(u64::MAX - 1));
    assert_eq!(window.counts(at(u64::MAX)).failed, 1);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    any::<(bool, bool)>().prop_map(|(failed, slow)| Outcome { failed, slow })
}

proptest! {
    #[test]
    fn a_count_window_agrees_with_the_last_of_a_list(
        length in 1u32..20, outcomes in prop::collection::vec(outcome(), 0..60),
    ) {
        let mut window = CountWindow::new(length).unwrap();
        for n in 0..outcomes.len() {
            window.record(outcomes[n]);
            let first = (n + 1).saturating_sub(length as usize);
            prop_assert_eq!(window.counts(), naive(outcomes[first..=n].iter().copied()));
        }
    }

    #[test]
    fn a_time_window_agrees_with_a_list_of_all_calls(
        width in 1u64..20, buckets in 1u16..12,
        steps in prop::collection::vec((-30i64..60, outcome()), 1..60), look in 0u64..200,
    ) {
        let mut window = time_window(width * u64::from(buckets), buckets);
        let (mut now, mut latest, mut all) = (100i64, 0, Vec::new());
        for (step, outcome) in steps {
            now = (now + step).max(0);
            let bucket = now as u64 / width;
            latest = latest.max(bucket);
            window.record(outcome, at(now as u64));
            all.push((bucket, outcome));
            // Buckets at the time of the look, and what was in time when it was recorded stays in time.
            for at_bucket in [latest, latest + look / width] {
                let expected = naive(
                    all.iter()
                        .filter(|(bucket, _)| bucket + u64::from(buckets) > at_bucket)
                        .map(|(_, outcome)| *outcome),
                );
                prop_assert_eq!(window.counts(at(at_bucket * width)), expected);
                prop_assert_eq!(window.counts(at(at_bucket * width + width - 1)), expected);
            }
        }
    }

    #[test]
    fn a_call_counts_for_the_length_of_the_window_less_at_most_a_bucket(
        width in 1u64..1000, buckets in 1u16..100, time in 0u64..1_000_000,
    ) {
        let length = width * u64::from(buckets);
        let mut window = time_window(length, buckets);
        window.record(FAILURE, at(time));
        prop_assert_eq!(window.counts(at(time + length - width)).failed, 1);
        prop_assert_eq!(window.counts(at(time + length)).failed, 0);
    }

    #[test]
    fn windows_survive_shared_data(
        outcomes in prop::collection::vec((outcome(), 0u64..100), 0..40),
    ) {
        let (mut calls, mut times) = (CountWindow::new(7).unwrap(), time_window(30, 3));
        for (outcome, time) in outcomes {
            calls.record(outcome);
            times.record(outcome, at(time));
        }
        let bytes = postcard::to_allocvec(&(&calls, &times)).unwrap();
        prop_assert_eq!(postcard::from_bytes::<(CountWindow, TimeWindow)>(&bytes).unwrap(), (calls, times));
    }

    #[test]
    fn any_bytes_in_shared_data_are_windows_that_do_not_panic(bytes: Vec<u8>, now: u64) {
        if let Ok(mut window) = postcard::from_bytes::<CountWindow>(&bytes) {
            window.record(FAILURE);
            window.clear();
        }
        if let Ok(mut window) = postcard::from_bytes::<TimeWindow>(&bytes) {
            window.record(FAILURE, at(now));
            let _ = window.counts(at(now));
            window.clear();
        }
    }
}
