//! One configuration in two listeners: this project's filter, and Envoy's own as the oracle.

use anyhow::Result;
use serde_json::Value;

use crate::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter, native_filter};
use crate::upstream::Upstream;

/// The listener with this project's filter.
pub const OURS: &str = "ours";
/// The listener with Envoy's own filter.
pub const NATIVE: &str = "native";

/// An Envoy with both listeners in front of one upstream.
pub struct SideBySide {
    /// The proxy.
    pub envoy: Process,
    /// What both lead to.
    pub upstream: Upstream,
}

impl SideBySide {
    /// Starts both: a filter of this project (`"fault"`, ...), and Envoy's `name` with the message
    /// `message` as its configuration.
    ///
    /// # Errors
    ///
    /// When the module has not been built, or Envoy refuses the configuration.
    pub async fn start(
        filter: &str,
        (name, message): (&str, &str),
        configuration: Value,
        workers: u32,
    ) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let ours = WasmFilter::new(filter, configuration.clone())?;
        let native = native_filter(name, message, configuration);
        let route = || Route::prefix("/").to("backend");
        let config = Bootstrap::new()
            .listener(Listener::new(OURS).filter(ours).route(route()))
            .listener(Listener::new(NATIVE).filter(native).route(route()))
            .cluster(Cluster::new("backend", upstream.address()))
            .build();
        Ok(Self { envoy: Process::start(&config, workers).await?, upstream })
    }
}
