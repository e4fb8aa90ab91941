use super::*;
use crate::algorithms::Algorithm;
use crate::keys::{KeySet, KeySetError};
use crate::testing::{certificate, certificate_der, element, pem, rsa_key};
use p256::pkcs8::EncodePublicKey;
use proptest::prelude::*;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use serde_json::json;

fn rsa_info() -> Vec<u8> {
    rsa_key().to_public_key().to_public_key_der().unwrap().into_vec()
}

/// A point of each curve, and the key as other libraries write it.
fn points() -> [(Algorithm, Vec<u8>); 4] {
    let p256 = p256::SecretKey::from_slice(&[1; 32]).unwrap().public_key();
    let p384 = p384::SecretKey::from_slice(&[1; 48]).unwrap().public_key();
    let p521 = p521::SecretKey::from_slice(&[1; 66]).unwrap().public_key();
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    let ed25519 =
        element(0x30, &[&[0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70], &[0x03, 33, 0], ed25519.as_bytes()]);
    [
        (Algorithm::ES256, p256.to_public_key_der().unwrap().into_vec()),
        (Algorithm::ES384, p384.to_public_key_der().unwrap().into_vec()),
        (Algorithm::ES512, p521.to_public_key_der().unwrap().into_vec()),
        (Algorithm::EdDSA, ed25519),
    ]
}

fn is_rsa_key(key: &VerifyingKey) -> bool {
    let VerifyingKey::Rsa(key) = key else { return false };
    key.modulus() == rsa_key().n().to_bytes_be() && key.exponent() == rsa_key().e().to_bytes_be()
}

fn refusal(text: &str) -> &'static str {
    public_key(text).err().unwrap()
}

#[test]
fn an_rsa_key_is_read_from_both_of_its_forms_and_from_a_certificate() {
    let info = rsa_info();
    let alone = rsa_key().to_public_key().to_pkcs1_der().unwrap();
    assert!(is_rsa_key(&public_key(&pem("PUBLIC KEY", &info)).unwrap()));
    assert!(is_rsa_key(&public_key(&pem("RSA PUBLIC KEY", alone.as_bytes())).unwrap()));
    assert!(is_rsa_key(&super::certificate(&certificate(&info)).unwrap()));
}

#[test]
fn a_point_is_read_as_other_libraries_write_it() {
    for (algorithm, info) in points() {
        for key in [public_key(&pem("PUBLIC KEY", &info)), super::certificate(&certificate(&info))]
        {
            let key = key.unwrap();
            assert_eq!(key.algorithms(), [algorithm]);
            if let VerifyingKey::Ec(key) = key {
                assert_eq!(key.info(), info);
            }
        }
    }
}

#[test]
fn the_first_block_counts_and_what_is_around_it_does_not() {
    let [(_, other), ..] = points();
    let good = pem("PUBLIC KEY", &rsa_info());
    let unwrapped = good.replace('\n', "").replace("KEY-----", "KEY-----\n");
    let crlf = good.replace('\n', "\r\n");
    let chain = format!("# of ours\n{good}{}", pem("PUBLIC KEY", &other));
    for text in [&good, good.trim(), &unwrapped, &crlf, &chain] {
        assert!(is_rsa_key(&public_key(text).unwrap()), "{text}");
    }
    let chain = certificate(&rsa_info()) + &certificate(&other);
    assert!(is_rsa_key(&super::certificate(&chain).unwrap()));
}

#[test]
fn what_is_no_public_key_is_refused_with_its_reason() {
    let info = rsa_info();
    assert_eq!(refusal("-----BEGIN CERTIFICATE-----\n"), "there is no PUBLIC KEY");
    assert_eq!(refusal("-----BEGIN PUBLIC KEY-----\nAAAA"), "its END line is missing");
    assert_eq!(refusal(&pem("PUBLIC KEY", &info).replace('M', "!")), "an invalid Base64");
    let longer = [&info[..], &[0]].concat();
    for der in [&info[..info.len() - 1], &longer, &[], &[0x30, 0x80]] {
        assert_eq!(refusal(&pem("PUBLIC KEY", der)), "not a public key in DER");
    }
    assert_eq!(refusal(&pem("RSA PUBLIC KEY", &info)), "not an RSA key in DER");
    let x25519 = element(0x30, &[&[0x30, 5, 0x06, 3, 0x2b, 0x65, 0x6e], &[0x03, 33, 0], &[9; 32]]);
    assert_eq!(refusal(&pem("PUBLIC KEY", &x25519)), "[kty] is not supported");
    let [(_, mut secp256k1), ..] = points();
    // 1.3.132.0.10 is as long as an object identifier of two other bytes.
    let curve = element(0x06, &[&[0x2b, 0x81, 0x04, 0x00, 0x0a]]);
    let ec = element(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]]);
    secp256k1 = element(0x30, &[&element(0x30, &[&ec, &curve]), &secp256k1[23..]]);
    assert_eq!(refusal(&pem("PUBLIC KEY", &secp256k1)), "[crv] is not supported");
}

