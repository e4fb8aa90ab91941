use super::*;
use crate::testing::{b64, ec_jwk, ec_key, rsa_jwk};
use serde_json::json;

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk[member] = value;
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

/// Why a set of this one key is refused.
fn refusal(jwk: Value) -> &'static str {
    match parse(&[jwk]) {
        Err(KeySetError::NoneUsable(skipped)) => skipped[0].reason,
        other => panic!("not refused for its key: {other:?}"),
    }
}

fn count(set: &KeySet, algorithm: Algorithm, kid: Option<&str>) -> usize {
    set.matching(algorithm, kid).count()
}

#[test]
fn what_is_no_key_set_is_refused() {
    for (text, expected) in [
        ("", "Jwks is an invalid JSON; EOF while parsing a value at line 1 column 0"),
        (r#"{"keys":[],"keys":[]}"#, "Jwks is an invalid JSON; member `keys` is there twice"),
        ("[]", "Jwks is an invalid JSON; not an object"),
        ("{}", "Jwks does not have [keys] field"),
        (r#"{"keys":{}}"#, "[keys] in Jwks is not an array"),
        (r#"{"keys":[]}"#, "Jwks doesn't have any valid public key"),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn keys_of_other_kinds_are_skipped_and_counted() {
    let okp = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"});
    let set = parse(&[okp, json!(5), rsa_jwk(), json!({"kty": "oct", "k": "AA"})]).unwrap();
    assert_eq!(set.skipped().iter().map(|s| s.index).collect::<Vec<_>>(), [0, 1, 3]);
    assert!(set.has(Algorithm::RS256));
    assert!(!set.has(Algorithm::ES256));
}

#[test]
fn the_reason_why_no_key_is_usable_is_told() {
    let error = parse(&[json!({}), json!({"kty": "EC2"})]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Jwks doesn't have any valid public key; keys[0]: [kty] is missing; \
         keys[1]: [kty] is not supported"
    );
}

#[test]
fn an_rsa_key_without_an_algorithm_fits_the_rsa_family_and_nothing_else() {
    let set = parse(&[without(rsa_jwk(), "alg")]).unwrap();
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        assert_eq!(count(&set, algorithm, None), 1);
    }
    for algorithm in [Algorithm::ES256, Algorithm::HS256, Algorithm::ES384, Algorithm::EdDSA] {
        assert_eq!(count(&set, algorithm, None), 0, "{algorithm:?}");
    }
}

#[test]
fn a_key_with_an_algorithm_fits_only_that_one() {
    let set = parse(&[with(rsa_jwk(), "alg", json!("RS512"))]).unwrap();
    assert_eq!(count(&set, Algorithm::RS512, None), 1);
    assert_eq!(count(&set, Algorithm::RS256, None), 0);
}

#[test]
fn a_p256_key_fits_es256_only() {
    let set = parse(&[without(ec_jwk(), "alg")]).unwrap();
    assert_eq!(count(&set, Algorithm::ES256, None), 1);
    assert_eq!(count(&set, Algorithm::ES384, None), 0);
    assert_eq!(count(&set, Algorithm::RS256, None), 0);
}

#[test]
fn an_algorithm_of_another_kind_of_key_is_refused() {
    for alg in ["ES256", "HS256", "EdDSA", "RSA1_5", "RSA-OAEP", "none", ""] {
        refusal(with(rsa_jwk(), "alg", json!(alg)));
    }
    for alg in ["RS256", "ES384", "ES521", "ES224"] {
        refusal(with(ec_jwk(), "alg", json!(alg)));
    }
}

#[test]
fn the_key_id_selects_the_key_where_both_sides_have_one() {
    let anonymous = without(rsa_jwk(), "kid");
    let set = parse(&[
        with(rsa_jwk(), "kid", json!("a")),
        with(rsa_jwk(), "kid", json!("b")),
        anonymous.clone(),
        with(anonymous, "kid", json!("")),
    ])
    .unwrap();
    assert_eq!(count(&set, Algorithm::RS256, Some("a")), 3);
    assert_eq!(count(&set, Algorithm::RS256, Some("A")), 2);
    assert_eq!(count(&set, Algorithm::RS256, None), 4);
}

#[test]
fn a_key_for_another_purpose_is_refused() {
    assert_eq!(refusal(with(rsa_jwk(), "use", json!("enc"))), "[use] is not sig");
    assert!(parse(&[with(rsa_jwk(), "use", json!("sig"))]).is_ok());
    assert!(parse(&[with(ec_jwk(), "key_ops", json!(["verify"]))]).is_ok());
    for operations in [json!([]), json!(["sign"]), json!(["encrypt"]), json!("verify")] {
        let reason = refusal(with(ec_jwk(), "key_ops", operations));
        assert_eq!(reason, "[key_ops] does not have verify");
    }
}

#[test]
fn an_rsa_modulus_has_from_2048_to_8192_bits() {
    let modulus = |bits: usize| {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - bits);
        with(rsa_jwk(), "n", json!(b64(bytes)))
    };
    for bits in [8, 1024, 2047, 8193] {
        assert!(refusal(modulus(bits)).starts_with("[n] has less"), "{bits}");
    }
    for bits in [2048, 4096, 8192] {
        assert!(parse(&[modulus(bits)]).is_ok(), "{bits}");
    }
    let padded = [vec![0; 200], vec![0xff; 128]].concat();
    assert!(refusal(with(rsa_jwk(), "n", json!(b64(padded)))).starts_with("[n] has less"));
    assert_eq!(refusal(with(rsa_jwk(), "n", json!(b64(vec![0xfe; 256])))), "[n] is even");
}

#[test]
fn an_rsa_exponent_is_3_or_65537() {
    for good in ["Aw", "AQAB", "AAEAAQ"] {
        assert!(parse(&[with(rsa_jwk(), "e", json!(good))]).is_ok(), "{good}");
    }
    for bad in ["", "AA", "AQ", "Ag", "AQAC", "AQABAQ"] {
        let reason = refusal(with(rsa_jwk(), "e", json!(bad)));
        assert_eq!(reason, "[e] is neither 3 nor 65537", "{bad}");
    }
}

#[test]
fn a_point_must_be_on_p256_with_full_coordinates() {
    let point = ec_key().verifying_key().to_encoded_point(false);
    let mut x = point.x().unwrap().to_vec();
    x[31] ^= 1;
    let off_curve = refusal(with(ec_jwk(), "x", json!(b64(&x))));
    assert_eq!(off_curve, "[x] and [y] are not on the curve");
    x.pop();
    let short = refusal(with(ec_jwk(), "x", json!(b64(&x))));
    assert_eq!(short, "[x] or [y] does not have 32 bytes");
    let on_p384 = refusal(with(ec_jwk(), "crv", json!("P-384")));
    assert_eq!(on_p384, "[x] or [y] does not have 48 bytes");
    let on_p521 = refusal(with(ec_jwk(), "crv", json!("P-521")));
    assert_eq!(on_p521, "[x] or [y] does not have 66 bytes");
    assert_eq!(refusal(with(ec_jwk(), "crv", json!("secp256k1"))), "[crv] is not supported");
    assert!(parse(&[without(ec_jwk(), "crv")]).is_ok(), "P-256 is the default, as in Envoy");
}

#[test]
fn members_of_a_wrong_type_or_encoding_are_refused() {
    for member in ["kty", "n", "e", "alg", "use", "kid"] {
        refusal(with(rsa_jwk(), member, json!(7)));
    }
    for member in ["kty", "n", "e"] {
        refusal(without(rsa_jwk(), member));
    }
    for member in ["x", "y"] {
        refusal(without(ec_jwk(), member));
        refusal(with(ec_jwk(), member, json!("not base64!")));
    }
    assert_eq!(refusal(with(ec_jwk(), "kty", json!("RSA"))), "a member of the key is missing");
}

#[test]
fn padding_in_a_key_is_tolerated() {
    assert!(parse(&[with(rsa_jwk(), "e", json!("Aw=="))]).is_ok());
}

/// The reason why a set of this one key is refused when these algorithms are allowed.
fn refusal_for(allowed: &[Algorithm], jwk: Value) -> &'static str {
    let set = json!({ "keys": [jwk] }).to_string();
    match KeySet::parse_for(allowed, set.as_bytes()) {
        Err(KeySetError::NoneUsable(skipped)) => skipped[0].reason,
        other => panic!("not refused for its key: {other:?}"),
    }
}

#[test]
fn a_key_verifies_only_what_the_provider_allows() {
    let allowed = &[Algorithm::PS256, Algorithm::ES384];
    let not_allowed = "the provider does not allow its algorithms";
    assert_eq!(refusal_for(allowed, ec_jwk()), not_allowed);
    assert_eq!(refusal_for(allowed, rsa_jwk()), not_allowed);
    let set = json!({ "keys": [without(rsa_jwk(), "alg")] }).to_string();
    let set = KeySet::parse_for(allowed, set.as_bytes()).unwrap();
    assert_eq!(count(&set, Algorithm::PS256, None), 1);
    assert_eq!(count(&set, Algorithm::RS256, None), 0);
}

#[test]
fn a_secret_is_used_only_where_it_is_allowed_and_long_enough() {
    let secret = |bytes: usize| json!({"kty": "oct", "k": b64(vec![7; bytes])});
    assert_eq!(refusal(secret(64)), "the provider does not allow its algorithms");
    let hmac = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    assert_eq!(refusal_for(hmac, secret(31)), "[k] has less than 32 bytes");
    for (bytes, expected) in [(32, [1, 0, 0]), (48, [1, 1, 0]), (63, [1, 1, 0]), (64, [1, 1, 1])] {
        let set = json!({ "keys": [secret(bytes)] }).to_string();
        let set = KeySet::parse_for(hmac, set.as_bytes()).unwrap();
        assert_eq!(hmac.map(|algorithm| count(&set, algorithm, None)), expected, "{bytes}");
        assert!(!format!("{set:?}").contains("BwcH"), "a secret is shown");
    }
}

#[test]
fn an_ed25519_key_is_a_point_and_not_of_small_order() {
    let key = |x: &str| json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    // RFC 8037, A.2.
    let set = parse(&[key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]).unwrap();
    assert_eq!(count(&set, Algorithm::EdDSA, None), 1);
    assert_eq!(count(&set, Algorithm::ES256, None), 0);
    let zero = b64([0; 32]);
    let mut one = [0; 32];
    one[0] = 1;
    for bad in ["AA", &*zero, &*b64(one), &*b64([1; 33])] {
        assert_eq!(refusal(key(bad)), "[x] is not a point of Ed25519", "{bad}");
    }
    let other = with(key(&zero), "crv", json!("X25519"));
    assert_eq!(refusal(other), "[crv] is not supported");
}
