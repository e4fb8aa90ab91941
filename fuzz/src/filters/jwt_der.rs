use p256::ecdsa::{DerSignature, Signature};
use tollgate_jwt_auth::curve::Curve;
use tollgate_jwt_auth::der;

/// An ES256 signature in DER: another library reads the same numbers from it, and refuses those that are
/// refused here.
pub fn jwt_der(data: &[u8]) {
    let ours = der::ecdsa_signature(Curve::P256, data);
    let theirs = Signature::from_slice(data).ok();
    assert_eq!(ours.is_some(), theirs.is_some(), "accepted by one of the two");
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let read = DerSignature::from_bytes(&ours).expect("not DER for others");
        assert_eq!(Signature::try_from(read).ok(), Some(theirs));
        assert_eq!(theirs.to_der().as_bytes(), ours);
    }
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        check_structure(&der::ec_public_key_info(curve, data));
    }
    let (modulus, exponent) = data.split_at(data.len() / 2);
    check_structure(&der::rsa_public_key_info(modulus, exponent));
}

/// The outermost element spans all bytes, with its length in the shortest form.
fn check_structure(element: &[u8]) {
    let [0x30, length, rest @ ..] = element else { panic!("no sequence") };
    let content = match length {
        0..0x80 => usize::from(*length),
        _ => {
            let digits = &rest[..usize::from(length & 0x7f)];
            let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            assert!(digits[0] != 0 && length >= 0x80, "a longer form than needed");
            length + digits.len()
        }
    };
    assert_eq!(content, rest.len());
}
