//! Signatures that were not made with the key, or not for this text.

use crate::common::{
    configure, is_denied, is_denied_in, passes, present, protected_by, provider, reasons, start,
    token, upstream_values, with,
};
use crate::forge::{ed25519, ed25519_jwk, p384_jwk, provider_of, signed};
use crate::keys::{
    EC, RSA_KEY, base64url, from_base64url, in_der, large_rsa, signature_of, with_signature,
};
use rsa::{BigUint, Pkcs1v15Sign};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// The order of P-256 (FIPS 186-4, D.1.2.3).
fn order() -> BigUint {
    let bytes = from_base64url("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
    BigUint::from_bytes_be(&bytes)
}

fn in_32_bytes(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; 32 - bytes.len()], bytes].concat()
}

/// CVE-2022-21449: r and s of zero, or of what is zero, verified every message.
fn out_of_range(good: &[u8]) -> Vec<Vec<u8>> {
    let (r, s) = good.split_at(32);
    let [zero, order, above, ones] =
        [vec![0; 32], in_32_bytes(&order()), in_32_bytes(&(order() + 1_u8)), vec![0xff; 32]];
    let mut forged = Vec::new();
    for bad in [zero, order, above, ones] {
        forged.extend([[&bad[..], &bad].concat(), [r, &bad].concat(), [&bad[..], s].concat()]);
    }
    forged
}

fn zeros_verify_nothing(proxy: &Proxy) {
    let good = token(json!({}));
    for forged in out_of_range(&signature_of(&good)) {
        is_denied(&present(proxy, &with_signature(&good, forged)), reasons::WRONG);
    }
    passes(&present(proxy, &good));
}

