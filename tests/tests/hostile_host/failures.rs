//! Every host call fails in every way.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::Result;
use tollgate_testkit::abi::Status;
use tollgate_testkit::module::Interceptor;

use crate::common_case::ROOT;
use crate::still_traps;
use crate::victim::Victim;

/// A success that does nothing, every status of the ABI, and one that it does not define.
const CODES: [u32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 4711];

/// Which host calls fail, counted from 0.
#[derive(Clone, Copy, Debug)]
enum Calls {
    Only(u64),
    From(u64),
}

/// A host whose calls fail.
#[derive(Debug)]
struct Failing {
    calls: Calls,
    code: u32,
    made: u64,
}

impl Failing {
    fn new(calls: Calls, code: u32) -> Self {
        Self { calls, code, made: 0 }
    }
}

impl Interceptor for Failing {
    fn call(&mut self, name: &'static str) -> Option<u32> {
        let this = self.made;
        self.made += 1;
        let fails = match self.calls {
            Calls::Only(call) => this == call,
            Calls::From(call) => this >= call,
        };
        (fails && !still_traps::HOST_CALLS.contains(&name)).then_some(self.code)
    }
}

/// Every way in which one of `count` calls, or all from one on, can fail.
fn ways_to_fail(count: u64) -> impl Iterator<Item = (Calls, u32)> {
    let calls = (0..count).flat_map(|call| [Calls::Only(call), Calls::From(call)]);
    calls.flat_map(|calls| CODES.map(|code| (calls, code)))
}

/// How many host calls a request makes.
fn calls_of_a_request(victim: &mut Victim) -> u64 {
    victim.vm.reset_costs();
    victim.request("with a flawless host");
    victim.vm.costs().total().host_call_count()
}

#[test]
fn whatever_host_call_of_a_request_fails_the_next_request_is_served() -> Result<()> {
    for mut victim in Victim::all()? {
        for (calls, code) in ways_to_fail(calls_of_a_request(&mut victim)) {
            victim.restart()?;
            victim.vm.set_interceptor(Failing::new(calls, code));
            let how = format!("{calls:?} with {code}");
            victim.request(&how);
            victim.check(&how);
        }
    }
    Ok(())
}

#[test]
fn whatever_host_call_fails_while_configuring_the_next_request_has_an_answer() -> Result<()> {
    for mut victim in Victim::all()? {
        for (call, code) in ways_to_fail_configuring(&mut victim) {
            let how = format!("call {call} of configuring with {code}");
            victim.configure_with(Failing::new(Calls::Only(call), code), &how);
            victim.check(&how);
        }
    }
    Ok(())
}

/// Every call with every code. Since jwt-auth takes a fifth of a second, of its calls only the first
/// of each function; the others with one code each, in turn.
fn ways_to_fail_configuring(victim: &mut Victim) -> Vec<(u64, u32)> {
    let calls = Rc::new(RefCell::new(Vec::new()));
    victim.configure_with(Witness(Rc::clone(&calls)), "with a witness");
    let mut seen = BTreeSet::new();
    let mut ways = Vec::new();
    for (call, name) in (0..).zip(calls.borrow().iter()) {
        let is_first = seen.insert(*name);
        if is_first || victim.case.filter != "jwt-auth" {
            ways.extend(CODES.map(|code| (call, code)));
        } else {
            ways.push((call, CODES[call as usize % CODES.len()]));
        }
    }
    ways
}

/// Writes down which host functions are called.
struct Witness(Rc<RefCell<Vec<&'static str>>>);

impl Interceptor for Witness {
    fn call(&mut self, name: &'static str) -> Option<u32> {
        self.0.borrow_mut().push(name);
        None
    }
}

#[test]
fn whatever_host_call_fails_nobody_gets_in_without_a_token() -> Result<()> {
    let mut victim = Victim::of("jwt-auth")?;
    victim.case.request_header = ("x-user", "admin".into());
    for (calls, code) in ways_to_fail(calls_of_a_request(&mut victim)) {
        victim.vm.set_interceptor(Failing::new(calls, code));
        let how = format!("{calls:?} with {code}");
        let outcome = victim.request(&how);
        assert!(!outcome.passes(), "{how}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn whatever_host_call_fails_the_upstream_does_not_see_a_claim_of_the_client() -> Result<()> {
    let mut victim = Victim::of("jwt-auth")?;
    victim.case.more_request_headers = vec![("x-user", "admin")];
    for (calls, code) in ways_to_fail(calls_of_a_request(&mut victim)) {
        if code == 0 {
            // A host that says it has removed the header, and has not, cannot be found out.
            continue;
        }
        victim.vm.set_interceptor(Failing::new(calls, code));
        let how = format!("{calls:?} with {code}");
        let outcome = victim.request(&how);
        let sees_admin = outcome.upstream_headers.iter().any(|(_, value)| value == b"admin");
        assert!(!(outcome.passes() && sees_admin), "{how}: {outcome:?}");
    }
    Ok(())
}

/// A host without this function.
struct Without(&'static str);

impl Interceptor for Without {
    fn call(&mut self, name: &'static str) -> Option<u32> {
        (name == self.0).then_some(Status::INTERNAL_FAILURE.code())
    }
}

#[test]
fn a_second_configuration_that_is_refused_leaves_a_filter_that_answers() -> Result<()> {
    for mut victim in Victim::all()? {
        victim.vm.set_interceptor(Without("proxy_get_buffer_bytes"));
        let accepted = victim.vm.on_configure(ROOT, 10);
        assert!(!victim.alive(accepted, "configuring again"), "{}", victim.case.filter);
        victim.vm.remove_interceptor();
        let outcome = victim.request("after a second configuration");
        let has_answer =
            victim.case.is_served(&outcome) || victim.case.is_failed_by_policy(&outcome);
        assert!(has_answer, "{}: {outcome:?}", victim.case.filter);
    }
    Ok(())
}

#[test]
fn a_host_call_on_the_list_of_fatal_ones_is_fatal() -> Result<()> {
    for name in still_traps::HOST_CALLS {
        let mut is_fatal = false;
        for mut victim in Victim::all()? {
            victim.vm.set_interceptor(Without(name));
            is_fatal |= victim.try_to_request().is_err();
            is_fatal |= victim.try_to_configure_with(Without(name)).is_err();
        }
        assert!(is_fatal, "{name} stops no module any more: take it off the list");
    }
    Ok(())
}
