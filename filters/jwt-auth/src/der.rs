//! The few DER structures (X.690) that the host's `verify_signature` wants, and their checks.

use crate::curve::Curve;

/// SEQUENCE { rsaEncryption (1.2.840.113549.1.1.1), NULL } (RFC 8017, A.1).
const RSA_ENCRYPTION: &[u8] =
    &[0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0];

/// SEQUENCE { id-ecPublicKey (1.2.840.10045.2.1), prime256v1 (1.2.840.10045.3.1.7) } (RFC 5480, 2.1).
const EC_P256: &[u8] = &[
    0x30, 19, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// SEQUENCE { id-ecPublicKey, secp384r1 (1.3.132.0.34) } (RFC 5480, 2.1.1).
const EC_P384: &[u8] = &[
    0x30, 16, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 5, 0x2b, 0x81, 0x04, 0x00,
    0x22,
];

/// SEQUENCE { id-ecPublicKey, secp521r1 (1.3.132.0.35) } (RFC 5480, 2.1.1).
const EC_P521: &[u8] = &[
    0x30, 16, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 5, 0x2b, 0x81, 0x04, 0x00,
    0x23,
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of an RSA key; modulus and exponent big-endian.
#[must_use]
pub fn rsa_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = element(SEQUENCE, &[&unsigned(modulus), &unsigned(exponent)]);
    public_key_info(RSA_ENCRYPTION, &key)
}

/// The SubjectPublicKeyInfo of an EC key; the point as in SEC 1, 2.3.3: `04`, x, y.
#[must_use]
pub fn ec_public_key_info(curve: Curve, point: &[u8]) -> Vec<u8> {
    let algorithm = match curve {
        Curve::P256 => EC_P256,
        Curve::P384 => EC_P384,
        Curve::P521 => EC_P521,
    };
    public_key_info(algorithm, point)
}

/// Turns the ECDSA signature of a JWS, r‖s (RFC 7518, 3.4), into an ECDSA-Sig-Value (RFC 3279,
/// 2.2.3).
///
/// `None` unless it has exactly as many bytes as two coordinates, and both numbers lie in 1 to n - 1.
#[must_use]
pub fn ecdsa_signature(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    let order = curve.order();
    let (r, s) = signature.split_at_checked(order.len())?;
    let in_range = |number: &[u8]| {
        number.len() == order.len() && number.iter().any(|byte| *byte != 0) && *number < *order
    };
    (in_range(r) && in_range(s)).then(|| element(SEQUENCE, &[&unsigned(r), &unsigned(s)]))
}

fn public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    // The zero says that the last byte has no unused bits.
    let key = element(BIT_STRING, &[&[0], key]);
    element(SEQUENCE, &[algorithm, &key])
}

/// An INTEGER from big-endian bytes without a sign.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    match digits.first() {
        // A set top bit would make the number negative.
        None | Some(0x80..) => element(INTEGER, &[&[0], digits]),
        Some(_) => element(INTEGER, &[digits]),
    }
}

/// A tag, the length of the content, and the content, which is given in parts.
fn element(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let length = content.iter().map(|part| part.len()).sum::<usize>();
    let mut element = vec![tag];
    push_length(&mut element, length);
    content.iter().for_each(|part| element.extend_from_slice(part));
    element
}

