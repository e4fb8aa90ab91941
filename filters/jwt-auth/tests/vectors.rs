//! Conformance with what others publish: the IETF's JOSE cookbook (RFC 7520, RFC 7797, RFC 8037) and
//! Wycheproof's tests of key sets. Every vector is verified by a host and by the module, which must agree.
//!
//! The vectors are not part of this repository. They are looked for where `TOLLGATE_VECTORS` says, else in
//! `../shared/vectors` beside the checkout; a test that finds none says so and passes.

#![cfg(not(target_arch = "wasm32"))]
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "vectors that are not as expected are to fail the test"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tollgate::HostError;
use tollgate::abi::{Status, native};
use tollgate_jwt_auth::algorithms::{self, Algorithm};
use tollgate_jwt_auth::crypto::{host_may_know, verify_by_host};
use tollgate_jwt_auth::fallback;
use tollgate_jwt_auth::keys::KeySet;
use tollgate_jwt_auth::status::Failure;
use tollgate_jwt_auth::token::Token;
use tollgate_testkit::{Host, SimulatedHost};

fn folder() -> PathBuf {
    match std::env::var_os("TOLLGATE_VECTORS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    }
}

/// The vectors in a file, unless there is none.
fn vectors(file: &str) -> Option<Value> {
    let path = folder().join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

/// The simulated host, whose verifiers are of other crates than ours where that is possible.
struct VerifyingHost(RefCell<SimulatedHost>);

impl native::Host for VerifyingHost {
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> tollgate::Result<Vec<u8>> {
        let answer = self.0.borrow_mut().call_foreign_function(name.as_bytes(), arguments);
        answer.map_err(|_| HostError::new("proxy_call_foreign_function", Status::BadArgument))
    }
}

fn install_host() {
    let mut host = SimulatedHost::new();
    host.verify_signatures();
    native::install(Rc::new(VerifyingHost(RefCell::new(host))));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What both ways say about a JWS in compact form whose payload may be anything: whether a key of the set made
/// it. They must agree, and on no less than what hosts verify.
fn is_genuine(keys: &KeySet, compact: &str) -> bool {
    let (signed, signature) = compact.rsplit_once('.').unwrap();
    let header = URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&header).unwrap();
    let algorithm = algorithms::parse(text(&header["alg"])).unwrap();
    let kid = header.get("kid").map(text);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    keys.matching(algorithm, kid).any(|key| {
        let by_module = fallback::verify(algorithm, key, &signature, signed.as_bytes());
        let by_host = verify_by_host(algorithm, key, &signature, signed.as_bytes());
        assert_eq!(by_host.is_some(), host_may_know(algorithm), "{compact}");
        assert_eq!(by_host.unwrap_or(by_module), by_module, "{compact}");
        by_module
    })
}

fn failure_of(token: &str) -> Option<Failure> {
    Token::parse(token.as_bytes()).err()
}

/// The same JWS with one bit of its signature changed.
fn tampered(compact: &str) -> String {
    let (signed, signature) = compact.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    signature[9] ^= 1;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key_set(keys: Value) -> Value {
    json!({ "keys": if keys.is_array() { keys } else { json!([keys]) } })
}

/// The examples in compact form that have a payload, which is no JSON: a filter for claims refuses it, and that
/// is all that it finds wrong.
#[test]
fn the_signatures_of_the_jose_cookbook_are_verified() {
    install_host();
    let mut verified = 0;
    for file in [
        "jws_4_1.rsa_v15_signature.json",
        "jws_4_2.rsa-pss_signature.json",
        "jws_4_3.ecdsa_signature.json",
        "jws_4_4.hmac-sha2_integrity_protection.json",
        "curve25519_jws.json",
    ] {
        let Some(example) = vectors(&format!("jose-cookbook/{file}")) else { return };
        let keys = key_set(example["input"]["key"].clone()).to_string();
        let keys = KeySet::parse_for(Algorithm::ALL, keys.as_bytes()).unwrap();
        let compact = text(&example["output"]["compact"]);
        assert!(is_genuine(&keys, compact), "{file}");
        assert!(!is_genuine(&keys, &tampered(compact)), "{file}");
        assert_eq!(failure_of(compact), Some(Failure::PayloadBadJson), "{file}");
        verified += 1;
    }
    assert_eq!(verified, 5);
}

/// The signatures that only the JSON forms carry are right, too, and still no token: those forms, a payload
/// that is elsewhere, and one that is not in base64 are not JWTs (RFC 7519, 7.2).
#[test]
fn what_is_no_compact_jws_is_refused() {
    install_host();
    let mut refused = 0;
    for (file, compact) in [
        ("jws_4_1.rsa_v15_signature.json", None),
        ("jws_4_2.rsa-pss_signature.json", None),
        ("jws_4_3.ecdsa_signature.json", None),
        ("jws_4_4.hmac-sha2_integrity_protection.json", None),
        ("curve25519_jws.json", None),
        ("jws_4_5.signature_with_detached_content.json", Some(Failure::BadFormat)),
        ("jws_4_6.protecting_specific_header_fields.json", None),
        ("jws_4_7.protecting_content_only.json", None),
        ("jws_4_8.multiple_signatures.json", None),
        ("rfc7797_hmac-sha2_b64_false.json", Some(Failure::CritNotSupported)),
        ("rfc7797_4.2.hmac-sha2_b64_false.json", None),
    ] {
        let Some(example) = vectors(&format!("jose-cookbook/{file}")) else { return };
        let output = &example["output"];
        for form in ["json", "json_flat"].iter().filter_map(|form| output.get(form)) {
            let failure = failure_of(&form.to_string());
            assert!(failure.is_some(), "{file}");
            assert!(KeySet::parse(form.to_string().as_bytes()).is_err(), "{file}");
            refused += 1;
        }
        if let Some(expected) = compact {
            assert_eq!(failure_of(text(&output["compact"])), Some(expected), "{file}");
        }
    }
    assert!(refused >= 20, "{refused}");
}

/// `b64: false` without `crit`, as no JWS may have it.
#[test]
fn an_unencoded_payload_that_is_not_critical_is_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","b64":false}"#);
    assert_eq!(failure_of(&format!("{header}.e30.AA")), Some(Failure::B64NotSupported));
}

#[test]
fn the_signatures_of_the_json_forms_are_right() {
    install_host();
    let Some(example) = vectors("jose-cookbook/jws_4_8.multiple_signatures.json") else { return };
    let keys = key_set(example["input"]["key"].clone()).to_string();
    let keys = KeySet::parse_for(Algorithm::ALL, keys.as_bytes()).unwrap();
    let payload = text(&example["output"]["json"]["payload"]);
    let signatures = example["output"]["json"]["signatures"].as_array().unwrap();
    let mut verified = 0;
    for signature in signatures.iter().filter(|it| it["protected"].is_string()) {
        let header = text(&signature["protected"]);
        let compact = format!("{header}.{payload}.{}", text(&signature["signature"]));
        assert!(is_genuine(&keys, &compact), "{compact}");
        assert!(!is_genuine(&keys, &tampered(&compact)), "{compact}");
        verified += 1;
    }
    // The ES512 one has its `alg` where nobody has signed it.
    assert_eq!((verified, signatures.len()), (2, 3));
}

#[test]
fn the_keys_of_the_jose_cookbook_are_read() {
    for (file, algorithms) in [
        ("jwk_3_1.ec_public_key.json", &[Algorithm::ES512][..]),
        ("jwk_3_2.ec_private_key.json", &[Algorithm::ES512]),
        ("jwk_3_3.rsa_public_key.json", &[Algorithm::RS256, Algorithm::PS512]),
        ("jwk_3_4.rsa_private_key.json", &[Algorithm::RS256, Algorithm::PS512]),
        ("jwk_3_5.symmetric_key_mac_computation.json", &[Algorithm::HS256]),
        // For encryption.
        ("jwk_3_6.symmetric_key_encryption.json", &[]),
    ] {
        let Some(key) = vectors(&format!("jose-cookbook/{file}")) else { return };
        let keys = key_set(key).to_string();
        match KeySet::parse_for(Algorithm::ALL, keys.as_bytes()) {
            Ok(keys) => {
                assert!(!algorithms.is_empty(), "{file}");
                assert!(algorithms.iter().all(|algorithm| keys.has(*algorithm)), "{file}");
            }
            Err(error) => assert!(algorithms.is_empty(), "{file}: {error}"),
        }
    }
}

/// The cases that are flagged as ambiguous, as we decide them: keys are judged one by one, so a set may hold
/// secrets beside public keys where `algorithms` lists both, and the same id twice, as while keys are rotated.
const AMBIGUOUS: [u64; 2] = [1, 4];

#[test]
fn the_key_sets_of_wycheproof_are_judged_as_it_expects() {
    install_host();
    let Some(vectors) = vectors("wycheproof/json_web_key_test.json") else { return };
    let mut cases = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]).to_string();
        let keys = KeySet::parse_for(Algorithm::ALL, keys.as_bytes());
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let is_ambiguous = case["flags"].as_array().unwrap().contains(&json!("Ambiguous"));
            assert_eq!(is_ambiguous, AMBIGUOUS.contains(&id), "{case}");
            let compact = text(&case["jws"]);
            let ours = keys.as_ref().is_ok_and(|keys| is_genuine(keys, compact));
            assert_eq!(ours, case["result"] == "valid" || is_ambiguous, "{case} {keys:?}");
            cases += 1;
        }
    }
    assert_eq!(cases, vectors["numberOfTests"].as_u64().unwrap());
}
