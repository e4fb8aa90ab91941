//! Signatures: every algorithm, good and forged, by the host and by the module.

use crate::common::{
    claims, configure, has_logged, is_denied, is_denied_in, passes, present, protected_by,
    provider, reasons, start, token, token_with_header, with,
};
use crate::keys::{
    ALL, EC, FOREIGN, Key, RSA_KEY, in_der, jwks, large_rsa, rsa_public_der, signature_of,
    tampered, with_claims_of, with_signature,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;
use tollgate_testkit::abi::Status;

/// Good tokens of each of these keys pass, and those that were changed do not.
#[track_caller]
fn only_genuine_tokens_pass(proxy: &Proxy, keys: &[Key]) {
    for key in keys {
        let good = key.sign(&claims(json!({})));
        let other = key.sign(&claims(json!({ "sub": "mallory" })));
        passes(&present(proxy, &good));
        is_denied(&present(proxy, &tampered(&good)), reasons::WRONG);
        is_denied(&present(proxy, &with_claims_of(&good, &other)), reasons::WRONG);
        is_denied(&present(proxy, &with_claims_of(&other, &good)), reasons::WRONG);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn rs256_rs384_rs512_and_es256_are_verified_by_the_host(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY, EC]));
    only_genuine_tokens_pass(proxy, &ALL);
    assert!(!has_logged(proxy, "does not verify"));
}

#[tollgate_testkit::test(JwtAuth)]
fn on_a_host_that_cannot_the_module_verifies_rsa_and_says_so(proxy: &mut Proxy) {
    proxy.configure(protected_by(provider(&[RSA_KEY])));
    only_genuine_tokens_pass(proxy, &[Key::Rs384]);
    assert!(has_logged(proxy, "the host does not verify RS256 signatures, so the module does"));
}

#[tollgate_testkit::test(JwtAuth)]
fn on_a_host_that_cannot_the_module_verifies_ecdsa_and_says_so(proxy: &mut Proxy) {
    proxy.configure(protected_by(provider(&[EC])));
    only_genuine_tokens_pass(proxy, &[EC]);
    assert!(has_logged(proxy, "the host does not verify ES256 signatures, so the module does"));
}

/// A host that verifies in the self-test, a right and a wrong text, and then answers so.
fn host_that_turns(
    proxy: &mut Proxy,
    answers: impl Fn() -> Result<Vec<u8>, Status> + Send + Sync + 'static,
) {
    let answers = Arc::new(answers);
    proxy.verify_signatures();
    proxy.host(move |host| {
        let (mut asked, answers) = (0, Arc::clone(&answers));
        let mut right = right_host();
        host.set_foreign_function("verify_signature", move |arguments| {
            asked += 1;
            if asked <= 2 { right(arguments) } else { answers() }
        });
    });
}

/// A function that verifies.
fn right_host() -> impl FnMut(&[u8]) -> Result<Vec<u8>, Status> + Send {
    use tollgate_testkit::{Host, SimulatedHost};
    let mut host = SimulatedHost::new();
    host.verify_signatures();
    move |arguments| host.call_foreign_function(b"verify_signature", arguments)
}

