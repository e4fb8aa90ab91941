//! Whole filters, in any order of events.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_fault::Fault;
use tollgate_jwt_auth::JwtAuth;
use tollgate_suite::Suite;

use super::driver::run;
use super::tokens::{EXPIRES, ISSUER, NOT_BEFORE, jwk, signed};
use crate::proxy::Exchange;

/// How many requests may be in flight.
pub(super) const LIMIT: u64 = 3;

pub(super) const COOKIE: &str = "uid=alice; flag=on";

/// What a client may send to choose a breaker of its own.
pub(super) static KEYS: LazyLock<[String; 6]> =
    LazyLock::new(|| ["a.b", "a_b", "", "\t", "a\u{85}b", &"long".repeat(1000)].map(str::to_owned));

/// `canary`: every request passes, with one of the variants in the routing header.
pub fn filter_canary(data: &[u8]) {
    run::<Canary>(data, &canary(), |_, exchange| {
        let routing: Vec<_> = values(exchange, "x-variant").collect();
        assert!(exchange.continued && matches!(routing[..], [b"v1" | b"v2"]), "{exchange:?}");
    });
}

/// `fault`: a request passes or is answered with the status of the configuration, and a fault is counted
/// as active while it lasts.
pub fn filter_fault(data: &[u8]) {
    run::<Fault>(data, &fault(), |_, exchange| {
        assert!(exchange.continued || exchange.reply == Some(418), "{exchange:?}");
    });
}

/// `circuit-breaker`: no more requests are in flight than allowed, and each is given back.
pub fn filter_circuit_breaker(data: &[u8]) {
    run::<CircuitBreaker>(data, &circuit_breaker(), |driver, exchange| {
        assert!(exchange.continued || exchange.reply == Some(503), "{exchange:?}");
        driver.assert_within_limits();
    });
}

/// `jwt-auth`: a request passes with a token and else gets 401; no header that a claim becomes is the
/// client's.
pub fn filter_jwt_auth(data: &[u8]) {
    run::<JwtAuth>(data, &jwt_auth(), |_, exchange| {
        let user: Vec<_> = values(exchange, "x-user").collect();
        match exchange.reply {
            None => assert!(exchange.continued && matches!(user[..], [b"alice"])),
            Some(status) => assert!(status == 401 && user.is_empty(), "{exchange:?}"),
        }
    });
}

/// All four in one chain.
pub fn filter_suite(data: &[u8]) {
    let config = json!({ "filters": [
        { "jwt_auth": jwt_auth() },
        { "canary": canary() },
        { "fault": fault() },
        { "circuit_breaker": circuit_breaker() },
    ] });
    run::<Suite>(data, &config, |driver, exchange| {
        let is_known = matches!(exchange.reply, None | Some(401 | 418 | 503));
        assert!(is_known && (exchange.continued || exchange.reply.is_some()), "{exchange:?}");
        driver.assert_within_limits();
    });
}

fn canary() -> Value {
    json!({
        "flag": "checkout",
        "routing_header": "x-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [
            { "name": "a", "match": { "cookies": [{ "name": "flag", "exact": "on" }] }, "variant": "v2" },
            { "name": "b", "split": { "by": [{ "cookie": "uid" }, { "source_ip": true }, { "random": true }], "weights": { "v1": 1, "v2": 1 } } },
        ],
        "response": { "variant_header": "x-served-by" },
    })
}

fn fault() -> Value {
    let half = json!({ "numerator": 50 });
    json!({
        "delay": { "fixed_delay": "0.5s", "percentage": half },
        "abort": { "http_status": 418, "percentage": half },
        "max_active_faults": LIMIT,
    })
}

fn circuit_breaker() -> Value {
    json!({
        "connection_pool": { "http": { "http2_max_requests": LIMIT } },
        "outlier_detection": { "consecutive_5xx_errors": 2, "base_ejection_time": "2s" },
        "key": { "header": "x-key" },
    })
}

fn jwt_auth() -> Value {
    json!({
        "providers": { "accounts": {
            "issuer": ISSUER,
            // RSA would be tested at each start, which takes a hundred times as long as all else.
            "local_jwks": { "inline_string": json!({ "keys": [jwk()] }).to_string() },
            "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "accounts" } }],
    })
}

/// A token that passes.
pub(super) static AUTHORIZATION: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({ "iss": ISSUER, "sub": "alice", "nbf": NOT_BEFORE, "exp": EXPIRES });
    format!("Bearer {}", signed(&json!({ "alg": "ES256", "kid": "es" }), &claims))
});

fn values<'a>(exchange: &'a Exchange, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let request = exchange.headers.get(&0).into_iter().flatten();
    request.filter(move |(it, _)| it == name).map(|(_, value)| value.as_slice())
}
