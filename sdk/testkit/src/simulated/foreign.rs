//! Foreign functions: what Envoy offers beyond the ABI (`source/extensions/common/wasm/foreign.cc`).

use crate::abi::{Result, Status};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt;

/// zlib's default.
const ZLIB_LEVEL: u8 = 6;

type Function = Box<dyn FnMut(&[u8]) -> Result<Vec<u8>> + Send>;

pub(super) struct ForeignFunctions(BTreeMap<Vec<u8>, Function>);

/// What `verify_signature` is asked, field by field (Envoy's `VerifySignatureArguments`).
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SignatureCheck {
    /// `sha256` or another.
    #[prost(string, tag = "1")]
    pub hash_function: String,
    /// The key: SubjectPublicKeyInfo in DER.
    #[prost(bytes = "vec", tag = "2")]
    pub public_key: Vec<u8>,
    /// PKCS#1 v1.5 for RSA, DER for ECDSA.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
    /// What was signed.
    #[prost(bytes = "vec", tag = "4")]
    pub text: Vec<u8>,
    /// The key in PEM, in the place of `public_key`.
    #[prost(string, tag = "5")]
    pub public_key_pem: String,
}

/// Envoy's `VerifySignatureResult`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SignatureResult {
    #[prost(bool, tag = "1")]
    pub(super) result: bool,
    #[prost(string, tag = "2")]
    pub(super) error: String,
}

impl SignatureCheck {
    /// `BadArgument` when it is malformed, or no hash function or key is named.
    fn read(arguments: &[u8]) -> Result<Self> {
        let check = Self::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let has_key = !check.public_key.is_empty() || !check.public_key_pem.is_empty();
        let is_complete = has_key && !check.hash_function.is_empty();
        is_complete.then_some(check).ok_or(Status::BAD_ARGUMENT)
    }
}

/// Envoy's `SignArguments`, as far as it tells whether they are complete.
#[derive(Clone, PartialEq, Eq, Message)]
struct Signing {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    private_key: Vec<u8>,
    #[prost(string, tag = "4")]
    private_key_pem: String,
}

impl Signing {
    fn read(arguments: &[u8]) -> Result<Self> {
        let signing = Self::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let has_key = !signing.private_key.is_empty() || !signing.private_key_pem.is_empty();
        let is_complete = has_key && !signing.hash_function.is_empty();
        is_complete.then_some(signing).ok_or(Status::BAD_ARGUMENT)
    }
}

/// An expression is known by four bytes.
fn read_token(token: &[u8]) -> Result<[u8; 4]> {
    token.try_into().map_err(|_| Status::BAD_ARGUMENT)
}

impl ForeignFunctions {
    pub(super) fn set(
        &mut self,
        name: &str,
        function: impl FnMut(&[u8]) -> Result<Vec<u8>> + Send + 'static,
    ) {
        self.0.insert(name.as_bytes().to_vec(), Box::new(function));
    }

    pub(super) fn set_verify_signature(
        &mut self,
        mut verify: impl FnMut(&SignatureCheck) -> bool + Send + 'static,
    ) {
        self.set("verify_signature", move |arguments| {
            let check = SignatureCheck::read(arguments)?;
            let result = verify(&check);
            let error = if result { "" } else { "Failed to verify digest. Error code: 0" };
            Ok(SignatureResult { result, error: error.to_owned() }.encode_to_vec())
        });
    }

    pub(super) fn get(&mut self, name: &[u8]) -> Option<&mut Function> {
        self.0.get_mut(name)
    }
}

impl Default for ForeignFunctions {
    fn default() -> Self {
        let mut functions = Self(BTreeMap::new());
        functions.set("clear_route_cache", |_| Ok(Vec::new()));
        functions.set("verify_signature", |arguments| {
            SignatureCheck::read(arguments).and(Err(Status::NOT_FOUND))
        });
        functions.set("sign", |arguments| Signing::read(arguments).and(Err(Status::NOT_FOUND)));
        functions.set("compress", |bytes| Ok(compress_to_vec_zlib(bytes, ZLIB_LEVEL)));
        functions.set("uncompress", |bytes| {
            decompress_to_vec_zlib(bytes).map_err(|_| Status::SERIALIZATION_FAILURE)
        });
        functions.set("expr_evaluate", |token| {
            read_token(token)?;
            Err(Status::NOT_FOUND)
        });
        functions.set("expr_delete", |token| {
            read_token(token)?;
            Ok(Vec::new())
        });
        functions
    }
}

impl fmt::Debug for ForeignFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys().map(|name| String::from_utf8_lossy(name))).finish()
    }
}
