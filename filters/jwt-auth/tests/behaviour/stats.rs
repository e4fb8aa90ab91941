//! What is counted.

use crate::common::{
    NOW, authorized, claims, configure, present, protected_by, provider, provider_with, start,
    stat, token, token_with_header,
};
use crate::keys::{EC, FOREIGN, tampered};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;
use tollgate_testkit::abi::MetricKind;

/// The README's list.
const COUNTERS: [&str; 50] = [
    "allowed",
    "cors_preflight_bypassed",
    "denied",
    "denied_alg_not_supported",
    "denied_aud_not_strings",
    "denied_audience_not_allowed",
    "denied_b64_not_supported",
    "denied_bad_format",
    "denied_certificate_mismatch",
    "denied_claims_not_allowed",
    "denied_cnf_not_thumbprint",
    "denied_crit_not_supported",
    "denied_ed25519_wrong_length",
    "denied_exp_not_integer",
    "denied_exp_out_of_range",
    "denied_expired",
    "denied_header_bad_alg",
    "denied_header_bad_base64",
    "denied_header_bad_json",
    "denied_header_bad_kid",
    "denied_iat_not_integer",
    "denied_iat_out_of_range",
    "denied_iss_not_string",
    "denied_jti_not_string",
    "denied_keys_unavailable",
    "denied_missing",
    "denied_nbf_not_integer",
    "denied_nbf_out_of_range",
    "denied_no_matching_key",
    "denied_not_yet_valid",
    "denied_payload_bad_base64",
    "denied_payload_bad_json",
    "denied_peer_not_allowed",
    "denied_scopes_not_sufficient",
    "denied_signature_bad_base64",
    "denied_sub_not_string",
    "denied_typ_not_accepted",
    "denied_unknown_issuer",
    "denied_verification_failed",
    "denied_zip_not_supported",
    "failures",
    "jwks_fetch_failed",
    "jwks_fetch_success",
    "jwks_refetch_unknown_kid",
    "jwks_served_stale",
    "jwt_cache_hit",
    "jwt_cache_miss",
    "keys_unavailable_allowed",
    "reported",
    "unwritable_claims",
];

#[tollgate_testkit::test(JwtAuth)]
fn every_counter_is_there_from_the_beginning(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let metrics = proxy.metrics();
    let mut names: Vec<_> = metrics.names().collect();
    names.sort();
    let expected: Vec<_> = COUNTERS.map(|name| format!("tollgate.jwt_auth.{name}")).into();
    let mut expected: Vec<_> =
        expected.iter().map(|name| (MetricKind::Counter, name.as_str())).collect();
    expected.push((MetricKind::Gauge, "tollgate.jwt_auth.memory_bytes"));
    assert_eq!(names, expected);
    expected.pop();
    assert!(expected.iter().all(|(_, name)| proxy.counter(name) == 0));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_request_that_passes_is_counted_for_whatever_reason(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    present(proxy, &token(json!({})));
    proxy.get("/open").send();
    assert_eq!((stat(proxy, "allowed"), stat(proxy, "denied")), (2, 0));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_denied_request_is_counted_by_its_reason(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "audiences": ["api.example"] })));
    let with_claim = |claim| token(claim);
    let with_member = |name: &str, value| token_with_header(json!({ "alg": "ES256", name: value }));
    let header = |header: &str| EC.sign_bytes(header, claims(json!({})).to_string());
    let payload = |payload: &str| EC.sign_bytes(r#"{"alg":"ES256"}"#, payload);
    let good = token(json!({}));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let cases = [
        ("not_yet_valid", with_claim(json!({ "nbf": NOW + 1000 }))),
        ("expired", with_claim(json!({ "exp": 1 }))),
        ("bad_format", "a.b".into()),
        ("header_bad_base64", "a.b.c".into()),
        ("header_bad_json", header("x")),
        ("header_bad_alg", header("{}")),
        ("alg_not_supported", header(r#"{"alg":"none"}"#)),
        ("header_bad_kid", with_member("kid", json!(7))),
        ("crit_not_supported", with_member("crit", json!([]))),
        ("b64_not_supported", with_member("b64", json!(false))),
        ("zip_not_supported", with_member("zip", json!("DEF"))),
        ("payload_bad_base64", EC.sign_sections("eyJhbGciOiJFUzI1NiJ9.!")),
        ("payload_bad_json", payload("x")),
        ("iss_not_string", with_claim(json!({ "iss": 7 }))),
        ("sub_not_string", with_claim(json!({ "sub": 7 }))),
        ("iat_not_integer", with_claim(json!({ "iat": "x" }))),
        ("iat_out_of_range", with_claim(json!({ "iat": -1 }))),
        ("nbf_not_integer", with_claim(json!({ "nbf": "x" }))),
        ("nbf_out_of_range", with_claim(json!({ "nbf": -1 }))),
        ("exp_not_integer", with_claim(json!({ "exp": "x" }))),
        ("exp_out_of_range", with_claim(json!({ "exp": -1 }))),
        ("jti_not_string", with_claim(json!({ "jti": 7 }))),
        ("aud_not_strings", with_claim(json!({ "aud": 7 }))),
        ("signature_bad_base64", format!("{signed}.!")),
        ("unknown_issuer", with_claim(json!({ "iss": "x" }))),
        ("audience_not_allowed", with_claim(json!({ "aud": "x" }))),
        ("no_matching_key", FOREIGN.sign(&claims(json!({})))),
        ("verification_failed", tampered(&good)),
        ("cnf_not_thumbprint", with_claim(json!({ "cnf": 7 }))),
        ("certificate_mismatch", with_claim(json!({ "cnf": { "x5t#S256": "A".repeat(43) } }))),
    ];
    authorized(proxy, &[]);
    assert_eq!(stat(proxy, "denied_missing"), 1);
    for (index, (reason, token)) in cases.iter().enumerate() {
        present(proxy, token);
        assert_eq!(stat(proxy, &format!("denied_{reason}")), 1, "{reason}");
        assert_eq!(stat(proxy, "denied"), index as u64 + 2, "{reason}");
    }
    // Each of them once, and nothing else but what is looked at only where it is asked for, or where keys
    // are fetched.
    let on_demand = [
        "denied_ed25519_wrong_length",
        "denied_typ_not_accepted",
        "denied_claims_not_allowed",
        "denied_scopes_not_sufficient",
        "denied_peer_not_allowed",
        "denied_keys_unavailable",
    ];
    let is_reason = |name: &&&str| name.starts_with("denied_") && !on_demand.contains(name);
    let reasons: Vec<_> = COUNTERS.iter().filter(is_reason).collect();
    assert_eq!(reasons.len(), cases.len() + 1);
    assert!(reasons.iter().all(|reason| stat(proxy, reason) == 1));
    assert_eq!((stat(proxy, "allowed"), stat(proxy, "failures")), (0, 0));
}

#[tollgate_testkit::test(JwtAuth)]
fn workers_count_together(proxy: &mut Proxy) {
    proxy.workers(2);
    configure(proxy, protected_by(provider(&[EC])));
    for worker in [1, 2, 2] {
        proxy.get("/").on_worker(worker).send();
        proxy.get("/open").on_worker(worker).send();
    }
    assert_eq!((stat(proxy, "allowed"), stat(proxy, "denied_missing")), (3, 3));
}

#[tollgate_testkit::test(JwtAuth)]
fn counts_go_on_after_a_new_configuration(proxy: &mut Proxy) {
    for expected in 1..=2 {
        start(proxy, provider(&[EC]));
        proxy.get("/").send();
        assert_eq!(stat(proxy, "denied_missing"), expected);
    }
}
