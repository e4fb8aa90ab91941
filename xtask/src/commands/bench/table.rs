//! What the terminal shows.

use std::fmt::Write as _;

use super::cases::NONE;
use super::results::{Measured, Results};
use super::statistics::Estimate;
use super::targets::{Limit, Verdict};
use crate::ui;

/// What a filter does for one request, counted without Envoy.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) filter: String,
    /// Instructions of the module.
    pub(super) instructions: u64,
    pub(super) host_calls: u64,
}

/// The table of the cases.
pub(super) fn costs(results: &Results) -> String {
    let head = format!(
        "{:<37} {:>9} {:>18}  {:>6} {:>6} {:>6}  {:>7} {:>7} {:>7} {:>5}",
        "",
        "µs/request",
        "[quartiles]",
        "×small",
        "×stock",
        "×Envoy",
        "req/s",
        "p50 µs",
        "p99 µs",
        "MiB"
    );
    let mut table = format!("{}\n", ui::title(head));
    let mut group = None;
    for measured in &results.measured {
        if group.replace(measured.case.group) != Some(measured.case.group) {
            _ = writeln!(table, "{}", ui::title(measured.case.group.title()));
        }
        _ = writeln!(table, "{}", row(results, measured));
    }
    table
}

fn row(results: &Results, measured: &Measured) -> String {
    let cost = &measured.cost;
    let [small, stock, native] = match measured.case.name {
        NONE => Default::default(), // the ratio of noise to something says nothing
        _ => results.ratios(measured).map(ratio),
    };
    let quartiles = format!("[{:.2}, {:.2}]", cost.lower_quartile, cost.upper_quartile);
    let mebibytes = measured.resident_bytes >> 20;
    format!(
        "  {:<35} {:>9.2} {quartiles:>18}  {small:>6} {stock:>6} {native:>6}  {:>7.0} {:>7.0} {:>7.0} \
         {mebibytes:>5}",
        measured.case.title, cost.median, measured.requests_per_second, measured.p50, measured.p99
    )
}

fn ratio(estimate: Option<Estimate>) -> String {
    estimate.map(|Estimate { value, .. }| format!("{value:.2}")).unwrap_or_default()
}

/// The promises, each with a tick or a cross.
pub(super) fn targets(verdicts: &[Verdict]) -> String {
    let mut table = String::new();
    for verdict in verdicts {
        let mark = if verdict.is_met() { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        let Estimate { value, standard_error } = verdict.measured;
        let (target, reference) = (verdict.target, verdict.target.reference);
        let (measured, limit) = match target.limit {
            Limit::Times(limit) => {
                (format!("{value:.2} ± {standard_error:.2} × {reference}"), format!("{limit}"))
            }
            Limit::More(limit) => (
                format!("{value:.2} ± {standard_error:.2} µs more than {reference}"),
                format!("{limit} µs"),
            ),
        };
        _ = writeln!(table, "{mark} {:<20} {measured:<46} at most {limit}", target.case);
    }
    table
}

/// The table of what filters do for one request.
pub(super) fn work(rows: &[Work]) -> String {
    let head = format!("{:<25} {:>12}  {:>10}", "one request", "instructions", "host calls");
    let mut table = format!("{}\n", ui::title(head));
    for Work { filter, instructions, host_calls } in rows {
        _ = writeln!(table, "{filter:<25} {instructions:>12}  {host_calls:>10}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::super::targets::verdicts;
    use super::*;

    #[test]
    fn a_row_has_the_cost_and_its_ratios() {
        let table = costs(&results(&[("smallest", 2.0), ("stock-no-op", 4.0), ("no-op", 3.0)]));
        let row = table.lines().find(|line| line.contains("no-op, Tollgate")).unwrap();
        let words: Vec<_> = row.split_whitespace().skip(2).collect();
        assert_eq!(words, ["3.00", "[2.70,", "3.30]", "1.50", "0.75", "30000", "250", "900", "60"]);
        assert_eq!(table.matches("Doing nothing").count(), 1);
    }

    #[test]
    fn noise_has_no_ratio() {
        let table = costs(&results(&[("none", 0.1), ("smallest", 2.0)]));
        assert!(!table.contains("0.05"), "{table}");
    }

    #[test]
    fn a_target_shows_what_was_measured_and_what_is_allowed() {
        let results = results(&[("no-op", 3.0), ("smallest", 2.0)]);
        let table = targets(&verdicts(&results));
        assert!(table.contains("1.50 ± 0.11 × smallest"), "{table}");
        assert!(table.contains("at most 1.15"), "{table}");
        assert!(table.contains(ui::CROSS), "{table}");
    }

    #[test]
    fn the_work_of_a_filter_is_one_row() {
        let rows = [Work { filter: "canary".to_owned(), instructions: 1234, host_calls: 4 }];
        let table = work(&rows);
        let row = table.lines().last().unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["canary", "1234", "4"]);
    }
}
