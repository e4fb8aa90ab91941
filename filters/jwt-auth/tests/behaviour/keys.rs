//! Keys of tests, the same in every run, and the tokens they sign: right ones and wrong ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use p256::ecdsa;
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::LazyLock;

#[path = "../../src/testing/certificate.rs"]
mod certificate;

pub(crate) use certificate::{certificate, element, pem};

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
    Ps256,
    Ps384,
    Ps512,
    /// The P-256 key whose private number has this byte in every place.
    Es256(u8),
    Es384,
    Es512,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

/// The key of most tests.
pub(crate) const EC: Key = Key::Es256(1);
/// A key that no configuration has unless a test says so.
pub(crate) const FOREIGN: Key = Key::Es256(2);
pub(crate) const RSA_KEY: Key = Key::Rs256;
/// One for each algorithm that a host may verify.
pub(crate) const BY_HOST: [Key; 6] =
    [Key::Rs256, Key::Rs384, Key::Rs512, EC, Key::Es384, Key::Es512];
/// One for each algorithm with a public key.
pub(crate) const PUBLIC: [Key; 10] = [
    Key::Rs256,
    Key::Rs384,
    Key::Rs512,
    Key::Ps256,
    Key::Ps384,
    Key::Ps512,
    EC,
    Key::Es384,
    Key::Es512,
    Key::EdDsa,
];
/// One for each algorithm with a secret.
pub(crate) const SECRET: [Key; 3] = [Key::Hs256, Key::Hs384, Key::Hs512];

impl Key {
    pub(crate) fn algorithm(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256(_) => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Its name in key sets.
    pub(crate) fn kid(self) -> String {
        match self {
            Self::Es256(number) => format!("ec-{number}"),
            _ if self.is_rsa() => "rsa".into(),
            _ if self.is_secret() => "secret".into(),
            _ => self.algorithm().to_lowercase(),
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
            Self::Es384 | Self::Es512 => {
                let point = self.point();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = if self == Self::Es384 { "P-384" } else { "P-521" };
                json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
            }
            Self::EdDsa => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(self.point()) }),
            Self::Hs256 | Self::Hs384 | Self::Hs512 => {
                json!({ "kty": "oct", "k": base64url(SECRET_BYTES) })
            }
            _ => rsa_jwk(RSA.n(), RSA.e()),
        };
        jwk["kid"] = json!(self.kid());
        jwk
    }

    fn is_rsa(self) -> bool {
        matches!(self.algorithm().as_bytes(), [b'R' | b'P', ..])
    }

    fn is_secret(self) -> bool {
        SECRET.contains(&self)
    }

    /// The public point of a curve: uncompressed, of Ed25519 as it is.
    fn point(self) -> Vec<u8> {
        match self {
            Self::Es256(number) => {
                ec(number).verifying_key().to_encoded_point(false).as_bytes().into()
            }
            Self::Es384 => p384().verifying_key().to_encoded_point(false).as_bytes().into(),
            Self::Es512 => p521_public().to_encoded_point(false).as_bytes().into(),
            _ => ed25519().verifying_key().as_bytes().into(),
        }
    }

    /// The public half as a SubjectPublicKeyInfo in DER, as other libraries write it.
    pub(crate) fn public_key_info(self) -> Vec<u8> {
        use rsa::pkcs8::EncodePublicKey;
        let info = match self {
            Self::Es256(number) => ec(number).verifying_key().to_public_key_der(),
            Self::Es384 => p384().verifying_key().to_public_key_der(),
            Self::Es512 => p521::PublicKey::from_affine(*p521_public().as_affine())
                .unwrap()
                .to_public_key_der(),
            Self::EdDsa => {
                let algorithm = [0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70];
                return element(0x30, &[&algorithm, &[0x03, 33, 0], &self.point()]);
            }
            _ => RSA.to_public_key().to_public_key_der(),
        };
        info.unwrap().into_vec()
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
            Self::Ps256 => pss::<Sha256>(32, &Sha256::digest(message)),
            Self::Ps384 => pss::<Sha384>(48, &Sha384::digest(message)),
            Self::Ps512 => pss::<Sha512>(64, &Sha512::digest(message)),
            Self::Es256(number) => {
                let signature: ecdsa::Signature = ec(number).sign(message);
                signature.to_vec()
            }
            Self::Es384 => {
                let signature: p384::ecdsa::Signature = p384().sign(message);
                signature.to_vec()
            }
            Self::Es512 => {
                use rsa::signature::RandomizedSigner;
                let signature: p521::ecdsa::Signature =
                    p521().sign_with_rng(&mut random(), message);
                signature.to_vec()
            }
            Self::EdDsa => ed25519().sign(message).to_vec(),
            Self::Hs256 => hmac(Hmac::<Sha256>::new_from_slice(&SECRET_BYTES).unwrap(), message),
            Self::Hs384 => hmac(Hmac::<Sha384>::new_from_slice(&SECRET_BYTES).unwrap(), message),
            Self::Hs512 => hmac(Hmac::<Sha512>::new_from_slice(&SECRET_BYTES).unwrap(), message),
        }
    }
}

/// Long enough for every hash.
const SECRET_BYTES: [u8; 64] = [7; 64];

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[1; 48]).unwrap()
}

fn p521() -> p521::ecdsa::SigningKey {
    p521::ecdsa::SigningKey::from_slice(&[&[0][..], &[1; 65]].concat()).unwrap()
}

fn p521_public() -> p521::ecdsa::VerifyingKey {
    p521::ecdsa::VerifyingKey::from(&p521())
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[1; 32])
}

/// The same in every run.
fn random() -> impl rand::CryptoRng + rand::RngCore {
    <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1)
}

fn pss<H>(salt: usize, hash: &[u8]) -> Vec<u8>
where
    H: 'static + Digest + rsa::signature::digest::DynDigest + Send + Sync,
{
    RSA.sign_with_rng(&mut random(), Pss::new_with_salt::<H>(salt), hash).unwrap()
}

fn hmac(mac: impl Mac, message: &[u8]) -> Vec<u8> {
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn ec(number: u8) -> ecdsa::SigningKey {
    ecdsa::SigningKey::from_slice(&[number; 32]).unwrap()
}

fn rsa_jwk(modulus: &BigUint, exponent: &BigUint) -> Value {
    let [n, e] = [modulus, exponent].map(|number| base64url(number.to_bytes_be()));
    json!({ "kty": "RSA", "n": n, "e": e })
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
