//! The foreign function `verify_signature`, as Envoy has it since 1.37: RSA with PKCS#1 v1.5, and ECDSA
//! on P-256, P-384 and P-521 with signatures in DER (`source/extensions/common/wasm/foreign.cc`,
//! `source/common/crypto/utility_impl.cc`).

use super::SimulatedHost;
use super::foreign::{SignatureCheck, SignatureResult};
use crate::abi::{Result, Status};
use crate::proxy::Proxy;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use prost::Message;
use rsa::pkcs1;
use rsa::pkcs8::der::{Decode, SliceReader};
use rsa::pkcs8::{Document, SubjectPublicKeyInfoRef};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// The largest modulus that BoringSSL takes, in bits.
const MAX_RSA_BITS: usize = 16 * 1024;

impl SimulatedHost {
    /// Offers the foreign function `verify_signature`, which truly verifies: RSA with PKCS#1 v1.5 and
    /// ECDSA (P-256, P-384, P-521; signatures in DER), with `sha1`, `sha224`, `sha256`, `sha384` and `sha512`.
    /// Needs the feature `signatures`.
    ///
    /// ```
    /// use tollgate_testkit::SimulatedHost;
    ///
    /// let mut host = SimulatedHost::new();
    /// host.verify_signatures();
    /// ```
    pub fn verify_signatures(&mut self) {
        self.set_foreign_function("verify_signature", verify_signature);
    }
}

impl Proxy {
    /// As [`SimulatedHost::verify_signatures`], for every VM. Needs the feature `signatures`.
    pub fn verify_signatures(&mut self) -> &mut Self {
        self.host(SimulatedHost::verify_signatures)
    }
}

fn verify_signature(arguments: &[u8]) -> Result<Vec<u8>> {
    let check = SignatureCheck::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
    // One key, in one form.
    if check.public_key.is_empty() == check.public_key_pem.is_empty() {
        return Err(Status::BAD_ARGUMENT);
    }
    let error = verify(&check).err().unwrap_or_default();
    Ok(SignatureResult { result: error.is_empty(), error }.encode_to_vec())
}

/// Whether a signature is right; else Envoy's words for why not.
fn verify(check: &SignatureCheck) -> std::result::Result<(), String> {
    let hash = Hash::of(&check.hash_function, &check.text)
        .ok_or_else(|| format!("{} is not supported.", check.hash_function))?;
    let key = PublicKey::read(check).ok_or("Failed to initialize digest verify.")?;
    match key.made(&check.signature, hash) {
        true => Ok(()),
        false => Err("Failed to verify digest. Error code: 0".into()),
    }
}

/// The hash of a text, and how PKCS#1 marks it.
struct Hash {
    digest: Vec<u8>,
    scheme: Pkcs1v15Sign,
}

impl Hash {
    /// The names of hash functions are known in any case.
    fn of(function: &str, text: &[u8]) -> Option<Self> {
        let (digest, scheme) = match function.to_ascii_lowercase().as_str() {
            "sha1" => (Sha1::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha1>()),
            "sha224" => (Sha224::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha224>()),
            "sha256" => (Sha256::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha256>()),
            "sha384" => (Sha384::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha384>()),
            "sha512" => (Sha512::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha512>()),
            _ => return None,
        };
        Some(Self { digest, scheme })
    }

    /// As a number of so many bytes at least: these crates want no shorter one.
    fn padded(&self, bytes: usize) -> Vec<u8> {
        let zeros = bytes.saturating_sub(self.digest.len());
        [vec![0; zeros], self.digest.clone()].concat()
    }
}

enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl PublicKey {
    fn read(check: &SignatureCheck) -> Option<Self> {
        if check.public_key_pem.is_empty() {
            return Self::from_der(&check.public_key);
        }
        let (label, document) = Document::from_pem(&check.public_key_pem).ok()?;
        if label == "PUBLIC KEY" { Self::from_der(document.as_bytes()) } else { None }
    }

    /// From a SubjectPublicKeyInfo; what follows it does not matter.
    fn from_der(der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let info = SubjectPublicKeyInfoRef::decode(&mut reader).ok()?;
        if info.algorithm.oid == pkcs1::ALGORITHM_OID {
            let key = pkcs1::RsaPublicKey::try_from(info.subject_public_key.raw_bytes()).ok()?;
            let number = |number: pkcs1::UintRef<'_>| BigUint::from_bytes_be(number.as_bytes());
            let (modulus, exponent) = (number(key.modulus), number(key.public_exponent));
            return RsaPublicKey::new_with_max_size(modulus, exponent, MAX_RSA_BITS)
                .ok()
                .map(Self::Rsa);
        }
        let p256 = p256::ecdsa::VerifyingKey::try_from(info.clone()).map(Self::P256);
        let p384 = || p384::ecdsa::VerifyingKey::try_from(info.clone()).map(Self::P384);
        p256.or_else(|_| p384()).ok().or_else(|| {
            let key = p521::PublicKey::try_from(info.clone()).ok()?;
            p521::ecdsa::VerifyingKey::from_affine(*key.as_affine()).ok().map(Self::P521)
        })
    }

    /// Whether this key made a signature.
    fn made(&self, signature: &[u8], hash: Hash) -> bool {
        match self {
            Self::Rsa(key) => {
                let Hash { digest, scheme } = hash;
                key.verify(scheme, &digest, signature).is_ok()
            }
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|it| key.verify_prehash(&hash.padded(32), &it).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|it| key.verify_prehash(&hash.padded(48), &it).is_ok()),
            Self::P521(key) => p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|it| key.verify_prehash(&hash.padded(66), &it).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests;
