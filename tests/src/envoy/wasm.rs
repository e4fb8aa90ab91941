//! A module as an HTTP filter.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::native_filter;
use crate::modules;

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// What Envoy does with requests once a module's VM has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Answers 503.
    Closed,
    /// Passes requests on without the filter.
    Open,
    /// Starts a new VM, after a pause when it fails again.
    Reload,
}

/// A Wasm filter, for [`Listener::filter`](super::Listener::filter). It fails closed unless said
/// otherwise, and has a VM of its own, named as the plugin.
#[derive(Debug, Clone)]
pub struct WasmFilter {
    plugin: String,
    vm_id: String,
    module: PathBuf,
    configuration: Value,
    failure_policy: FailurePolicy,
}

impl WasmFilter {
    /// One of the filters of this project (`"jwt-auth"`, ...), with its configuration as JSON text
    /// in a `StringValue`, the way most operators write it.
    ///
    /// # Errors
    ///
    /// When the module has not been built.
    pub fn new(filter: &str, configuration: Value) -> Result<Self> {
        Ok(Self::of_module(modules::path(filter)?, filter, configuration))
    }

    /// A module that is not one of this project's filters.
    #[must_use]
    pub fn of_module(module: PathBuf, plugin: &str, configuration: Value) -> Self {
        Self {
            plugin: plugin.into(),
            vm_id: plugin.into(),
            module,
            configuration: string_value(&configuration.to_string()),
            failure_policy: FailurePolicy::Closed,
        }
    }

    /// Another name for the plugin and its VM: two filters with the same module need two names.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.plugin = name.into();
        self.vm_id = name.into();
        self
    }

    /// A VM that it shares with all plugins that name the same one.
    #[must_use]
    pub fn vm_id(mut self, vm_id: &str) -> Self {
        self.vm_id = vm_id.into();
        self
    }

    /// Configuration that need not be JSON.
    #[must_use]
    pub fn configured_with_text(mut self, text: &str) -> Self {
        self.configuration = string_value(text);
        self
    }

    /// Configuration in a `Struct`, where every number is a double.
    #[must_use]
    pub fn configured_with_struct(mut self, configuration: Value) -> Self {
        self.configuration = json!({
            "@type": "type.googleapis.com/google.protobuf.Struct",
            "value": configuration,
        });
        self
    }

    /// What happens once the VM has failed.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }
}

impl From<WasmFilter> for Value {
    fn from(filter: WasmFilter) -> Self {
        let failure_policy = match filter.failure_policy {
            FailurePolicy::Closed => "FAIL_CLOSED",
            FailurePolicy::Open => "FAIL_OPEN",
            FailurePolicy::Reload => "FAIL_RELOAD",
        };
        let config = json!({ "config": {
            "name": filter.plugin,
            "root_id": filter.plugin,
            "failure_policy": failure_policy,
            "configuration": filter.configuration,
            "vm_config": {
                "vm_id": filter.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": filter.module } },
            },
        } });
        native_filter(&filter.plugin, WASM, config)
    }
}

fn string_value(text: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}
