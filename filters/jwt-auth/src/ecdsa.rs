//! ECDSA (FIPS 186-5, 6.4.2) on P-384 and P-521, verification only.
//!
//! Our own, on the modular arithmetic of `crypto-bigint`: the crates of these curves unroll it for each
//! field, which makes them many times as large, for hosts that cannot verify, and no Envoy is one.
//! All numbers here are public, so nothing depends on how long a step takes.

mod modulus;

use crypto_bigint::U576;
use modulus::{Modulus, Residue};

/// A curve y² = x³ - 3x + b over a prime field, with a group of prime order.
#[derive(Debug)]
pub struct Group {
    /// Octets of a coordinate, and of half a signature.
    bytes: usize,
    field: Modulus,
    scalars: Modulus,
    b: U576,
    generator: (U576, U576),
}

/// FIPS 186-4, D.1.2.4.
pub static P384: Group = Group {
    bytes: 48,
    field: Modulus::new(U576::from_be_hex(
        "000000000000000000000000000000000000000000000000ffffffffffffffffffffffff\
         fffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    )),
    scalars: Modulus::new(U576::from_be_hex(
        "000000000000000000000000000000000000000000000000ffffffffffffffffffffffff\
         ffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    )),
    b: U576::from_be_hex(
        "000000000000000000000000000000000000000000000000b3312fa7e23ee7e4988e056b\
         e3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    ),
    generator: (
        U576::from_be_hex(
            "000000000000000000000000000000000000000000000000aa87ca22be8b05378eb1c71e\
             f320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        ),
        U576::from_be_hex(
            "0000000000000000000000000000000000000000000000003617de4a96262c6f5d9e98bf\
             9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        ),
    ),
};

/// FIPS 186-4, D.1.2.5.
pub static P521: Group = Group {
    bytes: 66,
    field: Modulus::new(U576::from_be_hex(
        "00000000000001ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )),
    scalars: Modulus::new(U576::from_be_hex(
        "00000000000001ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         fffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    )),
    b: U576::from_be_hex(
        "0000000000000051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b48991\
         8ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
    ),
    generator: (
        U576::from_be_hex(
            "00000000000000c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af60\
             6b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        ),
        U576::from_be_hex(
            "000000000000011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17\
             273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        ),
    ),
};

/// A point in Jacobian coordinates: x / z², y / z³; at infinity where z is zero.
#[derive(Clone, Copy)]
struct Point {
    x: Residue,
    y: Residue,
    z: Residue,
}

impl Group {
    /// Whether bytes are a point (SEC 1, 2.3.4), uncompressed: `04`, x, y.
    #[must_use]
    pub fn has(&self, point: &[u8]) -> bool {
        self.point(point).is_some()
    }

    /// Whether the key, a point, made the signature, r‖s, of what has this hash, which is at most as
    /// long as the order.
    #[must_use]
    pub fn verify(&self, key: &[u8], signature: &[u8], hash: &[u8]) -> bool {
        self.is_genuine(key, signature, hash).unwrap_or(false)
    }

    /// `None` where a part is out of its range.
    fn is_genuine(&self, key: &[u8], signature: &[u8], hash: &[u8]) -> Option<bool> {
        let key = self.point(key)?;
        let (r, s) = signature.split_at_checked(self.bytes)?;
        let (r, s) = (self.scalar(r)?, self.scalar(s)?);
        let n = &self.scalars;
        let inverse = n.inverse(&s);
        let u1 = n.number(&n.product(&n.residue(&number(hash)?), &inverse));
        let u2 = n.number(&n.product(&r, &inverse));
        let x = self.affine_x(&self.sum_of_products(&u1, &key, &u2))?;
        Some(n.residue(&x) == r)
    }

    /// The point of uncompressed bytes, if it is on the curve.
    #[inline(never)]
    fn point(&self, bytes: &[u8]) -> Option<Point> {
        let p = &self.field;
        let (x, y) = bytes.strip_prefix(&[4])?.split_at_checked(self.bytes)?;
        let point = self.affine(&self.coordinate(x)?, &self.coordinate(y)?);
        let Point { x, y, z: one } = &point;
        let slope = p.difference(&p.square(x), &p.times3(one));
        let right = p.sum(&p.product(x, &slope), &p.residue(&self.b));
        (p.square(y) == right).then_some(point)
    }

    fn affine(&self, x: &U576, y: &U576) -> Point {
        let p = &self.field;
        Point { x: p.residue(x), y: p.residue(y), z: p.residue(&U576::ONE) }
    }

    /// A number from 0 to p - 1 in as many bytes as it must have.
    fn coordinate(&self, bytes: &[u8]) -> Option<U576> {
        let is_in_range = |number: &U576| bytes.len() == self.bytes && number < self.field.prime();
        number(bytes).filter(is_in_range)
    }

    /// A number from 1 to n - 1, likewise.
    fn scalar(&self, bytes: &[u8]) -> Option<Residue> {
        let is_in_range = |number: &U576| {
            bytes.len() == self.bytes && number < self.scalars.prime() && *number != U576::ZERO
        };
        number(bytes).filter(is_in_range).map(|number| self.scalars.residue(&number))
    }

    /// u1 times the generator plus u2 times a point: both at once, from the highest bit down.
    fn sum_of_products(&self, u1: &U576, point: &Point, u2: &U576) -> Point {
        let generator = self.affine(&self.generator.0, &self.generator.1);
        let both = self.sum(&generator, point);
        let mut sum = Point { x: Residue::ZERO, y: Residue::ZERO, z: Residue::ZERO };
        for index in (0..u1.bits_vartime().max(u2.bits_vartime())).rev() {
            sum = self.double(&sum);
            let summand = match (u1.bit_vartime(index), u2.bit_vartime(index)) {
                (true, true) => &both,
                (true, false) => &generator,
                (false, true) => point,
                (false, false) => continue,
            };
            sum = self.sum(&sum, summand);
        }
        sum
    }

    /// Twice a point: `dbl-2001-b` of the Explicit-Formulas Database; for infinity infinity.
    #[inline(never)]
    fn double(&self, point: &Point) -> Point {
        let p = &self.field;
        let Point { x, y, z } = point;
        let delta = p.square(z);
        let gamma = p.square(y);
        let beta4 = p.times4(&p.product(x, &gamma));
        let slope = p.product(&p.difference(x, &delta), &p.sum(x, &delta));
        let alpha = p.times3(&slope);
        let x3 = p.difference(&p.square(&alpha), &p.sum(&beta4, &beta4));
        let z3 = p.difference(&p.difference(&p.square(&p.sum(y, z)), &gamma), &delta);
        let gamma_squared4 = p.times4(&p.square(&gamma));
        let gamma_squared8 = p.sum(&gamma_squared4, &gamma_squared4);
        let y3 = p.product(&alpha, &p.difference(&beta4, &x3));
        Point { x: x3, y: p.difference(&y3, &gamma_squared8), z: z3 }
    }

    /// `add-1998-cmo-2` there, and the cases that it leaves out.
    #[inline(never)]
    fn sum(&self, one: &Point, other: &Point) -> Point {
        let p = &self.field;
        if one.z == Residue::ZERO {
            return *other;
        }
        if other.z == Residue::ZERO {
            return *one;
        }
        let (z1, z2) = (p.square(&one.z), p.square(&other.z));
        let (u1, u2) = (p.product(&one.x, &z2), p.product(&other.x, &z1));
        let s1 = p.product(&one.y, &p.product(&other.z, &z2));
        let s2 = p.product(&other.y, &p.product(&one.z, &z1));
        let (h, r) = (p.difference(&u2, &u1), p.difference(&s2, &s1));
        if h == Residue::ZERO && r == Residue::ZERO {
            return self.double(one);
        }
        // Where only x is the same, z becomes zero: infinity.
        let h2 = p.square(&h);
        let h3 = p.product(&h, &h2);
        let v = p.product(&u1, &h2);
        let x = p.difference(&p.difference(&p.square(&r), &h3), &p.sum(&v, &v));
        let y = p.difference(&p.product(&r, &p.difference(&v, &x)), &p.product(&s1, &h3));
        Point { x, y, z: p.product(&p.product(&one.z, &other.z), &h) }
    }

    /// The x of a point; `None` at infinity.
    fn affine_x(&self, point: &Point) -> Option<U576> {
        let p = &self.field;
        let inverse = p.square(&p.inverse(&point.z));
        (point.z != Residue::ZERO).then(|| p.number(&p.product(&point.x, &inverse)))
    }
}

/// A big-endian number that is no longer than ours are.
#[inline(never)]
fn number(bytes: &[u8]) -> Option<U576> {
    let mut padded = [0; U576::BYTES];
    let start = padded.len().checked_sub(bytes.len())?;
    padded.get_mut(start..)?.copy_from_slice(bytes);
    Some(U576::from_be_slice(&padded))
}

#[cfg(test)]
mod tests;
