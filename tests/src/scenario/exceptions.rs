//! Where the simulated proxy differs from Envoy, and is meant to.

use anyhow::{Result, ensure};

use super::Scenario;

/// A line of the log that is another in the simulated proxy.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// What the probe logs in Envoy.
    pub in_envoy: &'static str,
    /// What it logs in the simulated proxy.
    pub in_kit: &'static str,
    /// Why that is so.
    pub why: &'static str,
}

/// All of them.
pub const EXCEPTIONS: [Exception; 1] = [Exception {
    scenario: "the foreign functions of Envoy are there, and read their arguments",
    in_envoy: "foreign expr_create -> bad argument",
    in_kit: "foreign expr_create -> not found",
    why: "the test kit has no CEL: a filter that needs some is told so, and is not told that its \
          expression is wrong",
}];

impl Exception {
    /// Changes what is expected of its scenario.
    ///
    /// # Errors
    ///
    /// When there is nothing to change.
    pub fn apply(&self, scenarios: &mut [Scenario]) -> Result<()> {
        let mut scenarios = scenarios.iter_mut().filter(|it| it.name == self.scenario);
        let lines = scenarios.next().map(|it| &mut it.expected.log);
        let line = lines.and_then(|lines| lines.iter_mut().find(|line| *line == self.in_envoy));
        ensure!(line.is_some(), "an exception without a cause: {self:?}");
        line.into_iter().for_each(|line| self.in_kit.clone_into(line));
        Ok(())
    }
}
