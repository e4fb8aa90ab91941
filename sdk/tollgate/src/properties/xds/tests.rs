use crate::abi::{HostError, Status};
use crate::properties::testing::given;
use crate::protobuf::oracle;
use prost::Message as _;
use serde_json::json;

/// `envoy.config.core.v3.Node`, as far as it is read.
#[derive(Clone, PartialEq, prost::Message)]
struct NodeOracle {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<oracle::Struct>,
}

#[test]
fn a_nodes_metadata_is_read_from_its_message() {
    let json = json!({ "labels": { "app": "shop" }, "replicas": 2.0 });
    let metadata = Some(oracle::message(&json));
    let node = NodeOracle { id: "sidecar~1".to_owned(), metadata }.encode_to_vec();
    let at = |path: &[&str]| given(&node, |p| p.xds().node().metadata(path));
    assert_eq!(at(&["labels", "app"]), Ok(Some(json!("shop"))));
    assert_eq!(at(&["replicas"]), Ok(Some(json!(2.0))));
    assert_eq!(at(&["absent"]), Ok(None));
    assert_eq!(at(&[]), Ok(Some(json)));
    let without = NodeOracle { id: "x".to_owned(), metadata: None }.encode_to_vec();
    assert_eq!(given(without, |p| p.xds().node().metadata(&["a"])), Ok(None));
    let malformed = Err(HostError::new("xds.node", Status::Malformed));
    assert_eq!(given(b"\xff", |p| p.xds().node().metadata(&["a"])), malformed);
}
