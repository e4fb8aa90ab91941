//! What comes of scenarios in a world.

use anyhow::Result;

use super::{Scenario, Version, World};

/// What was observed of a scenario, beside what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// What the newest Envoy shows.
    Equal,
    /// What this older version shows, and why.
    Older(&'static str),
    /// Something else: the differences, or why it could not be observed.
    Differs(String),
}

/// Observes scenarios in a world that should show what a version of Envoy does.
///
/// # Errors
///
/// When the world cannot be made at all.
pub async fn judge(
    world: &impl World,
    scenarios: &[Scenario],
    version: Version,
) -> Result<Vec<Verdict>> {
    let observed = world.observe(scenarios).await?;
    let verdict = |(scenario, observed): (&Scenario, Result<_>)| {
        let (expected, why) = scenario.expected_in(version);
        let difference = match observed {
            Ok(observed) => super::Observed::difference(&observed, expected),
            Err(error) => Some(format!("  {error:#}\n")),
        };
        match (difference, why) {
            (None, None) => Verdict::Equal,
            (None, Some(why)) => Verdict::Older(why),
            (Some(difference), _) => Verdict::Differs(difference),
        }
    };
    Ok(scenarios.iter().zip(observed).map(verdict).collect())
}