#[tollgate_testkit::test(JwtAuth)]
fn zeros_and_numbers_out_of_range_verify_nothing(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    zeros_verify_nothing(proxy);
    start(proxy, provider_of(&[p384_jwk()], json!({})));
    for forged in [vec![0; 96], vec![0xff; 96], [vec![0; 95], vec![1]].concat()] {
        is_denied(&present(proxy, &signed(&json!({ "alg": "ES384" }), |_| forged)), reasons::WRONG);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn nor_do_they_where_the_module_verifies(proxy: &mut Proxy) {
    proxy.configure(protected_by(provider(&[EC])));
    zeros_verify_nothing(proxy);
}

#[tollgate_testkit::test(JwtAuth)]
fn der_in_place_of_r_and_s_verifies_nothing(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let good = token(json!({}));
    is_denied(&present(proxy, &with_signature(&good, in_der(&good))), reasons::WRONG);
    for length in [1, 32, 63, 65, 72, 96, 128, 132] {
        is_denied(&present(proxy, &with_signature(&good, vec![1; length])), reasons::WRONG);
    }
}

/// Of each ECDSA signature there is a twin, which anybody can make. It signs the same claims, so it is
/// good; what is known of a token by all of its bytes is not known of its twin.
#[tollgate_testkit::test(JwtAuth)]
fn the_twin_of_an_ecdsa_signature_says_the_same_and_no_more(proxy: &mut Proxy) {
    let claims = json!([{ "header_name": "x-user", "claim_name": "sub" }]);
    start(proxy, with(provider(&[EC]), json!({ "claim_to_headers": claims })));
    let good = token(json!({}));
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    let other = in_32_bytes(&(order() - BigUint::from_bytes_be(s)));
    for token in [good.clone(), with_signature(&good, [r, &other].concat())] {
        assert_eq!(upstream_values(&present(proxy, &token), "x-user"), ["alice"]);
    }
    assert_eq!(crate::common::stat(proxy, "jwt_cache_hit"), 0);
}

/// RFC 8032, 5.1.7: S is below the order of the group.
#[tollgate_testkit::test(JwtAuth)]
fn the_twin_of_an_ed25519_signature_verifies_nothing(proxy: &mut Proxy) {
    start(proxy, provider_of(&[ed25519_jwk()], json!({})));
    let good = signed(&json!({ "alg": "EdDSA" }), ed25519);
    let signature = signature_of(&good);
    let order = (BigUint::from(1_u8) << 252)
        + BigUint::parse_bytes(b"27742317777372353535851937790883648493", 10).unwrap();
    let s = BigUint::from_bytes_le(&signature[32..]) + order;
    let mut bytes = s.to_bytes_le();
    bytes.resize(32, 0);
    let twin = [&signature[..32], &bytes].concat();
    is_denied(&present(proxy, &with_signature(&good, twin)), reasons::WRONG);
    for forged in
        [vec![0; 64], [vec![1], vec![0; 63]].concat(), [&signature[..32], &[0; 32]].concat()]
    {
        is_denied(&present(proxy, &with_signature(&good, forged)), reasons::WRONG);
    }
    passes(&present(proxy, &good));
}

/// Bleichenbacher, 2006: with the exponent 3 a cube root fits a padding that leaves room behind it.
#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_padding_with_something_behind_it_verifies_nothing(proxy: &mut Proxy) {
    let (jwk, real) = large_rsa(2048, &crate::common::claims(json!({})));
    configure(proxy, protected_by(provider_of(&[jwk], json!({}))));
    passes(&present(proxy, &real));

    let unsigned = crate::forge::unsigned(&json!({ "alg": "RS256" }));
    let digest = Sha256::digest(&unsigned);
    let prefix = Pkcs1v15Sign::new::<Sha256>().prefix;
    let start = [&[0, 1][..], &[0xff; 8], &[0], &prefix, &digest].concat();
    let end = [&start[..], &vec![0xff; 256 - start.len()]].concat();
    let root = cube_root(&BigUint::from_bytes_be(&end));
    let cube = (&root * &root * &root).to_bytes_be();
    // The forgery is right for who does not look behind the digest.
    assert_eq!(cube[..start.len() - 1], start[1..]);
    let root = root.to_bytes_be();
    let forged = format!("{unsigned}.{}", base64url([vec![0; 256 - root.len()], root].concat()));
    is_denied(&present(proxy, &forged), reasons::WRONG);
}

/// The largest number whose cube is not above this.
fn cube_root(number: &BigUint) -> BigUint {
    let mut root = BigUint::from(0_u8);
    for bit in (0..=number.bits() / 3).rev() {
        let more = &root + (BigUint::from(1_u8) << bit);
        if &more * &more * &more <= *number {
            root = more;
        }
    }
    root
}

#[tollgate_testkit::test(JwtAuth)]
fn an_rsa_signature_of_another_length_verifies_nothing(proxy: &mut Proxy) {
    start(proxy, provider(&[RSA_KEY]));
    let good = RSA_KEY.sign(&crate::common::claims(json!({})));
    let signature = signature_of(&good);
    let modulus = BigUint::from_bytes_be(&from_base64url(RSA_KEY.jwk()["n"].as_str().unwrap()));
    let above = (BigUint::from_bytes_be(&signature) + modulus).to_bytes_be();
    for forged in [
        above,
        [&[0], &signature[..]].concat(),
        [&signature[..], &[0]].concat(),
        signature[1..].to_vec(),
        vec![0; 256],
        [vec![0; 255], vec![1]].concat(),
    ] {
        is_denied(&present(proxy, &with_signature(&good, forged)), reasons::WRONG);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_signature_is_good_for_its_own_header_and_claims_alone(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let good = token(json!({}));
    let signature = signature_of(&good);
    let change = |header: Value, claims: Value| {
        let forged = EC.sign_with(&header, &crate::common::claims(claims));
        with_signature(&forged, &signature)
    };
    let header = json!({ "alg": "ES256", "kid": "ec-1" });
    for forged in [
        change(header.clone(), json!({ "sub": "root" })),
        change(header.clone(), json!({ "exp": null })),
        change(json!({ "alg": "ES256" }), json!({})),
        change(json!({ "kid": "ec-1", "alg": "ES256", "typ": "JWT" }), json!({})),
    ] {
        is_denied_in(&present(proxy, &forged), reasons::WRONG, &forged);
    }
}
