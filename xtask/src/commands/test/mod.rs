//! `cargo xtask test`: everything that proves the project, and a count of it.

mod counts;
mod parts;

use std::process::ExitCode;

use anyhow::Result;

use crate::ui;
use counts::Counts;
use parts::{Outcome, Part};

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this part; all parts when left out
    part: Option<Part>,
}

/// Runs the parts and prints a summary; its last line has the counts alone.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let parts = arguments.part.map_or_else(|| Part::ALL.to_vec(), |part| vec![part]);
    let outcomes: Vec<_> = parts.into_iter().map(|part| (part, part.run())).collect();
    let total = print_summary(&outcomes);
    println!("\n{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_summary(outcomes: &[(Part, Outcome)]) -> Counts {
    for failure in outcomes.iter().flat_map(|(_, outcome)| &outcome.failures) {
        println!("\n{} {failure}", ui::bad(ui::CROSS));
    }
    println!("\n{}", ui::title("  part    passed  failed  skipped   time"));
    let mut total = Counts::default();
    for (part, outcome) in outcomes {
        let Counts { passed, failed, skipped } = outcome.counts;
        let mark = if failed == 0 { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        let seconds = outcome.time.as_secs();
        println!(
            "{mark} {:<7} {passed:>6}  {failed:>6}  {skipped:>7}  {seconds:>4} s",
            part.name()
        );
        total += outcome.counts;
    }
    for note in outcomes.iter().flat_map(|(_, outcome)| &outcome.notes) {
        println!("  {note}");
    }
    total
}
