//! Envoy's counters and gauges.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Counters or gauges, by full name, as the admin interface showed them at one moment.
#[derive(Debug, Clone, Default)]
pub struct Stats(BTreeMap<String, u64>);

impl Stats {
    /// Reads the answer of `/stats?format=json`; histograms are left out.
    pub(super) fn from_json(answer: &Value) -> Result<Self> {
        let stats = answer["stats"].as_array().context("the admin's answer holds no stats")?;
        let value_of =
            |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
        Ok(Self(stats.iter().filter_map(value_of).collect()))
    }

    /// The value of a stat.
    ///
    /// # Errors
    ///
    /// When there is none of that name (a misspelt name is not a zero); names those alike.
    pub fn get(&self, name: &str) -> Result<u64> {
        if let Some(value) = self.0.get(name) {
            return Ok(*value);
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let alike: Vec<_> = self.0.keys().filter(|other| other.contains(last)).collect();
        bail!("Envoy has no stat {name}; those with {last} in their name: {alike:?}")
    }

    /// All stats whose name starts with `prefix`, without that prefix.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, *value)))
    }
}
