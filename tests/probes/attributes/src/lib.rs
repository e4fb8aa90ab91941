//! A filter for tests: it shows what every attribute and every host function of the SDK gives.
//!
//! What it sees in the request phase goes to the upstream in `x-<plugin>-request`, what it sees in the
//! response phase to the client in `x-<plugin>-response`; both are JSON.
//!
//! A request with `x-version` sets the property `version` to its value, and has the route chosen again.
#![forbid(unsafe_code)]

mod attributes;
mod functions;
mod show;

use crate::functions::{Functions, KeyPair};
use crate::show::Show;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tollgate::prelude::*;
use tollgate::properties::Properties;

/// What a test writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// CEL by any name.
    #[serde(default)]
    expressions: BTreeMap<String, String>,
    /// Keys to sign and verify with, by any name.
    #[serde(default)]
    keys: BTreeMap<String, KeyPair>,
}

/// The filter.
#[derive(Debug)]
pub struct Probe {
    name: String,
    functions: Functions,
    configured: Value,
}

#[tollgate::filter]
impl HttpFilter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self {
            name: setup.plugin_name(),
            functions: Functions::new(config.expressions, config.keys, setup)?,
            configured: attributes::of_the_process(Properties),
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let properties = request.properties();
        let version = properties.request().header("x-version")?;
        let attributes = attributes::all(properties);
        let functions = self.functions.run(version.as_deref());
        tollgate::time::sleep(Duration::from_millis(1)).await;
        let seen = json!({
            "configured": self.configured,
            "attributes": attributes,
            "functions": functions,
            "waited": {
                "path": properties.request().path().show(),
                "functions": self.functions.after_waiting(),
            },
        });
        request.headers_mut().set(&format!("x-{}-request", self.name), seen.to_string())?;
        Ok(Flow::Continue)
    }

    async fn response(&self, response: &mut Response<'_>) -> Result<Flow> {
        let seen = json!({
            "attributes": attributes::all(response.properties()),
            "functions": self.functions.read(),
        });
        response.headers_mut().set(&format!("x-{}-response", self.name), seen.to_string())?;
        Ok(Flow::Continue)
    }
}
