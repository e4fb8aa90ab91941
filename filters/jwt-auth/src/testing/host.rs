//! A host that verifies.

use p256::ecdsa;
use p256::pkcs8::DecodePublicKey;
use prost::Message;
use rsa::RsaPublicKey;
use rsa::pkcs1v15;
use rsa::signature::Verifier as _;
use sha2::{Sha256, Sha384, Sha512};
use std::cell::Cell;
use std::rc::Rc;
use tollgate::abi::native::{self, Host};
use tollgate::abi::{HostError, Status};

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
