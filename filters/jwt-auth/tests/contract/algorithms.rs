//! Algorithms that the module verifies itself.

use crate::common::{ISSUER, assert_denied, base64url, configure, get, provider};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

const SECRET: [u8; 32] = [7; 32];

fn token(algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = base64url(json!({ "alg": algorithm }).to_string());
    let claims = json!({ "iss": ISSUER, "sub": "alice" });
    let signed = format!("{header}.{}", base64url(claims.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature))
}

fn hs256(message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[3; 32])
}

fn eddsa(message: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer;
    ed25519().sign(message).to_bytes().to_vec()
}

/// A configuration whose only key is this one.
fn with_key(key: Value, fields: Value) -> Value {
    let mut provider = provider(fields);
    provider["local_jwks"] = json!({ "inline_string": json!({ "keys": [key] }).to_string() });
    json!({
        "providers": { "main": provider },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
    })
}

fn secret() -> Value {
    json!({ "kty": "oct", "k": base64url(SECRET) })
}

fn assert_verified(proxy: &Proxy, token: &str) {
    let request = get(proxy, "/", &[("authorization", &format!("Bearer {token}"))]);
    assert_eq!(request.upstream_request().header("x-sub").as_deref(), Some("alice"));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("Bearer {signed}.AAAA{}", &signature[4..]);
    assert_denied(&get(proxy, "/", &[("authorization", &forged)]), 401, "Jwt verification fails");
}

#[tollgate_testkit::test(JwtAuth)]
fn ed25519_is_verified_under_both_of_its_names(proxy: &mut Proxy) {
    let x = base64url(ed25519().verifying_key().as_bytes());
    configure(proxy, with_key(json!({ "kty": "OKP", "crv": "Ed25519", "x": x }), json!({})));
    for name in ["EdDSA", "Ed25519"] {
        assert_verified(proxy, &token(name, eddsa));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_ed25519_signature_has_64_bytes(proxy: &mut Proxy) {
    let x = base64url(ed25519().verifying_key().as_bytes());
    configure(proxy, with_key(json!({ "kty": "OKP", "crv": "Ed25519", "x": x }), json!({})));
    let good = token("EdDSA", eddsa);
    let (signed, _) = good.rsplit_once('.').unwrap();
    for length in [1, 32, 63, 65, 128] {
        let wrong = format!("Bearer {signed}.{}", base64url(vec![7; length]));
        let exchange = get(proxy, "/", &[("authorization", &wrong)]);
        assert_denied(&exchange, 401, "Jwt ED25519 signature is wrong length");
    }
    assert_eq!(proxy.counter("tollgate.jwt_auth.denied_ed25519_wrong_length"), 5);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_secret_verifies_where_the_provider_lists_hmac(proxy: &mut Proxy) {
    configure(proxy, with_key(secret(), json!({ "algorithms": ["HS256"] })));
    assert_verified(proxy, &token("HS256", hs256));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_secret_is_no_key_by_default(proxy: &mut Proxy) {
    let error = proxy.try_configure(with_key(secret(), json!({}))).unwrap_err();
    assert!(error.contains("the provider does not allow its algorithms"), "{error}");
    assert!(!error.contains(&base64url(SECRET)), "{error}");
}
