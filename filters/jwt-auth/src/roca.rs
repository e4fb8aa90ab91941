//! RSA keys of chips whose keys can be factored (CVE-2017-15361, "ROCA").
//!
//! Their primes are k·M + 65537^a mod M, M being the product of the first primes: modulo each of these the
//! modulus is a power of 65537. One of other making is so with a probability of about 2^-27.

/// Primes for which the powers of 65537 leave something out.
const PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether a modulus, big-endian, is of such a key.
#[must_use]
pub fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest << 8 | u32::from(*byte)).checked_rem(prime).unwrap_or(0))
}

/// Whether a number is a power of 65537 modulo a prime.
fn is_power(number: u32, prime: u32) -> bool {
    let next = |power: &u32| power.wrapping_mul(65537).checked_rem(prime);
    let powers = std::iter::successors(Some(1), next);
    powers.take(prime as usize).any(|power| power == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::BigUint;

    /// A number that looks like such a modulus: a power of 65537 modulo the product of all primes to 167.
    fn weak(exponent: u32) -> Vec<u8> {
        let is_prime = |n: &u32| (2..*n).all(|d| !n.is_multiple_of(d));
        let product: BigUint = (2..=167_u32).filter(is_prime).map(BigUint::from).product();
        let power = BigUint::from(65537_u32).modpow(&BigUint::from(exponent), &product);
        (power + product * (BigUint::from(1_u32) << 1800)).to_bytes_be()
    }

    #[test]
    fn a_modulus_of_such_a_key_is_recognised() {
        for exponent in [0, 1, 2, 1000, 65537, 1_234_567] {
            assert!(is_weak(&weak(exponent)), "{exponent}");
        }
    }

    #[test]
    fn what_is_a_little_more_or_a_real_key_is_not() {
        use rsa::traits::PublicKeyParts;
        for exponent in [1, 2, 1000, 65537, 1_234_567] {
            let other = BigUint::from_bytes_be(&weak(exponent)) + 2_u32;
            assert!(!is_weak(&other.to_bytes_be()), "{exponent}");
        }
        assert!(!is_weak(&crate::testing::rsa_key().n().to_bytes_be()));
    }
}
