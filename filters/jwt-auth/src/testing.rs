//! What the tests of this crate share: keys, tokens, and a host that verifies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa;
use p256::pkcs8::DecodePublicKey;
use prost::Message;
use rand::rngs::OsRng;
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer as _, Verifier as _};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::LazyLock;
use tollgate::abi::native::{self, Host};
use tollgate::abi::{HostError, Status};

static RSA_KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).unwrap());
static EC_KEY: LazyLock<ecdsa::SigningKey> =
    LazyLock::new(|| ecdsa::SigningKey::random(&mut OsRng));

/// The RSA key of all tests.
pub(crate) fn rsa_key() -> &'static RsaPrivateKey {
    &RSA_KEY
}

/// The P-256 key of all tests.
pub(crate) fn ec_key() -> &'static ecdsa::SigningKey {
    &EC_KEY
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn rsa_jwk() -> Value {
    let (n, e) = (RSA_KEY.n().to_bytes_be(), RSA_KEY.e().to_bytes_be());
    json!({"kty": "RSA", "alg": "RS256", "kid": "rsa", "n": b64(n), "e": b64(e)})
}

pub(crate) fn ec_jwk() -> Value {
    let point = EC_KEY.verifying_key().to_encoded_point(false);
    let (x, y) = (b64(point.x().unwrap()), b64(point.y().unwrap()));
    json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "ec", "x": x, "y": y})
}

/// Signs tokens with one of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    Rs256,
    Rs384,
    Rs512,
    Es256,
}

impl Signer {
    /// A token without a `kid`.
    pub(crate) fn token(self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": format!("{self:?}").to_uppercase() }), &claims.to_string())
    }

    /// A token with any header and any payload.
    pub(crate) fn token_with(self, header: &Value, payload: &str) -> String {
        let signed = format!("{}.{}", b64(header.to_string()), b64(payload));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", b64(signature))
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        let key = RSA_KEY.clone();
        match self {
            Self::Rs256 => pkcs1v15::SigningKey::<Sha256>::new(key).sign(message).to_vec(),
            Self::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(key).sign(message).to_vec(),
            Self::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(key).sign(message).to_vec(),
            Self::Es256 => {
                let signature: ecdsa::Signature = EC_KEY.sign(message);
                signature.to_vec()
            }
        }
    }

    /// The ES256 signature of a token in DER, as it must not be in a JWS.
    pub(crate) fn es256_der(token: &str) -> Vec<u8> {
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap();
        ecdsa::Signature::from_slice(&signature).unwrap().to_der().as_bytes().to_vec()
    }
}

/// A host whose only function is `verify_signature`, made with other crates than the ABI's side.
#[derive(Default)]
pub(crate) struct FakeHost {
    /// Whether it answers with an error.
    pub(crate) fails: Cell<bool>,
    /// What it says without looking.
    pub(crate) always_says: Cell<Option<bool>>,
    /// How often it was asked.
    pub(crate) verified: Cell<u32>,
}

/// The fields of Envoy's `VerifySignatureArguments`.
#[derive(Clone, PartialEq, Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash: String,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    result: bool,
}

impl FakeHost {
    /// A host that answers the calls of this thread.
    pub(crate) fn install() -> Rc<Self> {
        let host = Rc::new(Self::default());
        native::install(host.clone());
        host
    }
}

impl Host for FakeHost {
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> tollgate::Result<Vec<u8>> {
        assert_eq!(name, "verify_signature");
        self.verified.update(|count| count.saturating_add(1));
        if self.fails.get() {
            return Err(HostError::new("proxy_call_foreign_function", Status::NotFound));
        }
        let arguments = Arguments::decode(arguments).unwrap();
        let result = self.always_says.get().unwrap_or_else(|| arguments.verify());
        Ok(Answer { result }.encode_to_vec())
    }
}

impl Arguments {
    fn verify(&self) -> bool {
        if let Ok(key) = RsaPublicKey::from_public_key_der(&self.key) {
            let Ok(signature) = pkcs1v15::Signature::try_from(&*self.signature) else {
                return false;
            };
            match self.hash.as_str() {
                "sha256" => pkcs1v15::VerifyingKey::<Sha256>::new(key)
                    .verify(&self.text, &signature)
                    .is_ok(),
                "sha384" => pkcs1v15::VerifyingKey::<Sha384>::new(key)
                    .verify(&self.text, &signature)
                    .is_ok(),
                "sha512" => pkcs1v15::VerifyingKey::<Sha512>::new(key)
                    .verify(&self.text, &signature)
                    .is_ok(),
                hash => panic!("an unknown hash {hash}"),
            }
        } else {
            assert_eq!(self.hash, "sha256");
            let key = ecdsa::VerifyingKey::from_public_key_der(&self.key).unwrap();
            let signature = ecdsa::DerSignature::from_bytes(&self.signature).unwrap();
            key.verify(&self.text, &signature).is_ok()
        }
    }
}
