//! Every import gets its arguments in the order of the ABI, and gives its answer at the right place.

use super::module;
use super::recorder::Recorder;
use crate::abi::LogLevel;
use crate::headers::HeaderMap;
use std::time::Duration;

/// Memory begins with `abcdefghij`, so that an address and a size name text; a header map lies at 32.
const HEADERS: (u32, u32) = (32, 16);

/// An argument.
#[derive(Clone, Copy)]
enum Argument {
    Number(u32),
    Wide(i64),
}

use Argument::{Number, Wide};

/// What a call came to.
#[derive(Debug)]
struct Called {
    status: u32,
    asked: String,
    memory: Vec<u8>,
}

impl Called {
    /// The number at an address.
    fn number(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.memory[at..at + 4].try_into().unwrap())
    }

    /// The bytes whose address and size are at two addresses.
    fn bytes(&self, address_at: usize, size_at: usize) -> &[u8] {
        let (address, size) = (self.number(address_at) as usize, self.number(size_at) as usize);
        &self.memory[address..address + size]
    }
}

fn call_in(from: &str, name: &str, arguments: &[Argument]) -> Called {
    let types = arguments.iter().map(|argument| match argument {
        Number(_) => "i32 ",
        Wide(_) => "i64 ",
    });
    let values = arguments.iter().map(|argument| match argument {
        Number(number) => format!("(i32.const {}) ", *number as i32),
        Wide(number) => format!("(i64.const {number}) "),
    });
    let (types, values) = (types.collect::<String>(), values.collect::<String>());
    let headers = r"\01\00\00\00\01\00\00\00\01\00\00\00h\00i\00";
    let module = module(
        &format!(r#"(import "{from}" "{name}" (func $call (param {types}) (result i32)))"#),
        &format!(
            r#"(data (i32.const 0) "abcdefghij") (data (i32.const 32) "{headers}")
               (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
                 (call $call {values}))"#
        ),
    );
    let mut vm = module.instantiate(Recorder::default()).unwrap();
    let status = vm.on_request_trailers(2, 0).unwrap();
    let memory = vm.read_memory(0, 8192).unwrap();
    Called { status, asked: std::mem::take(&mut vm.host_mut().asked), memory }
}

/// Calls a function of the ABI; it must succeed.
fn call<const COUNT: usize>(name: &str, arguments: [u32; COUNT]) -> Called {
    let called = call_in("env", name, &arguments.map(Number));
    assert_eq!(called.status, 0, "{name}");
    called
}

fn asked<const COUNT: usize>(name: &str, arguments: [u32; COUNT]) -> String {
    call(name, arguments).asked
}

/// Where answers go.
const AT: usize = 256;
const AT_2: usize = 264;
const AT_3: usize = 272;

#[test]
fn header_maps() {
    let (at, at_2) = (AT as u32, AT_2 as u32);
    let (headers, size) = HEADERS;
    let got = call("proxy_get_header_map_pairs", [2, at, at_2]);
    assert_eq!(got.asked, "ResponseHeaders");
    assert_eq!(got.bytes(AT, AT_2), HeaderMap::from([("k", "v")]).to_bytes());
    assert_eq!(
        asked("proxy_set_header_map_pairs", [0, headers, size]),
        r#"(RequestHeaders, [("h", "i")])"#
    );
    let got = call("proxy_get_header_map_size", [1, at]);
    assert_eq!((got.asked.as_str(), got.number(AT)), ("RequestTrailers", 77));
    let got = call("proxy_get_header_map_value", [3, 1, 2, at, at_2]);
    assert_eq!(got.asked, r#"(ResponseTrailers, "bc")"#);
    assert_eq!(got.bytes(AT, AT_2), b"VALUE");
    assert_eq!(
        asked("proxy_add_header_map_value", [4, 0, 1, 1, 3]),
        r#"("add", GrpcInitialMetadata, "a", "bcd")"#
    );
    assert_eq!(
        asked("proxy_replace_header_map_value", [5, 0, 1, 1, 3]),
        r#"("replace", GrpcTrailingMetadata, "a", "bcd")"#
    );
    assert_eq!(asked("proxy_remove_header_map_value", [6, 2, 2]), r#"(HttpCallHeaders, "cd")"#);
}

#[test]
fn buffers() {
    let (at, at_2) = (AT as u32, AT_2 as u32);
    let got = call("proxy_get_buffer_bytes", [7, 3, 9, at, at_2]);
    assert_eq!(got.asked, "(PluginConfiguration, 3, 9)");
    assert_eq!(got.bytes(AT, AT_2), b"BYTES");
    let got = call("proxy_get_buffer_status", [1, at, at_2]);
    assert_eq!((got.asked.as_str(), got.number(AT), got.number(AT_2)), ("ResponseBody", 77, 0));
    assert_eq!(asked("proxy_set_buffer_bytes", [0, 4, 5, 6, 2]), r#"(RequestBody, 4, 5, "gh")"#);
}

#[test]
fn streams() {
    assert_eq!(asked("proxy_continue_stream", [1]), r#"("continue", Response)"#);
    assert_eq!(asked("proxy_close_stream", [0]), r#"("close", Request)"#);
    let (headers, size) = HEADERS;
    assert_eq!(
        asked("proxy_send_local_response", [418, 0, 2, 2, 3, headers, size, u32::MAX]),
        r#"(418, "ab", "cde", [("h", "i")], None)"#
    );
    assert_eq!(
        asked("proxy_send_local_response", [200, 0, 0, 0, 0, 0, 0, 16]),
        r#"(200, "", "", [], Some(16))"#
    );
}

#[test]
fn time_and_the_log() {
    let at = AT as u32;
    assert_eq!(asked("proxy_log", [3, 0, 4]), r#"(Warn, "abcd")"#);
    assert_eq!(call("proxy_get_log_level", [at]).number(AT), LogLevel::Warn as u32);
    let got = call("proxy_get_current_time_nanoseconds", [at]);
    assert_eq!(got.memory[AT..AT + 8], 0x0102_0304_0506_0708_u64.to_le_bytes());
    assert_eq!(asked("proxy_set_tick_period_milliseconds", [50]), "50");
}

#[test]
fn properties_and_foreign_functions() {
    let (at, at_2) = (AT as u32, AT_2 as u32);
    let got = call("proxy_get_property", [0, 3, at, at_2]);
    assert_eq!((got.asked.as_str(), got.bytes(AT, AT_2)), (r#""abc""#, &b"PROPERTY"[..]));
    assert_eq!(asked("proxy_set_property", [0, 3, 3, 1]), r#"("abc", "d")"#);
    let got = call("proxy_call_foreign_function", [0, 1, 1, 4, at, at_2]);
    assert_eq!(got.asked, r#"("a", "bcde")"#);
    assert_eq!(got.bytes(AT, AT_2), b"RESULT");
    assert_eq!(asked("proxy_set_effective_context", [12]), "12");
    assert_eq!(asked("proxy_done", []), r#""done""#);
}

#[test]
fn shared_data_and_queues() {
    let (at, at_2, at_3) = (AT as u32, AT_2 as u32, AT_3 as u32);
    let got = call("proxy_get_shared_data", [0, 3, at, at_2, at_3]);
    assert_eq!((got.asked.as_str(), got.bytes(AT, AT_2)), (r#""abc""#, &b"DATA"[..]));
    assert_eq!(got.number(AT_3), 9);
    assert_eq!(asked("proxy_set_shared_data", [0, 3, 3, 1, 9]), r#"("abc", "d", 9)"#);
    let got = call("proxy_register_shared_queue", [0, 2, at]);
    assert_eq!((got.asked.as_str(), got.number(AT)), (r#""ab""#, 5));
    let got = call("proxy_resolve_shared_queue", [0, 2, 2, 1, at]);
    assert_eq!((got.asked.as_str(), got.number(AT)), (r#"("ab", "c")"#, 6));
    let got = call("proxy_dequeue_shared_queue", [5, at, at_2]);
    assert_eq!((got.asked.as_str(), got.bytes(AT, AT_2)), ("5", &b"ITEM"[..]));
    assert_eq!(asked("proxy_enqueue_shared_queue", [5, 1, 2]), r#"(5, "bc")"#);
}

#[test]
fn metrics() {
    let at = AT as u32;
    let got = call("proxy_define_metric", [1, 0, 2, at]);
    assert_eq!((got.asked.as_str(), got.number(AT)), (r#"(Gauge, "ab")"#, 8));
    let got = call("proxy_get_metric", [8, at]);
    assert_eq!(got.asked, "8");
    assert_eq!(got.memory[AT..AT + 8], 0x0102_0304_0506_0708_u64.to_le_bytes());
    let got = call_in("env", "proxy_record_metric", &[Number(8), Wide(-1)]);
    assert_eq!((got.status, got.asked), (0, format!("(8, {})", u64::MAX)));
    let got = call_in("env", "proxy_increment_metric", &[Number(8), Wide(-1)]);
    assert_eq!((got.status, got.asked.as_str()), (0, "(8, -1)"));
}

#[test]
fn calls() {
    let (at, at_2, at_3) = (AT as u32, AT_2 as u32, AT_3 as u32);
    let (headers, size) = HEADERS;
    let arguments = [0, 2, headers, size, 2, 3, headers, size, 1500, at];
    let got = call("proxy_http_call", arguments);
    let timeout = Duration::from_millis(1500);
    assert_eq!(got.asked, format!(r#"("ab", [("h", "i")], "cde", [("h", "i")], {timeout:?})"#));
    assert_eq!(got.number(AT), 4);

    let got = call("proxy_grpc_call", [0, 1, 1, 2, 3, 3, headers, size, 6, 1, 1500, at]);
    assert_eq!(got.asked, format!(r#"(("a", "bc", "def"), [("h", "i")], "g", {timeout:?})"#));
    assert_eq!(got.number(AT), 5);

    let got = call("proxy_grpc_stream", [0, 1, 1, 2, 3, 3, headers, size, at]);
    assert_eq!((got.asked.as_str(), got.number(AT)), (r#"("a", "bc", "def", [("h", "i")])"#, 6));
    assert_eq!(asked("proxy_grpc_send", [6, 0, 2, 1]), r#"(6, "ab", true)"#);
    assert_eq!(asked("proxy_grpc_cancel", [6]), r#"("cancel", 6)"#);
    assert_eq!(asked("proxy_grpc_close", [6]), r#"("close", 6)"#);

    let got = call("proxy_get_status", [at, at_2, at_3]);
    assert_eq!((got.number(AT), got.bytes(AT_2, AT_3)), (14, &b"gone"[..]));
}

#[test]
fn numbers_that_the_abi_does_not_define_are_bad_arguments() {
    let bad = |name: &str, arguments: &[u32]| {
        let arguments: Vec<_> = arguments.iter().copied().map(Number).collect();
        let called = call_in("env", name, &arguments);
        assert_eq!((called.status, called.asked.as_str()), (2, ""), "{name}");
    };
    bad("proxy_log", &[6, 0, 1]);
    bad("proxy_get_header_map_pairs", &[8, 256, 264]);
    bad("proxy_get_buffer_bytes", &[9, 0, 1, 256, 264]);
    bad("proxy_continue_stream", &[4]);
    bad("proxy_define_metric", &[3, 0, 1, 256]);
    bad("proxy_http_call", &[0, 1, 0, 0, 0, 0, 0, 0, u32::MAX, 256]);
}

fn wasi(name: &str, arguments: &[Argument]) -> Called {
    call_in("wasi_snapshot_preview1", name, arguments)
}

#[test]
fn clocks_and_randomness_of_wasi() {
    let at = Number(AT as u32);
    let real = wasi("clock_time_get", &[Number(0), Wide(1), at]);
    assert_eq!(real.memory[AT..AT + 8], 0x0102_0304_0506_0708_u64.to_le_bytes());
    let monotonic = wasi("clock_time_get", &[Number(1), Wide(1), at]);
    assert_eq!(monotonic.memory[AT..AT + 8], 0x1112_1314_1516_1718_u64.to_le_bytes());
    assert_eq!(wasi("clock_time_get", &[Number(2), Wide(1), at]).status, 58);
    assert_eq!(wasi("clock_res_get", &[Number(1), at]).number(AT), 1);

    let random = wasi("random_get", &[at, Number(3)]);
    assert_eq!(random.memory[AT..AT + 4], [7, 7, 7, 0]);
    assert_eq!(wasi("random_get", &[at, Number(65537)]).status, 28);
    assert_eq!(wasi("random_get", &[Number(65535), Number(2)]).status, 21);
}

#[test]
fn the_environment_of_wasi() {
    let (at, at_2) = (Number(AT as u32), Number(AT_2 as u32));
    let sizes = wasi("environ_sizes_get", &[at, at_2]);
    assert_eq!((sizes.number(AT), sizes.number(AT_2)), (2, 8));
    let variables = wasi("environ_get", &[at, Number(512)]);
    assert_eq!((variables.number(AT), variables.number(AT + 4)), (512, 516));
    assert_eq!(variables.memory[512..520], *b"A=1\0BC=\0");
    let arguments = wasi("args_sizes_get", &[at, at_2]);
    assert_eq!((arguments.number(AT), arguments.number(AT_2)), (0, 0));
}

#[test]
fn only_the_standard_streams_can_be_written() {
    // The list of parts is the header map's bytes: one byte at address 1.
    let write = |file| wasi("fd_write", &[Number(file), Number(36), Number(1), Number(AT as u32)]);
    let written = write(1);
    assert_eq!((written.status, written.asked.as_str()), (0, r#"(Info, "b")"#));
    assert_eq!(written.number(AT), 1);
    assert_eq!(write(2).asked, r#"(Error, "b")"#);
    assert_eq!(write(3).status, 8);
}
