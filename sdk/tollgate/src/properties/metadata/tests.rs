use super::*;
use crate::abi::{HostError, Status};
use crate::properties::testing::given;
use crate::protobuf::oracle;
use prost::Message as _;
use serde_json::json;
use std::collections::BTreeMap;

/// `envoy.config.core.v3.Metadata`.
#[derive(Clone, PartialEq, prost::Message)]
struct MetadataOracle {
    #[prost(btree_map = "string, message", tag = "1")]
    filter_metadata: BTreeMap<String, oracle::Struct>,
    #[prost(btree_map = "string, message", tag = "2")]
    typed_filter_metadata: BTreeMap<String, AnyOracle>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyOracle {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

fn metadata(namespaces: &[(&str, Value)]) -> Vec<u8> {
    let structs = namespaces.iter().map(|(name, json)| ((*name).to_owned(), oracle::message(json)));
    let any = AnyOracle { type_url: "type.example/T".to_owned(), value: vec![1, 2] };
    let typed_filter_metadata = BTreeMap::from([("typed".to_owned(), any)]);
    MetadataOracle { filter_metadata: structs.collect(), typed_filter_metadata }.encode_to_vec()
}

#[test]
fn metadata_is_looked_up_by_namespace_and_path() {
    let team = json!({ "name": "core", "size": 3.0, "on_call": true, "members": ["a", null] });
    let bytes = metadata(&[("com.example", json!({ "team": team })), ("", json!({}))]);
    let metadata = given(bytes, |p| p.xds().route_metadata()).unwrap().unwrap();
    let value = |path: &[&str]| metadata.value("com.example", path).unwrap();
    assert_eq!(value(&["team", "name"]), Some(json!("core")));
    assert_eq!(value(&["team", "on_call"]), Some(json!(true)));
    assert_eq!(value(&["team", "size"]), Some(json!(3.0)));
    assert_eq!(value(&["team", "members", "1"]), Some(Value::Null));
    assert_eq!(value(&["team"]), Some(team));
    assert_eq!(value(&["nobody"]), None);
    assert_eq!(metadata.value("", &[]), Ok(Some(json!({}))));
    assert_eq!(metadata.value("typed", &[]), Ok(None));
    let typed = Packed { type_url: b"type.example/T", value: &[1, 2] };
    assert_eq!(metadata.typed("typed"), Ok(Some(typed)));
    assert_eq!(metadata.typed("com.example"), Ok(None));
}

#[test]
fn metadata_that_is_cut_off_is_malformed() {
    let bytes = metadata(&[("n", json!({ "a": "b" }))]);
    let metadata = given(&bytes[..bytes.len() - 1], |p| p.metadata()).unwrap().unwrap();
    let malformed = HostError::new("metadata", Status::Malformed);
    assert_eq!(metadata.value("n", &["a"]), Err(malformed));
    assert_eq!(metadata.typed("typed"), Err(malformed));
}
