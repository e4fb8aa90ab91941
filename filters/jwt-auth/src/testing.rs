//! What the tests of this crate share: keys, tokens, and a host that verifies.

mod certificate;
#[cfg(not(target_arch = "wasm32"))]
mod host;

use crate::conditions::Peer;
use crate::crypto;
use crate::requirement::Surroundings;
use crate::token::Token;
use crate::verifying_key::VerifyingKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa;
use rand::rngs::OsRng;
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer as _};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tollgate::HostError;
use tollgate::properties::Text;

pub(crate) use certificate::{certificate, certificate_der, element, pem};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use host::FakeHost;

static RSA_KEY: LazyLock<RsaPrivateKey> = LazyLock::new(published_rsa_key);
static EC_KEY: LazyLock<ecdsa::SigningKey> =
    LazyLock::new(|| ecdsa::SigningKey::random(&mut OsRng));

/// The key of RFC 7520, section 3.4: to make one takes seconds on wasm32, where each test would.
fn published_rsa_key() -> RsaPrivateKey {
    let jwk: Value = serde_json::from_str(include_str!("testing/rsa_key.json")).unwrap();
    let number = |name: &str| {
        BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap())
    };
    let primes = vec![number("p"), number("q")];
    RsaPrivateKey::from_components(number("n"), number("e"), number("d"), primes).unwrap()
}

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

/// What a decision asks about a request.
#[derive(Default)]
pub(crate) struct World {
    /// What is said of signatures, without looking.
    pub(crate) says: Option<bool>,
    /// How often a signature was looked at.
    pub(crate) verified: Cell<u32>,
    /// The filter state.
    pub(crate) filter_state: BTreeMap<&'static str, &'static str>,
    /// The SHA-256 of the client's certificate, in hexadecimal.
    pub(crate) certificate_digest: Option<String>,
    /// Who the client is.
    pub(crate) peer: Option<Peer>,
    /// How often the host was asked about the client.
    pub(crate) asked: Cell<u32>,
    /// Whether the host fails.
    pub(crate) fails: Option<HostError>,
}

impl Surroundings for World {
    fn verify(&self, token: &Token<'_>, key: &VerifyingKey) -> bool {
        self.verified.update(|count| count.saturating_add(1));
        self.says.unwrap_or_else(|| crypto::verify(token, key))
    }

    fn filter_state(&self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        match self.fails {
            Some(error) => Err(error),
            None => Ok(self.filter_state.get(key).map(|value| value.as_bytes().to_vec())),
        }
    }

    fn certificate_digest(&self) -> Result<Option<Text>, HostError> {
        self.asked.update(|count| count.saturating_add(1));
        let digest = self.certificate_digest.as_deref().map(Text::from);
        self.fails.map_or(Ok(digest), Err)
    }

    fn peer(&self) -> Result<Option<Peer>, HostError> {
        self.asked.update(|count| count.saturating_add(1));
        self.fails.map_or_else(|| Ok(self.peer.clone()), Err)
    }
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
