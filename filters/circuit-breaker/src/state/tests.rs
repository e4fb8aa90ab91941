use super::*;
use proptest::prelude::*;

const POLICY: Policy = Policy {
    base: Duration::from_secs(10),
    max: Duration::from_secs(25),
    interval: Duration::from_secs(1),
    max_probes: 1,
    success_threshold: 1,
    max_wait: Duration::from_secs(5),
};

fn at(seconds: u64) -> Instant {
    Instant::from_nanoseconds(seconds * 1_000_000_000)
}

fn open_at(seconds: u64) -> State {
    State::new(at(seconds)).trip(&POLICY, at(seconds)).unwrap()
}

fn retry_after(seconds: u64) -> Refusal {
    Refusal::Open { retry_after: Duration::from_secs(seconds) }
}

#[test]
fn a_new_breaker_is_closed() {
    assert_eq!(State::new(at(0)).kind(), Kind::Closed);
}

#[test]
fn an_open_breaker_refuses_until_its_time_is_over() {
    let state = open_at(100);
    assert_eq!(state.clone().probe(&POLICY, at(100)), Err(retry_after(10)));
    assert_eq!(state.clone().probe(&POLICY, at(109)), Err(retry_after(1)));
    let (state, _) = state.probe(&POLICY, at(110)).unwrap();
    assert_eq!(state.kind(), Kind::HalfOpen);
}

#[test]
fn a_half_open_breaker_lets_in_only_its_probes() {
    let (state, _) = open_at(0).probe(&POLICY, at(10)).unwrap();
    assert_eq!(state.probe(&POLICY, at(11)), Err(retry_after(4)));

    let two = Policy { max_probes: 2, ..POLICY };
    let (state, first) = open_at(0).probe(&two, at(10)).unwrap();
    let (state, second) = state.probe(&two, at(10)).unwrap();
    assert_ne!(first, second);
    assert_eq!(state.probe(&two, at(10)), Err(retry_after(5)));
}

#[test]
fn a_good_probe_closes() {
    let (state, probe) = open_at(0).probe(&POLICY, at(10)).unwrap();
    let state = state.probe_succeeded(probe, &POLICY, at(11)).unwrap();
    assert_eq!(state.kind(), Kind::Closed);
    assert_eq!(state.probe(&POLICY, at(11)), Err(Refusal::Closed));
}

#[test]
fn as_many_good_probes_as_asked_for_close() {
    let policy = Policy { success_threshold: 2, ..POLICY };
    let (state, first) = open_at(0).probe(&policy, at(10)).unwrap();
    let state = state.probe_succeeded(first, &policy, at(10)).unwrap();
    assert_eq!(state.kind(), Kind::HalfOpen);
    let (state, second) = state.probe(&policy, at(10)).unwrap();
    assert_eq!(state.probe_succeeded(second, &policy, at(10)).unwrap().kind(), Kind::Closed);
}

#[test]
fn a_failed_probe_opens_for_longer_each_time_up_to_the_maximum() {
    let mut state = open_at(0);
    let mut now = 0;
    for expected in [10, 20, 25, 25] {
        assert_eq!(state.open_until(), Some(at(now + expected)));
        now += expected;
        let (half_open, probe) = state.probe(&POLICY, at(now)).unwrap();
        state = half_open.probe_failed(probe, &POLICY, at(now)).unwrap();
    }
}

#[test]
fn time_spent_closed_shortens_the_next_opening() {
    let closed_after_three_openings = |closed_at| {
        let mut state = open_at(0);
        for now in [10, 30] {
            let (half_open, probe) = state.probe(&POLICY, at(now)).unwrap();
            state = half_open.probe_failed(probe, &POLICY, at(now)).unwrap();
        }
        let (half_open, probe) = state.probe(&POLICY, at(60)).unwrap();
        half_open.probe_succeeded(probe, &POLICY, at(closed_at)).unwrap()
    };
    let open_for = |healthy: u64| {
        let state = closed_after_three_openings(60).trip(&POLICY, at(60 + healthy)).unwrap();
        state.open_until().unwrap().since(at(60 + healthy)).as_secs()
    };
    assert_eq!(open_for(0), 25);
    assert_eq!(open_for(2), 20);
    assert_eq!(open_for(3), 10);
    assert_eq!(open_for(1_000_000), 10);
}

