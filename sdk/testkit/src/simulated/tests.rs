use super::*;
use crate::abi::{MetricKind, Status};
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall};

const ROOT: u32 = 1;
const STREAM: u32 = 2;
const OTHER_STREAM: u32 = 3;

/// A host with a plugin and two streams.
fn host() -> SimulatedHost {
    let mut host = SimulatedHost::new();
    host.context_created(ROOT, 0);
    host.context_created(STREAM, ROOT);
    host.context_created(OTHER_STREAM, ROOT);
    host
}

/// Runs `call` in a callback of this context.
fn within<T>(
    host: &mut SimulatedHost,
    context: u32,
    call: impl FnOnce(&mut SimulatedHost) -> T,
) -> T {
    host.callback_begins("proxy_on_request_headers", context);
    let result = call(host);
    host.callback_ends();
    result
}

#[test]
fn a_stream_sees_its_own_headers() {
    let mut host = host();
    host.set_headers(STREAM, MapKind::RequestHeaders, HeaderMap::from([("a", "1"), ("a", "2")]));
    within(&mut host, STREAM, |host| {
        let map = MapKind::RequestHeaders;
        assert_eq!(host.get_header_map_value(map, b"A"), Ok(b"1".to_vec()), "only the first");
        assert_eq!(host.get_header_map_value(map, b"b"), Err(Status::NOT_FOUND));
        assert_eq!(host.get_header_map_size(map), Ok(4));
        host.add_header_map_value(map, b"b", b"3").unwrap();
        host.replace_header_map_value(map, b"a", b"4").unwrap();
    });
    let expected = HeaderMap::from([("b", "3"), ("a", "4")]);
    assert_eq!(host.headers(STREAM, MapKind::RequestHeaders), &expected);
}

#[test]
fn a_map_that_is_not_there_is_empty_and_cannot_be_changed() {
    let mut host = host();
    within(&mut host, OTHER_STREAM, |host| {
        let map = MapKind::ResponseHeaders;
        assert_eq!(host.get_header_map_pairs(map), Ok(HeaderMap::new()));
        assert_eq!(host.get_header_map_value(map, b"a"), Err(Status::BAD_ARGUMENT));
        assert_eq!(host.add_header_map_value(map, b"a", b"1"), Err(Status::BAD_ARGUMENT));
    });
}

#[test]
fn the_effective_context_holds_until_the_callback_ends_or_the_context_is_gone() {
    let mut host = host();
    within(&mut host, ROOT, |host| {
        host.set_effective_context(STREAM).unwrap();
        host.continue_stream(StreamKind::Request).unwrap();
        assert_eq!(host.set_effective_context(99), Err(Status::BAD_ARGUMENT));
        host.continue_stream(StreamKind::Response).unwrap();
        host.context_deleted(STREAM);
        host.close_stream(StreamKind::Request).unwrap();
    });
    within(&mut host, ROOT, |host| host.close_stream(StreamKind::Request).unwrap());
    assert_eq!(host.continued(), [(STREAM, StreamKind::Request), (STREAM, StreamKind::Response)]);
    assert_eq!(host.closed(), [(ROOT, StreamKind::Request), (ROOT, StreamKind::Request)]);
}

#[test]
fn a_stream_sets_the_tick_of_its_plugin() {
    let mut host = host();
    within(&mut host, STREAM, |host| host.set_tick_period_milliseconds(5).unwrap());
    assert_eq!((host.tick_period(ROOT), host.tick_period(STREAM)), (5, 0));
}

#[test]
fn a_configuration_can_be_read_while_it_is_configured_and_at_no_other_time() {
    let mut host = host();
    host.set_plugin_configuration("{}");
    let read = |host: &mut SimulatedHost| {
        host.get_buffer_bytes(BufferKind::PluginConfiguration, 0, usize::MAX)
    };
    assert_eq!(within(&mut host, ROOT, read), Err(Status::NOT_FOUND));
    host.callback_begins("proxy_on_configure", ROOT);
    assert_eq!(read(&mut host), Ok(b"{}".to_vec()));
}