/// The same checks as of a JWK.
#[test]
fn a_key_that_is_weak_or_wrong_is_refused_in_pem_as_well() {
    let number = |bytes: &[u8]| element(0x02, &[&[0], bytes]);
    let rsa = |n: &[u8], e: &[u8]| {
        refusal(&pem("RSA PUBLIC KEY", &element(0x30, &[&number(n), &element(0x02, &[e])])))
    };
    let n = vec![0xff; 256];
    assert!(rsa(&[0xff; 128], &[1, 0, 1]).starts_with("[n] has less than 2048"));
    assert!(rsa(&[0xff; 1025], &[1, 0, 1]).starts_with("[n] has less than 2048"));
    assert_eq!(rsa(&n, &[17]), "[e] is neither 3 nor 65537");
    for (_, mut info) in points() {
        *info.last_mut().unwrap() ^= 1;
        let refusal = public_key(&pem("PUBLIC KEY", &info)).err();
        let off = ["[x] and [y] are not on the curve", "[x] is not a point of Ed25519"];
        // Half of all bytes are a point of Ed25519.
        assert!(refusal.is_none_or(|reason| off.contains(&reason)), "{refusal:?}");
    }
}

#[test]
fn a_certificate_that_is_cut_or_longer_is_refused() {
    let good = certificate_der(&rsa_info());
    let refusal = |der: &[u8]| super::certificate(&pem("CERTIFICATE", der)).err();
    for length in 0..good.len() {
        assert_eq!(refusal(&good[..length]), Some("not a certificate in DER"), "{length}");
    }
    assert_eq!(refusal(&[&good[..], &[0]].concat()), Some("not a certificate in DER"));
    assert_eq!(refusal(&rsa_info()), Some("not a certificate in DER"));
}

#[test]
fn a_set_of_certificates_has_its_names_as_key_ids() {
    let [(_, p256), ..] = points();
    let set =
        json!({ "a": certificate(&rsa_info()), "b": certificate(&p256), "c": certificate(&[]) });
    let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let count = |algorithm, kid| set.matching(algorithm, Some(kid)).count();
    assert_eq!([count(Algorithm::RS256, "a"), count(Algorithm::PS512, "a")], [1, 1]);
    assert_eq!([count(Algorithm::ES256, "b"), count(Algorithm::ES384, "b")], [1, 0]);
    assert_eq!([count(Algorithm::RS256, "b"), count(Algorithm::ES256, "c")], [0, 0]);
    let skipped: Vec<_> = set.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["keys[2]: not a certificate in DER"]);
}

#[test]
fn an_object_with_anything_but_certificates_is_no_key_set() {
    let good = certificate(&rsa_info());
    for set in [
        json!({}),
        json!({ "a": good, "b": 7 }),
        json!({ "a": good, "": good }),
        json!({ "a": good, "b": "text" }),
        json!({ "a": pem("PUBLIC KEY", &rsa_info()) }),
    ] {
        let error = KeySet::parse(set.to_string().as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::NoKeys, "{set}");
    }
}

#[test]
fn a_pem_in_the_place_of_a_set_is_one_key_for_every_id() {
    let text = pem("PUBLIC KEY", &rsa_info());
    let set = KeySet::parse(format!("\n {text}").as_bytes()).unwrap();
    assert_eq!(set.matching(Algorithm::RS256, Some("any")).count(), 1);
    assert_eq!(set.matching(Algorithm::PS384, None).count(), 1);
    assert_eq!(set.matching(Algorithm::ES256, None).count(), 0);
    let only = KeySet::parse_for(&[Algorithm::ES256], text.as_bytes()).unwrap_err();
    let expected = "PEM pubkey parse fails; the provider does not allow its algorithms";
    assert_eq!(only.to_string(), expected);
}

proptest! {
    #[test]
    fn no_bytes_in_a_certificate_panic(at: usize, byte: u8, cut: usize) {
        let [(_, info), ..] = points();
        let mut der = certificate_der(&info);
        let length = der.len();
        der[at % length] = byte;
        der.truncate(cut % length + 1);
        let _any = super::certificate(&pem("CERTIFICATE", &der));
        let _any = public_key(&pem("PUBLIC KEY", &der));
    }
}
