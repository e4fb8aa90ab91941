//! Random callbacks in random order, by a host that answers at random: the same on every run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tollgate_testkit::Trap;
use tollgate_testkit::module::Interceptor;

use crate::common_case::ROOT;
use crate::misuse::{MISUSES, Misuse};
use crate::still_traps;
use crate::victim::Victim;

/// How many sequences each filter gets. jwt-auth takes a fifth of a second to be configured.
fn sequences(filter: &str) -> u32 {
    if filter == "jwt-auth" { 8 } else { 256 }
}

/// The streams of a sequence: few, so that they meet.
const STREAMS: usize = 4;

/// A host that fails and lies one time in eight.
struct Erratic(StdRng);

impl Erratic {
    fn now(&mut self) -> bool {
        self.0.gen_ratio(1, 8)
    }
}

impl Interceptor for Erratic {
    fn call(&mut self, name: &'static str) -> Option<u32> {
        let fails = self.now() && !still_traps::HOST_CALLS.contains(&name);
        fails.then(|| self.0.gen_range(0..=13))
    }

    fn bytes(&mut self, _name: &'static str, bytes: &mut Vec<u8>) {
        if !self.now() {
            return;
        }
        let at = self.0.gen_range(0..=bytes.len());
        match self.0.gen_range(0..4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, self.0.r#gen()),
            2 => bytes.extend(vec![self.0.r#gen::<u8>(); at]),
            _ if at < bytes.len() => bytes[at] = self.0.r#gen(),
            _ => bytes.clear(),
        }
    }

    fn number(&mut self, _name: &'static str, number: &mut u64) {
        if self.now() {
            *number = self.0.r#gen::<u64>() >> self.0.gen_range(0..64);
        }
    }
}

/// What a host does.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    ResponseTrailers,
    Log,
    Done,
    Delete,
    Tick,
    Advance,
    Configure,
    HttpAnswer,
    GrpcAnswer,
    Misuse,
}

/// All calls; the usual ones more often.
const CALLS: [Call; 27] = [
    Call::Create,
    Call::Create,
    Call::Create,
    Call::RequestHeaders,
    Call::RequestHeaders,
    Call::RequestHeaders,
    Call::RequestHeaders,
    Call::RequestBody,
    Call::RequestTrailers,
    Call::ResponseHeaders,
    Call::ResponseHeaders,
    Call::ResponseHeaders,
    Call::ResponseBody,
    Call::ResponseTrailers,
    Call::Log,
    Call::Done,
    Call::Delete,
    Call::Delete,
    Call::Tick,
    Call::Tick,
    Call::Advance,
    Call::Advance,
    Call::Configure,
    Call::HttpAnswer,
    Call::GrpcAnswer,
    Call::Misuse,
    Call::Misuse,
];

/// One call of a sequence, with whatever arguments it takes.
#[derive(Clone, Copy, Debug)]
struct Step {
    call: Call,
    /// Which of the streams.
    place: usize,
    number: u32,
    end_of_stream: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (select(&CALLS[..]), 0..STREAMS, 0..1000_u32, any::<bool>()).prop_map(
        |(call, place, number, end_of_stream)| Step { call, place, number, end_of_stream },
    )
}

/// A sequence as it runs.
struct Sequence<'a> {
    victim: &'a mut Victim,
    /// The streams, by their place.
    streams: [u32; STREAMS],
    live: BTreeSet<u32>,
}

impl<'a> Sequence<'a> {
    fn new(victim: &'a mut Victim) -> Self {
        let streams = std::array::from_fn(|_| victim.new_stream());
        Self { victim, streams, live: BTreeSet::new() }
    }

