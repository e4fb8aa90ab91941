use super::signature::{Hash, PrivateKey, PublicKey};
use super::*;
use crate::abi::native::{self, Host};
use crate::setup::Setup;
use proptest::prelude::*;
use prost::Message;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

type Answer = Result<Vec<u8>, Status>;

/// Answers each foreign function as told, and remembers the calls.
#[derive(Default)]
struct Envoy {
    answers: HashMap<&'static str, Answer>,
    calls: RefCell<Vec<(String, Vec<u8>)>>,
    properties: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
}

impl Envoy {
    fn with(answers: &[(&'static str, Answer)]) -> Rc<Self> {
        let host = Rc::new(Self { answers: answers.iter().cloned().collect(), ..Self::default() });
        native::install(host.clone());
        host
    }

    fn arguments(&self, function: &str) -> Vec<Vec<u8>> {
        let calls = self.calls.borrow();
        let of_function = calls.iter().filter(|(name, _)| name == function);
        of_function.map(|(_, arguments)| arguments.clone()).collect()
    }
}

impl Host for Envoy {
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        self.calls.borrow_mut().push((name.to_owned(), arguments.to_vec()));
        let answer = self.answers.get(name).cloned().unwrap_or(Err(Status::NotFound));
        answer.map_err(|status| HostError::new("proxy_call_foreign_function", status))
    }

    fn set_property(&self, path: &[u8], value: &[u8]) -> Result<()> {
        self.properties.borrow_mut().insert(path.to_vec(), value.to_vec());
        Ok(())
    }

    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.properties.borrow().get(path).cloned())
    }
}

#[derive(Clone, PartialEq, Message)]
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

#[derive(Clone, PartialEq, Message)]
struct VerifySignatureResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

#[derive(Clone, PartialEq, Message)]
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

#[derive(Clone, PartialEq, Message)]
struct SignResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(string, tag = "3")]
    error: String,
}

#[derive(Clone, PartialEq, Message)]
struct SetEnvoyFilterStateArguments {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(int32, tag = "3")]
    span: i32,
}

#[derive(Clone, PartialEq, Message)]
struct DeclarePropertyArguments {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    readonly: bool,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    schema: Vec<u8>,
    #[prost(int32, tag = "5")]
    span: i32,
}

const HASHES: [(Hash, &str); 5] = [
    (Hash::Sha1, "sha1"),
    (Hash::Sha224, "sha224"),
    (Hash::Sha256, "sha256"),
    (Hash::Sha384, "sha384"),
    (Hash::Sha512, "sha512"),
];