#[tollgate_testkit::test(JwtAuth)]
fn a_host_that_fails_later_is_never_taken_for_a_yes(proxy: &mut Proxy) {
    host_that_turns(proxy, || Err(Status::NOT_FOUND));
    proxy.configure(protected_by(provider(&[EC])));
    only_genuine_tokens_pass(proxy, &[EC]);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_answer_that_is_none_is_never_taken_for_a_yes(proxy: &mut Proxy) {
    host_that_turns(proxy, || Ok(vec![0xff]));
    proxy.configure(protected_by(provider(&[EC])));
    only_genuine_tokens_pass(proxy, &[EC]);
}

/// The message of an answer without any field says no.
#[tollgate_testkit::test(JwtAuth)]
fn an_empty_answer_is_a_no(proxy: &mut Proxy) {
    host_that_turns(proxy, || Ok(Vec::new()));
    proxy.configure(protected_by(provider(&[EC])));
    is_denied(&present(proxy, &token(json!({}))), reasons::WRONG);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_host_that_gets_the_known_answer_wrong_is_refused(proxy: &mut Proxy) {
    for answer in [true, false] {
        proxy.host(move |host| host.set_verify_signature(move |_| answer));
        for key in [RSA_KEY, EC] {
            let refusal = proxy.try_configure(protected_by(provider(&[key]))).unwrap_err();
            let expected = format!(
                "`(self-test)`: found a host that gets the known answer for {} wrong",
                key.algorithm()
            );
            assert!(refusal.contains(&expected), "{refusal}");
        }
    }
}

/// So that nothing is warned of, and nothing tested, that is not needed.
#[tollgate_testkit::test(JwtAuth)]
fn only_the_families_that_are_configured_are_tested(proxy: &mut Proxy) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    proxy.host(move |host| {
        let (count, mut right) = (Arc::clone(&count), right_host());
        host.set_foreign_function("verify_signature", move |arguments| {
            count.fetch_add(1, Ordering::Relaxed);
            right(arguments)
        });
    });
    proxy.configure(protected_by(provider(&[EC])));
    // A right and a wrong text: in the VM that a configuration is tried in, the main thread, the worker.
    assert_eq!(asked.swap(0, Ordering::Relaxed), 6);
    passes(&present(proxy, &token(json!({}))));
    assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
}

/// What is wrong with a token besides its signature costs no verification.
#[tollgate_testkit::test(JwtAuth)]
fn a_signature_is_looked_at_last(proxy: &mut Proxy) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    proxy.host(move |host| {
        let (count, mut right) = (Arc::clone(&count), right_host());
        host.set_foreign_function("verify_signature", move |arguments| {
            count.fetch_add(1, Ordering::Relaxed);
            right(arguments)
        });
    });
    proxy.configure(protected_by(provider(&[EC])));
    asked.store(0, Ordering::Relaxed);
    is_denied(&present(proxy, &token(json!({ "exp": 5 }))), reasons::EXPIRED);
    is_denied(&present(proxy, &token(json!({ "iss": "x" }))), reasons::ISSUER);
    is_denied(&present(proxy, &FOREIGN.sign(&claims(json!({})))), reasons::NO_KEY);
    is_denied(&present(proxy, "a.b.c"), reasons::HEADER_BASE64);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_algorithm_that_is_none_or_not_known_is_refused(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    for alg in ["none", "None", "NONE", "nOnE"] {
        let unsigned = with_signature(&token_with_header(json!({ "alg": alg })), "");
        is_denied_in(&present(proxy, &unsigned), reasons::FORM, alg);
        let signed = token_with_header(json!({ "alg": alg }));
        is_denied_in(&present(proxy, &signed), reasons::UNKNOWN_ALG, alg);
    }

    for alg in ["", "es256", "ES256 ", "ES256K", "ES521", "XS256", "RSA1_5", "HS1"] {
        is_denied_in(
            &present(proxy, &token_with_header(json!({ "alg": alg }))),
            reasons::UNKNOWN_ALG,
            alg,
        );
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_algorithm_without_a_key_of_its_kind_is_refused(proxy: &mut Proxy) {
    start(proxy, provider(&[EC, RSA_KEY]));
    for alg in ["ES384", "HS256", "HS384", "HS512", "EdDSA"] {
        is_denied_in(
            &present(proxy, &token_with_header(json!({ "alg": alg }))),
            reasons::NO_KEY,
            alg,
        );
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_public_key_is_no_secret_of_hmac(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY]));
    let public = rsa_public_der();
    for secret in [&public[..], RSA_KEY.jwk()["n"].as_str().unwrap().as_bytes()] {
        let unsigned = RSA_KEY.sign_with(&json!({ "alg": "HS256" }), &claims(json!({})));
        let (signed, _) = unsigned.rsplit_once('.').unwrap();
        let forged = with_signature(&unsigned, hmac_sha256(secret, signed.as_bytes()));
        is_denied(&present(proxy, &forged), reasons::NO_KEY);
    }
}

/// RFC 2104.
fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    const BLOCK: usize = 64;
    let mut key =
        if secret.len() > BLOCK { Sha256::digest(secret).to_vec() } else { secret.to_vec() };
    key.resize(BLOCK, 0);
    let pad = |byte: u8| key.iter().map(|it| it ^ byte).collect::<Vec<_>>();
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

/// Signed as its key would, under the name of another algorithm.
#[tollgate_testkit::test(JwtAuth)]
fn a_key_verifies_no_token_of_another_algorithm(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY, EC]));
    for (key, alg) in [
        (Key::Rs256, "ES256"),
        (Key::Rs256, "RS384"),
        (Key::Rs512, "RS256"),
        (EC, "RS256"),
        (EC, "RS512"),
    ] {
        let token = key.sign_with(&json!({ "alg": alg }), &claims(json!({})));
        is_denied_in(&present(proxy, &token), reasons::WRONG, alg);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_ecdsa_signature_is_r_and_s_in_64_bytes_and_within_the_order(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let good = token(json!({}));
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    for wrong in [
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        [&[0], r, &[0], s].concat(),
        r.to_vec(),
        vec![0],
        [r, s, r].concat(),
        vec![1; 6000],
    ] {
        is_denied(&present(proxy, &with_signature(&good, wrong)), reasons::WRONG);
    }

    let good = token(json!({}));
    is_denied(&present(proxy, &with_signature(&good, in_der(&good))), reasons::WRONG);

    let good = token(json!({}));
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    // FIPS 186-4, D.1.2.3.
    let order = [
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        &[0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63],
        &[0x25, 0x51],
    ]
    .concat();
    for bad in [vec![0; 32], order, vec![0xff; 32]] {
        for wrong in [[r, &bad].concat(), [&bad, s].concat(), [&bad[..], &bad].concat()] {
            is_denied(&present(proxy, &with_signature(&good, wrong)), reasons::WRONG);
        }
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_signature_is_as_long_as_its_key(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY]));
    let good = RSA_KEY.sign(&claims(json!({})));
    let signature = signature_of(&good);
    for wrong in [
        signature[..255].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        vec![0; 256],
        vec![0xff; 256],
        vec![1],
    ] {
        is_denied(&present(proxy, &with_signature(&good, wrong)), reasons::WRONG);
    }
}

fn with_keys(keys: &[Value]) -> Value {
    with(provider(&[]), json!({ "local_jwks": { "inline_string": jwks(keys) } }))
}

#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_key_may_have_2048_to_8192_bits_and_the_exponent_3(proxy: &mut Proxy) {
    let keys = [2048, 8192].map(|bits| large_rsa(bits, &claims(json!({}))));
    let jwks = keys.each_ref().map(|(jwk, _)| jwk.clone());
    configure(proxy, protected_by(with_keys(&jwks)));
    for (_, token) in keys {
        passes(&present(proxy, &token));
        is_denied(&present(proxy, &tampered(&token)), reasons::WRONG);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn on_a_host_that_cannot_the_module_verifies_with_8192_bits_as_well(proxy: &mut Proxy) {
    let (jwk, token) = large_rsa(8192, &claims(json!({})));
    proxy.configure(protected_by(with_keys(&[jwk])));
    passes(&present(proxy, &token));
    is_denied(&present(proxy, &tampered(&token)), reasons::WRONG);
}
