//! Keys made at run time, their JWKS, and the tokens they sign: right ones and wrong ones.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use p256::ecdsa;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::Sha256;

/// A private key with the name under which its JWKS lists it.
#[derive(Debug, Clone)]
pub struct SigningKey {
    kid: String,
    key: Key,
}

#[derive(Debug, Clone)]
enum Key {
    Rs256(Box<pkcs1v15::SigningKey<Sha256>>),
    Es256(ecdsa::SigningKey),
    Hs256([u8; 32]),
}

/// An RSA key with the `kid` `rsa`, made once a process: making one takes a while.
#[must_use]
pub fn rsa_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rs256("rsa"));
    &KEY
}

/// A P-256 key with the `kid` `ec`, made once a process.
#[must_use]
pub fn ec_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("ec"));
    &KEY
}

impl SigningKey {
    /// A new RSA key of 2048 bits, for RS256.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    pub fn rs256(kid: &str) -> Self {
        let key = RsaPrivateKey::new(&mut rand::thread_rng(), 2048).expect("2048 is a valid size");
        Self { kid: kid.into(), key: Key::Rs256(Box::new(pkcs1v15::SigningKey::new(key))) }
    }

    /// A new P-256 key, for ES256.
    #[must_use]
    pub fn es256(kid: &str) -> Self {
        let key = ecdsa::SigningKey::random(&mut rand::thread_rng());
        Self { kid: kid.into(), key: Key::Es256(key) }
    }

    /// A new secret, for HS256: tokens by the thousand are signed with it in no time.
    #[must_use]
    pub fn hs256(kid: &str) -> Self {
        Self { kid: kid.into(), key: Key::Hs256(rand::random()) }
    }

    /// `RS256`, `ES256` or `HS256`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rs256(_) => "RS256",
            Key::Es256(_) => "ES256",
            Key::Hs256(_) => "HS256",
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a JWK, public unless it is a secret, with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Rs256(key) => {
                let key: &RsaPrivateKey = (**key).as_ref();
                let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Key::Es256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.map(base64url);
                json!({
                    "kty": "EC",
                    "crv": "P-256",
                    "x": coordinate(point.x()),
                    "y": coordinate(point.y()),
                })
            }
            Key::Hs256(secret) => json!({ "kty": "oct", "k": base64url(secret) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with these claims and the usual header: `alg`, `kid`, `typ`.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": self.kid, "typ": "JWT" });
        self.sign_with_header(&header, claims)
    }

    /// A token with any header, truly signed with this key whatever the header says.
    #[must_use]
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A token whose header and payload need not even be JSON.
    #[must_use]
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// The bare signature of a message, as JWS has it: for ES256 r and s, 32 bytes each.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes secrets of any length.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Rs256(key) => key.sign(message).to_vec(),
            Key::Es256(key) => {
                let signature: ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Key::Hs256(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
        }
    }
}

/// The key set with the public halves of these keys.
#[must_use]
pub fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// The same token with one bit of its signature changed. The text is canonical base64url still, so
/// that nothing but the signature is wrong.
///
/// # Panics
///
/// When it is no token with a signature.
#[must_use]
pub fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token has dots");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("a signature in base64url");
    *signature.first_mut().expect("a signature that is not empty") ^= 1;
    format!("{signed}.{}", base64url(signature))
}

/// Seconds since 1970, as `exp`, `nbf` and `iat` want it.
///
/// # Panics
///
/// When the clock says it is before 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970").as_secs()
}

/// Base64url without padding.
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{base64url, ec_key, rsa_key, tampered};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::ecdsa::{Signature, VerifyingKey};
    use p256::{EncodedPoint, FieldBytes};
    use rsa::pkcs1v15::Pkcs1v15Sign;
    use rsa::{BigUint, RsaPublicKey};
    use serde_json::{Value, json};
    use sha2::{Digest, Sha256};

    fn member(jwk: &Value, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
    }

    fn signed_and_signature(token: &str) -> (&str, Vec<u8>) {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        (signed, URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    fn rsa_accepts(token: &str) -> bool {
        let jwk = rsa_key().jwk();
        let number = |name| BigUint::from_bytes_be(&member(&jwk, name));
        let key = RsaPublicKey::new(number("n"), number("e")).unwrap();
        let (signed, signature) = signed_and_signature(token);
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed), &signature).is_ok()
    }

    fn ec_accepts(token: &str) -> bool {
        use p256::ecdsa::signature::Verifier;
        let jwk = ec_key().jwk();
        let coordinate = |name| FieldBytes::from(<[u8; 32]>::try_from(member(&jwk, name)).unwrap());
        let point =
            EncodedPoint::from_affine_coordinates(&coordinate("x"), &coordinate("y"), false);
        let key = VerifyingKey::from_encoded_point(&point).unwrap();
        let (signed, signature) = signed_and_signature(token);
        Signature::from_slice(&signature)
            .is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
    }

    #[test]
    fn a_token_verifies_with_the_public_key_of_the_key_set() {
        let claims = json!({ "sub": "alice" });
        assert!(rsa_accepts(&rsa_key().sign(&claims)));
        assert!(ec_accepts(&ec_key().sign(&claims)));
    }

    #[test]
    fn a_tampered_token_differs_in_nothing_but_a_signature_that_fails() {
        let token = ec_key().sign(&json!({ "sub": "alice" }));
        let tampered_token = tampered(&token);
        assert_eq!(signed_and_signature(&token).0, signed_and_signature(&tampered_token).0);
        assert!(!ec_accepts(&tampered_token));
        assert!(!rsa_accepts(&tampered(&rsa_key().sign(&json!({})))));
    }

    #[test]
    fn header_and_payload_can_be_anything() {
        let token = ec_key().sign_bytes(b"not json", b"\xff");
        let expected = format!("{}.{}.", base64url(b"not json"), base64url(b"\xff"));
        assert!(token.starts_with(&expected), "{token}");
        assert!(ec_accepts(&token));
    }
}