/// A function under its name in Envoy, without what it returns.
type Function = (&'static str, Box<dyn Fn() -> Result<()>>);

fn every_function() -> Vec<Function> {
    fn verify(key: PublicKey<'_>) -> Result<()> {
        signature::verify(Hash::Sha256, key, b"signature", b"text").map(drop)
    }
    fn sign(key: PrivateKey<'_>) -> Result<()> {
        signature::sign(Hash::Sha256, key, b"text").map(drop)
    }
    vec![
        ("verify_signature", Box::new(|| verify(PublicKey::Der(b"key")))),
        ("verify_signature", Box::new(|| verify(PublicKey::Pem("key")))),
        ("sign", Box::new(|| sign(PrivateKey::Der(b"key")))),
        ("sign", Box::new(|| sign(PrivateKey::Pem("key")))),
        ("compress", Box::new(|| compress(b"x").map(drop))),
        ("uncompress", Box::new(|| uncompress(b"x").map(drop))),
        ("clear_route_cache", Box::new(clear_route_cache)),
        ("expr_create", Box::new(|| Expression::compile("true").map(drop))),
        (
            "set_envoy_filter_state",
            Box::new(|| set_filter_state(well_known::STRING, "x", LifeSpan::Request)),
        ),
        ("my_function", Box::new(|| call("my_function", b"x").map(drop))),
    ]
}

#[test]
fn a_host_without_a_function_is_told_apart() {
    for (name, run) in every_function() {
        for status in [Status::NotFound, Status::Unimplemented] {
            Envoy::with(&[(name, Err(status))]);
            let error = run().unwrap_err();
            assert!(error.is_unsupported(), "{name}: {error}");
            assert_eq!(error, HostError::new(name, Status::Unimplemented));
        }
    }
}

#[test]
fn what_else_the_host_says_is_passed_on_with_the_functions_name() {
    const FAILURES: [Status; 9] = [
        Status::BadArgument,
        Status::SerializationFailure,
        Status::ParseFailure,
        Status::InvalidMemoryAccess,
        Status::Empty,
        Status::CasMismatch,
        Status::ResultMismatch,
        Status::InternalFailure,
        Status::Other(99),
    ];
    for (name, run) in every_function() {
        for status in FAILURES {
            Envoy::with(&[(name, Err(status))]);
            assert_eq!(run(), Err(HostError::new(name, status)));
        }
    }
}

#[test]
fn the_arguments_of_verify_are_what_prost_writes() {
    let result = VerifySignatureResult { result: true, error: String::new() };
    for (hash, hash_function) in HASHES {
        let host = Envoy::with(&[("verify_signature", Ok(result.encode_to_vec()))]);
        assert_eq!(signature::verify(hash, PublicKey::Der(b"key"), b"\xff", b"text"), Ok(true));
        assert_eq!(signature::verify(hash, PublicKey::Pem("pem"), b"\xff", b"text"), Ok(true));
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
        signature::verify(Hash::Sha256, key, b"", b"")
    };
    let (der, pem) = (PublicKey::Der(b"key"), PublicKey::Pem("key"));
    for key in [der, pem] {
        assert_eq!(answer("Failed to verify digest. Error code: 0", key), Ok(false));
        assert_eq!(answer("", key), Ok(false));
    }
    const NO_KEY: &str = "Failed to initialize digest verify.";
    assert_eq!(answer(NO_KEY, der), Err(HostError::new("verify_signature", Status::BadArgument)));
    assert!(answer(NO_KEY, pem).unwrap_err().is_unsupported());
}

#[test]
fn an_answer_that_is_no_message_says_nothing_about_a_signature() {
    for answer in [&b"\xff"[..], b"\x08", b"\x0a\x01x", b"\x10\x01", b"\x12\x05x", b"\x0f"] {
        Envoy::with(&[("verify_signature", Ok(answer.to_vec())), ("sign", Ok(answer.to_vec()))]);
        let verified = signature::verify(Hash::Sha256, PublicKey::Der(b"k"), b"", b"");
        assert_eq!(verified, Err(HostError::new("verify_signature", Status::Malformed)));
        let signed = signature::sign(Hash::Sha256, PrivateKey::Der(b"k"), b"");
        assert_eq!(signed, Err(HostError::new("sign", Status::Malformed)));
    }
}

#[test]
fn an_empty_answer_is_no_signature_and_no_yes() {
    Envoy::with(&[("verify_signature", Ok(Vec::new())), ("sign", Ok(Vec::new()))]);
    assert_eq!(signature::verify(Hash::Sha1, PublicKey::Der(b"k"), b"", b""), Ok(false));
    let signed = signature::sign(Hash::Sha1, PrivateKey::Der(b"k"), b"");
    assert_eq!(signed, Err(HostError::new("sign", Status::BadArgument)));
}

#[test]
fn signing_gives_the_signature_of_the_host() {
    let result = SignResult { result: true, signature: vec![1, 2], error: String::new() };
    let host = Envoy::with(&[("sign", Ok(result.encode_to_vec()))]);
    assert_eq!(signature::sign(Hash::Sha512, PrivateKey::Der(b"k"), b"text"), Ok(vec![1, 2]));
    assert_eq!(signature::sign(Hash::Sha512, PrivateKey::Pem("p"), b"text"), Ok(vec![1, 2]));
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

#[test]
fn more_than_the_host_survives_is_not_uncompressed() {
    let host = Envoy::with(&[("uncompress", Ok(b"x".to_vec()))]);
    assert_eq!(uncompress(&[0; UNCOMPRESS_MAX_INPUT]), Ok(b"x".to_vec()));
    let refused = Err(HostError::new("uncompress", Status::BadArgument));
    assert_eq!(uncompress(&[0; UNCOMPRESS_MAX_INPUT + 1]), refused);
    assert_eq!(host.arguments("uncompress").len(), 1);
}

fn expression(value: Answer) -> (Rc<Envoy>, Expression) {
    let token = Ok(7u32.to_le_bytes().to_vec());
    let answers =
        [("expr_create", token), ("expr_evaluate", value), ("expr_delete", Ok(Vec::new()))];
    (Envoy::with(&answers), Expression::compile("source").unwrap())
}

#[test]
fn an_expression_is_compiled_once_and_deleted_when_dropped() {
    let (host, compiled) = expression(Ok(vec![1]));
    assert_eq!((compiled.evaluate_bool(), compiled.evaluate_bool()), (Ok(true), Ok(true)));
    assert_eq!(host.arguments("expr_create"), [b"source"]);
    assert_eq!(host.arguments("expr_evaluate"), [[7, 0, 0, 0], [7, 0, 0, 0]]);
    assert!(host.arguments("expr_delete").is_empty());
    drop(compiled);
    assert_eq!(host.arguments("expr_delete"), [[7, 0, 0, 0]]);
}

#[test]
fn a_value_of_another_kind_is_malformed() {
    let malformed = HostError::new("expr_evaluate", Status::Malformed);
    for value in [&b""[..], b"\x02", b"true", &[0; 8]] {
        let (_host, expression) = expression(Ok(value.to_vec()));
        assert_eq!(expression.evaluate_bool(), Err(malformed), "{value:?}");
    }
    for value in [&b""[..], b"\x01", b"1234567", b"123456789"] {
        let (_host, expression) = expression(Ok(value.to_vec()));
        assert_eq!(expression.evaluate_integer(), Err(malformed), "{value:?}");
        assert_eq!(expression.evaluate_bytes(), Ok(value.to_vec()));
    }
    let (_host, expression) = expression(Ok((-5i64).to_le_bytes().to_vec()));
    assert_eq!(expression.evaluate_integer(), Ok(-5));
}

#[test]
fn an_evaluation_that_fails_is_an_error_of_its_own_kind() {
    for status in [Status::InternalFailure, Status::NotFound, Status::SerializationFailure] {
        let (_host, expression) = expression(Err(status));
        let error = Err(HostError::new("expr_evaluate", status));
        assert_eq!(expression.evaluate_bool(), error);
    }
}

#[test]
fn a_token_of_a_wrong_length_is_malformed() {
    for token in [&b""[..], &[1; 3], &[1; 5]] {
        Envoy::with(&[("expr_create", Ok(token.to_vec()))]);
        let error = Expression::compile("true").unwrap_err();
        assert_eq!(error, HostError::new("expr_create", Status::Malformed));
    }
}

#[test]
fn a_wrong_expression_is_a_clear_error_of_the_configuration() {
    Envoy::with(&[("expr_create", Err(Status::BadArgument))]);
    let error = Expression::configured("rules[0].when", "request.path ==").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rules[0].when`: found \"request.path ==\", allowed: a CEL expression (the line \
         `expr_create` in Envoy's log says what is wrong)"
    );
    Envoy::with(&[]);
    let error = Expression::configured("when", "true").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`when`: found expr_create: not implemented by this host, allowed: a host with CEL (stock \
         Envoy has it)"
    );
}

/// Envoy says *not found* for a key that it does not know, and for a function that it does not have.
#[test]
fn an_unknown_key_is_told_from_an_unknown_function() {
    struct Picky;
    impl Host for Picky {
        fn call_foreign_function(&self, _name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
            let parsed = SetEnvoyFilterStateArguments::decode(arguments);
            let status = if parsed.is_ok() { Status::NotFound } else { Status::BadArgument };
            Err(HostError::new("proxy_call_foreign_function", status))
        }
    }
    native::install(Rc::new(Picky));
    let error = set_filter_state("no.such.key", "x", LifeSpan::Request).unwrap_err();
    assert_eq!(error, HostError::new("set_envoy_filter_state", Status::NotFound));
}

#[test]
fn the_arguments_of_the_filter_state_are_what_prost_writes() {
    let spans = [(LifeSpan::FilterChain, 0), (LifeSpan::Request, 1), (LifeSpan::Connection, 2)];
    for (life_span, span) in spans {
        let host = Envoy::with(&[("set_envoy_filter_state", Ok(Vec::new()))]);
        assert_eq!(set_filter_state(well_known::STRING, "value", life_span), Ok(()));
        let expected = SetEnvoyFilterStateArguments {
            path: "envoy.string".to_owned(),
            value: "value".to_owned(),
            span,
        };
        assert_eq!(host.arguments("set_envoy_filter_state"), [expected.encode_to_vec()]);
    }
}

#[test]
fn the_arguments_of_a_declaration_are_what_prost_writes() {
    let setup = Setup::new("test");
    let kinds = [
        (Kind::Bytes, 0, &b""[..]),
        (Kind::Text, 1, b""),
        (Kind::FlatBuffer { schema: b"\xff" }, 2, b"\xff"),
        (Kind::Protobuf { type_url: "type.example/T" }, 3, b"type.example/T"),
    ];
    for (kind, number, schema) in kinds {
        let host = Envoy::with(&[("declare_property", Ok(Vec::new()))]);
        let declaration = Declaration::new(kind).read_only().life_span(LifeSpan::Connection);
        Property::declare(&setup, "user", declaration).unwrap();
        Property::declare(&setup, "user", Declaration::new(kind)).unwrap();
        let plain = DeclarePropertyArguments {
            name: "user".to_owned(),
            kind: number,
            schema: schema.to_vec(),
            ..Default::default()
        };
        let strict = DeclarePropertyArguments { readonly: true, span: 2, ..plain.clone() };
        let arguments = host.arguments("declare_property");
        assert_eq!(arguments, [strict.encode_to_vec(), plain.encode_to_vec()]);
    }
}

#[test]
fn a_declaration_that_is_refused_says_why() {
    let setup = Setup::new("test");
    let declare = |name| Property::declare(&setup, name, Declaration::new(Kind::Text));
    Envoy::with(&[("declare_property", Err(Status::BadArgument))]);
    assert_eq!(
        declare("user").unwrap_err().to_string(),
        "`(property)`: found a second declaration of \"user\", allowed: one in each plugin"
    );
    for name in ["", "a\0b", "request", "xds"] {
        let error = declare(name).unwrap_err().to_string();
        assert!(error.contains("allowed: a name without a zero byte"), "{error}");
    }
    Envoy::with(&[]);
    let error = declare("user").unwrap_err().to_string();
    assert!(error.contains("declare_property: not implemented by this host"), "{error}");
}

#[test]
fn a_property_is_set_and_read_by_its_name() {
    let host = Envoy::with(&[]);
    let property = Property::undeclared("user").unwrap();
    assert_eq!(property.get(), Ok(None));
    assert_eq!(property.set("alice"), Ok(()));
    assert_eq!(property.get(), Ok(Some(b"alice".to_vec())));
    assert_eq!(host.properties.borrow()[&b"user"[..]], b"alice");
    assert!(Property::undeclared("plugin_name").is_err());
}

proptest! {
    #[test]
    fn any_answer_is_a_result(bytes: Vec<u8>) {
        for (name, run) in every_function() {
            Envoy::with(&[(name, Ok(bytes.clone()))]);
            let _ = run();
        }
        let (_host, expression) = expression(Ok(bytes));
        let _ = (expression.evaluate_bool(), expression.evaluate_integer());
    }

    #[test]
    fn answers_are_read_as_prost_reads_them(result: bool, signature: Vec<u8>, error: String) {
        let answer = SignResult { result, signature: signature.clone(), error }.encode_to_vec();
        Envoy::with(&[("sign", Ok(answer))]);
        let signed = signature::sign(Hash::Sha256, PrivateKey::Der(b"k"), b"");
        let refused = Err(HostError::new("sign", Status::BadArgument));
        prop_assert_eq!(signed, if result { Ok(signature) } else { refused });
    }
}
