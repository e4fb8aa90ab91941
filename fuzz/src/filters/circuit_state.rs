use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use tollgate::time::Instant;
use tollgate_circuit_breaker::state::{Kind, Policy, ProbeId, Refusal, State};

use crate::input::structured;

/// The most events of one input.
const STEPS: usize = 128;

/// What is known from outside of a probe that was let in.
#[derive(Debug)]
struct Probe {
    id: ProbeId,
    expires: Instant,
}

/// A breaker and what happens to it: it lets in no more probes than allowed, trips only when it is closed,
/// a probe decides only over its own phase, and given time it always lets a request in again.
pub fn circuit_state(data: &[u8]) {
    structured(data, |input| {
        let policy = policy(input)?;
        let mut now = Instant::from_nanoseconds(u64::from(u32::arbitrary(input)?));
        let (mut state, mut probes) = (State::new(now), Vec::new());
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            now = now.after(Duration::from_millis(u64::from(u8::arbitrary(input)?).pow(2)));
            state = step(input, &policy, now, state, &mut probes)?;
            let bytes = postcard::to_allocvec(&state).expect("a state can be stored");
            assert_eq!(postcard::from_bytes(&bytes), Ok(state.clone()));
            assert_eq!(state.open_until().is_some(), state.kind() == Kind::Open);
            let latest = now.after(policy.max);
            assert!(state.open_until().is_none_or(|until| until <= latest), "open for too long");
        }
        let later = now.after(policy.max).after(policy.max_wait);
        let refused = matches!(state.probe(&policy, later), Err(Refusal::Open { .. }));
        assert!(!refused, "it lets nobody in any more");
        Ok(())
    });
}

fn policy(input: &mut Unstructured<'_>) -> Result<Policy> {
    let seconds =
        |input: &mut Unstructured<'_>| Ok(Duration::from_secs(input.int_in_range(1..=30)?));
    let base = seconds(input)?;
    Ok(Policy {
        base,
        max: base.max(seconds(input)?),
        interval: seconds(input)?,
        max_probes: input.int_in_range(1..=4)?,
        success_threshold: input.int_in_range(1..=4)?,
        max_wait: seconds(input)?,
    })
}

fn step(
    input: &mut Unstructured<'_>,
    policy: &Policy,
    now: Instant,
    state: State,
    probes: &mut Vec<Probe>,
) -> Result<State> {
    let before = state.clone();
    let action = u8::arbitrary(input)? % 6;
    if action < 2 {
        return Ok(match action {
            0 => match state.trip(policy, now) {
                Ok(next) => {
                    assert_eq!((before.kind(), next.kind()), (Kind::Closed, Kind::Open));
                    next
                }
                Err(_) => {
                    assert_ne!(before.kind(), Kind::Closed);
                    before
                }
            },
            _ => admit(policy, now, before, probes),
        });
    }
    if probes.is_empty() {
        return Ok(before);
    }
    let probe = probes.swap_remove(input.choose_index(probes.len())?);
    let outcome = match action {
        2 => state.probe_released(probe.id),
        3 => state.probe_failed(probe.id, policy, now),
        _ => state.probe_succeeded(probe.id, policy, now),
    };
    let Ok(next) = outcome else { return Ok(before) };
    assert_eq!(before.kind(), Kind::HalfOpen, "a probe decides over another phase");
    match action {
        2 => assert_eq!(next.kind(), Kind::HalfOpen),
        3 => assert_eq!(next.kind(), Kind::Open),
        _ => assert_ne!(next.kind(), Kind::Open),
    }
    // An answer counts once.
    assert!(next.clone().probe_succeeded(probe.id, policy, now).is_err(), "a probe counts twice");
    if next.kind() != Kind::HalfOpen {
        // The others are of a phase that is over.
        for probe in probes.drain(..) {
            assert!(next.clone().probe_failed(probe.id, policy, now).is_err());
        }
    }
    Ok(next)
}

fn admit(policy: &Policy, now: Instant, state: State, probes: &mut Vec<Probe>) -> State {
    let (before, until) = (state.kind(), state.open_until());
    let live = |probes: &[Probe]| probes.iter().filter(|probe| now < probe.expires).count() as u64;
    match state.clone().probe(policy, now) {
        Ok((next, id)) => {
            assert_eq!(next.kind(), Kind::HalfOpen);
            assert!(until.is_none_or(|until| until <= now), "a probe before its time");
            probes.push(Probe { id, expires: now.after(policy.max_wait) });
            assert!(live(probes) <= policy.max_probes, "too many probes");
            next
        }
        Err(Refusal::Closed) => {
            assert_eq!(before, Kind::Closed);
            state
        }
        Err(Refusal::Open { retry_after }) => {
            assert!(before != Kind::Closed && retry_after > Duration::ZERO);
            let again = state.clone().probe(policy, now.after(retry_after));
            assert!(again.is_ok(), "refused again when it said to come back");
            state
        }
    }
}
