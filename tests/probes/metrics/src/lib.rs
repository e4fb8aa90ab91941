//! Defines metrics in every way the SDK has. At first one with all tags of the configuration; then, as the
//! path of a request says:
//!
//! | path | what happens |
//! |---|---|
//! | `/count?VALUE` | counts `requests` with the outcome VALUE, defining it anew |
//! | `/key?KEY` | counts `seen` of that key, of which there may be two |
//! | `/wait?N` | records N in the histogram `wait_ms` |
//! | `/hold` | takes a place of the shared gauge `held`, and answers what the gauge says |
//! | `/again` | answers whether a counter that is defined twice is one handle |
//! | `/kinds` | answers why a counter cannot be a gauge as well |

use std::collections::BTreeMap;
use tollgate::metrics::{Keyed, MetricError, Metrics};
use tollgate::prelude::*;
use tollgate::shared::SharedGauge;

/// What the tests want to have tagged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Values by the names of their tags.
    tags: BTreeMap<String, String>,
}

/// The filter.
#[derive(Debug)]
pub struct Probe {
    metrics: Metrics,
    keys: Keyed<Counter>,
    held: SharedGauge,
    wait_ms: Histogram,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let metrics = setup.metrics();
        let tag = |metrics: Metrics, (tag, value): (String, String)| {
            let tag: &'static str = String::leak(tag);
            metrics.tagged(tag, value)
        };
        config.tags.into_iter().fold(metrics.clone(), tag).counter("tagged")?;
        Ok(Self {
            keys: Keyed::new(metrics.clone(), 2)?,
            held: metrics.tagged("cluster", "a.b").shared_gauge("held")?,
            wait_ms: metrics.keyed("queue").tagged("method", "GET").histogram("wait_ms")?,
            metrics,
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let (path, query) = (request.path()?.to_vec(), request.query()?.to_vec());
        let answer = match &*path {
            b"/count" => self.count(&query)?,
            b"/key" => self.count_key(&query)?,
            b"/wait" => self.record(&query),
            b"/hold" => self.hold()?,
            b"/again" => self.is_same()?.to_string(),
            b"/kinds" => {
                self.second_kind().map_or_else(|error| error.to_string(), |()| String::new())
            }
            _ => return Ok(Flow::Continue),
        };
        Ok(Flow::Reply(LocalReply::new(200).body(answer)))
    }
}

impl Probe {
    fn count(&self, outcome: &[u8]) -> Result<String> {
        self.metrics.tagged("outcome", outcome).counter("requests")?.increment();
        Ok(String::new())
    }

    fn count_key(&self, key: &[u8]) -> Result<String> {
        let seen = |_: &[u8], metrics: &Metrics| metrics.counter("seen");
        self.keys.get_or_make(key, seen)?.increment();
        Ok(String::new())
    }

    fn record(&self, number: &[u8]) -> String {
        let number = std::str::from_utf8(number).ok().and_then(|it| it.parse().ok());
        self.wait_ms.record(number.unwrap_or_default());
        String::new()
    }

    fn hold(&self) -> Result<String> {
        let _place = self.held.reserve(1)?;
        Ok(self.held.value()?.to_string())
    }

    fn is_same(&self) -> Result<bool, MetricError> {
        Ok(self.metrics.counter("again")? == self.metrics.counter("again")?)
    }

    fn second_kind(&self) -> Result<(), MetricError> {
        self.metrics.counter("again")?;
        self.metrics.tagged("outcome", "x").gauge("again")?;
        Ok(())
    }
}
