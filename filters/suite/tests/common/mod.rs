//! What the tests share: tokens and a host that verifies them, members, and a shop with two versions.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};
use tollgate_testkit::simulated::SignatureCheck;
use tollgate_testkit::{Answer, Proxy, Request, Route, UpstreamRequest};

pub(crate) const ISSUER: &str = "https://issuer.example";

/// The body of an answer while a breaker is open.
pub(crate) const OPEN: &str = "circuit breaker open";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that is always the same; there are none for 0.
#[track_caller]
fn key(number: u8) -> SigningKey {
    match SigningKey::from_slice(&[number; 32]) {
        Ok(key) => key,
        Err(error) => panic!("no key {number}: {error}"),
    }
}

/// The keys of the issuer.
fn jwks() -> String {
    let point = key(1).verifying_key().to_encoded_point(false);
    let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.map(b64);
    let (x, y) = (coordinate(point.x()), coordinate(point.y()));
    let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1", "x": x, "y": y });
    json!({ "keys": [jwk] }).to_string()
}

/// A token of the issuer with these claims, and those that it needs.
pub(crate) fn token(claims: &Value) -> String {
    signed_with(1, claims)
}

/// A token that somebody else has signed.
pub(crate) fn forged_token(claims: &Value) -> String {
    signed_with(2, claims)
}

fn signed_with(number: u8, claims: &Value) -> String {
    let mut payload = json!({ "iss": ISSUER, "sub": "alice", "exp": 4_000_000_000_u64 });
    if let (Some(payload), Some(claims)) = (payload.as_object_mut(), claims.as_object()) {
        payload.extend(claims.clone());
    }
    let header = json!({ "alg": "ES256", "kid": "1" });
    let signed = format!("{}.{}", b64(header.to_string()), b64(payload.to_string()));
    let signature: Signature = key(number).sign(signed.as_bytes());
    format!("{signed}.{}", b64(signature.to_bytes()))
}

fn verify(check: &SignatureCheck) -> bool {
    let key = VerifyingKey::from_public_key_der(&check.public_key);
    let signature = Signature::from_der(&check.signature);
    key.is_ok_and(|key| {
        signature.is_ok_and(|signature| key.verify(&check.text, &signature).is_ok())
    })
}

/// A request of somebody in these groups.
pub(crate) fn get(proxy: &Proxy, path: &str, groups: &[&str]) -> Request {
    let token = token(&json!({ "groups": groups }));
    proxy.get(path).header("authorization", format!("Bearer {token}"))
}

/// Only who has a token passes; it goes on.
pub(crate) fn jwt_auth() -> Value {
    json!({ "jwt_auth": {
        "providers": { "accounts": {
            "issuer": ISSUER,
            "local_jwks": { "inline_string": jwks() },
            "forward": true,
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "accounts" } }],
    } })
}

/// The version `v2` for who is in the group `internal`, by a claim that no header carries.
pub(crate) fn canary() -> Value {
    let claims = json!([{ "claim": "groups", "contains": "internal" }]);
    json!({ "canary": {
        "flag": "shop",
        "routing_header": "x-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [{ "name": "internal-users", "match": { "claims": claims }, "variant": "v2" }],
        "response": { "variant_header": "x-served-by" },
    } })
}

/// The version `v2` for who has this cookie.
pub(crate) fn canary_by_cookie(routing_header: &str, cookie: &str) -> Value {
    let cookies = json!([{ "name": cookie, "exact": "on" }]);
    json!({ "canary": {
        "flag": cookie,
        "routing_header": routing_header,
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [{ "name": "cookie", "match": { "cookies": cookies }, "variant": "v2" }],
        "response": { "variant_header": "x-served-by" },
    } })
}

/// Aborts requests that ask for it.
pub(crate) fn aborts() -> Value {
    json!({ "fault": { "abort": { "header_abort": {}, "percentage": { "numerator": 100 } } } })
}

/// Delays every request.
pub(crate) fn delays(time: &str) -> Value {
    json!({ "fault": { "delay": { "fixed_delay": time, "percentage": { "numerator": 100 } } } })
}

/// A breaker for each version, which two errors open.
pub(crate) fn breaker() -> Value {
    json!({ "circuit_breaker": {
        "key": { "header": "x-variant" },
        "outlierDetection": { "consecutive5xxErrors": 2, "baseEjectionTime": "60s" },
    } })
}

/// A breaker for each cluster, with a limit.
pub(crate) fn limit(limit: u32) -> Value {
    json!({ "circuit_breaker": { "connectionPool": { "http": { "http2MaxRequests": limit } } } })
}

/// An answer by the path: `/500` or another status, `/never`; `/held` waits to be told; all else is 200.
pub(crate) fn answer(request: &UpstreamRequest) -> Answer {
    match request.path().as_str() {
        "/never" => Answer::never(),
        "/held" => Answer::status(200).when_told(),
        path => Answer::status(path.trim_start_matches('/').parse().unwrap_or(200)),
    }
}

/// These members, in this order.
pub(crate) fn suite(members: impl IntoIterator<Item = Value>) -> Value {
    json!({ "filters": members.into_iter().collect::<Vec<_>>() })
}

/// A host that verifies, and two versions: what has `x-variant: v2` goes to `new`, all else to `old`.
pub(crate) fn prepare(proxy: &mut Proxy) {
    proxy.host(|host| host.set_verify_signature(verify));
    proxy.route(Route::to("new").header("x-variant", "v2")).route(Route::to("old"));
    proxy.upstream("old", answer).upstream("new", answer);
}

/// Starts a proxy with two versions and these members.
#[track_caller]
pub(crate) fn start(proxy: &mut Proxy, members: impl IntoIterator<Item = Value>) {
    prepare(proxy);
    proxy.configure(suite(members));
}

/// All four, in the order of the README.
#[track_caller]
pub(crate) fn start_shop(proxy: &mut Proxy) {
    proxy.workers(2);
    start(proxy, [jwt_auth(), canary(), aborts(), breaker()]);
}

/// How many requests each version has got: `old`, `new`.
pub(crate) fn served(proxy: &Proxy) -> (usize, usize) {
    (proxy.requests("old").len(), proxy.requests("new").len())
}

pub(crate) fn counter(proxy: &Proxy, name: &str) -> u64 {
    proxy.counter(&format!("tollgate.{name}"))
}

pub(crate) fn gauge(proxy: &Proxy, name: &str) -> u64 {
    proxy.gauge(&format!("tollgate.{name}"))
}
