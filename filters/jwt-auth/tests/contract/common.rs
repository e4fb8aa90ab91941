//! What the tests share: a key, tokens, a host that verifies them, requests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use serde_json::{Value, json};
use tollgate_testkit::simulated::SignatureCheck;
use tollgate_testkit::{Exchange, Proxy};

pub(crate) const ISSUER: &str = "https://issuer.example";

fn key() -> SigningKey {
    SigningKey::from_slice(&[1; 32]).unwrap()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn jwks() -> Value {
    let point = key().verifying_key().to_encoded_point(false);
    let coordinate = |bytes: Option<&p256::FieldBytes>| base64url(bytes.unwrap());
    let (x, y) = (coordinate(point.x()), coordinate(point.y()));
    let keys = json!([{ "kty": "EC", "crv": "P-256", "x": x, "y": y }]);
    json!({ "inline_string": json!({ "keys": keys }).to_string() })
}

/// A token with these claims, signed by the one key.
pub(crate) fn sign(claims: &Value) -> String {
    let header = base64url(json!({ "alg": "ES256" }).to_string());
    let signed = format!("{header}.{}", base64url(claims.to_string()));
    let signature: Signature = key().sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature.to_bytes()))
}

/// A good token of a subject.
pub(crate) fn token_of(subject: &str) -> String {
    sign(&json!({ "iss": ISSUER, "sub": subject }))
}

/// A token that has expired long ago.
pub(crate) fn expired() -> String {
    sign(&json!({ "iss": ISSUER, "sub": "late", "exp": 1 }))
}

/// A provider whose subjects become `x-sub`, with some fields more.
pub(crate) fn provider(fields: Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "local_jwks": jwks(),
        "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }],
    });
    provider.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    provider
}

/// Starts a proxy in which every request needs a token of the provider.
pub(crate) fn start(proxy: &mut Proxy, provider: Value) {
    start_with(proxy, provider, json!({ "provider_name": "main" }));
}

/// Starts a proxy in which every request needs this of the provider `main`.
pub(crate) fn start_with(proxy: &mut Proxy, provider: Value, requires: Value) {
    configure(
        proxy,
        json!({
            "providers": { "main": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": requires }],
        }),
    );
}

/// Starts a proxy whose host verifies ES256, as Envoy does.
pub(crate) fn configure(proxy: &mut Proxy, configuration: Value) {
    proxy.host(|host| host.set_verify_signature(verify));
    proxy.configure(configuration);
}

/// The known answers of the self-test for RSA are not asked for: no key is one.
fn verify(check: &SignatureCheck) -> bool {
    let key = VerifyingKey::from_public_key_der(&check.public_key);
    let signature = Signature::from_der(&check.signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(&check.text, &signature).is_ok())
}

/// Sends a request with these headers.
pub(crate) fn get(proxy: &Proxy, path: &str, headers: &[(&str, &str)]) -> Exchange {
    let request = proxy.get(path);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

/// What a client that is denied reads.
#[track_caller]
pub(crate) fn assert_denied(exchange: &Exchange, status: u16, body: &str) {
    assert_eq!((exchange.status(), exchange.response().text().as_str()), (status, body));
    assert!(exchange.try_upstream_request().is_none());
}
