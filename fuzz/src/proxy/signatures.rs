//! Envoy's foreign function `verify_signature`, of which ES256 is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use p256::ecdsa;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::DecodePublicKey;
use prost::Message;

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

thread_local! {
    /// Few are asked about, again and again.
    static KNOWN: RefCell<BTreeMap<Vec<u8>, bool>> = const { RefCell::new(BTreeMap::new()) };
}

pub(super) fn verify(arguments: &[u8]) -> Vec<u8> {
    let known = KNOWN.with_borrow(|known| known.get(arguments).copied());
    let result = known.unwrap_or_else(|| {
        let result = Arguments::decode(arguments).is_ok_and(|arguments| arguments.verify());
        KNOWN.with_borrow_mut(|known| known.insert(arguments.to_vec(), result));
        result
    });
    Answer { result }.encode_to_vec()
}

impl Arguments {
    fn verify(&self) -> bool {
        assert_eq!(self.hash, "sha256");
        let key = ecdsa::VerifyingKey::from_public_key_der(&self.key).expect("a key");
        let signature = ecdsa::DerSignature::from_bytes(&self.signature);
        signature.is_ok_and(|signature| key.verify(&self.text, &signature).is_ok())
    }
}
