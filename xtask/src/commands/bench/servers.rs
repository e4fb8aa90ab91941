//! How Envoy is set up for each case.
//!
//! Where a filter can do its work in front of a direct response it does: an upstream would only add to
//! what is the same for all. The circuit breaker cannot, since a route without a cluster has no breaker:
//! it has an upstream, another Envoy.

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::envoy::{Listener, Route, WasmFilter, native_filter};
use tollgate_e2e::tokens::{jwks, rsa_key};

use super::cases::Baseline;
use super::modules::Module;
use super::traffic::{AUDIENCE, ISSUER};

/// The body of an answer that no route decided about.
pub(super) const ANSWER: &str = "ok";
/// The body of the answer to a request that was sent to the new version.
pub(super) const V2: &str = "v2";
/// The name of the cluster with the upstream.
pub(super) const UPSTREAM: &str = "upstream";

/// The header by which the route table knows what a filter chose.
const VARIANT: &str = "x-tollgate-variant";

/// What a listener has beside what all have.
#[derive(Debug, Default)]
pub(super) struct Server {
    filters: Vec<Value>,
    /// Routes to be tried before the common one.
    routes: Vec<Route>,
}

impl Server {
    /// The listener, with the last route of a baseline.
    pub(super) fn listener(self, name: &str, baseline: Baseline) -> Listener {
        // An access log would cost about what a filter costs.
        let listener = Listener::new(name).with(json!({ "access_log": [] }));
        let listener = self.filters.into_iter().fold(listener, Listener::filter);
        let listener = self.routes.into_iter().fold(listener, Listener::route);
        listener.route(match baseline {
            Baseline::Direct => Route::prefix("/").direct_response(200, ANSWER),
            Baseline::Routed => Route::prefix("/").to(UPSTREAM),
        })
    }
}

fn with_filter(filter: impl Into<Value>) -> Result<Server> {
    Ok(Server { filters: vec![filter.into()], routes: Vec::new() })
}

fn with_module(module: Module, configuration: Value) -> Result<Server> {
    with_filter(WasmFilter::of_module(module.path()?, "measured", configuration))
}

pub(super) fn none() -> Result<Server> {
    Ok(Server::default())
}

pub(super) fn smallest() -> Result<Server> {
    with_module(Module::Smallest, json!({}))
}

pub(super) fn fetches_headers() -> Result<Server> {
    with_module(Module::FetchesHeaders, json!({}))
}

pub(super) fn token_calls() -> Result<Server> {
    with_module(Module::TokenCalls, json!({}))
}

pub(super) fn stock_noop() -> Result<Server> {
    with_module(Module::StockNoop, json!({}))
}

pub(super) fn noop() -> Result<Server> {
    with_module(Module::Noop, json!({}))
}

pub(super) fn chain() -> Result<Server> {
    let member = json!({ "bench_noop": {} });
    with_module(Module::Chain, json!({ "filters": [member, member, member, member] }))
}

pub(super) fn four_modules() -> Result<Server> {
    let module = Module::Noop.path()?;
    let filter = |n| WasmFilter::of_module(module.clone(), &format!("measured-{n}"), json!({}));
    Ok(Server { filters: (1..=4).map(filter).map(Value::from).collect(), routes: Vec::new() })
}

pub(super) fn headers() -> Result<Server> {
    with_module(Module::Headers, json!({}))
}

/// No filter: the route table itself looks at the cookie.
pub(super) fn native_cookie() -> Result<Server> {
    let cookie = json!({
        "name": "cookie",
        "string_match": { "safe_regex": { "regex": "(.*; *)?featureflag=on(;.*)?" } },
    });
    let route = Route::prefix("/").with(json!({ "match": { "headers": [cookie] } }));
    Ok(Server { filters: Vec::new(), routes: vec![route.direct_response(200, V2)] })
}

/// The route of the requests that a filter marked for the new version.
fn to_v2() -> Vec<Route> {
    vec![Route::prefix("/").header(VARIANT, "v2").direct_response(200, V2)]
}

pub(super) fn lua() -> Result<Server> {
    const MESSAGE: &str = "envoy.extensions.filters.http.lua.v3.Lua";
    const SOURCE: &str = r#"
        function envoy_on_request(request)
          local headers = request:headers()
          local cookies = "; " .. (headers:get("cookie") or "")
          local flag = cookies:match("; *featureflag=([^;]*)")
          headers:replace("x-tollgate-variant", flag == "on" and "v2" or "v1")
        end
    "#;
    let config = json!({ "default_source_code": { "inline_string": SOURCE } });
    let filter = native_filter("envoy.filters.http.lua", MESSAGE, config);
    Ok(Server { filters: vec![filter], routes: to_v2() })
}

pub(super) fn canary() -> Result<Server> {
    let configuration = json!({
        "flag": "bench",
        "routing_header": VARIANT,
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [{
            "name": "feature-flag-cookie",
            "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
            "variant": "v2",
        }],
    });
    let server = with_module(Module::Filter("canary"), configuration)?;
    Ok(Server { routes: to_v2(), ..server })
}

/// One request in a million is chosen. It is answered with 200, so that it is no error in the eyes of
/// the load generator.
fn rare_fault() -> Value {
    let percentage = json!({ "numerator": 1, "denominator": "MILLION" });
    json!({ "abort": { "http_status": 200, "percentage": percentage } })
}

pub(super) fn native_fault() -> Result<Server> {
    const MESSAGE: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";
    with_filter(native_filter("envoy.filters.http.fault", MESSAGE, rare_fault()))
}

pub(super) fn fault() -> Result<Server> {
    with_module(Module::Filter("fault"), rare_fault())
}

/// What Envoy's own filter and ours both understand.
fn jwt_configuration() -> Value {
    json!({
        "providers": { "main": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[rsa_key()]).to_string() },
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
    })
}

fn jwt_authn(configuration: Value) -> Result<Server> {
    const MESSAGE: &str = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    with_filter(native_filter("envoy.filters.http.jwt_authn", MESSAGE, configuration))
}

pub(super) fn native_jwt() -> Result<Server> {
    jwt_authn(jwt_configuration())
}

pub(super) fn native_jwt_cached() -> Result<Server> {
    let mut configuration = jwt_configuration();
    configuration["providers"]["main"]["jwt_cache_config"] = json!({ "jwt_cache_size": 100 });
    jwt_authn(configuration)
}

pub(super) fn jwt_auth() -> Result<Server> {
    with_module(Module::Filter("jwt-auth"), jwt_configuration())
}

/// All that it can look out for.
pub(super) fn circuit_breaker() -> Result<Server> {
    let configuration = json!({
        "connectionPool": {
            "tcp": { "maxConnections": 1000 },
            "http": { "http1MaxPendingRequests": 1000, "http2MaxRequests": 1000 },
        },
        "outlierDetection": {
            "consecutive5xxErrors": 5,
            "consecutiveGatewayErrors": 5,
            "baseEjectionTime": "30s",
        },
    });
    with_module(Module::Filter("circuit-breaker"), configuration)
}
