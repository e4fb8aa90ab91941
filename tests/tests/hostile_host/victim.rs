//! A VM under attack.

use anyhow::Result;
use tollgate_testkit::module::Interceptor;
use tollgate_testkit::{Module, Trap};

use crate::common_case::{self, CommonCase, Outcome, ROOT, Vm};

/// A filter's VM, and what it has to answer afterwards.
pub(crate) struct Victim {
    pub(crate) case: CommonCase,
    pub(crate) vm: Vm,
    module: Module,
    /// Whether the plugin has accepted its configuration.
    is_configured: bool,
    last_stream: u32,
}

impl Victim {
    /// One for each filter, and one that delays.
    pub(crate) fn all() -> Result<Vec<Self>> {
        common_case::single().into_iter().chain([common_case::delay()]).map(Self::new).collect()
    }

    /// The one of this filter.
    pub(crate) fn of(filter: &str) -> Result<Self> {
        let mut cases = common_case::all().into_iter();
        Self::new(cases.find(|case| case.filter == filter).expect("a filter of ours"))
    }

    /// A configured VM.
    pub(crate) fn new(case: CommonCase) -> Result<Self> {
        let module = case.module()?;
        let vm = case.start(&module)?;
        Ok(Self { case, vm, module, is_configured: true, last_stream: ROOT })
    }

    /// Starts over with a new VM. jwt-auth verifies known answers when it is configured, which takes
    /// a fifth of a second: its VM has to stand one attack after the other.
    pub(crate) fn restart(&mut self) -> Result<()> {
        if self.case.filter != "jwt-auth" {
            self.renew()?;
        }
        self.vm.remove_interceptor();
        Ok(())
    }

    /// Starts over with a new VM, whatever it costs.
    pub(crate) fn renew(&mut self) -> Result<()> {
        self.vm = self.case.start(&self.module)?;
        Ok(())
    }

    /// Starts over with a new VM, whose host is what `interceptor` makes of it while the plugin is
    /// configured. The VM has to survive that.
    pub(crate) fn configure_with(&mut self, interceptor: impl Interceptor + 'static, how: &str) {
        let result = self.try_to_configure_with(interceptor);
        self.alive(result, how);
    }

    /// As [`Victim::configure_with`], and the VM may die.
    pub(crate) fn try_to_configure_with(
        &mut self,
        interceptor: impl Interceptor + 'static,
    ) -> Result<(), Trap> {
        self.vm = self.case.instantiate(&self.module)?;
        self.vm.set_interceptor(interceptor);
        self.is_configured = self.case.configure(&mut self.vm)?;
        Ok(())
    }

    /// A stream that there has not been.
    pub(crate) fn new_stream(&mut self) -> u32 {
        self.last_stream += 1;
        self.last_stream
    }

    /// A request, and a tick. The VM has to survive them.
    pub(crate) fn request(&mut self, how: &str) -> Outcome {
        let outcome = self.try_to_request();
        self.alive(outcome, how)
    }

    /// As [`Victim::request`], and the VM may die.
    pub(crate) fn try_to_request(&mut self) -> Result<Outcome, Trap> {
        let stream = self.new_stream();
        let outcome = self.case.request(&mut self.vm, stream)?;
        self.vm.on_tick(ROOT)?;
        Ok(outcome)
    }

    /// The value, if the VM did not die.
    pub(crate) fn alive<T>(&self, result: Result<T, Trap>, how: &str) -> T {
        result.unwrap_or_else(|trap| {
            let spent = self.vm.costs().get(trap.callback());
            panic!("{}, {how}: {trap}; {spent:?}", self.case.filter)
        })
    }

    /// The host behaves from now on: a request must have the outcome that the filter is there for,
    /// or without a configuration the one that its failure policy wants.
    pub(crate) fn check(&mut self, after: &str) {
        self.vm.remove_interceptor();
        let outcome = self.request(after);
        let is_right = if self.is_configured {
            self.case.is_served(&outcome)
        } else {
            self.case.is_failed_by_policy(&outcome)
        };
        let filter = self.case.filter;
        assert!(
            is_right,
            "{filter}, configured: {}, after {after}: {outcome:?}",
            self.is_configured
        );
    }
}

#[test]
fn a_victim_that_delays_holds_its_request_back() -> Result<()> {
    let mut victim = Victim::new(common_case::delay())?;
    let outcome = victim.request("with a flawless host");
    assert!(victim.case.is_served(&outcome));
    assert_eq!(victim.vm.host().continued().len(), 1);
    Ok(())
}
