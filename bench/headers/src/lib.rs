//! Reads every header of a request and lets it pass: what reading them costs.
#![forbid(unsafe_code)]

use std::hint::black_box;
use tollgate::prelude::*;

/// Nothing to configure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The filter.
#[derive(Debug)]
pub struct ReadHeaders;

#[tollgate::filter]
impl HttpFilter for ReadHeaders {
    const NAME: &'static str = "bench_headers";
    type Config = Config;

    fn configure(_config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let length = |sum: usize, (name, value): (&[u8], &[u8])| {
            sum.wrapping_add(name.len()).wrapping_add(value.len())
        };
        // The compiler must not see that nobody wants the sum.
        black_box(request.headers()?.iter().fold(0, length));
        Ok(Flow::Continue)
    }
}
