//! Key sets: where they come from, which keys of them are used, and for which token.

use crate::common::{
    ISSUER, claims, configure, is_denied, is_denied_in, passes, present, protected_by, provider,
    reasons, start, token, token_with_header, with,
};
use crate::keys::{EC, FOREIGN, Key, RSA_KEY, base64url, jwks};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;
use tollgate_testkit::abi::LogLevel;

fn set_of(keys: &[Value]) -> Value {
    json!({ "issuer": ISSUER, "local_jwks": { "inline_string": jwks(keys) } })
}

fn jwk_with(changes: Value) -> Value {
    with(EC.jwk(), changes)
}

/// What a worker warned of keys that are not used.
fn skipped(proxy: &Proxy) -> Vec<String> {
    let log = proxy.log_of(1);
    let warnings = log.iter().filter(|line| line.level == LogLevel::Warn);
    warnings
        .filter_map(|line| Some(line.message.split_once("a key is not used: ")?.1.into()))
        .collect()
}

/// In a set with these keys and a good one, none of these is used, each for its reason.
#[track_caller]
fn are_skipped(proxy: &mut Proxy, cases: &[(Value, &str)]) {
    let keys = cases.iter().map(|(jwk, _)| jwk.clone()).chain([FOREIGN.jwk()]);
    start(proxy, set_of(&keys.collect::<Vec<_>>()));
    let expected = cases.iter().enumerate();
    let expected: Vec<_> =
        expected.map(|(index, (_, reason))| format!("keys[{index}]: {reason}")).collect();
    assert_eq!(skipped(proxy), expected);
    passes(&present(proxy, &FOREIGN.sign(&claims(json!({})))));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_set_may_stand_in_the_configuration(proxy: &mut Proxy) {
    start(proxy, set_of(&[EC.jwk()]));
    passes(&present(proxy, &token(json!({}))));
    assert!(skipped(proxy).is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_set_may_come_from_an_environment_variable_of_the_vm(proxy: &mut Proxy) {
    proxy.variable("JWKS", &jwks(&[EC.jwk()]));
    let provider = json!({ "issuer": ISSUER, "local_jwks": { "environment_variable": "JWKS" } });
    start(proxy, provider);
    passes(&present(proxy, &token(json!({}))));
    is_denied(&present(proxy, &FOREIGN.sign(&claims(json!({})))), reasons::NO_KEY);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_key_id_chooses_the_key(proxy: &mut Proxy) {
    start(proxy, provider(&[EC, FOREIGN]));
    passes(&present(proxy, &EC.sign(&claims(json!({})))));
    passes(&present(proxy, &FOREIGN.sign(&claims(json!({})))));
    let wrong_id = token_with_header(json!({ "alg": "ES256", "kid": FOREIGN.kid() }));
    is_denied(&present(proxy, &wrong_id), reasons::WRONG);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_id_that_no_key_of_the_algorithm_has_is_refused(proxy: &mut Proxy) {
    start(proxy, provider(&[EC, RSA_KEY]));
    for kid in ["other", "EC-1", "ec-1 ", "ec", "\u{0}", &"k".repeat(4000)] {
        let token = token_with_header(json!({ "alg": "ES256", "kid": kid }));
        is_denied_in(&present(proxy, &token), reasons::NO_KEY, kid);
    }

    let token = token_with_header(json!({ "alg": "ES256", "kid": RSA_KEY.kid() }));
    is_denied(&present(proxy, &token), reasons::NO_KEY);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_without_a_key_id_is_tried_with_every_key_of_its_algorithm(proxy: &mut Proxy) {
    start(proxy, provider(&[FOREIGN, RSA_KEY, EC]));
    passes(&present(proxy, &token_with_header(json!({ "alg": "ES256" }))));
    passes(&present(proxy, &token_with_header(json!({ "alg": "ES256", "kid": "" }))));
    let nobodys = Key::Es256(3).sign_with(&json!({ "alg": "ES256" }), &claims(json!({})));
    is_denied(&present(proxy, &nobodys), reasons::WRONG);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_without_an_id_is_tried_for_every_token(proxy: &mut Proxy) {
    for id in [json!(null), json!("")] {
        start(proxy, set_of(&[with(EC.jwk(), json!({ "kid": id }))]));
        for header in [json!({ "alg": "ES256", "kid": "any" }), json!({ "alg": "ES256" })] {
            passes(&present(proxy, &token_with_header(header)));
        }
    }
}

/// As while keys are rotated.
#[tollgate_testkit::test(JwtAuth)]
fn keys_of_the_same_id_are_all_tried(proxy: &mut Proxy) {
    let same = |key: Key| with(key.jwk(), json!({ "kid": "same" }));
    start(proxy, set_of(&[same(FOREIGN), same(RSA_KEY), same(EC)]));
    for key in [FOREIGN, EC, RSA_KEY] {
        let header = json!({ "alg": key.algorithm(), "kid": "same" });
        passes(&present(proxy, &key.sign_with(&header, &claims(json!({})))));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_key_without_an_algorithm_verifies_each_of_its_hashes(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY]));
    for key in [Key::Rs256, Key::Rs384, Key::Rs512] {
        passes(&present(proxy, &key.sign(&claims(json!({})))));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_with_an_algorithm_verifies_tokens_of_that_one_alone(proxy: &mut Proxy) {
    start(proxy, set_of(&[with(RSA_KEY.jwk(), json!({ "alg": "RS384" }))]));
    passes(&present(proxy, &Key::Rs384.sign(&claims(json!({})))));
    is_denied(&present(proxy, &Key::Rs256.sign(&claims(json!({})))), reasons::NO_KEY);
    is_denied(&present(proxy, &Key::Rs512.sign(&claims(json!({})))), reasons::NO_KEY);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_for_another_purpose_is_not_used(proxy: &mut Proxy) {
    let reason = "[key_ops] does not have verify";
    are_skipped(
        proxy,
        &[
            (jwk_with(json!({ "use": "enc" })), "[use] is not sig"),
            (jwk_with(json!({ "key_ops": ["sign"] })), reason),
            (jwk_with(json!({ "key_ops": [] })), reason),
            (jwk_with(json!({ "key_ops": "verify" })), reason),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_that_may_verify_is_used(proxy: &mut Proxy) {
    let good = json!({ "use": "sig", "key_ops": ["sign", "verify"], "alg": "ES256", "x5t": "x" });
    start(proxy, set_of(&[jwk_with(good)]));
    passes(&present(proxy, &token(json!({}))));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_of_a_kind_that_is_not_known_is_not_used(proxy: &mut Proxy) {
    are_skipped(
        proxy,
        &[
            (json!({ "kty": "EC2" }), "[kty] is not supported"),
            (json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }), "[x] is not a point of Ed25519"),
            (json!({ "kty": "oct", "k": "AA" }), "[k] has less than 32 bytes"),
            (json!({ "x": "AA" }), "[kty] is missing"),
            (json!(7), "not an object"),
            (jwk_with(json!({ "crv": "P-384" })), "[x] or [y] does not have 48 bytes"),
            (jwk_with(json!({ "crv": "P-521" })), "[x] or [y] does not have 66 bytes"),
            (jwk_with(json!({ "crv": "secp256k1" })), "[crv] is not supported"),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_whose_algorithm_is_of_another_kind_is_not_used(proxy: &mut Proxy) {
    let reason = "[alg] is not supported for this kind of key";
    are_skipped(
        proxy,
        &[
            (jwk_with(json!({ "alg": "RS256" })), reason),
            (jwk_with(json!({ "alg": "ES384" })), reason),
            (with(RSA_KEY.jwk(), json!({ "alg": "HS256" })), reason),
            (with(RSA_KEY.jwk(), json!({ "alg": "EdDSA" })), reason),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_weak_rsa_key_is_not_used(proxy: &mut Proxy) {
    let rsa = |changes| with(RSA_KEY.jwk(), changes);
    let modulus = |bytes: usize| rsa(json!({ "n": base64url(vec![0xff; bytes]) }));
    let size = "[n] has less than 2048 or more than 8192 bits";
    are_skipped(
        proxy,
        &[
            (modulus(128), size),
            (modulus(255), size),
            (modulus(1025), size),
            (rsa(json!({ "n": base64url(vec![0xfe; 256]) })), "[n] is even"),
            (rsa(json!({ "e": "AQ" })), "[e] is neither 3 nor 65537"),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_point_that_is_not_on_the_curve_is_not_used(proxy: &mut Proxy) {
    let other = FOREIGN.jwk()["x"].clone();
    are_skipped(
        proxy,
        &[
            (jwk_with(json!({ "x": other })), "[x] and [y] are not on the curve"),
            (jwk_with(json!({ "x": "AQ" })), "[x] or [y] does not have 32 bytes"),
            (jwk_with(json!({ "y": null })), "a member of the key is missing"),
            (jwk_with(json!({ "y": "!" })), "a member of the key is an invalid Base64url encoded"),
            (jwk_with(json!({ "y": 7 })), "a member that must be a string is not"),
        ],
    );
}

/// It is only data (RFC 8725, 3.10): whoever signs a token must not choose the key, too.
#[tollgate_testkit::test(JwtAuth)]
fn a_key_in_a_token_is_not_a_key(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    for member in [
        json!({ "jwk": FOREIGN.jwk() }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "https://evil.example/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        let header = with(json!({ "alg": "ES256" }), member);
        let forged = FOREIGN.sign_with(&header, &claims(json!({})));
        is_denied(&present(proxy, &forged), reasons::WRONG);
        // Nor a reason to refuse.
        passes(&present(proxy, &token_with_header(header)));
    }
    assert_eq!(proxy.pending_calls(), 0);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_is_no_key_set_is_refused_with_its_reason(proxy: &mut Proxy) {
    for (text, found) in [
        (" ", "Jwks is an invalid JSON; EOF while parsing a value at line 1 column 1"),
        ("nonsense", "Jwks is an invalid JSON"),
        ("[]", "Jwks is an invalid JSON; not an object"),
        (r#"{"keys":[],"keys":[]}"#, "Jwks is an invalid JSON; member `keys` is there twice"),
        ("{}", "Jwks does not have [keys] field"),
        (r#"{"keys":{}}"#, "[keys] in Jwks is not an array"),
        (r#"{"keys":[]}"#, "Jwks doesn't have any valid public key"),
        (
            r#"{"keys":[{"kty":"oct"},7]}"#,
            "Jwks doesn't have any valid public key; keys[0]: a member of the key is missing; keys[1]: not an object",
        ),
    ] {
        let provider = json!({ "local_jwks": { "inline_string": text } });
        let refusal = proxy.try_configure(protected_by(provider)).unwrap_err();
        let expected = format!("`providers.main.local_jwks.inline_string`: found {found}");
        assert!(refusal.contains(&expected), "{text}: {refusal}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_new_configuration_brings_new_keys(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let [old, new] = [EC, FOREIGN].map(|key| key.sign(&claims(json!({}))));
    passes(&present(proxy, &old));
    start(proxy, provider(&[EC, FOREIGN]));
    passes(&present(proxy, &old));
    passes(&present(proxy, &new));
    start(proxy, provider(&[FOREIGN]));
    is_denied(&present(proxy, &old), reasons::NO_KEY);
    passes(&present(proxy, &new));
}

#[tollgate_testkit::test(JwtAuth)]
fn every_worker_has_the_keys_and_nothing_is_fetched_or_shared(proxy: &mut Proxy) {
    proxy.workers(3);
    configure(proxy, protected_by(provider(&[EC])));
    for worker in 1..=3 {
        let request = |token: &str| {
            proxy.get("/").on_worker(worker).header("authorization", format!("Bearer {token}"))
        };
        passes(&request(&token(json!({}))).send());
        is_denied(&request(&FOREIGN.sign(&claims(json!({})))).send(), reasons::NO_KEY);
        assert!(proxy.tick_periods(worker).is_empty());
    }
    assert_eq!(proxy.pending_calls(), 0);
    assert_eq!(proxy.shared_data().keys().count(), 0);
}