    fn run(&mut self, step: Step) -> Result<(), Trap> {
        let stream = self.streams[step.place];
        if !self.may_run(step, stream) {
            return Ok(());
        }
        let Step { number, end_of_stream, .. } = step;
        let vm = &mut self.victim.vm;
        match step.call {
            Call::Create => {
                self.live.insert(stream);
                self.victim.case.prepare(vm.host_mut(), stream);
                vm.on_context_create(stream, ROOT)
            }
            Call::RequestHeaders => vm.on_request_headers(stream, 11, end_of_stream).map(drop),
            Call::RequestBody => vm.on_request_body(stream, number, end_of_stream).map(drop),
            Call::RequestTrailers => vm.on_request_trailers(stream, number).map(drop),
            Call::ResponseHeaders => vm.on_response_headers(stream, 2, end_of_stream).map(drop),
            Call::ResponseBody => vm.on_response_body(stream, number, end_of_stream).map(drop),
            Call::ResponseTrailers => vm.on_response_trailers(stream, number).map(drop),
            Call::Log => vm.on_log(stream),
            Call::Done => vm.on_done(stream).map(drop),
            Call::Delete => {
                self.live.remove(&stream);
                vm.on_delete(stream)
            }
            Call::Tick => vm.on_tick(ROOT),
            Call::Advance => {
                vm.host_mut().advance(Duration::from_millis(u64::from(number)));
                Ok(())
            }
            Call::Configure => vm.on_configure(ROOT, number).map(drop),
            Call::HttpAnswer => vm.on_http_call_response(ROOT, number, 3, 10, 0),
            Call::GrpcAnswer => {
                vm.on_grpc_receive(ROOT, number, 10)?;
                vm.on_grpc_close(ROOT, number, number)
            }
            Call::Misuse => {
                let misuse = misuse_of(step);
                let stream = self.victim.new_stream();
                self.victim.new_stream();
                (misuse.run)(&mut self.victim.vm, stream)
            }
        }
    }

    /// As long as there are misuses that modules do not survive, streams are used rightly.
    fn may_run(&self, step: Step, stream: u32) -> bool {
        let is_live = self.live.contains(&stream);
        still_traps::MISUSES.is_empty()
            || match step.call {
                Call::Create => !is_live,
                Call::Misuse => !still_traps::MISUSES.contains(&misuse_of(step).name),
                Call::Tick
                | Call::Advance
                | Call::Configure
                | Call::HttpAnswer
                | Call::GrpcAnswer => true,
                _ => is_live,
            }
    }
}

fn misuse_of(step: Step) -> &'static Misuse {
    &MISUSES[step.number as usize % MISUSES.len()]
}

#[test]
fn no_sequence_of_callbacks_stops_a_vm() -> Result<()> {
    for mut victim in Victim::all()? {
        let config = Config {
            cases: sequences(victim.case.filter),
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let victim = RefCell::new(&mut victim);
        let outcome = TestRunner::new_with_rng(config, rng).run(
            &(any::<u64>(), vec(step(), 0..100)),
            |(seed, steps)| {
                let mut victim = victim.borrow_mut();
                run(&mut victim, seed, &steps)
                    .map_err(|error| TestCaseError::fail(error.to_string()))
            },
        );
        let filter = victim.borrow().case.filter;
        outcome.map_err(|error| anyhow!("{filter}: {error}"))?;
    }
    Ok(())
}

/// Runs a sequence on a new VM, and then a request by a host that behaves.
fn run(victim: &mut Victim, seed: u64, steps: &[Step]) -> Result<()> {
    victim.renew()?;
    victim.vm.set_interceptor(Erratic(StdRng::seed_from_u64(seed)));
    let mut sequence = Sequence::new(victim);
    for step in steps {
        sequence.run(*step)?;
    }
    victim.vm.remove_interceptor();
    // It may have accepted a configuration that was none, and believed what it was told about metrics,
    // which it finds out once.
    let configured = victim.vm.on_configure(ROOT, 10)? || victim.vm.on_configure(ROOT, 10)?;
    let log = victim.vm.host().log_lines().last();
    ensure!(configured, "the configuration is refused: {log:?}");
    let stream = victim.new_stream();
    let outcome = victim.case.request(&mut victim.vm, stream)?;
    ensure!(victim.case.is_served(&outcome), "{outcome:?}");
    Ok(())
}
