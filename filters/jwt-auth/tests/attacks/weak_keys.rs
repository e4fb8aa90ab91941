//! Keys that anybody can sign with, or that are none.

use crate::common::{is_denied_in, passes, present, protected_by, reasons, start, with};
use crate::forge::{
    SECRET, ed25519, ed25519_jwk, ed25519_jwk_of, hmac_sha256, p384_jwk, provider_of, secret_jwk,
    signed,
};
use crate::keys::{EC, RSA_KEY, base64url};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// A set with nothing but this key is refused, for this reason.
#[track_caller]
fn is_no_key(proxy: &mut Proxy, jwk: &Value, reason: &str) {
    let fields =
        json!({ "algorithms": ["RS256", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"] });
    let refusal = proxy
        .try_configure(protected_by(provider_of(std::slice::from_ref(jwk), fields)))
        .unwrap_err();
    assert!(refusal.contains(&format!("keys[0]: {reason}")), "{jwk}: {refusal}");
}

#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_key_of_less_than_2048_bits_is_none(proxy: &mut Proxy) {
    let size = "[n] has less than 2048 or more than 8192 bits";
    let of = |modulus: Vec<u8>| with(RSA_KEY.jwk(), json!({ "n": base64url(modulus) }));
    for bytes in [1, 64, 128, 192, 255] {
        is_no_key(proxy, &of(vec![0xff; bytes]), size);
        // Zeros in front make it no longer.
        is_no_key(proxy, &of([vec![0; 256], vec![0xff; bytes]].concat()), size);
    }
    is_no_key(proxy, &of([vec![0x7f], vec![0xff; 255]].concat()), size);
    is_no_key(proxy, &of(vec![0xff; 1025]), size);
    is_no_key(proxy, &of(vec![0; 256]), size);
    is_no_key(proxy, &of(Vec::new()), size);
    is_no_key(proxy, &of(vec![0xfe; 256]), "[n] is even");
}

/// With 1 a signature is its message; large ones are there to be slow.
#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_exponent_is_3_or_65537(proxy: &mut Proxy) {
    let reason = "[e] is neither 3 nor 65537";
    for exponent in [
        vec![],
        vec![0],
        vec![1],
        vec![2],
        vec![4],
        vec![17],
        vec![1, 0, 0],
        vec![1, 0, 2],
        vec![1, 0, 0, 0, 1],
        vec![0xff; 32],
        vec![0xff; 256],
    ] {
        is_no_key(proxy, &with(RSA_KEY.jwk(), json!({ "e": base64url(exponent) })), reason);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_secret_has_as_many_bytes_as_the_hash(proxy: &mut Proxy) {
    for length in [0, 1, 16, 31] {
        is_no_key(proxy, &secret_jwk(&vec![7; length]), "[k] has less than 32 bytes");
    }
    let all = json!({ "algorithms": ["HS256", "HS384", "HS512"] });
    start(proxy, provider_of(&[secret_jwk(&SECRET)], all));
    passes(&present(proxy, &signed(&json!({ "alg": "HS256" }), |it| hmac_sha256(&SECRET, it))));
    for alg in ["HS384", "HS512"] {
        let token = signed(&json!({ "alg": alg }), |message| hmac_sha256(&SECRET, message));
        is_denied_in(&present(proxy, &token), reasons::NO_KEY, alg);
    }
}

/// For which there are signatures that verify every message.
#[tollgate_testkit::test(JwtAuth)]
fn a_point_of_small_order_is_no_key(proxy: &mut Proxy) {
    let reason = "[x] is not a point of Ed25519";
    let with_first = |first: u8, rest: u8, last: u8| {
        let mut point = [rest; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    for point in [
        // Orders 1, 2 and 4, and other ways to write them.
        with_first(1, 0, 0),
        with_first(0xec, 0xff, 0x7f),
        with_first(0, 0, 0),
        with_first(0, 0, 0x80),
        with_first(1, 0, 0x80),
        with_first(0xee, 0xff, 0x7f),
        with_first(0xed, 0xff, 0x7f),
        with_first(0xed, 0xff, 0xff),
        with_first(0xec, 0xff, 0xff),
        with_first(0xee, 0xff, 0xff),
    ] {
        is_no_key(proxy, &ed25519_jwk_of(&point), reason);
    }
    // Order 8.
    for hex in [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ] {
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        let point: Vec<_> = (0..32).map(byte).collect();
        is_no_key(proxy, &ed25519_jwk_of(&point), reason);
    }
    for length in [0, 31, 33] {
        is_no_key(proxy, &ed25519_jwk_of(&vec![9; length]), reason);
    }
    start(proxy, provider_of(&[ed25519_jwk()], json!({})));
    passes(&present(proxy, &signed(&json!({ "alg": "EdDSA" }), ed25519)));
}

/// On another curve the logarithm may be easy.
#[tollgate_testkit::test(JwtAuth)]
fn a_point_off_the_curve_is_no_key(proxy: &mut Proxy) {
    let reason = "[x] and [y] are not on the curve";
    let at = |x: &[u8], y: &[u8]| with(EC.jwk(), json!({ "x": base64url(x), "y": base64url(y) }));
    for (x, y) in
        [([0; 32], [0; 32]), ([1; 32], [1; 32]), ([0xff; 32], [0xff; 32]), ([0; 32], [1; 32])]
    {
        is_no_key(proxy, &at(&x, &y), reason);
    }
    let swapped = with(EC.jwk(), json!({ "x": EC.jwk()["y"], "y": EC.jwk()["x"] }));
    is_no_key(proxy, &swapped, reason);
    for length in [0, 31, 33, 48, 64] {
        is_no_key(proxy, &at(&vec![1; length], &[1; 32]), "[x] or [y] does not have 32 bytes");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nor_is_one_off_the_larger_curves(proxy: &mut Proxy) {
    for (curve, length) in [("P-384", 48), ("P-521", 66)] {
        let at = |x: &[u8], y: &[u8]| json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) });
        let reason = "[x] and [y] are not on the curve";
        for byte in [0, 1, 0xff] {
            is_no_key(proxy, &at(&vec![byte; length], &vec![byte; length]), reason);
        }
        for other in [0, 32, length - 1, length + 1] {
            let reason = format!("[x] or [y] does not have {length} bytes");
            is_no_key(proxy, &at(&vec![1; other], &vec![1; length]), &reason);
        }
    }
    let swapped = with(p384_jwk(), json!({ "x": p384_jwk()["y"], "y": p384_jwk()["x"] }));
    is_no_key(proxy, &swapped, "[x] and [y] are not on the curve");
}

#[tollgate_testkit::test(JwtAuth)]
fn a_key_set_that_says_two_things_is_refused(proxy: &mut Proxy) {
    let jwk = EC.jwk().to_string();
    let twice = jwk.replacen('{', r#"{"kty":"oct","#, 1);
    let escaped = jwk.replacen('{', r#"{"\u006bty":"oct","#, 1);
    for set in [
        format!(r#"{{"keys":[{twice}]}}"#),
        format!(r#"{{"keys":[{escaped}]}}"#),
        format!(r#"{{"keys":[],"keys":[{jwk}]}}"#),
    ] {
        let provider = json!({ "local_jwks": { "inline_string": set } });
        let refusal = proxy.try_configure(protected_by(provider)).unwrap_err();
        assert!(refusal.contains("is there twice"), "{refusal}");
    }
}
