//! What one request costs in each filter's common case: instructions and host calls, counted without
//! Envoy, so the same on every machine.
//!
//! `tests/costs.json` has the figures, and the test `costs` holds the modules to them. To record
//! them anew: `TOLLGATE_RECORD_COSTS=1 cargo test -p tollgate-e2e --test costs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::workspace_root;

/// Asks the test `costs` to record what it counts.
pub const RECORD_VARIABLE: &str = "TOLLGATE_RECORD_COSTS";

/// By how much the fuel may exceed the record: compilers differ.
const MARGIN_PERCENT: u64 = 5;
/// From how much less on the record has to be lowered: more than what `wasm-opt` makes of a module.
const IMPROVEMENT_PERCENT: u64 = 40;

/// The cost of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The filter, as in `dist/<filter>.wasm`.
    pub filter: String,
    /// The case, in words.
    pub case: String,
    /// WebAssembly instructions.
    pub fuel: u64,
    /// How often each host function is called.
    pub host_calls: BTreeMap<String, u64>,
}

/// The figures on record, in the order of the filters.
///
/// # Errors
///
/// When there are none, or they cannot be read.
pub fn recorded() -> Result<Vec<Row>> {
    let path = path();
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is malformed", path.display()))
}

/// Puts figures on record.
///
/// # Errors
///
/// When they cannot be written.
pub fn record(rows: &[Row]) -> Result<()> {
    let path = path();
    let text = serde_json::to_string_pretty(rows)? + "\n";
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn path() -> PathBuf {
    workspace_root().join("tests").join("costs.json")
}

/// The figures side by side, when one of them does not hold what is on record; `None` when all do.
#[must_use]
pub fn difference(recorded: &[Row], counted: &[Row]) -> Option<String> {
    let mut report = String::new();
    for row in counted {
        let before = recorded.iter().find(|it| it.filter == row.filter && it.case == row.case);
        let verdicts = row.verdicts(before);
        if !verdicts.is_empty() {
            report.push_str(&row.beside(before, &verdicts));
        }
    }
    for row in recorded {
        if !counted.iter().any(|it| it.filter == row.filter && it.case == row.case) {
            let _ = writeln!(report, "{}, {}: on record, but not counted", row.filter, row.case);
        }
    }
    (!report.is_empty()).then(|| {
        format!(
            "{report}\nIf that is meant, record it: \
             {RECORD_VARIABLE}=1 cargo test -p tollgate-e2e --test costs\n"
        )
    })
}

impl Row {
    /// The number of all host calls.
    #[must_use]
    pub fn host_call_count(&self) -> u64 {
        self.host_calls.values().sum()
    }

    fn verdicts(&self, recorded: Option<&Self>) -> Vec<String> {
        let Some(recorded) = recorded else { return vec!["is not on record".into()] };
        let mut verdicts = Vec::new();
        if self.fuel * 100 > recorded.fuel * (100 + MARGIN_PERCENT) {
            verdicts.push(format!("takes over {MARGIN_PERCENT} % more fuel than the record"));
        }
        if self.fuel * 100 < recorded.fuel * (100 - IMPROVEMENT_PERCENT) {
            verdicts.push(format!(
                "takes over {IMPROVEMENT_PERCENT} % less fuel: lower the record, so that it stays"
            ));
        }
        if self.host_calls != recorded.host_calls {
            verdicts.push("makes other host calls than the record".into());
        }
        verdicts
    }

    /// A table of the record and of this row.
    fn beside(&self, recorded: Option<&Self>, verdicts: &[String]) -> String {
        let mut names: Vec<_> = self.host_calls.keys().collect();
        names.extend(recorded.iter().flat_map(|row| row.host_calls.keys()));
        names.sort();
        names.dedup();

        let mut table = format!("{}, {}: {}\n", self.filter, self.case, verdicts.join("; "));
        let mut line = |name: &str, old: Option<u64>, new: u64| {
            let old = old.map_or("-".into(), |old| old.to_string());
            let _ = writeln!(table, "  {name:<40} {old:>12} {new:>12}");
        };
        line("fuel", recorded.map(|row| row.fuel), self.fuel);
        for name in names {
            let count = |row: &Self| row.host_calls.get(name).copied().unwrap_or_default();
            line(name, recorded.map(count), count(self));
        }
        let heading = format!("  {:<40} {:>12} {:>12}\n", "", "recorded", "counted");
        let first_line = table.find('\n').map_or(0, |end| end + 1);
        table.insert_str(first_line, &heading);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, difference};

    fn row(fuel: u64, host_calls: &[(&str, u64)]) -> Row {
        Row {
            filter: "canary".into(),
            case: "cookie".into(),
            fuel,
            host_calls: host_calls.iter().map(|(name, count)| ((*name).into(), *count)).collect(),
        }
    }

    fn differ(recorded: Row, counted: Row) -> Option<String> {
        difference(&[recorded], &[counted])
    }

    #[test]
    fn fuel_within_the_margin_holds_the_record() {
        for fuel in [900, 1000, 1050] {
            assert_eq!(differ(row(1000, &[]), row(fuel, &[])), None, "{fuel}");
        }
    }

    #[test]
    fn more_fuel_is_shown_beside_the_record() {
        let report = differ(row(1000, &[("proxy_log", 2)]), row(1051, &[("proxy_log", 2)]));
        let report = report.unwrap();
        let line = |name: &str| {
            let line = report.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("fuel"), ["1000", "1051"]);
        assert_eq!(line("proxy_log"), ["2", "2"]);
        assert!(report.contains("TOLLGATE_RECORD_COSTS=1"), "{report}");
    }

    #[test]
    fn much_less_fuel_asks_for_a_lower_record() {
        assert!(differ(row(1000, &[]), row(599, &[])).unwrap().contains("lower the record"));
    }

    #[test]
    fn host_calls_are_held_exactly() {
        let recorded = || row(1000, &[("proxy_log", 1)]);
        for calls in [&[][..], &[("proxy_log", 2)], &[("proxy_log", 1), ("proxy_done", 1)]] {
            let report = differ(recorded(), row(1000, calls)).unwrap();
            assert!(report.contains("other host calls"), "{report}");
        }
    }

    #[test]
    fn a_case_is_missed_on_either_side() {
        assert!(difference(&[], &[row(1, &[])]).unwrap().contains("is not on record"));
        assert!(difference(&[row(1, &[])], &[]).unwrap().contains("not counted"));
    }
}
