//! What a proxy is like: how many workers it has, how it routes, what it does when a VM fails.

use crate::headers::HeaderMap;
use std::collections::BTreeSet;
use std::time::Duration;

/// What the proxy does with streams of a VM that has failed (`failure_policy` of Envoy's `PluginConfig`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// They fail, with 503.
    #[default]
    Closed,
    /// They pass, as if there were no filter.
    Open,
    /// They fail, and a new VM is made for the next.
    Reload,
}

/// A route: which requests it is for, and the cluster that they go to.
///
/// ```
/// use tollgate_testkit::Route;
///
/// let canary = Route::to("reviews-v2").header("x-variant", "v2").named("canary");
/// ```
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) prefix: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) timeout: Option<Duration>,
}

impl Route {
    /// Every request, to this cluster, within 15 seconds as by Envoy's default.
    #[must_use]
    pub fn to(cluster: &str) -> Self {
        Self {
            name: String::new(),
            cluster: cluster.to_owned(),
            prefix: String::new(),
            headers: Vec::new(),
            timeout: Some(Duration::from_secs(15)),
        }
    }

    /// Only paths that begin so.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Only requests that have a header with exactly this value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Its name, which filters see as `xds.route_name`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How long the whole answer may take; `None` is for ever.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) fn matches(&self, request: &HeaderMap) -> bool {
        let path = request.get(":path").unwrap_or_default();
        // Several values of a header are one, joined by commas (`HeaderUtility::getAllOfHeaderAsString`).
        let has = |(name, value): &(String, String)| {
            let values: Vec<_> = request.get_all(name).collect();
            !values.is_empty() && values.join(&b","[..]) == value.as_bytes()
        };
        path.starts_with(self.prefix.as_bytes()) && self.headers.iter().all(has)
    }
}

/// A listener's plugin. Two that are equal are one (`Plugin::createPluginKey`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginSettings {
    pub(super) name: String,
    pub(super) configuration: Vec<u8>,
}

/// Everything that stays the same while the proxy runs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) workers: usize,
    pub(super) failure_policy: FailurePolicy,
    pub(super) routes: Vec<Route>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) vm_configuration: Vec<u8>,
    pub(super) vm_id: String,
    pub(super) root_id: String,
    pub(super) log_level: crate::abi::LogLevel,
    pub(super) buffer_limit: usize,
    pub(super) headers_may_pause_alone: bool,
    pub(super) seed: u64,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) has_request_ids: bool,
    pub(super) outbound_listeners: BTreeSet<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 1,
            failure_policy: FailurePolicy::Closed,
            routes: Vec::new(),
            environment: Vec::new(),
            vm_configuration: Vec::new(),
            vm_id: "vm".into(),
            root_id: String::new(),
            log_level: crate::abi::LogLevel::Info,
            // Envoy's default of `per_connection_buffer_limit_bytes`.
            buffer_limit: 1 << 20,
            headers_may_pause_alone: false,
            seed: 0,
            attributes: Vec::new(),
            has_request_ids: true,
            outbound_listeners: BTreeSet::new(),
        }
    }
}
