//! How stock Envoy's Wasm host behaves: what the scenarios say is what it does.

use anyhow::Result;
use tollgate_e2e::envoy::binary;
use tollgate_e2e::scenario::{Envoy, World, version_of};
use tollgate_e2e::scenarios;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_happens_in_stock_envoy_as_it_is_written() -> Result<()> {
    let binary = tokio::task::spawn_blocking(binary::locate).await??;
    let version = version_of(&binary.version).expect("a version of Envoy 1.x");
    let scenarios = scenarios::all();
    let mut failures = Vec::new();
    let observed = Envoy::new(binary).observe(&scenarios).await?;
    for (scenario, observed) in scenarios.iter().zip(observed) {
        match observed {
            Err(error) => failures.push(format!("{}: {error:#}", scenario.name)),
            Ok(observed) => {
                let (expected, _) = scenario.expected_in(version);
                let difference = observed.difference(expected);
                failures.extend(
                    difference.map(|difference| format!("{}:\n{difference}", scenario.name)),
                );
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}
