use super::signature::{Hash, PrivateKey, PublicKey};
use super::testing::Envoy;
use super::*;
use proptest::prelude::*;

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
fn more_than_the_host_survives_is_not_uncompressed() {
    let host = Envoy::with(&[("uncompress", Ok(b"x".to_vec()))]);
    assert_eq!(uncompress(&[0; UNCOMPRESS_MAX_INPUT]), Ok(b"x".to_vec()));
    let refused = Err(HostError::new("uncompress", Status::BadArgument));
    assert_eq!(uncompress(&[0; UNCOMPRESS_MAX_INPUT + 1]), refused);
    assert_eq!(host.arguments("uncompress").len(), 1);
}

proptest! {
    #[test]
    fn any_answer_is_a_result(bytes: Vec<u8>) {
        for (name, run) in every_function() {
            Envoy::with(&[(name, Ok(bytes.clone()))]);
            let _ = run();
        }
    }


}
