use super::testing::{Parrot, given};
use super::*;
use crate::abi::{HostError, Status};
use crate::headers::HeaderMap;
use proptest::prelude::*;
use std::fmt::Debug;
use std::time::{Duration, UNIX_EPOCH};

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
