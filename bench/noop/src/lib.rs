//! Lets every request pass: what the SDK itself costs.
#![forbid(unsafe_code)]

use tollgate::prelude::*;

/// Nothing to configure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The filter.
#[derive(Debug)]
pub struct Noop;

#[tollgate::filter(feature = "module")]
impl HttpFilter for Noop {
    const NAME: &'static str = "bench_noop";
    type Config = Config;

    fn configure(_config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, _request: &mut Request<'_>) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}
