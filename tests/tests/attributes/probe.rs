//! The probe, and what it has seen.

use std::ops::Index;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::client::Response;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter, binary};
use tollgate_e2e::modules;
use tollgate_e2e::upstream::{Received, Upstream};

/// The probe as a filter.
pub(crate) fn filter(configuration: Value) -> Result<WasmFilter> {
    Ok(WasmFilter::of_module(modules::probe("attributes")?, "probe", configuration))
}

/// The probe in front of `upstream`, with one route for everything.
pub(crate) async fn start(configuration: Value, upstream: &Upstream) -> Result<Process> {
    let listener = Listener::new("edge").filter(filter(configuration)?);
    let config = Bootstrap::new()
        .listener(listener.route(Route::prefix("/").to("app")))
        .cluster(Cluster::new("app", upstream.address()))
        .build();
    Process::start(&config, 1).await
}

/// What it saw in one phase.
#[derive(Debug)]
pub(crate) struct Seen(Value);

impl Seen {
    /// In the request phase, as the upstream received it.
    pub(crate) fn in_request(received: &Received) -> Result<Self> {
        let header = received.headers.get("x-probe-request").context("no x-probe-request")?;
        Ok(Self(serde_json::from_slice(header.as_bytes())?))
    }

    /// In the response phase, as the client received it.
    pub(crate) fn in_response(response: &Response) -> Result<Self> {
        let header = response.headers.get("x-probe-response").context("no x-probe-response")?;
        Ok(Self(serde_json::from_slice(header.as_bytes())?))
    }

    /// One attribute, by its name.
    pub(crate) fn attribute(&self, name: &str) -> &Value {
        self.0["attributes"].get(name).unwrap_or_else(|| panic!("the probe knows no {name}"))
    }

    /// Whether the attributes have these values.
    #[track_caller]
    pub(crate) fn assert_attributes(&self, expected: Value) {
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(self.attribute(name), value, "{name}");
        }
    }

    /// Whether the attributes are absent.
    #[track_caller]
    pub(crate) fn assert_absent(&self, names: &[&str]) {
        for name in names {
            assert_eq!(self.attribute(name), &json!(null), "{name}");
        }
    }
}

impl Index<&str> for Seen {
    type Output = Value;

    fn index(&self, part: &str) -> &Value {
        &self.0[part]
    }
}

/// Whether the Envoy of these tests is 1.`minor` or later.
pub(crate) fn since(minor: u32) -> Result<bool> {
    let version = binary::locate()?.version;
    let found = version.split('.').nth(1).and_then(|part| part.parse::<u32>().ok());
    Ok(found.with_context(|| format!("no minor version in {version}"))? >= minor)
}
