use super::*;
use crate::curve::Curve;
use crypto_bigint::Encoding;
use p384::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier, RandomizedPrehashSigner};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// What another library says: whether the key made the signature of a hash.
fn p384_says(key: &[u8], signature: &[u8], hash: &[u8]) -> bool {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key);
    let signature = p384::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(it)) if key.verify_prehash(hash, &it).is_ok())
}

fn p521_says(key: &[u8], signature: &[u8], hash: &[u8]) -> bool {
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key);
    let signature = p521::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(it)) if key.verify_prehash(hash, &it).is_ok())
}

/// Our verdict, which is that of the other library.
fn verdict(group: &Group, key: &[u8], signature: &[u8], hash: &[u8]) -> bool {
    let ours = group.verify(key, signature, hash);
    let theirs = match group.bytes {
        48 => p384_says(key, signature, hash),
        _ => p521_says(key, signature, hash),
    };
    assert_eq!(ours, theirs, "key {key:02x?}, signature {signature:02x?}, hash {hash:02x?}");
    ours
}

/// The key of a private number, and a signature of the hash.
fn p384_signed(secret: u64, hash: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = [0; 48];
    bytes[40..].copy_from_slice(&secret.max(1).to_be_bytes());
    let key = p384::ecdsa::SigningKey::from_slice(&bytes).unwrap();
    let signature: p384::ecdsa::Signature = key.sign_prehash(hash).unwrap();
    let point = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
    (point, signature.to_bytes().to_vec())
}

fn p521_signed(secret: u64, hash: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = [0; 66];
    bytes[58..].copy_from_slice(&secret.max(1).to_be_bytes());
    let key = p521::ecdsa::SigningKey::from_slice(&bytes).unwrap();
    let mut random = StdRng::seed_from_u64(secret);
    let signature: p521::ecdsa::Signature = key.sign_prehash_with_rng(&mut random, hash).unwrap();
    let point = p521::ecdsa::VerifyingKey::from(&key).to_encoded_point(false).as_bytes().to_vec();
    (point, signature.to_bytes().to_vec())
}

fn check_mutations(group: &Group, key: &[u8], signature: &[u8], hash: &[u8], at: usize, bit: u32) {
    assert!(verdict(group, key, signature, hash));
    let changed = |bytes: &[u8]| {
        let mut changed = bytes.to_vec();
        changed[at % bytes.len()] ^= 1 << (bit % 8);
        changed
    };
    assert!(!verdict(group, key, &changed(signature), hash));
    assert!(!verdict(group, key, signature, &changed(hash)));
    // Off the curve, or in another form: 4 becomes 5, 6, 0, ...
    let other = changed(key);
    assert!(!group.has(&other) && !group.verify(&other, signature, hash));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn p384_verifies_as_another_library_does(
        secret: u64, hash in proptest::collection::vec(any::<u8>(), 48), at: usize, bit: u32,
    ) {
        let (key, signature) = p384_signed(secret, &hash);
        check_mutations(&P384, &key, &signature, &hash, at, bit);
    }

    #[test]
    fn p521_verifies_as_another_library_does(
        secret: u64, hash in proptest::collection::vec(any::<u8>(), 64), at: usize, bit: u32,
    ) {
        let (key, signature) = p521_signed(secret, &hash);
        check_mutations(&P521, &key, &signature, &hash, at, bit);
    }

    #[test]
    fn any_bytes_are_no_point_nor_signature(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!P384.has(&bytes) && !P521.has(&bytes));
        let (key, _) = p384_signed(7, &[1; 48]);
        prop_assert!(!verdict(&P384, &key, &bytes, &[1; 48]));
    }
}

fn padded(length: usize, number: &[u8]) -> Vec<u8> {
    [vec![0; length - number.len()], number.to_vec()].concat()
}

/// The order, less or more by something small.
fn order(curve: Curve, plus: i16) -> Vec<u8> {
    let mut bytes = curve.order().to_vec();
    // The orders end in 0x73 and 0x09: nothing is carried.
    let last = bytes.last_mut().unwrap();
    *last = u8::try_from(i16::from(*last) + plus).unwrap();
    bytes
}

#[test]
fn r_and_s_must_lie_between_1_and_the_order() {
    for (group, curve, hash) in [(&P384, Curve::P384, 48), (&P521, Curve::P521, 64)] {
        let hash = vec![3; hash];
        let (key, good) = match curve {
            Curve::P384 => p384_signed(5, &hash),
            _ => p521_signed(5, &hash),
        };
        let (r, s) = good.split_at(group.bytes);
        let zero = vec![0; group.bytes];
        for bad in [zero, order(curve, 0), order(curve, 1), vec![0xff; group.bytes]] {
            for signature in [[&bad, s].concat(), [r, &bad].concat(), [&bad[..], &bad].concat()] {
                assert!(!verdict(group, &key, &signature, &hash));
            }
        }
        // In range, and still wrong.
        for edge in [order(curve, -1), padded(group.bytes, &[1])] {
            for signature in [[&edge, s].concat(), [r, &edge].concat(), [&edge[..], &edge].concat()]
            {
                assert!(!verdict(group, &key, &signature, &hash));
            }
        }
        for length in [0, 1, good.len() - 1] {
            assert!(!verdict(group, &key, &good[..length], &hash));
        }
        assert!(!verdict(group, &key, &[&good[..], &[0]].concat(), &hash));
        assert_eq!(*group.scalars.prime(), number(curve.order()).unwrap());
    }
}

