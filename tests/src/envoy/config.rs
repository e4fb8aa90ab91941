//! Builders for the parts of an Envoy bootstrap configuration that tests need.
//!
//! They write Envoy's own JSON. What they do not know can be merged into any part with `with`, so
//! that a test can use all of Envoy.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::tls;
use crate::certificates::{Authority, Identity};

/// A member of every access log entry, by which it is told from the rest of the log.
pub(super) const ACCESS_LOG_MARK: &str = "\"tollgate_access_log\"";

/// The whole configuration: an admin interface on a free port of the loopback, listeners, clusters.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    listeners: Vec<Value>,
    clusters: Vec<Value>,
    extra: Vec<Value>,
}

impl Bootstrap {
    /// Nothing but the admin interface.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener.build());
        self
    }

    /// Adds a cluster.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.clusters.push(cluster.0);
        self
    }

    /// Sets further members of the bootstrap message, such as `stats_config`.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        self.extra.push(extra);
        self
    }

    /// The JSON for Envoy.
    #[must_use]
    pub fn build(self) -> Value {
        let mut bootstrap = json!({
            "admin": { "address": socket_address(free_port_of_loopback()) },
            "static_resources": { "listeners": self.listeners, "clusters": self.clusters },
        });
        self.extra.into_iter().for_each(|extra| merge(&mut bootstrap, extra));
        bootstrap
    }
}

/// A listener on a free port of the loopback, for HTTP/1.1 and HTTP/2 (prior knowledge), with HTTP
/// filters in the order they were added, the router behind them, and one virtual host.
///
/// It lets through larger and more headers than Envoy does by default (96 KiB, 1,000), so that
/// hostile requests reach the filters, and writes the access log that
/// [`Process::access_log`](super::Process::access_log) reads.
#[derive(Debug, Clone)]
pub struct Listener {
    name: String,
    filters: Vec<Value>,
    routes: Vec<Value>,
    manager: Vec<Value>,
    listener: Vec<Value>,
    virtual_host: Vec<Value>,
    log_fields: Value,
    transport_socket: Option<Value>,
}

impl Listener {
    /// A listener without filters and routes; everything is answered with 404.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            filters: Vec::new(),
            routes: Vec::new(),
            manager: Vec::new(),
            listener: Vec::new(),
            virtual_host: Vec::new(),
            log_fields: json!({}),
            transport_socket: None,
        }
    }

    /// Adds an HTTP filter behind those already added.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Value>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// Adds a route behind those already added; the first that matches is taken.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route.0);
        self
    }

    /// Sets further members of the HTTP connection manager.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        self.manager.push(extra);
        self
    }

    /// Sets further members of the listener itself, such as `traffic_direction`.
    #[must_use]
    pub fn with_listener(mut self, extra: Value) -> Self {
        self.listener.push(extra);
        self
    }

    /// Sets further members of the virtual host.
    #[must_use]
    pub fn with_virtual_host(mut self, extra: Value) -> Self {
        self.virtual_host.push(extra);
        self
    }

    /// Gives the listener metadata in a namespace.
    #[must_use]
    pub fn metadata(self, namespace: &str, value: Value) -> Self {
        self.with_listener(metadata(namespace, value))
    }

    /// Accepts TLS only: shows a certificate, and asks clients for one of an authority; lets in also who
    /// has none.
    #[must_use]
    pub fn tls(mut self, identity: &Identity, clients: &Authority) -> Self {
        self.transport_socket = Some(tls::downstream(identity, clients));
        self
    }

    /// Sets further members of its `DownstreamTlsContext`; say it after [`tls`](Self::tls).
    #[must_use]
    pub fn with_tls(mut self, extra: Value) -> Self {
        if let Some(socket) = &mut self.transport_socket {
            merge(socket, json!({ "typed_config": extra }));
        }
        self
    }

    /// Adds a member to each entry of the access log, in Envoy's format strings.
    #[must_use]
    pub fn log_field(mut self, name: &str, format: &str) -> Self {
        merge(&mut self.log_fields, json!({ name: format }));
        self
    }

    fn build(self) -> Value {
        let mut filters = self.filters;
        filters.push(native_filter("envoy.filters.http.router", ROUTER, json!({})));
        let mut virtual_host =
            json!({ "name": self.name, "domains": ["*"], "routes": self.routes });
        self.virtual_host.into_iter().for_each(|extra| merge(&mut virtual_host, extra));
        let mut manager = json!({
            "@type": CONNECTION_MANAGER,
            "stat_prefix": self.name,
            "max_request_headers_kb": 96,
            "common_http_protocol_options": { "max_headers_count": 1000 },
            "access_log": [access_log(self.log_fields)],
            "http_filters": filters,
            "route_config": { "name": self.name, "virtual_hosts": [virtual_host] },
        });
        self.manager.into_iter().for_each(|extra| merge(&mut manager, extra));
        let mut chain = json!({ "name": self.name, "filters": [
            { "name": "envoy.filters.network.http_connection_manager", "typed_config": manager },
        ] });
        if let Some(socket) = self.transport_socket {
            merge(&mut chain, json!({ "transport_socket": socket }));
        }
        let mut listener = json!({
            "name": self.name,
            "address": socket_address(free_port_of_loopback()),
            "filter_chains": [chain],
        });
        self.listener.into_iter().for_each(|extra| merge(&mut listener, extra));
        listener
    }
}

/// An entry of the route table.
#[derive(Debug, Clone)]
pub struct Route(Value);

