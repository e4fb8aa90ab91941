use super::*;
use crate::abi::native::{self, Host};
use crate::host::testing::Envoy;
use proptest::prelude::*;
use prost::Message as _;
use std::rc::Rc;

#[derive(Clone, PartialEq, prost::Message)]
struct VerifySignatureArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
    #[prost(string, tag = "5")]
    public_key_pem: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VerifySignatureResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SignArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    private_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    text: Vec<u8>,
    #[prost(string, tag = "4")]
    private_key_pem: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SignResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(string, tag = "3")]
    error: String,
}

const HASHES: [(Hash, &str); 5] = [
    (Hash::Sha1, "sha1"),
    (Hash::Sha224, "sha224"),
    (Hash::Sha256, "sha256"),
    (Hash::Sha384, "sha384"),
    (Hash::Sha512, "sha512"),
];

#[test]
fn the_arguments_of_verify_are_what_prost_writes() {
    let result = VerifySignatureResult { result: true, error: String::new() };
    for (hash, hash_function) in HASHES {
        let host = Envoy::with(&[("verify_signature", Ok(result.encode_to_vec()))]);
        assert_eq!(verify(hash, PublicKey::Der(b"key"), b"\xff", b"text"), Ok(true));
        assert_eq!(verify(hash, PublicKey::Pem("pem"), b"\xff", b"text"), Ok(true));
        let expected = VerifySignatureArguments {
            hash_function: hash_function.to_owned(),
            signature: vec![0xff],
            text: b"text".to_vec(),
            ..Default::default()
        };
        let der = VerifySignatureArguments { public_key: b"key".to_vec(), ..expected.clone() };
        let pem = VerifySignatureArguments { public_key_pem: "pem".to_owned(), ..expected };
        let arguments = host.arguments("verify_signature");
        assert_eq!(arguments, [der.encode_to_vec(), pem.encode_to_vec()]);
    }
}

/// Errors as Envoy gives them (`source/common/crypto/utility_impl.cc`).
#[test]
fn a_signature_is_wrong_only_when_the_host_could_check_it() {
    let answer = |error: &str, key| {
        let result = VerifySignatureResult { result: false, error: error.to_owned() };
        Envoy::with(&[("verify_signature", Ok(result.encode_to_vec()))]);
        verify(Hash::Sha256, key, b"", b"")
    };
    for key in [PublicKey::Der(b"key"), PublicKey::Pem("key")] {
        assert_eq!(answer("Failed to verify digest. Error code: 0", key), Ok(false));
        assert_eq!(answer("", key), Ok(false));
    }
    let unusable = Err(HostError::new("verify_signature", Status::BadArgument));
    assert_eq!(answer(NO_KEY, PublicKey::Der(b"key")), unusable);
}

const NO_KEY: &str = "Failed to initialize digest verify.";

/// Both find no key in it; only the one that reads PEM refuses to be called without any.
#[test]
fn a_host_that_reads_no_pem_is_told_from_a_key_that_is_none() {
    struct Verifier {
        reads_pem: bool,
    }
    impl Host for Verifier {
        fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
            assert_eq!(name, "verify_signature");
            if self.reads_pem && arguments.is_empty() {
                return Err(HostError::new("proxy_call_foreign_function", Status::BadArgument));
            }
            let error = NO_KEY.to_owned();
            Ok(VerifySignatureResult { result: false, error }.encode_to_vec())
        }
    }
    let verify = |reads_pem| {
        native::install(Rc::new(Verifier { reads_pem }));
        verify(Hash::Sha256, PublicKey::Pem("no key"), b"", b"").unwrap_err()
    };
    assert!(verify(false).is_unsupported());
    assert_eq!(verify(true), HostError::new("verify_signature", Status::BadArgument));
}

#[test]
fn an_answer_that_is_no_message_says_nothing_about_a_signature() {
    for answer in [&b"\xff"[..], b"\x08", b"\x0a\x01x", b"\x10\x01", b"\x12\x05x", b"\x0f"] {
        Envoy::with(&[("verify_signature", Ok(answer.to_vec())), ("sign", Ok(answer.to_vec()))]);
        let verified = verify(Hash::Sha256, PublicKey::Der(b"k"), b"", b"");
        assert_eq!(verified, Err(HostError::new("verify_signature", Status::Malformed)));
        let signed = sign(Hash::Sha256, PrivateKey::Der(b"k"), b"");
        assert_eq!(signed, Err(HostError::new("sign", Status::Malformed)));
    }
}

#[test]
fn an_empty_answer_is_no_signature_and_no_yes() {
    Envoy::with(&[("verify_signature", Ok(Vec::new())), ("sign", Ok(Vec::new()))]);
    assert_eq!(verify(Hash::Sha1, PublicKey::Der(b"k"), b"", b""), Ok(false));
    let signed = sign(Hash::Sha1, PrivateKey::Der(b"k"), b"");
    assert_eq!(signed, Err(HostError::new("sign", Status::BadArgument)));
}

#[test]
fn signing_gives_the_signature_of_the_host() {
    let result = SignResult { result: true, signature: vec![1, 2], error: String::new() };
    let host = Envoy::with(&[("sign", Ok(result.encode_to_vec()))]);
    assert_eq!(sign(Hash::Sha512, PrivateKey::Der(b"k"), b"text"), Ok(vec![1, 2]));
    assert_eq!(sign(Hash::Sha512, PrivateKey::Pem("p"), b"text"), Ok(vec![1, 2]));
    let expected = SignArguments {
        hash_function: "sha512".to_owned(),
        text: b"text".to_vec(),
        ..Default::default()
    };
    let der = SignArguments { private_key: b"k".to_vec(), ..expected.clone() };
    let pem = SignArguments { private_key_pem: "p".to_owned(), ..expected };
    assert_eq!(host.arguments("sign"), [der.encode_to_vec(), pem.encode_to_vec()]);
}

#[test]
fn a_private_key_does_not_show_itself() {
    let shown = format!("{:?} {:?}", PrivateKey::Der(b"secret"), PrivateKey::Pem("secret"));
    assert_eq!(shown, "Der(..) Pem(..)");
}

proptest! {
    #[test]
    fn answers_are_read_as_prost_reads_them(result: bool, signature: Vec<u8>, error: String) {
        let answer = SignResult { result, signature: signature.clone(), error }.encode_to_vec();
        Envoy::with(&[("sign", Ok(answer))]);
        let signed = sign(Hash::Sha256, PrivateKey::Der(b"k"), b"");
        let refused = Err(HostError::new("sign", Status::BadArgument));
        prop_assert_eq!(signed, if result { Ok(signature) } else { refused });
    }
}
