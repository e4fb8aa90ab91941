use super::*;
use crate::abi::native::{self, Host};
use crate::abi::{HostError, Status};
use crate::headers::HeaderMap;
use crate::protobuf::oracle;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

/// Answers every question in the same way, and remembers the last one.
struct Parrot {
    answer: Result<Option<Vec<u8>>, Status>,
    asked: RefCell<Vec<u8>>,
}

impl Parrot {
    fn install(answer: Result<Option<Vec<u8>>, Status>) -> Rc<Self> {
        let host = Rc::new(Self { answer, asked: RefCell::default() });
        native::install(host.clone());
        host
    }
}

impl Host for Parrot {
    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.asked.replace(path.to_vec());
        self.answer.clone().map_err(|status| HostError::new("proxy_get_property", status))
    }
}

/// The answer to `ask` of a host that gives these bytes.
fn given<T>(bytes: impl AsRef<[u8]>, ask: impl FnOnce(Properties) -> T) -> T {
    Parrot::install(Ok(Some(bytes.as_ref().to_vec())));
    ask(Properties)
}

/// A getter under its attribute's name; its value as text.
type Getter = (&'static str, Box<dyn Fn() -> Result<Option<String>>>);

fn getter<T: Debug>(
    name: &'static str,
    get: impl Fn(Properties) -> Result<Option<T>> + 'static,
) -> Getter {
    (name, Box::new(move || Ok(get(Properties)?.map(|value| format!("{value:?}")))))
}

macro_rules! getters {
    ($($group:ident: $($name:ident)+;)+) => {
        vec![$($(getter(
            concat!(stringify!($group), ".", stringify!($name)),
            |properties| properties.$group().$name(),
        ),)+)+]
    };
}

fn every_getter() -> Vec<Getter> {
    let mut getters = getters! {
        request: path url_path host scheme method referer useragent id query headers headers_bytes
            time size total_size duration protocol;
        response: code code_details headers headers_bytes trailers flags grpc_status size total_size
            backend_latency;
        connection: id mtls peer_certificate_valid requested_server_name termination_details
            transport_failure_reason tls_version subject_local_certificate subject_peer_certificate
            uri_san_local_certificate uri_san_peer_certificate dns_san_local_certificate
            dns_san_peer_certificate sha256_peer_certificate_digest peer_certificate;
        source: address port;
        destination: address port;
        upstream: address port local_address locality transport_failure_reason
            request_attempt_count cx_pool_ready_duration num_endpoints tls_version
            subject_local_certificate subject_peer_certificate uri_san_local_certificate
            uri_san_peer_certificate dns_san_local_certificate dns_san_peer_certificate
            sha256_peer_certificate_digest peer_certificate;
        xds: cluster_name cluster_metadata route_name route_metadata virtual_host_name
            virtual_host_metadata upstream_host_metadata upstream_host_locality_metadata
            filter_chain_name listener_metadata listener_direction;
    };
    getters.extend([
        getter("xds.node.id", |properties| properties.xds().node().id()),
        getter("xds.node.cluster", |properties| properties.xds().node().cluster()),
        getter("xds.node.locality", |properties| properties.xds().node().locality()),
        getter("xds.node.user_agent_name", |properties| properties.xds().node().user_agent_name()),
        getter("metadata", Properties::metadata),
        getter("plugin_name", Properties::plugin_name),
        getter("plugin_root_id", Properties::plugin_root_id),
        getter("plugin_vm_id", Properties::plugin_vm_id),
    ]);
    getters
}

#[test]
fn every_getter_asks_for_the_attribute_of_its_name() {
    for (name, get) in every_getter() {
        let host = Parrot::install(Ok(None));
        assert_eq!(get(), Ok(None), "{name}");
        assert_eq!(*host.asked.borrow(), name.replace('.', "\0").as_bytes(), "{name}");
    }
}

#[test]
fn an_error_names_the_attribute() {
    const FAILURES: [Status; 9] = [
        Status::BadArgument,
        Status::ParseFailure,
        Status::InvalidMemoryAccess,
        Status::CasMismatch,
        Status::ResultMismatch,
        Status::InternalFailure,
        Status::BrokenConnection,
        Status::Unimplemented,
        Status::Other(99),
    ];
    for (name, get) in every_getter() {
        for status in FAILURES {
            Parrot::install(Err(status));
            assert_eq!(get(), Err(HostError::new(name, status)));
        }
    }
}

#[test]
fn a_null_is_absent() {
    for (name, get) in every_getter() {
        Parrot::install(Err(Status::SerializationFailure));
        assert_eq!(get(), Ok(None), "{name}");
    }
}

/// The attributes that are one byte or eight; all others are text, maps and messages.
const NUMBERS: [&str; 22] = [
    "request.headers_bytes",
    "request.time",
    "request.size",
    "request.total_size",
    "request.duration",
    "response.code",
    "response.headers_bytes",
    "response.flags",
    "response.grpc_status",
    "response.size",
    "response.total_size",
    "response.backend_latency",
    "connection.id",
    "connection.mtls",
    "connection.peer_certificate_valid",
    "source.port",
    "destination.port",
    "upstream.port",
    "upstream.request_attempt_count",
    "upstream.cx_pool_ready_duration",
    "upstream.num_endpoints",
    "xds.listener_direction",
];

#[test]
fn an_answer_of_a_wrong_length_is_malformed() {
    let mut numbers = every_getter();
    numbers.retain(|(name, _)| NUMBERS.contains(name));
    assert_eq!(numbers.len(), NUMBERS.len());
    for bytes in [vec![], vec![2], vec![1; 3], vec![1; 7], vec![1; 9], vec![0; 64]] {
        for (name, get) in &numbers {
            Parrot::install(Ok(Some(bytes.clone())));
            assert_eq!(get(), Err(HostError::new(name, Status::Malformed)), "{bytes:?}");
        }
    }
}

#[test]
fn numbers_beyond_their_range_are_malformed() {
    let port = |number: i64| given(number.to_le_bytes(), |p| p.source().port());
    assert_eq!(port(65_535), Ok(Some(65_535)));
    for number in [65_536, -1, i64::MAX, i64::MIN] {
        assert_eq!(port(number), Err(HostError::new("source.port", Status::Malformed)));
    }
}

/// Values as Envoy 1.40 gives them.
#[test]
fn values_have_the_type_of_their_attribute() {
    let word = |number: i64| number.to_le_bytes();
    assert_eq!(given([1], |p| p.connection().mtls()), Ok(Some(true)));
    assert_eq!(given([0], |p| p.connection().mtls()), Ok(Some(false)));
    assert_eq!(given(word(7), |p| p.connection().id()), Ok(Some(7)));
    assert_eq!(given(word(503), |p| p.response().code()), Ok(Some(503)));
    assert_eq!(given(word(14), |p| p.response().grpc_status()), Ok(Some(14)));
    let latency = given(word(1_500_000), |p| p.response().backend_latency());
    assert_eq!(latency, Ok(Some(Duration::from_micros(1500))));
    let time = given(word(1_700_000_000_000_000_001), |p| p.request().time());
    assert_eq!(time, Ok(Some(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001))));
    let direction = given(word(2), |p| p.xds().listener_direction());
    assert_eq!(direction, Ok(Some(TrafficDirection::Outbound)));
    let locality = given(b"\x0a\x02ur\x12\x02uz\x1a\x02us", |p| p.upstream().locality());
    let expected = Locality { region: "ur".into(), zone: "uz".into(), sub_zone: "us".into() };
    assert_eq!(locality, Ok(Some(expected)));
}

