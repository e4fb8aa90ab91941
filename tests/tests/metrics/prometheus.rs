//! What `/stats/prometheus` shows of the filters.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tollgate_e2e::client;
use tollgate_e2e::envoy::Process;

/// Labels, in the order of their names.
pub(crate) type Labels = BTreeMap<String, String>;

/// A metric with all of its series.
#[derive(Debug, Default)]
pub(crate) struct Metric {
    pub(crate) kind: String,
    /// The values by labels; of a histogram the sums of its buckets, without `le`.
    pub(crate) series: BTreeMap<Labels, f64>,
    /// Of a histogram: the series that it is made of, by what is behind its name.
    pub(crate) parts: Vec<(String, Labels, f64)>,
}

/// The metrics whose names start with `tollgate_`, by name.
#[derive(Debug)]
pub(crate) struct Scrape(pub(crate) BTreeMap<String, Metric>);

impl Scrape {
    pub(crate) async fn of(envoy: &Process) -> Result<Self> {
        let answer = client::get(envoy.admin(), "/stats/prometheus").send().await?;
        ensure!(answer.status == 200, "the admin interface answered {}", answer.status);
        Self::parse(&answer.text())
    }

    /// Reads the text format. Fails, as Prometheus does, when a metric has two kinds, or a series two
    /// values.
    fn parse(text: &str) -> Result<Self> {
        let mut metrics = BTreeMap::<String, Metric>::new();
        let mut current = String::new();
        for line in text.lines().filter(|line| line.contains("tollgate")) {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').context("a type without a kind")?;
                let metric = Metric { kind: kind.to_owned(), ..Metric::default() };
                ensure!(metrics.insert(name.to_owned(), metric).is_none(), "{name} twice");
                name.clone_into(&mut current);
                continue;
            }
            let metric = metrics.get_mut(&current).with_context(|| format!("no type: {line}"))?;
            let (name, labels, value) = sample(line).with_context(|| format!("what is {line}"))?;
            let part = name.strip_prefix(&current).context("a sample of another metric")?;
            match metric.kind == "histogram" {
                true => metric.parts.push((part.to_owned(), labels, value)),
                false => {
                    ensure!(part.is_empty(), "{line}");
                    ensure!(metric.series.insert(labels, value).is_none(), "twice: {line}");
                }
            }
        }
        Ok(Self(metrics))
    }

    /// The value of a series; nothing when there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.0.get(name)?.series.get(&owned(labels)).copied()
    }
}

pub(crate) fn owned(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// `name{label="value",...} 1`
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.split_once("} ")?;
    let labels = labels.split_terminator(',').map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name.to_owned(), value.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
    });
    Some((name, labels.collect::<Option<_>>()?, value.parse().ok()?))
}
