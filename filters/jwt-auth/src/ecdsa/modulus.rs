//! Arithmetic modulo a prime.

use crypto_bigint::U576;
use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};

/// A prime, and what Montgomery's multiplication needs of it.
#[derive(Debug)]
pub(super) struct Modulus(DynResidueParams<{ U576::LIMBS }>);

/// A number below a [`Modulus`], in Montgomery form.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Residue(U576);

impl Residue {
    pub(super) const ZERO: Self = Self(U576::ZERO);
}

impl Modulus {
    pub(super) const fn new(prime: U576) -> Self {
        Self(DynResidueParams::new(&prime))
    }

    pub(super) fn prime(&self) -> &U576 {
        self.0.modulus()
    }

    /// What remains of any number.
    #[inline(never)]
    pub(super) fn residue(&self, number: &U576) -> Residue {
        Residue(DynResidue::new(number, self.0).to_montgomery())
    }

    /// The number that a residue is.
    #[inline(never)]
    pub(super) fn number(&self, residue: &Residue) -> U576 {
        DynResidue::from_montgomery(residue.0, self.0).retrieve()
    }

    /// One copy for all: there are many calls, and each would unroll it.
    #[inline(never)]
    pub(super) fn product(&self, one: &Residue, other: &Residue) -> Residue {
        let [one, other] = [one, other].map(|it| DynResidue::from_montgomery(it.0, self.0));
        Residue(one.mul(&other).to_montgomery())
    }

    pub(super) fn square(&self, residue: &Residue) -> Residue {
        self.product(residue, residue)
    }

    #[inline(never)]
    pub(super) fn sum(&self, one: &Residue, other: &Residue) -> Residue {
        Residue(one.0.add_mod(&other.0, self.prime()))
    }

    #[inline(never)]
    pub(super) fn difference(&self, one: &Residue, other: &Residue) -> Residue {
        Residue(one.0.sub_mod(&other.0, self.prime()))
    }

    pub(super) fn times3(&self, residue: &Residue) -> Residue {
        self.sum(&self.sum(residue, residue), residue)
    }

    pub(super) fn times4(&self, residue: &Residue) -> Residue {
        let twice = self.sum(residue, residue);
        self.sum(&twice, &twice)
    }

    /// The inverse, by Fermat's little theorem; that of zero is zero.
    pub(super) fn inverse(&self, residue: &Residue) -> Residue {
        let exponent = self.prime().wrapping_sub(&U576::from_u8(2));
        let mut inverse = self.residue(&U576::ONE);
        for index in (0..exponent.bits_vartime()).rev() {
            inverse = self.square(&inverse);
            if exponent.bit_vartime(index) {
                inverse = self.product(&inverse, residue);
            }
        }
        inverse
    }
}
