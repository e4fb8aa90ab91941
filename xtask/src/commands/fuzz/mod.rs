//! `cargo xtask fuzz`: looks for inputs that break what must hold for all.

mod corpus;
mod program;
mod report;
mod target;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use tollgate_e2e::workspace_root;

use crate::ui;
use program::Programs;
use report::Report;
use target::Target;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these targets; all when left out
    targets: Vec<String>,
    /// How long each target is run
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Adds inputs that get further to the corpus in the repository, as far as there is room
    #[arg(long)]
    merge: bool,
    /// Shows the targets, and runs none
    #[arg(long, exclusive = true)]
    list: bool,
}

/// Builds the programs, runs each, and says what became of it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let targets = target::named(&arguments.targets)?;
    if arguments.list {
        targets.iter().for_each(|target| println!("{}", target.name()));
        return Ok(ExitCode::SUCCESS);
    }
    let programs = Programs::build(&targets)?;
    let width = targets.iter().map(|target| target.name().len()).max().unwrap_or_default();
    println!("{}", ui::title(format!("  {:width$} {}", "", Report::HEADINGS)));
    let mut found = Vec::new();
    for target in &targets {
        let report = {
            let _busy = ui::spinner(target.name());
            programs.run(target, arguments.seconds)?
        };
        let mark = if report.is_good() { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        println!("{mark} {:width$} {report}", target.name());
        match report.finding {
            Some(finding) => found.push((target, finding)),
            None if arguments.merge => corpus::merge(&programs, target)?,
            None => {}
        }
    }
    found.iter().for_each(|(target, finding)| show(&programs, target, finding));
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(programs: &Programs, target: &Target, finding: &report::Finding) {
    let relative = |path: &std::path::Path| {
        path.strip_prefix(workspace_root()).unwrap_or(path).display().to_string()
    };
    println!("\n{} {}: {}", ui::bad(ui::CROSS), target.name(), finding.reason);
    let Some(input) = &finding.input else { return };
    let (program, input) = (relative(&programs.path(target)), relative(input));
    println!("  the input is {input}; again:");
    println!("    {}", ui::typed(format!("{program} {input}")));
    println!("  once it is mended, keep it, and `cargo test -p tollgate-fuzz` guards it:");
    println!(
        "    {}",
        ui::typed(format!("cp {input} fuzz/corpus/{}/what-it-is-about", target.name()))
    );
}

/// Checks that a program ran to its end.
fn ensure_success(status: std::process::ExitStatus, what: &str) -> Result<()> {
    ensure!(status.success(), "`{what}` failed ({status})");
    Ok(())
}