#[test]
fn a_text_is_what_the_host_gave_in_bytes() {
    let host = given(b"caf\xe9.example", |p| p.request().host()).unwrap().unwrap();
    assert_eq!(&*host, b"caf\xe9.example");
    assert!(host.to_str().is_err());
    assert_eq!(host.to_string(), "caf\u{fffd}.example");
    assert_eq!(format!("{host:?}"), r#""caf\xe9.example""#);
    assert_eq!(given(b"GET", |p| p.request().method()).unwrap().unwrap(), "GET");
}

#[test]
fn what_stands_for_nothing_is_absent() {
    assert_eq!(given(b"", |p| p.connection().requested_server_name()), Ok(None));
    assert_eq!(given(b"\0\0\0\0", |p| p.response().trailers()), Ok(None));
    assert_eq!(given(b"", |p| p.metadata()), Ok(None));
    assert_eq!(given(b"", |p| p.upstream().locality()), Ok(None));
    assert_eq!(given(b"", |p| p.upstream().address()), Ok(None));
    assert_eq!(given(b"", |p| p.text(&["wasm.x"])), Ok(None));
    assert_eq!(given(b"", |p| p.bytes(&["wasm.x"])), Ok(Some(Vec::new())));
}

#[test]
fn an_address_is_an_ip_address_with_a_port_or_kept_as_it_is() {
    let address = |text: &str| given(text, |p| p.source().address()).unwrap().unwrap();
    for (text, ip, port) in [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:65535", "::1", 65_535),
        ("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1),
        ("[fe80::1%3]:8080", "fe80::1", 8080),
    ] {
        let parsed = address(text);
        assert_eq!(parsed.ip(), Some(ip.parse::<IpAddr>().unwrap()));
        assert_eq!((parsed.port(), parsed.to_string()), (Some(port), text.to_owned()));
    }
    for text in
        ["/run/x.sock", "@abstract", "envoy://inner/id", "127.0.0.1", "1.2.3.4:99999", "::1"]
    {
        assert_eq!(address(text), Address::Other(text.into()));
    }
}

#[test]
fn headers_come_as_a_map() {
    let map = HeaderMap::from_pairs([(":path", "/"), ("x-multi", "a,b")]);
    assert_eq!(given(map.as_buffer(), |p| p.request().headers()), Ok(Some(map.clone())));
    let cut = &map.as_buffer()[..20];
    let malformed = Err(HostError::new("request.headers", Status::Malformed));
    assert_eq!(given(cut, |p| p.request().headers()), malformed);
}

#[test]
fn one_header_is_asked_for_by_name() {
    let host = Parrot::install(Ok(Some(b"a,b".to_vec())));
    assert_eq!(Properties.request().header("x-multi"), Ok(Some(b"a,b".to_vec())));
    assert_eq!(*host.asked.borrow(), b"request\0headers\0x-multi");
    Properties.response().header("age").unwrap();
    assert_eq!(*host.asked.borrow(), b"response\0headers\0age");
    Properties.response().trailer("grpc-status").unwrap();
    assert_eq!(*host.asked.borrow(), b"response\0trailers\0grpc-status");
}

#[test]
fn a_path_that_the_host_would_misread_is_refused() {
    Parrot::install(Ok(Some(b"answer".to_vec())));
    let refused = Err(HostError::new("proxy_get_property", Status::BadArgument));
    for path in [&[][..], &[""], &["metadata", ""], &["metadata\0x"], &["metadata", "a\0b", "c"]] {
        assert_eq!(Properties.bytes(path), refused, "{path:?}");
    }
    assert_eq!(Properties.request().header(""), refused);
    assert_eq!(Properties.filter_state().get("a\0b"), refused);
    assert!(Properties.bytes(&["metadata", "", "x"]).is_ok());
}

#[test]
fn filter_state_has_objects_and_their_fields() {
    let host = Parrot::install(Ok(Some(80i64.to_le_bytes().to_vec())));
    let filter_state = Properties.filter_state();
    assert_eq!(filter_state.integer_field("address", "port"), Ok(Some(80)));
    assert_eq!(*host.asked.borrow(), b"filter_state\0address\0port");
    let host = Parrot::install(Ok(Some(b"1.2.3.4".to_vec())));
    assert_eq!(filter_state.text_field("address", "ip"), Ok(Some("1.2.3.4".into())));
    let malformed = Err(HostError::new("filter_state", Status::Malformed));
    assert_eq!(filter_state.integer_field("address", "ip"), malformed);
    Properties.upstream_filter_state().get("x").unwrap();
    assert_eq!(*host.asked.borrow(), b"upstream_filter_state\0x");
}

/// `envoy.config.core.v3.Metadata`, and `Node` as far as it is read.
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

#[derive(Clone, PartialEq, prost::Message)]
struct NodeOracle {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<oracle::Struct>,
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

/// The order of `CoreResponseFlag`, and the abbreviations of Envoy's documentation of access logs.
#[test]
fn response_flags_have_the_bits_and_names_of_envoys_access_log() {
    let names: Vec<_> = ResponseFlag::ALL.iter().map(|flag| flag.short_name()).collect();
    let expected = "LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF \
                    DT UPE NC OM DF DO DR UDO";
    assert_eq!(names.join(" "), expected);
    for (bit, flag) in ResponseFlag::ALL.iter().enumerate() {
        let flags = ResponseFlags::from_bits(1 << bit);
        assert!(flags.contains(*flag));
        assert_eq!(flags.iter().collect::<Vec<_>>(), [*flag]);
    }
    let newer = given((-1i64).to_le_bytes(), |p| p.response().flags()).unwrap().unwrap();
    assert_eq!((newer.bits(), newer.iter().count()), (u64::MAX, 30));
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(bytes: Vec<u8>) {
        for (name, get) in every_getter() {
            Parrot::install(Ok(Some(bytes.clone())));
            if let Err(error) = get() {
                prop_assert_eq!(error, HostError::new(name, Status::Malformed));
            }
        }
        Parrot::install(Ok(Some(bytes)));
        let _ = Properties.xds().node().metadata(&["a", "0"]);
        if let Ok(Some(metadata)) = Properties.metadata() {
            let _ = metadata.value("", &["a"]);
            let _ = metadata.typed("");
        }
    }

    #[test]
    fn eight_bytes_are_a_number_or_an_error(number: i64) {
        for (name, get) in every_getter() {
            Parrot::install(Ok(Some(number.to_le_bytes().to_vec())));
            if let Err(error) = get() {
                prop_assert_eq!(error, HostError::new(name, Status::Malformed));
            }
        }
    }
}