#[test]
fn a_probe_that_is_cancelled_gives_its_place_back() {
    let (state, probe) = open_at(0).probe(&POLICY, at(10)).unwrap();
    let state = state.probe_released(probe).unwrap();
    assert_eq!(state.kind(), Kind::HalfOpen);
    assert!(state.probe(&POLICY, at(10)).is_ok());
}

/// Breakers elsewhere stayed half-open for ever when a probe was never answered.
#[test]
fn a_probe_that_is_never_answered_gives_its_place_back_after_a_while() {
    let (state, lost) = open_at(0).probe(&POLICY, at(10)).unwrap();
    let (state, _) = state.probe(&POLICY, at(15)).unwrap();
    assert_eq!(state.clone().probe_succeeded(lost, &POLICY, at(16)), Err(Outdated));
    assert_eq!(state.probe_failed(lost, &POLICY, at(16)), Err(Outdated));
}

/// Breakers elsewhere let a late answer decide over a state it knew nothing of (Polly#217).
#[test]
fn a_probe_of_an_earlier_half_open_phase_decides_nothing() {
    let (state, early) = open_at(0).probe(&POLICY, at(10)).unwrap();
    let (state, second) = state.probe(&POLICY, at(15)).unwrap();
    let state = state.probe_failed(second, &POLICY, at(15)).unwrap();
    assert_eq!(state.clone().probe_succeeded(early, &POLICY, at(16)), Err(Outdated));
    let (state, _) = state.probe(&POLICY, at(35)).unwrap();
    assert_eq!(state.probe_succeeded(early, &POLICY, at(36)), Err(Outdated));
}

#[test]
fn only_a_closed_breaker_trips() {
    assert_eq!(open_at(0).trip(&POLICY, at(1)), Err(Outdated));
    let (half_open, _) = open_at(0).probe(&POLICY, at(10)).unwrap();
    assert_eq!(half_open.trip(&POLICY, at(11)), Err(Outdated));
}

/// What may happen to a breaker.
#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Trip,
    Probe,
    Succeed(usize),
    Fail(usize),
    Release(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(
        prop_oneof![
            (0u64..12).prop_map(Event::Wait),
            Just(Event::Trip),
            Just(Event::Probe),
            (0usize..8).prop_map(Event::Succeed),
            (0usize..8).prop_map(Event::Fail),
            (0usize..8).prop_map(Event::Release),
        ],
        0..80,
    )
}

proptest! {
    #[test]
    fn there_are_never_more_live_probes_than_allowed(events in events(), max_probes in 1u64..4) {
        let policy = Policy { max_probes, success_threshold: 2, ..POLICY };
        let (mut state, mut now, mut probes) = (State::new(at(0)), 0, Vec::new());
        for event in events {
            let pick = |index: usize| probes.get(index % probes.len().max(1)).copied();
            let next = match event {
                Event::Wait(seconds) => { now += seconds; continue }
                Event::Trip => state.clone().trip(&policy, at(now)).ok(),
                Event::Probe => state.clone().probe(&policy, at(now)).ok().map(|(state, id)| {
                    probes.push(id);
                    state
                }),
                Event::Succeed(i) => pick(i)
                    .and_then(|id| state.clone().probe_succeeded(id, &policy, at(now)).ok()),
                Event::Fail(i) => pick(i)
                    .and_then(|id| state.clone().probe_failed(id, &policy, at(now)).ok()),
                Event::Release(i) => pick(i).and_then(|id| state.clone().probe_released(id).ok()),
            };
            state = next.unwrap_or(state);
            if let Phase::HalfOpen(trial) = &state.phase {
                let live = trial.probes.iter().filter(|probe| at(now) < probe.expires).count();
                prop_assert!(live as u64 <= max_probes);
            }
        }
        // Whatever happened: given time, it lets a request in again.
        let much_later = at(now + 1_000);
        let refused = matches!(state.probe(&policy, much_later), Err(Refusal::Open { .. }));
        prop_assert!(!refused);
    }
}