#[test]
fn a_buffer_gives_what_it_has() {
    let mut host = host();
    host.set_body(STREAM, BufferKind::RequestBody, "abcdef");
    within(&mut host, STREAM, |host| {
        let mut get = |start, max| host.get_buffer_bytes(BufferKind::RequestBody, start, max);
        assert_eq!(get(0, 100), Ok(b"abcdef".to_vec()));
        assert_eq!(get(2, 3), Ok(b"cde".to_vec()));
        assert_eq!(get(6, 3), Ok(vec![]));
        assert_eq!(get(7, 3), Ok(vec![]));
        assert_eq!(host.get_buffer_status(BufferKind::RequestBody), Ok(6));
        assert_eq!(host.get_buffer_status(BufferKind::ResponseBody), Ok(0));
    });
}

#[test]
fn a_body_can_be_replaced_prepended_and_appended() {
    let mut host = host();
    let mut set = |start, size, bytes: &[u8]| {
        host.set_body(STREAM, BufferKind::ResponseBody, "abc");
        let result = within(&mut host, STREAM, |host| {
            host.set_buffer_bytes(BufferKind::ResponseBody, start, size, bytes)
        });
        result.map(|()| String::from_utf8_lossy(host.body(STREAM, BufferKind::ResponseBody)).into())
    };
    assert_eq!(set(0, 3, b"-"), Ok("-".to_owned()));
    assert_eq!(set(0, 99, b"-"), Ok("-".to_owned()));
    assert_eq!(set(0, 0, b"-"), Ok("-abc".to_owned()));
    assert_eq!(set(3, 0, b"-"), Ok("abc-".to_owned()));
    assert_eq!(set(0, 1, b"-"), Ok("-bc".to_owned()));
    assert_eq!(set(1, 1, b"-"), Err(Status::BAD_ARGUMENT));
}

#[test]
fn what_a_stream_writes_is_its_own_property() {
    let mut host = host();
    let read = |host: &mut SimulatedHost| host.get_property(b"user");
    assert_eq!(
        within(&mut host, ROOT, |host| host.set_property(b"user", b"x")),
        Err(Status::NOT_FOUND)
    );
    within(&mut host, STREAM, |host| host.set_property(b"user", b"alice")).unwrap();
    assert_eq!(within(&mut host, STREAM, read), Ok(b"alice".to_vec()));
    assert_eq!(within(&mut host, OTHER_STREAM, read), Err(Status::NOT_FOUND));
}

#[test]
fn a_deleted_context_leaves_nothing_behind() {
    let mut host = host();
    host.set_headers(STREAM, MapKind::RequestHeaders, HeaderMap::from([("a", "1")]));
    host.set_body(STREAM, BufferKind::RequestBody, "body");
    host.context_deleted(STREAM);
    assert!(host.headers(STREAM, MapKind::RequestHeaders).is_empty());
    assert!(host.body(STREAM, BufferKind::RequestBody).is_empty());
}

#[test]
fn time_stands_still_until_it_is_moved() {
    let mut host = SimulatedHost::new();
    let (unix, monotonic) = (host.get_current_time_nanoseconds(), host.monotonic_nanoseconds());
    assert_eq!(host.get_current_time_nanoseconds(), unix);
    host.advance(Duration::from_nanos(7));
    assert_eq!(host.get_current_time_nanoseconds(), unix + 7);
    assert_eq!(host.monotonic_nanoseconds(), monotonic + 7);
    host.set_unix_time(Duration::from_nanos(5));
    assert_eq!(
        (host.get_current_time_nanoseconds(), host.monotonic_nanoseconds()),
        (5, monotonic + 7)
    );
}