fn push_length(element: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short @ ..0x80) => element.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let digits = bytes.get(zeros..).unwrap_or_default();
            // At most eight digits, so the sum fits.
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            element.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature, SigningKey};
    use p256::pkcs8::{DecodePublicKey, EncodePublicKey};
    use proptest::prelude::*;
    use rand::rngs::OsRng;
    use rsa::traits::PublicKeyParts;

    #[test]
    fn an_rsa_key_is_encoded_as_the_rsa_crate_does() {
        let key = crate::testing::rsa_key().to_public_key();
        assert_eq!(
            rsa_public_key_info(&key.n().to_bytes_be(), &key.e().to_bytes_be()),
            key.to_public_key_der().unwrap().as_bytes()
        );
    }

    #[test]
    fn leading_zeros_of_a_modulus_are_left_out() {
        assert_eq!(rsa_public_key_info(&[0, 0, 5], &[3]), rsa_public_key_info(&[5], &[0, 3]));
    }

    #[test]
    fn a_p256_key_is_encoded_as_the_p256_crate_does() {
        let key = *SigningKey::random(&mut OsRng).verifying_key();
        let info = ec_public_key_info(Curve::P256, key.to_encoded_point(false).as_bytes());
        assert_eq!(info, key.to_public_key_der().unwrap().as_bytes());
        assert!(p256::PublicKey::from_public_key_der(&info).is_ok());
    }

    #[test]
    fn a_signature_is_encoded_as_the_p256_crate_does() {
        let key = SigningKey::random(&mut OsRng);
        for message in 0..64u8 {
            let signature: Signature = key.sign(&[message]);
            assert_eq!(
                ecdsa_signature(Curve::P256, &signature.to_bytes()).unwrap(),
                signature.to_der().as_bytes()
            );
        }
    }

    #[test]
    fn p384_is_encoded_as_openssl_does() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let point = [
            vec![4],
            decode("TEoNx4YUTiXdWj-Syzd6I44rZ7VljOncaSgFrjlMvzZugPt3ifm5K6nsSSLyA8pg"),
            decode("uh6lSYnv0MoU0IKSiVPx1RKsvxijHzegGg3iQaWB7ZwFbT8U2BmEn3B2ibmYJQuY"),
        ]
        .concat();
        let info = "\
            MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAETEoNx4YUTiXdWj-Syzd6I44rZ7VljOncaSgFrjlMvzZugPt3ifm5K6ns\
            SSLyA8pguh6lSYnv0MoU0IKSiVPx1RKsvxijHzegGg3iQaWB7ZwFbT8U2BmEn3B2ibmYJQuY";
        assert_eq!(ec_public_key_info(Curve::P384, &point), decode(info));
        let signature = decode(
            "\
            guTR8xX5yM8SjUxWf57i43YE3P1Pplfl6wf86n0Qn5XEIJ4X3uuMqzT5EujWZtek8fqV43Q9Uve1AnIU2BtKwa0h\
            KbCWtSHWuQkizqdjr94rDlm_aOBn42aFYNYaqbBo",
        );
        let der = "\
            MGYCMQCC5NHzFfnIzxKNTFZ_nuLjdgTc_U-mV-XrB_zqfRCflcQgnhfe64yrNPkS6NZm16QCMQDx-pXjdD1S97UC\
            chTYG0rBrSEpsJa1Ida5CSLOp2Ov3isOWb9o4GfjZoVg1hqpsGg";
        assert_eq!(ecdsa_signature(Curve::P384, &signature).unwrap(), decode(der));
        assert_eq!(ecdsa_signature(Curve::P384, &signature[..64]), None);
        let zero = [&[0; 48][..], &signature[48..]].concat();
        let order = [&signature[..48], Curve::P384.order()].concat();
        assert_eq!(
            (ecdsa_signature(Curve::P384, &zero), ecdsa_signature(Curve::P384, &order)),
            (None, None)
        );
    }

    #[test]
    fn a_signature_of_any_other_length_than_64_is_refused() {
        for length in (0..200).filter(|length| *length != 64) {
            assert_eq!(ecdsa_signature(Curve::P256, &vec![1; length]), None, "{length}");
        }
    }

    #[test]
    fn a_signature_in_der_is_refused() {
        let signature: Signature = SigningKey::random(&mut OsRng).sign(b"x");
        assert_eq!(ecdsa_signature(Curve::P256, signature.to_der().as_bytes()), None);
    }

    #[test]
    fn r_and_s_must_lie_between_1_and_the_order() {
        let order: [u8; 32] = Curve::P256.order().try_into().unwrap();
        let (zero, mut one, mut last) = ([0; 32], [0; 32], order);
        one[31] = 1;
        last[31] -= 1;
        for good in [one, last] {
            assert!(ecdsa_signature(Curve::P256, &[one, good].concat()).is_some());
            assert!(ecdsa_signature(Curve::P256, &[good, one].concat()).is_some());
            for bad in [zero, order, [0xff; 32]] {
                assert_eq!(ecdsa_signature(Curve::P256, &[good, bad].concat()), None);
                assert_eq!(ecdsa_signature(Curve::P256, &[bad, good].concat()), None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_64_bytes_are_judged_as_the_p256_crate_does(bytes in proptest::array::uniform32(any::<u8>()), other in proptest::array::uniform32(any::<u8>())) {
            let bytes = [bytes, other].concat();
            let expected = Signature::from_slice(&bytes).ok().map(|s| s.to_der().as_bytes().to_vec());
            prop_assert_eq!(ecdsa_signature(Curve::P256, &bytes), expected);
        }
    }
}
