//! Keys of tests, the same in every run, and the tokens they sign: right ones and wrong ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa;
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::LazyLock;

/// The key of RFC 7520, section 3.4.
static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let jwk: Value = serde_json::from_str(include_str!("../../src/testing/rsa_key.json")).unwrap();
    let number = |name: &str| BigUint::from_bytes_be(&from_base64url(jwk[name].as_str().unwrap()));
    let primes = vec![number("p"), number("q")];
    RsaPrivateKey::from_components(number("n"), number("e"), number("d"), primes).unwrap()
});

/// A key that signs tokens of one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Rs256,
    Rs384,
    Rs512,
    /// The P-256 key whose private number has this byte in every place.
    Es256(u8),
}

/// The key of most tests.
pub(crate) const EC: Key = Key::Es256(1);
/// A key that no configuration has unless a test says so.
pub(crate) const FOREIGN: Key = Key::Es256(2);
pub(crate) const RSA_KEY: Key = Key::Rs256;
/// One for each algorithm.
pub(crate) const ALL: [Key; 4] = [Key::Rs256, Key::Rs384, Key::Rs512, EC];

impl Key {
    pub(crate) fn algorithm(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256(_) => "ES256",
        }
    }

    /// Its name in key sets.
    pub(crate) fn kid(self) -> String {
        match self {
            Self::Es256(number) => format!("ec-{number}"),
            _ => "rsa".into(),
        }
    }

    /// The public half, without an `alg`.
    pub(crate) fn jwk(self) -> Value {
        let mut jwk = match self {
            Self::Es256(number) => {
                let point = ec(number).verifying_key().to_encoded_point(false);
                let [x, y] =
                    [point.x(), point.y()].map(|coordinate| base64url(coordinate.unwrap()));
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            _ => rsa_jwk(RSA.n(), RSA.e()),
        };
        jwk["kid"] = json!(self.kid());
        jwk
    }

    /// A token with these claims; its header names algorithm and key.
    pub(crate) fn sign(self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": self.algorithm(), "kid": self.kid() }), claims)
    }

    /// A token with any header, truly signed whatever it says.
    pub(crate) fn sign_with(self, header: &Value, claims: &Value) -> String {
        self.sign_bytes(header.to_string(), claims.to_string())
    }

    /// A token whose header and payload need not even be JSON.
    pub(crate) fn sign_bytes(self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_sections(&format!("{}.{}", base64url(header), base64url(payload)))
    }

    /// A token of two sections as they are.
    pub(crate) fn sign_sections(self, signed: &str) -> String {
        format!("{signed}.{}", base64url(self.signature(signed.as_bytes())))
    }

    /// The signature of a message as JWS has it.
    pub(crate) fn signature(self, message: &[u8]) -> Vec<u8> {
        let rsa = || RSA.clone();
        match self {
            Self::Rs256 => pkcs1v15::SigningKey::<Sha256>::new(rsa()).sign(message).to_vec(),
            Self::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(rsa()).sign(message).to_vec(),
            Self::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(rsa()).sign(message).to_vec(),
            Self::Es256(number) => {
                let signature: ecdsa::Signature = ec(number).sign(message);
                signature.to_vec()
            }
        }
    }
}

fn ec(number: u8) -> ecdsa::SigningKey {
    ecdsa::SigningKey::from_slice(&[number; 32]).unwrap()
}

fn rsa_jwk(modulus: &BigUint, exponent: &BigUint) -> Value {
    let [n, e] = [modulus, exponent].map(|number| base64url(number.to_bytes_be()));
    json!({ "kty": "RSA", "n": n, "e": e })
}

/// The SubjectPublicKeyInfo of the RSA key.
pub(crate) fn rsa_public_der() -> Vec<u8> {
    use rsa::pkcs8::EncodePublicKey;
    RSA.to_public_key().to_public_key_der().unwrap().into_vec()
}

/// An RSA key of so many bits, one less than a multiple of three, as a JWK, and a token of it. There is no
/// private key: with s³ - m as the modulus and 3 as the exponent, s is the signature of m.
pub(crate) fn large_rsa(bits: usize, claims: &Value) -> (Value, String) {
    let signed = format!("{}.{}", base64url(r#"{"alg":"RS256"}"#), base64url(claims.to_string()));
    let digest = Sha256::digest(&signed);
    let tail = [&Pkcs1v15Sign::new::<Sha256>().prefix[..], &digest].concat();
    let length = bits / 8;
    let padding = vec![0xff; length - tail.len() - 3];
    let message = BigUint::from_bytes_be(&[&[0, 1][..], &padding, &[0], &tail].concat());
    let is_odd = |number: &BigUint| number.to_bytes_be().last().unwrap() % 2 == 1;
    let mut s = BigUint::from(0xb5_u8) << (bits / 3 - 7);
    if !is_odd(&message) {
        s += 1_u8;
    }
    let modulus = &s * &s * &s - message;
    assert_eq!((modulus.bits(), is_odd(&modulus)), (bits, true));
    let signature = s.to_bytes_be();
    let signature = [vec![0; length - signature.len()], signature].concat();
    (rsa_jwk(&modulus, &BigUint::from(3_u8)), format!("{signed}.{}", base64url(signature)))
}

/// A key set, as text.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The same token with another signature.
pub(crate) fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, base64url(signature))
}

/// The signature of a token.
pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    from_base64url(token.rsplit_once('.').unwrap().1)
}

/// The same token with one bit of its signature changed.
pub(crate) fn tampered(token: &str) -> String {
    let mut signature = signature_of(token);
    signature[9] ^= 1;
    with_signature(token, signature)
}

/// The claims of one token under the signature of another.
pub(crate) fn with_claims_of(token: &str, other: &str) -> String {
    with_signature(other, signature_of(token))
}

/// The ECDSA signature of a token in DER, as it must not be in a JWS.
pub(crate) fn in_der(token: &str) -> Vec<u8> {
    let signature = ecdsa::Signature::from_slice(&signature_of(token)).unwrap();
    signature.to_der().as_bytes().to_vec()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
