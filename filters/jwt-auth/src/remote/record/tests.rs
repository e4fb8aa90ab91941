#![allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")]

use super::*;
use crate::config::OnKeysUnavailable;
use crate::remote::policy::Tries;
use proptest::prelude::*;

const ONE: u64 = 1;
const OTHER: u64 = 2;

pub(crate) fn policy() -> Policy {
    Policy {
        cache_duration: Duration::from_secs(600),
        timeout: Duration::from_secs(5),
        failed_refetch: Duration::from_secs(1),
        unknown_kid: Duration::from_secs(30),
        stale_if_error: Duration::from_secs(3600),
        in_background: false,
        unavailable: OnKeysUnavailable::Deny503,
        retry: Tries { times: 0, base: Duration::ZERO, max: Duration::ZERO },
    }
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_nanoseconds(1_000_000_000_000 + millis * 1_000_000)
}

pub(crate) fn set(now: Instant) -> Set {
    Set { version: now, confirmed: now, max_age: None, tag: None }
}

fn fetched(now: Instant) -> Record {
    Record::default().succeeded(ONE, set(now), now)
}

fn begun(record: Record, reason: Reason, owner: u64, now: Instant) -> Record {
    record.begin(reason, &policy(), owner, now).unwrap()
}

#[test]
fn a_set_is_fresh_then_stale_then_too_old() {
    let record = fetched(at(0));
    let age = |seconds: u64| record.age(&policy(), at(seconds * 1000));
    assert_eq!(Record::default().age(&policy(), at(0)), Age::Never);
    assert_eq!((age(0), age(599)), (Age::Fresh, Age::Fresh));
    assert_eq!((age(600), age(4199)), (Age::Stale, Age::Stale));
    assert_eq!(age(4200), Age::TooOld);
}

#[test]
fn one_fetches_and_the_others_wait() {
    let record = begun(Record::default(), Reason::Missing, ONE, at(0));
    assert_eq!(record.plan(Reason::Missing, &policy(), at(1)), Plan::Wait);
    let other = record.clone().begin(Reason::Missing, &policy(), OTHER, at(5000));
    assert_eq!(other, Err(Idle::Fetching));
    let record = record.succeeded(ONE, set(at(9)), at(9));
    let again = record.begin(Reason::Expired, &policy(), OTHER, at(10));
    assert_eq!(again, Err(Idle::NoReason));
}

#[test]
fn a_worker_that_never_tells_holds_the_others_up_for_the_time_of_a_fetch() {
    let record = begun(Record::default(), Reason::Missing, ONE, at(0));
    let record = begun(record, Reason::Missing, OTHER, at(5100));
    // The first one was only slow: its keys count, and the other one fetches on.
    let record = record.succeeded(ONE, set(at(5200)), at(5200));
    assert_eq!(record.age(&policy(), at(5201)), Age::Fresh);
    assert_eq!(record.plan(Reason::UnknownKid, &policy(), at(5201)), Plan::Wait);
}

#[test]
fn without_a_set_a_failed_fetch_is_made_again_after_a_while() {
    let record = begun(Record::default(), Reason::Missing, ONE, at(0)).failed(ONE, at(100));
    assert_eq!(record.plan(Reason::Missing, &policy(), at(1099)), Plan::GoOn);
    assert_eq!(record.plan(Reason::Missing, &policy(), at(1100)), Plan::Wait);
    assert_eq!(record.next_try(&policy()), at(1100));
}

#[test]
fn the_first_fetch_after_the_end_of_a_set_is_waited_for_and_after_it_failed_none() {
    let record = fetched(at(0));
    assert_eq!(record.plan(Reason::Expired, &policy(), at(600_000)), Plan::Wait);
    let record = begun(record, Reason::Expired, ONE, at(600_000));
    assert_eq!(record.plan(Reason::Expired, &policy(), at(600_001)), Plan::Wait);
    let record = record.failed(ONE, at(601_000));
    assert_eq!(record.plan(Reason::Expired, &policy(), at(601_001)), Plan::GoOn);
    assert_eq!(record.plan(Reason::Expired, &policy(), at(602_000)), Plan::Refresh);
    let record = begun(record, Reason::Expired, ONE, at(602_000));
    assert_eq!(record.plan(Reason::Expired, &policy(), at(602_001)), Plan::GoOn);
}

#[test]
fn in_the_background_nobody_waits_for_a_set_that_has_expired() {
    let policy = Policy { in_background: true, ..policy() };
    assert_eq!(fetched(at(0)).plan(Reason::Expired, &policy, at(600_000)), Plan::Refresh);
}

