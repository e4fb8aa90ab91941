//! What the tests share: a configuration, requests, and what is seen of them.

use crate::keys::{EC, Key, jwks};
use serde_json::{Value, json};
use tollgate_testkit::{Exchange, Proxy};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "api.example";

/// Where the clock of the simulated proxy stands at first.
pub(crate) const NOW: u64 = 1_767_225_600;

/// The default of `clock_skew_seconds`.
pub(crate) const SKEW: u64 = 60;

/// A provider with these keys, and nothing else.
pub(crate) fn provider(keys: &[Key]) -> Value {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "issuer": ISSUER, "local_jwks": { "inline_string": jwks(&keys) } })
}

/// One provider, whose tokens every request needs but those for `/open`.
pub(crate) fn protected_by(provider: Value) -> Value {
    json!({
        "providers": { "main": provider },
        "rules": [
            { "match": { "path": "/open" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "main" } },
        ],
    })
}

/// The provider of most tests, with some fields more or other.
pub(crate) fn provider_with(fields: Value) -> Value {
    with(provider(&[EC]), fields)
}

/// Starts a proxy in which every request but those for `/open` needs a token of the provider.
pub(crate) fn start(proxy: &mut Proxy, provider: Value) {
    configure(proxy, protected_by(provider));
}

/// Starts a proxy whose host verifies signatures, as Envoy does.
#[track_caller]
pub(crate) fn configure(proxy: &mut Proxy, configuration: Value) {
    proxy.verify_signatures();
    proxy.configure(configuration);
}

/// An object with some members more or other; `null` leaves one out.
pub(crate) fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            value => object[name] = value.clone(),
        }
    }
    object
}

/// Good claims, some of them replaced; `null` leaves one out.
pub(crate) fn claims(changes: Value) -> Value {
    let good = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600 });
    with(good, changes)
}

/// A good token, with some claims replaced.
pub(crate) fn token(changes: Value) -> String {
    EC.sign(&claims(changes))
}

/// A good token whose header is another.
pub(crate) fn token_with_header(header: Value) -> String {
    EC.sign_with(&header, &claims(json!({})))
}

/// A request for `/` with a token.
pub(crate) fn present(proxy: &Proxy, token: &str) -> Exchange {
    present_at(proxy, "/", token)
}

pub(crate) fn present_at(proxy: &Proxy, path: &str, token: &str) -> Exchange {
    proxy.get(path).header("authorization", format!("Bearer {token}")).send()
}

/// A request for `/` with any values of `authorization`.
pub(crate) fn authorized(proxy: &Proxy, values: &[&[u8]]) -> Exchange {
    let request = proxy.get("/");
    values.iter().fold(request, |request, value| request.header("authorization", value)).send()
}

#[track_caller]
pub(crate) fn passes(exchange: &Exchange) {
    let response = exchange.response();
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(exchange.try_upstream_request().is_some());
}

/// It is answered with this reason, and the upstream has not seen it.
#[track_caller]
pub(crate) fn is_denied(exchange: &Exchange, reason: &str) {
    is_denied_in(exchange, reason, reason);
}

/// As [`is_denied`]; a failure names the case.
#[track_caller]
pub(crate) fn is_denied_in(exchange: &Exchange, reason: &str, case: &str) {
    let response = exchange.response();
    let status = if reason == reasons::AUDIENCE { 403 } else { 401 };
    assert_eq!((response.status, &*response.text()), (status, reason), "{case}");
    let details = format!("jwt_authn_access_denied{{{}}}", reason.replace(' ', "_"));
    assert_eq!(response.details, details, "{case}");
    assert!(exchange.try_upstream_request().is_none(), "{case}");
}

/// The values of a header that the upstream has got.
#[track_caller]
pub(crate) fn upstream_values(exchange: &Exchange, name: &str) -> Vec<String> {
    exchange.upstream_request().header_values(name)
}

pub(crate) fn stat(proxy: &Proxy, name: &str) -> u64 {
    proxy.counter(&format!("tollgate.jwt_auth.{name}"))
}

/// Whether a line of the log contains this.
pub(crate) fn has_logged(proxy: &Proxy, text: &str) -> bool {
    proxy.log().iter().any(|line| line.message.contains(text))
}

/// What is said when a request is denied: Envoy's words (`source/common/jwt/status.cc`).
pub(crate) mod reasons {
    pub(crate) const MISSING: &str = "Jwt is missing";
    pub(crate) const NOT_YET_VALID: &str = "Jwt not yet valid";
    pub(crate) const EXPIRED: &str = "Jwt is expired";
    pub(crate) const FORM: &str =
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    pub(crate) const HEADER_BASE64: &str = "Jwt header is an invalid Base64url encoded";
    pub(crate) const HEADER_JSON: &str = "Jwt header is an invalid JSON";
    pub(crate) const NO_ALG: &str = "Jwt header [alg] field is required and must be a string";
    pub(crate) const UNKNOWN_ALG: &str = "Jwt header [alg] is not supported";
    pub(crate) const KID: &str = "Jwt header [kid] field is not a string";
    pub(crate) const CRIT: &str = "Jwt header [crit] is not supported";
    pub(crate) const B64: &str = "Jwt header [b64] is not supported";
    pub(crate) const ZIP: &str = "Jwt header [zip] is not supported";
    pub(crate) const PAYLOAD_BASE64: &str = "Jwt payload is an invalid Base64url encoded";
    pub(crate) const PAYLOAD_JSON: &str = "Jwt payload is an invalid JSON";
    pub(crate) const AUD: &str = "Jwt payload [aud] field is not a string or string list";
    pub(crate) const SIGNATURE_BASE64: &str = "Jwt signature is an invalid Base64url encoded";
    pub(crate) const ISSUER: &str = "Jwt issuer is not configured";
    pub(crate) const AUDIENCE: &str = "Audiences in Jwt are not allowed";
    pub(crate) const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";
    pub(crate) const WRONG: &str = "Jwt verification fails";
}
