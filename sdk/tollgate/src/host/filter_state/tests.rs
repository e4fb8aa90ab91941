use super::*;
use crate::abi::native::{self, Host};
use crate::host::testing::Envoy;
use prost::Message as _;
use std::rc::Rc;

#[derive(Clone, PartialEq, prost::Message)]
struct SetEnvoyFilterStateArguments {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(int32, tag = "3")]
    span: i32,
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
