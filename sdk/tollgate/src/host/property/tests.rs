use super::*;
use crate::host::testing::Envoy;
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
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
