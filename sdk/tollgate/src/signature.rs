//! Envoy's `verify_signature`: signatures checked by the host, many times faster than in a module.

use crate::abi::{self, HostError, Result, Status};
use prost::Message;

/// The hash that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`.
#[derive(Clone, PartialEq, Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// `envoy.source.extensions.common.wasm.VerifySignatureResult`.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// Whether `signature` over `text` is the one of `public_key`.
///
/// The key is a SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7). An RSA key checks PKCS#1 v1.5; an
/// EC key checks an ECDSA signature that is in **DER** (not r‖s as in a JWS). The host knows neither
/// RSA-PSS nor Ed25519 nor HMAC (Envoy, `source/extensions/common/wasm/foreign.cc`).
///
/// # Errors
///
/// When the host lacks the function or its answer cannot be read: then nothing is known about the
/// signature. A key that the host cannot use is `Ok(false)`.
pub fn verify(hash: Hash, public_key: &[u8], signature: &[u8], text: &[u8]) -> Result<bool> {
    let arguments = Arguments {
        hash_function: hash.name().to_owned(),
        public_key: public_key.to_vec(),
        signature: signature.to_vec(),
        text: text.to_vec(),
    };
    let answer = abi::call_foreign_function("verify_signature", &arguments.encode_to_vec())?;
    let answer = Answer::decode(answer.as_slice())
        .map_err(|_| HostError::new("verify_signature", Status::Malformed))?;
    Ok(answer.result)
}
