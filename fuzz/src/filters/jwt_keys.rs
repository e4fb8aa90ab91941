use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use p256::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use serde_json::{Map, Value};
use tollgate_jwt_auth::algorithms::{self, Algorithm};
use tollgate_jwt_auth::curve::Curve;
use tollgate_jwt_auth::der;
use tollgate_jwt_auth::keys::KeySet;

/// A set of keys, from any bytes: each key of a set that is accepted can verify, or was left out with a
/// reason; and other libraries read the same key from the DER that the host gets.
pub fn jwt_keys(data: &[u8]) {
    let keys = match KeySet::parse(data) {
        Ok(keys) => keys,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
            return;
        }
    };
    // The other forms, PEM and certificates, have no members to look at.
    let Ok(set) = serde_json::from_slice::<Value>(data) else { return };
    let Some(list) = set["keys"].as_array() else { return };
    assert!(keys.skipped().len() < list.len(), "no key is left");
    for (index, jwk) in list.iter().enumerate() {
        let is_skipped = keys.skipped().iter().any(|skipped| skipped.index == index);
        if let (false, Value::Object(jwk)) = (is_skipped, jwk) {
            check_key(jwk);
        }
    }
    check_matching(&keys, list);
}

fn check_key(jwk: &Map<String, Value>) {
    assert!(jwk.get("use").is_none_or(|purpose| purpose == "sig"));
    let verifies = |operations: &Value| {
        operations.as_array().is_some_and(|it| it.iter().any(|operation| operation == "verify"))
    };
    assert!(jwk.get("key_ops").is_none_or(verifies));
    let member = |name: &str| decode(jwk[name].as_str().expect("a string"));
    match jwk["kty"].as_str() {
        Some("RSA") => {
            let (modulus, exponent) = (member("n"), member("e"));
            let info = der::rsa_public_key_info(&modulus, &exponent);
            let modulus = BigUint::from_bytes_be(&modulus);
            assert!((2048..=8192).contains(&modulus.bits()));
            if modulus.bits() <= RsaPublicKey::MAX_SIZE {
                let key = RsaPublicKey::from_public_key_der(&info).expect("not a key for others");
                assert_eq!((key.n(), key.e()), (&modulus, &BigUint::from_bytes_be(&exponent)));
            }
        }
        Some("EC") if curve_of(jwk) != Curve::P256 => {
            let length = curve_of(jwk).order().len();
            assert_eq!((member("x").len(), member("y").len()), (length, length));
        }
        Some("OKP") => assert_eq!(member("x").len(), 32),
        Some("EC") => {
            let point = [&[4][..], &member("x"), &member("y")].concat();
            let info = der::ec_public_key_info(Curve::P256, &point);
            let key = p256::PublicKey::from_public_key_der(&info).expect("not a key for others");
            let read = p256::ecdsa::VerifyingKey::from(key).to_encoded_point(false);
            assert_eq!(read.as_bytes(), point);
        }
        other => panic!("a key of the kind {other:?} is accepted"),
    }
}

fn curve_of(jwk: &Map<String, Value>) -> Curve {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    match (text("crv"), text("alg")) {
        (Some("P-384"), _) | (None, Some("ES384")) => Curve::P384,
        (Some("P-521"), _) | (None, Some("ES512")) => Curve::P521,
        _ => Curve::P256,
    }
}

fn decode(text: &str) -> Vec<u8> {
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&URL_SAFE, padding).decode(text).expect("base64url")
}

/// No key is offered for an algorithm of another family, or under an id that none has.
fn check_matching(keys: &KeySet, list: &[Value]) {
    for algorithm in algorithms::DEFAULT {
        let all = keys.matching(*algorithm, None).count();
        assert!(keys.matching(*algorithm, None).all(|key| key.algorithms().contains(algorithm)));
        let nameless = keys.matching(*algorithm, Some("an id that no key has, we hope")).count();
        let named =
            list.iter().filter(|jwk| jwk["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
        assert!(all - nameless <= named.count());
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(keys.matching(algorithm, None).count(), 0, "{algorithm:?}");
    }
}