impl Route {
    /// Matches every path that starts so. Answers nothing yet: say [`to`](Self::to) or
    /// [`direct_response`](Self::direct_response).
    #[must_use]
    pub fn prefix(prefix: &str) -> Self {
        Self(json!({ "match": { "prefix": prefix, "headers": [] } }))
    }

    /// Matches only requests with a header of exactly that value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(headers) = self.0["match"]["headers"].as_array_mut() {
            headers.push(json!({ "name": name, "string_match": { "exact": value } }));
        }
        self
    }

    /// Sends what matches to a cluster, without a time limit.
    #[must_use]
    pub fn to(self, cluster: &str) -> Self {
        self.with(json!({ "route": { "cluster": cluster, "timeout": "0s" } }))
    }

    /// Limits the time of the upstream's answer; say it after [`to`](Self::to).
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(json!({ "route": { "timeout": format!("{}s", limit.as_secs_f64()) } }))
    }

    /// Answers without an upstream.
    #[must_use]
    pub fn direct_response(self, status: u16, body: &str) -> Self {
        let body = json!({ "inline_string": body });
        self.with(json!({ "direct_response": { "status": status, "body": body } }))
    }

    /// Gives the route a name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.with(json!({ "name": name }))
    }

    /// Gives the route metadata in a namespace.
    #[must_use]
    pub fn metadata(self, namespace: &str, value: Value) -> Self {
        self.with(metadata(namespace, value))
    }

    /// Sets further members of the route.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        merge(&mut self.0, extra);
        self
    }
}

/// An upstream cluster with one host, spoken to in HTTP/1.1 unless said otherwise.
#[derive(Debug, Clone)]
pub struct Cluster(Value);

impl Cluster {
    /// A cluster with one host.
    #[must_use]
    pub fn new(name: &str, host: SocketAddr) -> Self {
        Self(json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
                { "endpoint": { "address": socket_address(host) } },
            ] }] },
        }))
    }

    /// Speaks HTTP/2 (prior knowledge) to the host.
    #[must_use]
    pub fn http2(self) -> Self {
        self.with(json!({ "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP_PROTOCOL_OPTIONS,
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        } }))
    }

    /// Gives the cluster metadata in a namespace.
    #[must_use]
    pub fn metadata(self, namespace: &str, value: Value) -> Self {
        self.with(metadata(namespace, value))
    }

    /// Speaks TLS to the host: asks for `name` (SNI), wants a certificate of an authority, and shows its
    /// own if it is asked.
    #[must_use]
    pub fn tls(self, name: &str, servers: &Authority, identity: Option<&Identity>) -> Self {
        self.with(json!({ "transport_socket": tls::upstream(name, servers, identity) }))
    }

    /// Sets further members of the host.
    #[must_use]
    pub fn with_host(mut self, extra: Value) -> Self {
        merge(&mut self.0["load_assignment"]["endpoints"][0]["lb_endpoints"][0], extra);
        self
    }

    /// Sets further members of the host's locality, such as `locality`.
    #[must_use]
    pub fn with_endpoints(mut self, extra: Value) -> Self {
        merge(&mut self.0["load_assignment"]["endpoints"][0], extra);
        self
    }

    /// Speaks HTTP/1.1 with trailers to the host; without this they are dropped.
    #[must_use]
    pub fn http1_trailers(self) -> Self {
        self.with(json!({ "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP_PROTOCOL_OPTIONS,
                "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
            },
        } }))
    }

    /// Sets further members of the cluster.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        merge(&mut self.0, extra);
        self
    }
}

/// One of Envoy's own filters: its name, the full name of its configuration message, and that.
#[must_use]
pub fn native_filter(name: &str, message: &str, mut config: Value) -> Value {
    merge(&mut config, json!({ "@type": format!("type.googleapis.com/{message}") }));
    json!({ "name": name, "typed_config": config })
}

const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const CONNECTION_MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.\
    http_connection_manager.v3.HttpConnectionManager";
const HTTP_PROTOCOL_OPTIONS: &str =
    "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const STDERR_ACCESS_LOG: &str =
    "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

fn access_log(more_fields: Value) -> Value {
    let mut fields = json!({
        "log": "tollgate_access_log",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "upstream": "%UPSTREAM_CLUSTER%",
    });
    merge(&mut fields, more_fields);
    json!({
        "name": "envoy.access_loggers.stderr",
        "typed_config": { "@type": STDERR_ACCESS_LOG, "log_format": { "json_format": fields } },
    })
}

fn metadata(namespace: &str, value: Value) -> Value {
    json!({ "metadata": { "filter_metadata": { namespace: value } } })
}

fn free_port_of_loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn socket_address(address: SocketAddr) -> Value {
    json!({ "socket_address": {
        "address": address.ip().to_string(),
        "port_value": address.port(),
    } })
}

/// Sets the members of `extra` in `base`; objects that both have are merged, all else is replaced.
fn merge(base: &mut Value, extra: Value) {
    match (base, extra) {
        (Value::Object(base), Value::Object(extra)) => {
            for (name, value) in extra {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, extra) => *base = extra,
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::json;

    #[test]
    fn merging_keeps_the_members_that_only_one_side_has() {
        let mut base = json!({ "route": { "cluster": "a", "timeout": "0s" }, "name": "r" });
        merge(&mut base, json!({ "route": { "timeout": "1s" }, "more": [1] }));
        let merged =
            json!({ "route": { "cluster": "a", "timeout": "1s" }, "name": "r", "more": [1] });
        assert_eq!(base, merged);
    }
}
