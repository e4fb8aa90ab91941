//! Limits how many requests are in flight at a time, over all workers; one too many gets 429.
//!
//! **Shows** a count of the whole process ([`SharedGauge`]), and a [`State`](HttpFilter::State) that gives
//! back what a request has taken, however its stream ends.
//!
//! ```yaml
//! - name: limit
//!   typed_config:
//!     "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!     config:
//!       name: limit
//!       failure_policy: FAIL_RELOAD
//!       vm_config:
//!         vm_id: limit
//!         runtime: envoy.wasm.runtime.v8
//!         code: { local: { filename: /etc/envoy/limit.wasm } }
//!       configuration:
//!         "@type": type.googleapis.com/google.protobuf.StringValue
//!         value: |
//!           { "max_in_flight": 100 }
//! ```
//!
//! `FAIL_RELOAD`, because a VM that failed is missed only by one that takes its place, which then gives
//! back what the first had taken.
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use tollgate::config::AtLeastOne;
use tollgate::prelude::*;
use tollgate::shared::{Reservation, SharedGauge};

/// What the operator writes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// So many requests may be in flight at a time.
    max_in_flight: AtLeastOne,
}

/// The filter.
#[derive(Debug)]
pub struct Limit {
    max_in_flight: u64,
    in_flight: SharedGauge,
    rejected: Counter,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Limit {
    const NAME: &'static str = "limit";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;
    /// The request's place: dropped with its stream, and so given back.
    type State = OnceCell<Reservation>;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self {
            max_in_flight: config.max_in_flight.get().into(),
            // A count for each configuration, since each has a limit of its own.
            in_flight: setup
                .metrics()
                .tagged("plugin", setup.plugin_name())
                .shared_gauge("in_flight")?,
            rejected: setup.counter("rejected")?,
        })
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Result<Flow> {
        let Some(place) = self.in_flight.reserve(self.max_in_flight)? else {
            self.rejected.increment();
            let reply = LocalReply::new(429).header("retry-after", "1").details("limit_in_flight");
            return Ok(Flow::Reply(reply));
        };
        let _ = request.state().set(place);
        Ok(Flow::Continue)
    }
}
