//! Algorithm confusion (RFC 8725, 2.1): a key that verifies what it is not for.

use crate::common::{is_denied, is_denied_in, passes, present, reasons, start};
use crate::forge::{
    SECRET, ed25519, ed25519_jwk, hmac_sha256, p384_jwk, provider_of, ps256, secret_jwk, signed,
};
use crate::keys::{EC, RSA_KEY, from_base64url};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// Every text or number that a careless verifier could take for the secret.
fn public_keys() -> Vec<Vec<u8>> {
    let der = RSA_KEY.public_key_info();
    let lines = STANDARD.encode(&der).into_bytes();
    let lines: Vec<_> =
        lines.chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let modulus = RSA_KEY.jwk()["n"].as_str().unwrap().to_owned();
    vec![
        // PKCS#1 is what SubjectPublicKeyInfo has behind its 24 bytes of algorithm and length.
        der[24..].to_vec(),
        der,
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        pem.into_bytes(),
        from_base64url(&modulus),
        modulus.into_bytes(),
        RSA_KEY.jwk().to_string().into_bytes(),
        Vec::new(),
    ]
}

#[tollgate_testkit::test(JwtAuth)]
fn a_public_key_is_no_secret_of_hmac_in_any_form(proxy: &mut Proxy) {
    start(proxy, provider_of(&[RSA_KEY.jwk()], json!({})));
    for secret in public_keys() {
        let forged = signed(&json!({ "alg": "HS256" }), |message| hmac_sha256(&secret, message));
        is_denied(&present(proxy, &forged), reasons::NO_KEY);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nor_is_it_where_hmac_is_allowed_beside_it(proxy: &mut Proxy) {
    let keys = [RSA_KEY.jwk(), EC.jwk(), secret_jwk(&SECRET)];
    start(proxy, provider_of(&keys, json!({ "algorithms": ["RS256", "ES256", "HS256"] })));
    passes(&present(proxy, &signed(&json!({ "alg": "HS256" }), |it| hmac_sha256(&SECRET, it))));
    for secret in public_keys() {
        let forged = signed(&json!({ "alg": "HS256" }), |message| hmac_sha256(&secret, message));
        is_denied(&present(proxy, &forged), reasons::WRONG);
    }
    // Nor is the code of a secret a signature of another kind.
    for alg in ["RS256", "ES256"] {
        let forged = signed(&json!({ "alg": alg }), |message| hmac_sha256(&SECRET, message));
        is_denied_in(&present(proxy, &forged), reasons::WRONG, alg);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn the_two_paddings_of_rsa_are_not_taken_for_each_other(proxy: &mut Proxy) {
    start(proxy, provider_of(&[RSA_KEY.jwk()], json!({})));
    passes(&present(proxy, &signed(&json!({ "alg": "PS256" }), ps256)));
    let forged = signed(&json!({ "alg": "RS256" }), ps256);
    is_denied(&present(proxy, &forged), reasons::WRONG);
    let forged = signed(&json!({ "alg": "PS256" }), |message| RSA_KEY.signature(message));
    is_denied(&present(proxy, &forged), reasons::WRONG);

    let only = crate::common::with(RSA_KEY.jwk(), json!({ "alg": "RS256" }));
    start(proxy, provider_of(&[only], json!({})));
    is_denied(&present(proxy, &signed(&json!({ "alg": "PS256" }), ps256)), reasons::NO_KEY);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_of_one_curve_verifies_no_token_of_another(proxy: &mut Proxy) {
    for (key, others) in [
        (EC.jwk(), &["ES384", "ES512", "ES256K", "EdDSA"][..]),
        (p384_jwk(), &["ES256", "ES512", "ES256K", "EdDSA"]),
        (ed25519_jwk(), &["ES256", "ES384", "Ed448"]),
    ] {
        start(proxy, provider_of(&[key], json!({})));
        for alg in others {
            for signature in [EC.signature(b"x"), vec![1; 96], ed25519(b"x")] {
                let response =
                    present(proxy, &signed(&json!({ "alg": alg }), |_| signature)).response();
                let allowed = [reasons::NO_KEY, reasons::UNKNOWN_ALG];
                assert_eq!(response.status, 401, "{alg}");
                assert!(allowed.contains(&&*response.text()), "{alg}: {}", response.text());
            }
        }
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_provider_takes_no_algorithm_that_it_does_not_list(proxy: &mut Proxy) {
    let keys = [RSA_KEY.jwk(), EC.jwk()];
    start(proxy, provider_of(&keys, json!({ "algorithms": ["ES256"] })));
    let rsa = signed(&json!({ "alg": "RS256" }), |message| RSA_KEY.signature(message));
    is_denied(&present(proxy, &rsa), reasons::NO_KEY);
    passes(&present(proxy, &signed(&json!({ "alg": "ES256" }), |message| EC.signature(message))));
}
