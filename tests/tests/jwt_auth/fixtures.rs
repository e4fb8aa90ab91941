//! What the themes share: an issuer, claims, tokens, configurations.

use serde_json::{Value, json};
use tollgate_e2e::tokens;

use crate::keys::{self, jwks};

pub(crate) const ISSUER: &str = "https://issuer.example";
/// The default of `clock_skew_seconds`.
pub(crate) const SKEW: u64 = 60;

/// An object with some members more or other; `null` leaves one out.
pub(crate) fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    object
}

/// Good claims, some of them replaced; `null` leaves one out.
pub(crate) fn claims(changes: Value) -> Value {
    let exp = tokens::now() + 600;
    with(json!({ "iss": ISSUER, "aud": "api", "sub": "alice", "exp": exp }), changes)
}

/// A good token, some of its claims replaced.
pub(crate) fn token(changes: Value) -> String {
    keys::sign("ES256", &claims(changes))
}

/// A good token of another issuer, with its subject.
pub(crate) fn token_of(issuer: &str, subject: &str) -> String {
    token(json!({ "iss": issuer, "sub": subject }))
}

/// A token that has expired long ago.
pub(crate) fn expired() -> String {
    token(json!({ "exp": 1000 }))
}

/// A provider with the usual key, whose subjects become `x-sub`; with some fields more or other.
pub(crate) fn provider(fields: Value) -> Value {
    let provider = json!({
        "issuer": ISSUER,
        "local_jwks": jwks::set(&[jwks::p256()]),
        "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }],
    });
    with(provider, fields)
}

/// Providers by their names, and for each a rule: below `/NAME` its tokens are needed.
pub(crate) fn by_path<const N: usize>(providers: [(&str, Value); N]) -> Value {
    let rules: Vec<_> = providers
        .iter()
        .map(|(name, _)| {
            let prefix = format!("/{name}");
            json!({ "match": { "path_separated_prefix": prefix }, "requires": { "provider_name": name } })
        })
        .collect();
    let providers: serde_json::Map<_, _> =
        providers.into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect();
    json!({ "providers": providers, "rules": rules })
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
    pub(crate) const PAYLOAD_BASE64: &str = "Jwt payload is an invalid Base64url encoded";
    pub(crate) const PAYLOAD_JSON: &str = "Jwt payload is an invalid JSON";
    pub(crate) const AUD: &str = "Jwt payload [aud] field is not a string or string list";
    pub(crate) const SIGNATURE_BASE64: &str = "Jwt signature is an invalid Base64url encoded";
    pub(crate) const ISSUER: &str = "Jwt issuer is not configured";
    pub(crate) const AUDIENCE: &str = "Audiences in Jwt are not allowed";
    pub(crate) const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";
    pub(crate) const WRONG: &str = "Jwt verification fails";
}
