//! The filters and their configurations.

use serde_json::{Value, json};
use tollgate::config::{ConfigError, Reference, from_slice, with_environment};

/// A filter, seen from its configuration.
pub(crate) struct Filter {
    /// Its folder in `filters/`.
    pub(crate) name: &'static str,
    pub(crate) reference: fn() -> Reference,
    /// Reads a configuration: types and names.
    pub(crate) read: fn(&Value) -> Result<(), ConfigError>,
    /// Reads a configuration, and checks what the filter checks before it takes it.
    pub(crate) check: fn(&Value) -> Result<(), ConfigError>,
}

macro_rules! filters {
    ($($name:literal: $config:ty, $check:expr;)+) => {
        /// Every filter: `cargo xtask schema` writes the schemas and references of these.
        pub(crate) const FILTERS: &[Filter] = &[$(Filter {
            name: $name,
            reference: || Reference::of::<$config>($name),
            read: |config| read::<$config>(config).map(drop),
            check: |config| read::<$config>(config).and_then($check).map(drop),
        }),+];
    };
}

filters! {
    "canary": tollgate_canary::config::Config, tollgate_canary::rollout::Rollout::try_from;
    "circuit-breaker": tollgate_circuit_breaker::config::Config, |config| config.compile();
    "fault": tollgate_fault::config::Config, |config| config.compile();
    "jwt-auth": tollgate_jwt_auth::config::Config, tollgate_jwt_auth::authenticator::Authenticator::new;
}

/// The variables of the VM are `JWKS`, a key set, and the names that samples and probes use.
fn read<C: serde::de::DeserializeOwned>(config: &Value) -> Result<C, ConfigError> {
    let names = ["API_KEY", "JWKS", "HUNDRED", "UNAVAILABLE", "cluster", "x"];
    let jwks = jwks().to_string();
    with_environment(names.map(|name| (name, jwks.as_str())), || {
        from_slice(config.to_string().as_bytes())
    })
}

pub(crate) fn filter(name: &str) -> &'static Filter {
    FILTERS.iter().find(|filter| filter.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// A public key of RFC 7517, appendix A.1.
pub(crate) fn jwks() -> Value {
    json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }] })
}

/// A configuration that makes use of most of what the filter has, and that is right.
pub(crate) fn right(filter: &str) -> Value {
    match filter {
        "canary" => json!({
            "flag": "voting-app",
            "routing_header": "x-tollgate-variant",
            "variants": ["v1", "v2"],
            "default_variant": "v1",
            "rules": [
                {
                    "name": "feature-flag-cookie",
                    "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
                    "variant": "v2",
                },
                {
                    "name": "ten-percent",
                    "split": {
                        "by": [{ "cookie": "uid" }, { "header": "x-user-id" }, { "random": true }],
                        "weights": { "v1": 90, "v2": 10 },
                    },
                },
                { "name": "every-match", "match": every_match(), "variant": "v2" },
                {
                    "name": "every-key",
                    "split": {
                        "by": [
                            { "claim": "sub" },
                            { "claim": ["https://example.com/id", "user"] },
                            { "source_ip": true },
                        ],
                        "weights": { "v1": 1, "v2": 1 },
                    },
                },
            ],
            "bucketing": "unleash",
            "response": { "variant_header": "x-served-variant" },
        }),
        "circuit-breaker" => json!({
            "connectionPool": {
                "tcp": { "maxConnections": 100 },
                "http": { "http1MaxPendingRequests": 20, "http2MaxRequests": 500 },
            },
            "outlierDetection": { "consecutive5xxErrors": 5, "baseEjectionTime": "30s" },
            "breaker": { "halfOpen": { "maxProbes": 1, "successThreshold": 2, "maxWait": "10s" } },
        }),
        "fault" => json!({
            "delay": {
                "fixed_delay": "0.3s",
                "percentage": { "numerator": 5, "denominator": "HUNDRED" },
            },
            "abort": { "http_status": 503, "percentage": { "value": 0.1 } },
            "max_active_faults": 50,
        }),
        "jwt-auth" => json!({
            "providers": { "main": {
                "issuer": "https://issuer.example",
                "audiences": ["api.example"],
                "local_jwks": { "environment_variable": "JWKS" },
                "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
            } },
            "rules": [
                { "match": { "path": "/health" } },
                { "match": { "prefix": "/" }, "requires": { "provider_name": "main" } },
            ],
        }),
        other => panic!("no configuration of {other}"),
    }
}

/// A match with every condition and every test.
fn every_match() -> Value {
    json!({
        "headers": [
            { "name": ":path", "present": true },
            { "name": "x-app-version", "semver": ">=1.2.0, <2" },
            { "name": "x-level", "range": { "start": -5, "end": 10 }, "invert": true },
            { "name": "x-team", "any_of": ["a", "b"], "ignore_case": true },
        ],
        "cookies": [
            { "name": "featureflag", "exact": "on" },
            { "name": "prefs", "pointer": "/beta/0", "gte": 1.5 },
        ],
        "query": [{ "name": "beta", "lte": 3 }],
        "path": [{ "prefix": "/vote/" }, { "regex": "/[a-z/]+" }],
        "method": [{ "exact": "GET" }],
        "host": [{ "suffix": ".example" }],
        "source_ip": ["10.0.0.0/8", "2001:db8::/32", "::1", "::ffff:192.0.2.1", "192.0.2.1"],
        "claims": [
            { "claim": "realm.groups", "contains": "internal" },
            { "claim": ["https://example.com/roles", "admin"], "present": true },
        ],
        "peer": [{ "prefix": "spiffe://example.org/" }, { "principal": "dns_san", "exact": "a" }],
        "any": [{ "host": [{ "exact": "a" }] }, { "host": [{ "exact": "b" }] }],
        "not": { "any": [{ "path": [{ "exact": "/health" }] }] },
    })
}
