//! The stats that the README of a filter lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::workspace_root;

/// The kind of a metric and the names of its labels.
pub(crate) type Form = (String, BTreeSet<String>);

/// All stats of all filters, by their names in Prometheus.
pub(crate) fn stats() -> Result<BTreeMap<String, Form>> {
    let mut stats = BTreeMap::new();
    for filter in FILTERS {
        let path = workspace_root().join("filters").join(filter.name).join("README.md");
        let readme = fs::read_to_string(&path)?;
        let (_, section) = readme.split_once("\n## Stats\n").context("no section Stats")?;
        let section = section.split("\n## ").next().unwrap_or(section);
        let prefix = format!("tollgate_{}", filter.name.replace('-', "_"));
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let (stat, form) = stat(row).with_context(|| format!("{}: {row}", path.display()))?;
            let name = format!("{prefix}_{stat}");
            ensure!(stats.insert(name, form).is_none(), "{}: {stat} twice", path.display());
        }
    }
    Ok(stats)
}

/// `` | `stat` | kind | `label`, `label` | meaning | ``
fn stat(row: &str) -> Option<(&str, Form)> {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let [_, stat, kind, labels, meaning, _] = cells.as_slice() else { return None };
    let labels = labels.split(", ").map(|label| label.trim_matches('`').to_owned());
    let labels = labels.filter(|label| !label.is_empty()).collect();
    let stat = stat.strip_prefix('`')?.strip_suffix('`')?;
    (!meaning.is_empty()).then(|| (stat, ((*kind).to_owned(), labels)))
}
