//! How stock Envoy's Wasm host behaves: what the scenarios say is what it does.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tollgate_e2e::envoy::binary;
use tollgate_e2e::scenario::{
    EXCEPTIONS, Envoy, ID, Kit, Scenario, Verdict, Version, World, judge, version_of,
};
use tollgate_e2e::scenarios;

/// What differs between a world and what is written.
async fn differences(
    world: &impl World,
    scenarios: &[Scenario],
    version: Version,
) -> Result<Vec<String>> {
    let verdicts = judge(world, scenarios, version).await?;
    let mut differences = Vec::new();
    for (scenario, verdict) in scenarios.iter().zip(verdicts) {
        if let Verdict::Differs(difference) = verdict {
            differences.push(format!("{}:\n{difference}", scenario.name));
        }
    }
    Ok(differences)
}

#[tokio::test]
async fn every_scenario_happens_in_the_simulated_proxy_as_it_is_written() -> Result<()> {
    let newest = version_of(binary::PINNED).expect("a version of Envoy 1.x");
    let mut scenarios = scenarios::all();
    for exception in &EXCEPTIONS {
        println!("but for {:?}: {}", exception.scenario, exception.why);
        exception.apply(&mut scenarios)?;
    }
    let differences = differences(&Kit, &scenarios, newest).await?;
    println!("{} scenarios, {} exceptions", scenarios.len(), EXCEPTIONS.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_happens_in_stock_envoy_as_it_is_written() -> Result<()> {
    let binary = tokio::task::spawn_blocking(binary::locate).await??;
    let version = version_of(&binary.version).expect("a version of Envoy 1.x");
    let differences = differences(&Envoy::new(binary), &scenarios::all(), version).await?;
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

#[test]
fn scenarios_have_names_of_their_own_and_say_where_envoy_does_that() {
    let scenarios = scenarios::all();
    let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios.len());
    for scenario in &scenarios {
        assert!(!scenario.reference.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn the_test_kit_takes_every_probe_for_a_module() -> Result<()> {
    for scenario in scenarios::all() {
        let module = scenario.module(ID)?;
        tollgate_testkit::Module::from_bytes(&module).with_context(|| scenario.name)?;
    }
    Ok(())
}
