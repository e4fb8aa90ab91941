//! `cargo xtask bench`: what filters cost in stock Envoy.
//!
//! What is asked is small: how many microseconds of processor time a request costs with a filter and
//! does not cost without, on a machine where the same request costs more or less by several of them from
//! one second to the next. So:
//!
//! - **Processor time, not wall time**, of the whole Envoy process, as the kernel accounts for it in
//!   nanoseconds: Wasm work is not only done where a request waits for it.
//! - **One Envoy process a case**, all started at once, each with one worker, and idle except in its
//!   turn. Many listeners in one process would share the statistics, the heap and V8, and memory could
//!   not be told apart.
//! - **Side by side**: in its turn, a case runs for 0.4 s at the same time as an Envoy without the filter
//!   that gets the same requests, both on the same core, and so are their two load generators. The kernel
//!   switches between them thousands of times a second, so that whatever else the machine does
//!   (compilers, neighbours of a virtual machine, changes of frequency) meets both alike, and their
//!   difference is left. While others compile, half of the differences between two Envoys without a
//!   filter lie within 0.5 µs of nothing; with turns one after the other it was 4 µs. On one core, Envoy
//!   also always finds a batch of requests waiting; with the generator on another, how many it finds, and
//!   with it the cost of a request, is a matter of luck. Caches are colder than when one filter has a core
//!   to itself, as they are in a proxy that has more to do than one filter.
//! - **Rounds**, each with all cases in a new order, and the **median** of the differences, with quartiles
//!   and the standard error. Every six rounds all processes are started anew: two Envoys of the same
//!   configuration differ by up to 0.4 µs for as long as they live. The first case is no filter against
//!   no filter: what it seems to cost is the error of the method. Ratios hold better from machine to
//!   machine than times.
//! - **Throughput and latency** say something else and are measured by themselves, before the rounds of
//!   each series: 0.8 s a case, the load generator on another core.
//!
//! Linux only: processor time, memory and cores are taken from `/proc` and set by `taskset`.

mod cases;
mod fleet;
mod measure;
mod modules;
mod plot;
mod results;
mod servers;
mod statistics;
mod table;
mod targets;
mod traffic;
pub(crate) mod usage;
mod wrk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::RangedU64ValueParser;
use tollgate_e2e::envoy::binary;
use tollgate_e2e::target_dir;

use crate::interrupt::{self, unless_interrupted};
use crate::ui;
use results::Results;
use table::Work;

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often each case is measured, at least 3; half the error takes four times as many
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<usize>::new().range(3..))]
    rounds: usize,
    /// Only these cases
    #[arg(long, value_name = "CASE,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Where bench.json and bench.svg are written [default: target/bench]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Builds the modules, measures, and shows what came out. Missing a target is no failure: it would be one
/// of the machine as often as one of the code.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let cases = cases::selected(&arguments.only)?;
    wrk::ensure_installed()?;
    let envoy = {
        let _busy = ui::busy("Looking for Envoy, or fetching it once (37 MB)");
        binary::locate()?
    };
    let modules: BTreeSet<_> = cases.iter().filter_map(|case| case.module).collect();
    modules::build_all(modules)?;

    println!("\n{envoy}");
    println!("Measuring {} cases in {} rounds", cases.len(), arguments.rounds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured =
        runtime.block_on(unless_interrupted(measure::measure(&cases, arguments.rounds)))?;
    let Some(measured) = measured.transpose()? else {
        return Ok(ExitCode::from(interrupt::STATUS));
    };
    let (envoy, processor) = (envoy.version, usage::processor());
    let results = Results { envoy, processor, rounds: arguments.rounds, measured };
    let folder = arguments.out.clone().unwrap_or_else(|| target_dir().join("bench"));
    report(&results, &[], &folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints everything, and writes it to files.
fn report(results: &Results, work: &[Work], folder: &Path) -> Result<()> {
    let verdicts = targets::verdicts(results);
    println!(
        "\nEnvoy's processor time per request above no filter: the median of {} rounds\n",
        results.rounds
    );
    println!("{}", table::costs(results));
    print!("{}", table::targets(&verdicts));
    if !work.is_empty() {
        println!("\n{}", table::work(work));
    }
    let json = serde_json::to_string_pretty(&results.to_json(&verdicts))?;
    for (name, content) in [("bench.json", json), ("bench.svg", plot::svg(results))] {
        let path = folder.join(name);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", ui::faint(path.display()));
    }
    Ok(())
}