#[test]
fn the_background_fetches_ahead_and_not_while_another_does() {
    let record = fetched(at(0));
    assert_eq!(record.due(&policy(), at(1)), at(595_000));
    assert_eq!(record.plan(Reason::Due, &policy(), at(594_999)), Plan::GoOn);
    assert_eq!(record.plan(Reason::Due, &policy(), at(595_000)), Plan::Refresh);
    let record = begun(record, Reason::Due, ONE, at(595_000));
    assert_eq!(record.due(&policy(), at(595_001)), at(600_100));
    let failed = record.failed(ONE, at(596_000));
    assert_eq!(failed.due(&policy(), at(596_001)), at(597_000));
}

#[test]
fn short_lived_sets_are_fetched_a_quarter_of_their_time_ahead() {
    let short = Policy { cache_duration: Duration::from_secs(4), ..policy() };
    assert_eq!(fetched(at(0)).due(&short, at(1)), at(3000));
}

#[test]
fn what_the_issuer_says_of_its_time_has_bounds() {
    let lifetime = |seconds| policy().lifetime(Some(Duration::from_secs(seconds))).as_secs();
    assert_eq!((lifetime(0), lifetime(59), lifetime(61)), (60, 60, 61));
    assert_eq!((lifetime(86_401), lifetime(u64::MAX)), (86_400, 86_400));
    let of = |cache: u64, said| {
        let cache_duration = Duration::from_secs(cache);
        Policy { cache_duration, ..policy() }.lifetime(Some(Duration::from_secs(said))).as_secs()
    };
    assert_eq!((of(10, 0), of(10, 20)), (10, 20));
    assert_eq!(of(100_000, 100_001), 100_000);
}

#[test]
fn a_confirmed_set_keeps_its_version_and_begins_anew() {
    let record = fetched(at(0)).confirmed(ONE, None, at(500_000));
    assert_eq!(record.version(), Some(at(0)));
    assert_eq!(record.age(&policy(), at(1_099_000)), Age::Fresh);
    let nothing = Record::default().confirmed(ONE, None, at(0));
    assert_eq!(nothing.plan(Reason::Missing, &policy(), at(1)), Plan::GoOn);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Want(u8, u64),
    End(u64, bool),
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..40_000u64).prop_map(Step::Wait),
        (0..4u8, 1..4u64).prop_map(|(reason, owner)| Step::Want(reason, owner)),
        (1..4u64, any::<bool>()).prop_map(|(owner, ok)| Step::End(owner, ok)),
        Just(Step::Die),
    ]
}

proptest! {
    /// Whatever workers want, and however they fail.
    #[test]
    fn fetches_keep_their_distance(steps in prop::collection::vec(step(), 1..80)) {
        let policy = policy();
        let mut record = Record::default();
        let mut now = 0;
        // Who fetches since when, the end of the last fetch, and whether it failed.
        let mut fetching: Option<(u64, u64)> = None;
        let (mut last, mut failed): (Option<u64>, bool) = (None, false);
        for step in steps {
            match step {
                Step::Wait(millis) => now += millis,
                Step::Want(reason, owner) => {
                    let reason = [Reason::Missing, Reason::Expired, Reason::UnknownKid, Reason::Due]
                        [usize::from(reason)];
                    if let Ok(begun) = record.clone().begin(reason, &policy, owner, at(now)) {
                        if let Some((_, since)) = fetching {
                            prop_assert!(now >= since + 5100, "two fetch at a time");
                        }
                        if reason == Reason::UnknownKid && record.version().is_some()
                            && record.age(&policy, at(now)) == Age::Fresh
                        {
                            prop_assert!(last.is_none_or(|last| now >= last + 30_000));
                        }
                        prop_assert!(!failed || last.is_none_or(|last| now >= last + 1000));
                        record = begun;
                        fetching = Some((owner, now));
                    }
                }
                Step::End(owner, ok) if fetching.is_some_and(|(it, _)| it == owner) => {
                    record = match ok {
                        true => record.succeeded(owner, set(at(now)), at(now)),
                        false => record.failed(owner, at(now)),
                    };
                    (fetching, last, failed) = (None, Some(now), !ok);
                }
                // A worker that dies keeps its lease until the end.
                Step::End(..) | Step::Die => {}
            }
            // Nobody waits for nothing.
            for reason in [Reason::Missing, Reason::Expired, Reason::UnknownKid] {
                if record.plan(reason, &policy, at(now)) != Plan::GoOn {
                    let begun = record.clone().begin(reason, &policy, 9, at(now));
                    prop_assert!(begun.is_ok() || begun == Err(Idle::Fetching));
                }
            }
            prop_assert!(record.due(&policy, at(now)) <= at(now + 86_400_000));
        }
    }
}