#[test]
fn what_is_not_on_the_curve_is_no_key() {
    for (group, (good, _)) in [(&P384, p384_signed(9, &[1; 48])), (&P521, p521_signed(9, &[1; 64]))]
    {
        assert!(group.has(&good));
        let (x, y) = good[1..].split_at(group.bytes);
        let zero = vec![0; group.bytes];
        let prime = group.field.prime().to_be_bytes()[72 - group.bytes..].to_vec();
        for bad in [
            [&[4][..], &zero, &zero].concat(),
            [&[4][..], y, x].concat(),
            [&[4][..], &prime, y].concat(),
            [&[4][..], x, &prime].concat(),
            [&[4][..], x].concat(),
            [&[2][..], x].concat(),
            [&[3][..], x].concat(),
            [&[5][..], x, y].concat(),
            [&good[..], &[0]].concat(),
            vec![0],
            vec![],
        ] {
            assert!(!group.has(&bad), "{bad:02x?}");
        }
    }
}

/// The sums where formulas that take no care go wrong: of a point and itself, its negative, nothing.
#[test]
fn points_are_added_right_where_they_are_alike() {
    for group in [&P384, &P521] {
        let p = &group.field;
        let g = group.affine(&group.generator.0, &group.generator.1);
        let negative = Point { y: p.difference(&Residue::ZERO, &g.y), ..g };
        let zero = Point { x: Residue::ZERO, y: Residue::ZERO, z: Residue::ZERO };
        let x = |point: &Point| group.affine_x(point);
        assert_eq!(x(&group.sum(&g, &g)), x(&group.double(&g)));
        assert_eq!(x(&group.sum(&g, &negative)), None);
        assert_eq!(x(&group.sum(&zero, &g)), x(&g));
        assert_eq!(x(&group.sum(&g, &zero)), x(&g));
        assert_eq!(x(&group.sum(&zero, &zero)), None);
        assert_eq!(x(&group.double(&zero)), None);
        let three = group.sum(&group.double(&g), &g);
        assert_eq!(x(&group.sum(&g, &group.double(&g))), x(&three));
        assert_eq!(x(&group.sum(&three, &negative)), x(&group.double(&g)));
        // n G = 0, (n - 1) G = -G.
        let n = *group.scalars.prime();
        let before = n.wrapping_sub(&U576::ONE);
        assert_eq!(x(&group.sum_of_products(&n, &g, &U576::ZERO)), None);
        assert_eq!(x(&group.sum_of_products(&before, &g, &U576::ZERO)), x(&g));
        assert_eq!(x(&group.sum_of_products(&before, &g, &U576::ONE)), None);
        assert_eq!(x(&group.sum_of_products(&U576::ONE, &negative, &U576::ONE)), None);
        assert_eq!(x(&group.sum_of_products(&U576::ZERO, &g, &U576::ZERO)), None);
    }
}

/// With u1 = 0, and with the key G or -G, for which both products are added as one point or cancel.
#[test]
fn signatures_of_special_keys_and_hashes_are_judged_as_another_library_does() {
    let zero_hash = [0; 48];
    let (key, signature) = p384_signed(1, &zero_hash);
    assert!(verdict(&P384, &key, &signature, &zero_hash));
    let order_hash = Curve::P384.order();
    let (key, signature) = p384_signed(3, order_hash);
    assert!(verdict(&P384, &key, &signature, order_hash));
    let (key, signature) = p384_signed(1, &[0xff; 48]);
    assert!(verdict(&P384, &key, &signature, &[0xff; 48]));
    // e = r for the key -G: u1 G + u2 Q is infinite.
    let (g, _) = p384_signed(1, &zero_hash);
    let p = U576::from_be_slice(&padded(72, &P384.field.prime().to_be_bytes()[24..]));
    let y = p.wrapping_sub(&number(&g[49..]).unwrap());
    let negative = [&g[..49], &y.to_be_bytes()[24..]].concat();
    let r = padded(48, &[5]);
    for s in [padded(48, &[1]), padded(48, &[9, 9])] {
        let signature = [r.clone(), s].concat();
        assert!(!verdict(&P384, &negative, &signature, &r));
        assert!(!verdict(&P384, &g, &signature, &r));
    }
}