#[test]
fn the_same_seed_gives_the_same_randomness() {
    let bytes = |seed| {
        let (mut host, mut bytes) = (SimulatedHost::new(), [0; 16]);
        host.set_seed(seed);
        host.random(&mut bytes);
        bytes
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn lines_below_the_level_are_not_kept() {
    let mut host = SimulatedHost::new();
    host.set_log_level(LogLevel::Warn);
    host.log(LogLevel::Info, b"info").unwrap();
    host.log(LogLevel::Warn, b"warn").unwrap();
    assert_eq!(host.log_lines(), [LogLine { level: LogLevel::Warn, message: "warn".into() }]);
}

#[test]
fn a_counter_grows_a_gauge_goes_both_ways_a_histogram_collects() {
    let mut host = SimulatedHost::new();
    let counter = host.define_metric(MetricKind::Counter, b"c").unwrap();
    let gauge = host.define_metric(MetricKind::Gauge, b"g").unwrap();
    let histogram = host.define_metric(MetricKind::Histogram, b"h").unwrap();
    assert_eq!((counter, gauge, histogram), (4, 5, 6));

    host.increment_metric(counter, 2).unwrap();
    assert_eq!(host.increment_metric(counter, 0), Err(Status::BAD_ARGUMENT));
    host.record_metric(counter, 5).unwrap();
    assert_eq!(host.get_metric(counter), Ok(7));

    host.increment_metric(gauge, 3).unwrap();
    host.increment_metric(gauge, -1).unwrap();
    assert_eq!(host.metrics().gauge("g"), 2);
    host.record_metric(gauge, 9).unwrap();
    assert_eq!(host.get_metric(gauge), Ok(9));

    host.record_metric(histogram, 1).unwrap();
    host.record_metric(histogram, 1).unwrap();
    assert_eq!(host.metrics().histogram("h"), [1, 1]);
    assert_eq!(host.get_metric(histogram), Err(Status::BAD_ARGUMENT));
    assert_eq!(host.increment_metric(histogram, 1), Err(Status::BAD_ARGUMENT));
    assert_eq!(host.get_metric(8), Err(Status::NOT_FOUND));
}

#[test]
fn a_compare_and_swap_number_is_the_process_s_not_the_key_s() {
    let mut host = SimulatedHost::new();
    host.set_shared_data(b"a", b"1", 0).unwrap();
    host.set_shared_data(b"b", b"1", u32::MAX).unwrap();
    assert_eq!(host.get_shared_data(b"a"), Ok((b"1".to_vec(), 1)));
    assert_eq!(host.get_shared_data(b"b"), Ok((b"1".to_vec(), 2)));
    assert_eq!(host.set_shared_data(b"a", b"2", 2), Err(Status::CAS_MISMATCH));
    host.set_shared_data(b"a", b"2", 1).unwrap();
    assert_eq!(host.get_shared_data(b"a"), Ok((b"2".to_vec(), 3)));
}

#[test]
fn a_queue_is_first_in_first_out() {
    let mut host = SimulatedHost::new();
    assert_eq!(host.resolve_shared_queue(b"", b"q"), Err(Status::NOT_FOUND));
    let token = host.register_shared_queue(b"q").unwrap();
    assert_eq!(host.register_shared_queue(b"q"), Ok(token));
    assert_eq!(host.resolve_shared_queue(b"", b"q"), Ok(token));
    assert_eq!(host.dequeue_shared_queue(token), Err(Status::EMPTY));
    host.enqueue_shared_queue(token, b"1").unwrap();
    host.enqueue_shared_queue(token, b"2").unwrap();
    assert_eq!(host.dequeue_shared_queue(token), Ok(b"1".to_vec()));
    assert_eq!(host.enqueue_shared_queue(token + 1, b"3"), Err(Status::NOT_FOUND));
}

fn http_call(cluster: &str) -> HttpCall {
    HttpCall {
        cluster: cluster.into(),
        headers: HeaderMap::from([(":method", "GET"), (":path", "/"), (":authority", "keys")]),
        ..HttpCall::default()
    }
}

#[test]
fn an_http_call_needs_a_known_cluster_and_three_headers() {
    let mut host = host();
    host.add_cluster("keys");
    assert_eq!(host.http_call(http_call("other")), Err(Status::BAD_ARGUMENT));
    for name in [":method", ":path", ":authority"] {
        let mut call = http_call("keys");
        call.headers.remove(name);
        assert_eq!(host.http_call(call), Err(Status::BAD_ARGUMENT), "{name}");
    }
    assert_eq!(host.callouts(), []);
    let token = within(&mut host, STREAM, |host| host.http_call(http_call("keys"))).unwrap();
    let callout = &host.callouts()[0];
    assert_eq!((callout.token, callout.root), (token, ROOT), "the plugin gets the answer");
}

#[test]
fn a_token_tells_the_kind_of_call() {
    let mut host = host();
    host.add_cluster("keys");
    // A `GrpcService` whose `envoy_grpc` has the `cluster_name` `keys`.
    let cluster = b"\x0a\x06\x0a\x04keys".to_vec();
    let tokens = [
        host.http_call(http_call("keys")),
        host.http_call(http_call("keys")),
        host.grpc_call(GrpcCall { cluster: cluster.clone(), ..GrpcCall::default() }),
        host.grpc_stream(GrpcStream { cluster, ..GrpcStream::default() }),
    ];
    assert_eq!(tokens, [Ok(4), Ok(8), Ok(5), Ok(6)]);
    assert_eq!(host.grpc_send(6, b"message", false), Ok(()));
    assert_eq!(host.grpc_send(5, b"message", false), Err(Status::BAD_ARGUMENT));
    assert_eq!(host.grpc_close(4), Err(Status::BAD_ARGUMENT));
    assert_eq!(host.grpc_cancel(5), Ok(()));
    assert_eq!(host.grpc_cancel(5), Err(Status::NOT_FOUND), "it has ended");
    assert_eq!(host.callouts()[3].messages, [b"message"]);
}

#[test]
fn a_foreign_function_of_the_test_has_precedence() {
    let mut host = SimulatedHost::new();
    assert_eq!(host.call_foreign_function(b"clear_route_cache", b""), Ok(vec![]));
    for name in ["expr_create", "sign", "declare_property"] {
        assert!(host.call_foreign_function(name.as_bytes(), b"x").is_err());
        host.set_foreign_function(name, |arguments| Ok(arguments.to_vec()));
        assert_eq!(host.call_foreign_function(name.as_bytes(), b"x"), Ok(b"x".to_vec()));
    }
}

#[test]
fn what_is_compressed_can_be_uncompressed() {
    let mut host = SimulatedHost::new();
    let text = b"so much, so much, so much".repeat(9);
    let small = host.call_foreign_function(b"compress", &text).unwrap();
    assert!(small.len() < text.len());
    assert_eq!(host.call_foreign_function(b"uncompress", &small), Ok(text));
}

#[test]
fn a_property_that_is_declared_to_be_read_only_can_be_set_once() {
    let mut host = host();
    // Field 1 is the name, field 2 says that it is read only.
    let declaration = b"\x0a\x04once\x10\x01";
    within(&mut host, ROOT, |host| {
        assert_eq!(host.call_foreign_function(b"declare_property", declaration), Ok(vec![]));
        let again = host.call_foreign_function(b"declare_property", declaration);
        assert_eq!(again, Err(Status::BAD_ARGUMENT));
    });
    within(&mut host, STREAM, |host| {
        assert_eq!(host.set_property(b"once", b"1"), Ok(()));
        assert_eq!(host.set_property(b"once", b"2"), Err(Status::BAD_ARGUMENT));
        assert_eq!(host.get_property(b"once"), Ok(b"1".to_vec()));
        assert_eq!(host.set_property(b"often", b"1"), Ok(()));
        assert_eq!(host.set_property(b"often", b"2"), Ok(()));
    });
}

#[test]
fn a_signature_is_verified_by_the_test() {
    let mut host = SimulatedHost::new();
    // Field 1 is `sha256`, field 2 the key, field 4 is `text`; in the result field 1 is `true`.
    let right = b"\x0a\x06sha256\x12\x03key\x22\x04text";
    assert_eq!(host.call_foreign_function(b"verify_signature", right), Err(Status::NOT_FOUND));
    host.set_verify_signature(|check| check.hash_function == "sha256" && check.text == b"text");
    let mut call = |arguments: &[u8]| host.call_foreign_function(b"verify_signature", arguments);
    assert_eq!(call(right), Ok(b"\x08\x01".to_vec()));
    let wrong = call(b"\x0a\x04sha1\x12\x03key\x22\x04text").unwrap();
    assert!(wrong.starts_with(b"\x12"), "no result, which is false, and an error: {wrong:?}");
    assert_eq!(call(b"\xff"), Err(Status::BAD_ARGUMENT));
    assert_eq!(call(b"\x0a\x06sha256\x22\x04text"), Err(Status::BAD_ARGUMENT), "no key");
    assert_eq!(call(b"\x12\x03key\x22\x04text"), Err(Status::BAD_ARGUMENT), "no hash function");
}
