//! What a probe does: for each callback a list of host calls, and of things said in the log.

use super::ID;

/// A callback of the ABI, in the words of the log: `proxy_on_request_headers` is `RequestHeaders`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// A context is there: the plugin's, or a stream's.
    ContextCreate,
    /// The VM begins.
    VmStart,
    /// The plugin gets its configuration.
    Configure,
    /// The period that was set has gone by.
    Tick,
    /// The headers of a request.
    RequestHeaders,
    /// A part of the body of a request.
    RequestBody,
    /// The trailers of a request.
    RequestTrailers,
    /// The headers of a response.
    ResponseHeaders,
    /// A part of the body of a response.
    ResponseBody,
    /// The trailers of a response.
    ResponseTrailers,
    /// An answer to an HTTP call.
    HttpCallResponse,
    /// The initial metadata of the answer to a gRPC call.
    GrpcInitialMetadata,
    /// The message of the answer to a gRPC call.
    GrpcReceive,
    /// The trailing metadata of the answer to a gRPC call.
    GrpcTrailingMetadata,
    /// A gRPC call has ended.
    GrpcClose,
    /// Something is in a shared queue.
    QueueReady,
    /// A stream has ended.
    Done,
    /// A stream is logged.
    Log,
    /// A context is gone.
    Delete,
}

/// What a number means that a callback is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    /// Is shown as a number, behind these words.
    Number(&'static str),
    /// Is shown by these words, if it is true.
    Flag(&'static str),
    /// Is not shown: it counts what Envoy adds by itself, too.
    Hidden,
}

/// How a callback is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    /// In the log.
    pub(super) name: &'static str,
    /// The export.
    pub(super) export: &'static str,
    /// Behind the context.
    pub(super) parameters: &'static [Parameter],
    /// What is answered unless the script says otherwise; `None` if there is no answer.
    pub(super) answer: Option<i32>,
}

impl Callback {
    pub(super) const fn signature(self) -> Signature {
        use Parameter::{Flag, Hidden, Number};
        const HEADERS: &[Parameter] = &[Hidden, Flag("end of stream")];
        const BODY: &[Parameter] = &[Number("size"), Flag("end of stream")];
        const TOKEN_SIZE: &[Parameter] = &[Number("token"), Number("size")];
        let (name, export, parameters, answer): (_, _, &[Parameter], _) = match self {
            Self::ContextCreate => {
                ("context_create", "proxy_on_context_create", &[Number("of")], None)
            }
            Self::VmStart => ("vm_start", "proxy_on_vm_start", &[Number("size")], Some(1)),
            Self::Configure => ("configure", "proxy_on_configure", &[Number("size")], Some(1)),
            Self::Tick => ("tick", "proxy_on_tick", &[], None),
            Self::RequestHeaders => {
                ("request_headers", "proxy_on_request_headers", HEADERS, Some(0))
            }
            Self::RequestBody => ("request_body", "proxy_on_request_body", BODY, Some(0)),
            Self::RequestTrailers => {
                ("request_trailers", "proxy_on_request_trailers", &[Number("count")], Some(0))
            }
            Self::ResponseHeaders => {
                ("response_headers", "proxy_on_response_headers", HEADERS, Some(0))
            }
            Self::ResponseBody => ("response_body", "proxy_on_response_body", BODY, Some(0)),
            Self::ResponseTrailers => {
                ("response_trailers", "proxy_on_response_trailers", &[Number("count")], Some(0))
            }
            Self::HttpCallResponse => (
                "http_call_response",
                "proxy_on_http_call_response",
                &[Number("token"), Number("headers"), Number("body"), Number("trailers")],
                None,
            ),
            Self::GrpcInitialMetadata => (
                "grpc_initial_metadata",
                "proxy_on_grpc_receive_initial_metadata",
                &[Number("token"), Hidden],
                None,
            ),
            Self::GrpcReceive => ("grpc_receive", "proxy_on_grpc_receive", TOKEN_SIZE, None),
            Self::GrpcTrailingMetadata => (
                "grpc_trailing_metadata",
                "proxy_on_grpc_receive_trailing_metadata",
                &[Number("token"), Hidden],
                None,
            ),
            Self::GrpcClose => {
                ("grpc_close", "proxy_on_grpc_close", &[Number("token"), Number("status")], None)
            }
            Self::QueueReady => ("queue_ready", "proxy_on_queue_ready", &[Hidden], None),
            Self::Done => ("done", "proxy_on_done", &[], Some(1)),
            Self::Log => ("log", "proxy_on_log", &[], None),
            Self::Delete => ("delete", "proxy_on_delete", &[], None),
        };
        Signature { name, export, parameters, answer }
    }
}

/// The callbacks that a probe exports, and what it does in them. Each begins with a line such as
/// `request_headers 2, end of stream`: its name, the context's number, what else it was told.
#[derive(Debug, Clone, Default)]
pub struct Script(pub(super) Vec<Handler>);

#[derive(Debug, Clone)]
pub(super) struct Handler {
    pub(super) callback: Callback,
    pub(super) steps: Vec<Op>,
    pub(super) is_quiet: bool,
}

impl Script {
    /// A probe without a callback.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Exports a callback that does this, and nothing of what it did before.
    #[must_use]
    pub fn on(self, callback: Callback, steps: impl IntoIterator<Item = Op>) -> Self {
        self.with(Handler { callback, steps: steps.into_iter().collect(), is_quiet: false })
    }

    /// As [`on`](Self::on), without a line that says that it came.
    #[must_use]
    pub fn quietly(self, callback: Callback, steps: impl IntoIterator<Item = Op>) -> Self {
        self.with(Handler { callback, steps: steps.into_iter().collect(), is_quiet: true })
    }

    /// Exports callbacks that only say that they came; those that do more already stay as they are.
    #[must_use]
    pub fn watch(self, callbacks: impl IntoIterator<Item = Callback>) -> Self {
        callbacks.into_iter().fold(self, |script, callback| {
            let is_there = script.0.iter().any(|handler| handler.callback == callback);
            if is_there { script } else { script.on(callback, []) }
        })
    }

    fn with(mut self, handler: Handler) -> Self {
        self.0.retain(|other| other.callback != handler.callback);
        self.0.push(handler);
        self
    }
}

/// Something that a probe does.
#[derive(Debug, Clone)]
pub enum Op {
    /// Calls the host, and logs the answer.
    Call(Call),
    /// Logs a line.
    Say(String),
    /// Returns from the callback with this.
    Answer(i32),
    /// Does something only when the VM is in this callback for the n-th time.
    Nth(u32, Vec<Op>),
    /// Does something only in contexts with this number.
    In(u32, Vec<Op>),
    /// Executes an `unreachable`.
    Trap,
}

/// Does something the first time that the VM is in this callback.
#[must_use]
pub fn first(steps: impl IntoIterator<Item = Op>) -> Op {
    nth(1, steps)
}

/// Does something the n-th time that the VM is in this callback.
#[must_use]
pub fn nth(n: u32, steps: impl IntoIterator<Item = Op>) -> Op {
    Op::Nth(n, steps.into_iter().collect())
}

/// Does something only in the context with this number.
#[must_use]
pub fn in_context(number: u32, steps: impl IntoIterator<Item = Op>) -> Op {
    Op::In(number, steps.into_iter().collect())
}

/// Lets the stream go on.
pub const CONTINUE: Op = Op::Answer(0);
/// Pauses the stream; of a body, collects it.
pub const PAUSE: Op = Op::Answer(1);
/// Of a body: pauses, keeps it for later, and slows the sender down where that is too much.
pub const PAUSE_AND_WATERMARK: Op = Op::Answer(2);
/// Of a body: pauses, and drops this part.
pub const PAUSE_NO_BUFFER: Op = Op::Answer(3);
/// Of `vm_start` and `configure`: refuses. Of `done`: is not done yet.
pub const NO: Op = Op::Answer(0);
/// Executes an `unreachable`.
pub const TRAP: Op = Op::Trap;

/// Logs a line.
#[must_use]
pub fn say(text: &str) -> Op {
    Op::Say(text.to_owned())
}

/// A call of the host. The log shows what was called and `-> ok` or the name of another status, and
/// what came back, such as `get request_headers x-a -> ok '1'`.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) function: &'static str,
    pub(super) arguments: Vec<Argument>,
    pub(super) label: String,
    pub(super) shown: Shown,
    /// The register that keeps the number that comes back.
    pub(super) kept: Option<usize>,
}

/// What is given to the host.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    I32(i32),
    I64(i64),
    /// An address and a size.
    Bytes(Vec<u8>),
    /// A number that came back earlier.
    Kept(usize),
    /// Where the address and the size of returned bytes go.
    OutBytes,
    /// Where a returned number of 32 bits goes.
    OutNumber,
    /// Where a returned number of 64 bits goes.
    OutNumber64,
}

/// How the log shows what came back with the status `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Bytes,
    Pairs,
    Number,
    Number64,
    BytesAndNumber,
    /// Bytes, and a number that is shown as how much more it is than the first one.
    BytesAndRise,
    /// Only whether a time is not before the last one.
    Order,
}

/// A header map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    GrpcInitialMetadata = 4,
    GrpcTrailingMetadata = 5,
    CallHeaders = 6,
    CallTrailers = 7,
    Unknown = 99,
}

impl Map {
    const fn name(self) -> &'static str {
        match self {
            Self::RequestHeaders => "request_headers",
            Self::RequestTrailers => "request_trailers",
            Self::ResponseHeaders => "response_headers",
            Self::ResponseTrailers => "response_trailers",
            Self::GrpcInitialMetadata => "grpc_initial_metadata",
            Self::GrpcTrailingMetadata => "grpc_trailing_metadata",
            Self::CallHeaders => "call_headers",
            Self::CallTrailers => "call_trailers",
            Self::Unknown => "unknown",
        }
    }
}

/// A buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallBody = 4,
    GrpcMessage = 5,
    VmConfiguration = 6,
    PluginConfiguration = 7,
    ForeignArguments = 8,
    Unknown = 99,
}

impl Buffer {
    const fn name(self) -> &'static str {
        match self {
            Self::RequestBody => "request_body",
            Self::ResponseBody => "response_body",
            Self::CallBody => "call_body",
            Self::GrpcMessage => "grpc_message",
            Self::VmConfiguration => "vm_configuration",
            Self::PluginConfiguration => "plugin_configuration",
            Self::ForeignArguments => "foreign_arguments",
            Self::Unknown => "unknown",
        }
    }
}

/// A direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stream {
    Request = 0,
    Response = 1,
    Downstream = 2,
    Upstream = 3,
    Unknown = 9,
}

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

/// The name of a cluster of the scenario, as Envoy knows it.
#[must_use]
pub fn cluster(name: &str) -> String {
    format!("{ID}.{name}")
}

/// Pairs as the ABI serialises them: a count, the sizes, then names and values with a zero behind each.
#[must_use]
pub fn pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend(size(name.as_ref()));
        bytes.extend(size(value.as_ref()));
    }
    for (name, value) in pairs {
        bytes.extend([name.as_ref(), &[0], value.as_ref(), &[0]].concat());
    }
    bytes
}

fn bytes(bytes: impl AsRef<[u8]>) -> Argument {
    Argument::Bytes(bytes.as_ref().to_vec())
}

fn call(
    function: &'static str,
    label: impl Into<String>,
    arguments: impl IntoIterator<Item = Argument>,
    shown: Shown,
) -> Op {
    let arguments = arguments.into_iter().collect();
    Op::Call(Call { function, arguments, label: label.into(), shown, kept: None })
}

impl Op {
    /// Keeps the number that a call returns in a register, 0 to 7.
    ///
    /// # Panics
    ///
    /// When it is no call.
    #[must_use]
    pub fn keep(mut self, register: usize) -> Self {
        match &mut self {
            Self::Call(call) => call.kept = Some(register),
            other => panic!("{other:?} returns no number"),
        }
        self
    }
}

/// `proxy_get_header_map_value`.
#[must_use]
pub fn get(map: Map, name: impl AsRef<[u8]>) -> Op {
    let label = format!("get {} {}", map.name(), name.as_ref().escape_ascii());
    let arguments = [Argument::I32(map as i32), bytes(name), Argument::OutBytes];
    call("proxy_get_header_map_value", label, arguments, Shown::Bytes)
}

fn write(function: &'static str, verb: &str, map: Map, name: &[u8], value: &[u8]) -> Op {
    let label = format!("{verb} {} {}", map.name(), shortened(name));
    call(function, label, [Argument::I32(map as i32), bytes(name), bytes(value)], Shown::Nothing)
}

/// Bytes in a label.
fn shortened(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=60 => bytes.escape_ascii().to_string(),
        size => format!("#{size}"),
    }
}

/// `proxy_replace_header_map_value`.
#[must_use]
pub fn replace(map: Map, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
    write("proxy_replace_header_map_value", "replace", map, name.as_ref(), value.as_ref())
}

/// `proxy_add_header_map_value`.
#[must_use]
pub fn add(map: Map, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
    write("proxy_add_header_map_value", "add", map, name.as_ref(), value.as_ref())
}

/// `proxy_remove_header_map_value`.
#[must_use]
pub fn remove(map: Map, name: impl AsRef<[u8]>) -> Op {
    let label = format!("remove {} {}", map.name(), shortened(name.as_ref()));
    let arguments = [Argument::I32(map as i32), bytes(name)];
    call("proxy_remove_header_map_value", label, arguments, Shown::Nothing)
}

/// `proxy_get_header_map_pairs`.
#[must_use]
pub fn get_pairs(map: Map) -> Op {
    let arguments = [Argument::I32(map as i32), Argument::OutBytes];
    call("proxy_get_header_map_pairs", format!("pairs {}", map.name()), arguments, Shown::Pairs)
}

/// `proxy_get_header_map_size`.
#[must_use]
pub fn map_size(map: Map) -> Op {
    let arguments = [Argument::I32(map as i32), Argument::OutNumber];
    call("proxy_get_header_map_size", format!("size {}", map.name()), arguments, Shown::Number)
}

/// `proxy_set_header_map_pairs`, with bytes as they are.
#[must_use]
pub fn set_pairs(map: Map, serialized: impl AsRef<[u8]>) -> Op {
    let arguments = [Argument::I32(map as i32), bytes(serialized)];
    let label = format!("set pairs {}", map.name());
    call("proxy_set_header_map_pairs", label, arguments, Shown::Nothing)
}

/// `proxy_get_buffer_bytes`.
#[must_use]
pub fn get_buffer(buffer: Buffer, start: i32, size: i32) -> Op {
    let numbers = [buffer as i32, start, size].map(Argument::I32);
    let label = format!("read {} {start} {size}", buffer.name());
    let arguments = numbers.into_iter().chain([Argument::OutBytes]);
    call("proxy_get_buffer_bytes", label, arguments, Shown::Bytes)
}

/// `proxy_set_buffer_bytes`.
#[must_use]
pub fn set_buffer(buffer: Buffer, start: i32, size: i32, value: impl AsRef<[u8]>) -> Op {
    let numbers = [buffer as i32, start, size].map(Argument::I32);
    let label = format!("write {} {start} {size}", buffer.name());
    let arguments = numbers.into_iter().chain([bytes(value)]);
    call("proxy_set_buffer_bytes", label, arguments, Shown::Nothing)
}

/// `proxy_get_buffer_status`.
#[must_use]
pub fn buffer_size(buffer: Buffer) -> Op {
    let arguments = [Argument::I32(buffer as i32), Argument::OutNumber, Argument::OutNumber64];
    call("proxy_get_buffer_status", format!("size {}", buffer.name()), arguments, Shown::Number)
}

/// `proxy_continue_stream`.
#[must_use]
pub fn continue_stream(stream: Stream) -> Op {
    let label = format!("continue {}", format!("{stream:?}").to_lowercase());
    call("proxy_continue_stream", label, [Argument::I32(stream as i32)], Shown::Nothing)
}

/// `proxy_close_stream`.
#[must_use]
pub fn close_stream(stream: Stream) -> Op {
    let label = format!("close {}", format!("{stream:?}").to_lowercase());
    call("proxy_close_stream", label, [Argument::I32(stream as i32)], Shown::Nothing)
}

/// `proxy_send_local_response` without headers and a gRPC status.
#[must_use]
pub fn reply(status: i32, details: &str, body: &str) -> Op {
    reply_with(status, details, body, &[], -1)
}

/// `proxy_send_local_response`.
#[must_use]
pub fn reply_with(
    status: i32,
    details: &str,
    body: &str,
    headers: &[(&str, &str)],
    grpc_status: i32,
) -> Op {
    let arguments = [
        Argument::I32(status),
        bytes(details),
        bytes(body),
        bytes(if headers.is_empty() { Vec::new() } else { pairs(headers) }),
        Argument::I32(grpc_status),
    ];
    call("proxy_send_local_response", format!("reply {status}"), arguments, Shown::Nothing)
}

/// `proxy_set_effective_context` with a number.
#[must_use]
pub fn set_context(number: i32) -> Op {
    let label = format!("set context {number}");
    call("proxy_set_effective_context", label, [Argument::I32(number)], Shown::Nothing)
}

/// `proxy_get_property` of a path whose parts are separated by dots.
#[must_use]
pub fn property(path: &str) -> Op {
    let arguments = [bytes(path.replace('.', "\0")), Argument::OutBytes];
    call("proxy_get_property", format!("property {path}"), arguments, Shown::Bytes)
}

/// `proxy_set_property`.
#[must_use]
pub fn set_property(path: &str, value: impl AsRef<[u8]>) -> Op {
    let label = format!("set property {path}");
    call("proxy_set_property", label, [bytes(path), bytes(value)], Shown::Nothing)
}

/// `proxy_get_shared_data`. The log shows how much higher the number is than the first of this VM.
/// [`keep`](Op::keep) keeps the number.
#[must_use]
pub fn get_shared(key: &str) -> Op {
    let arguments = [bytes(key), Argument::OutBytes, Argument::OutNumber];
    call("proxy_get_shared_data", format!("shared {key}"), arguments, Shown::BytesAndRise)
}

/// `proxy_set_shared_data` with a number.
#[must_use]
pub fn set_shared(key: &str, value: &str, number: i32) -> Op {
    let arguments = [bytes(key), bytes(value), Argument::I32(number)];
    call(
        "proxy_set_shared_data",
        format!("set shared {key} if {number}"),
        arguments,
        Shown::Nothing,
    )
}

/// `proxy_set_shared_data` with a kept number.
#[must_use]
pub fn set_shared_if_kept(key: &str, value: &str, register: usize) -> Op {
    let arguments = [bytes(key), bytes(value), Argument::Kept(register)];
    call("proxy_set_shared_data", format!("set shared {key} if kept"), arguments, Shown::Nothing)
}

/// `proxy_register_shared_queue`; keeps the token.
#[must_use]
pub fn register_queue(name: &str, register: usize) -> Op {
    let arguments = [bytes(name), Argument::OutNumber];
    let label = format!("register queue {name}");
    call("proxy_register_shared_queue", label, arguments, Shown::Nothing).keep(register)
}

/// `proxy_resolve_shared_queue`; keeps the token.
#[must_use]
pub fn resolve_queue(vm_id: &str, name: &str, register: usize) -> Op {
    let arguments = [bytes(vm_id), bytes(name), Argument::OutNumber];
    let label = format!("resolve queue {name} of {vm_id}");
    call("proxy_resolve_shared_queue", label, arguments, Shown::Nothing).keep(register)
}

/// `proxy_enqueue_shared_queue`.
#[must_use]
pub fn enqueue(register: usize, value: &str) -> Op {
    let arguments = [Argument::Kept(register), bytes(value)];
    call("proxy_enqueue_shared_queue", format!("enqueue {value}"), arguments, Shown::Nothing)
}

/// `proxy_dequeue_shared_queue`.
#[must_use]
pub fn dequeue(register: usize) -> Op {
    let arguments = [Argument::Kept(register), Argument::OutBytes];
    call("proxy_dequeue_shared_queue", "dequeue", arguments, Shown::Bytes)
}

/// `proxy_define_metric`, with a name that is the scenario's own; keeps the id.
#[must_use]
pub fn define(kind: Kind, name: &str, register: usize) -> Op {
    let arguments =
        [Argument::I32(kind as i32), bytes(format!("{ID}.{name}")), Argument::OutNumber];
    let label = format!("define {} {name}", format!("{kind:?}").to_lowercase());
    call("proxy_define_metric", label, arguments, Shown::Nothing).keep(register)
}

/// As [`define`], and the log shows the id.
#[must_use]
pub fn define_shown(kind: Kind, name: &str, register: usize) -> Op {
    match define(kind, name, register) {
        Op::Call(call) => Op::Call(Call { shown: Shown::Number, ..call }),
        other => other,
    }
}

/// `proxy_define_metric` with a kind as number.
#[must_use]
pub fn define_unknown(kind: i32, name: &str) -> Op {
    let arguments = [Argument::I32(kind), bytes(format!("{ID}.{name}")), Argument::OutNumber];
    call("proxy_define_metric", format!("define {kind} {name}"), arguments, Shown::Nothing)
}

/// `proxy_increment_metric`.
#[must_use]
pub fn increment(register: usize, by: i64) -> Op {
    let arguments = [Argument::Kept(register), Argument::I64(by)];
    call("proxy_increment_metric", format!("increment by {by}"), arguments, Shown::Nothing)
}

/// `proxy_record_metric`.
#[must_use]
pub fn record(register: usize, value: i64) -> Op {
    let arguments = [Argument::Kept(register), Argument::I64(value)];
    call("proxy_record_metric", format!("record {value}"), arguments, Shown::Nothing)
}

/// `proxy_get_metric`.
#[must_use]
pub fn get_metric(register: usize) -> Op {
    let arguments = [Argument::Kept(register), Argument::OutNumber64];
    call("proxy_get_metric", "get metric", arguments, Shown::Number64)
}

/// `proxy_get_metric`, `proxy_increment_metric` and `proxy_record_metric` with an id that nobody
/// defined.
#[must_use]
pub fn metric_unknown(id: i32) -> [Op; 3] {
    let number = Argument::I32(id);
    [
        call(
            "proxy_get_metric",
            format!("get metric {id}"),
            [number.clone(), Argument::OutNumber64],
            Shown::Number64,
        ),
        call(
            "proxy_increment_metric",
            format!("increment {id}"),
            [number.clone(), Argument::I64(1)],
            Shown::Nothing,
        ),
        call(
            "proxy_record_metric",
            format!("record {id}"),
            [number, Argument::I64(1)],
            Shown::Nothing,
        ),
    ]
}

/// `proxy_set_tick_period_milliseconds`.
#[must_use]
pub fn tick_every(milliseconds: i32) -> Op {
    let label = format!("tick every {milliseconds}");
    call("proxy_set_tick_period_milliseconds", label, [Argument::I32(milliseconds)], Shown::Nothing)
}

/// `proxy_get_current_time_nanoseconds`. The log shows only whether it went back.
#[must_use]
pub fn time() -> Op {
    call("proxy_get_current_time_nanoseconds", "time", [Argument::OutNumber64], Shown::Order)
}

/// `proxy_get_log_level`.
#[must_use]
pub fn log_level() -> Op {
    call("proxy_get_log_level", "log level", [Argument::OutNumber], Shown::Number)
}

/// `proxy_log` at a level.
#[must_use]
pub fn log_at(level: i32, text: &str) -> Op {
    let arguments = [Argument::I32(level), bytes(text)];
    call("proxy_log", format!("log at {level}"), arguments, Shown::Nothing)
}

/// `proxy_call_foreign_function`.
#[must_use]
pub fn foreign(name: &str, arguments: impl AsRef<[u8]>) -> Op {
    let arguments = [bytes(name), bytes(arguments), Argument::OutBytes];
    call("proxy_call_foreign_function", format!("foreign {name}"), arguments, Shown::Bytes)
}

/// `proxy_get_status`: of the last gRPC call, or HTTP call.
#[must_use]
pub fn call_status() -> Op {
    let arguments = [Argument::OutNumber, Argument::OutBytes];
    call("proxy_get_status", "status", arguments, Shown::BytesAndNumber)
}

/// `proxy_http_call`: a `GET` without a body, with a time limit in milliseconds; keeps the token in
/// register 7.
#[must_use]
pub fn http_call(cluster_name: &str, path: &str, timeout: i32) -> Op {
    let headers = [(":method", "GET"), (":path", path), (":authority", "side.test")];
    http_call_with(&cluster(cluster_name), &headers, "", &[], timeout)
}

/// `proxy_http_call` with everything; the cluster's name is taken as it is.
#[must_use]
pub fn http_call_with(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &str,
    trailers: &[(&str, &str)],
    timeout: i32,
) -> Op {
    let arguments = [
        bytes(cluster),
        bytes(pairs(headers)),
        bytes(body),
        bytes(pairs(trailers)),
        Argument::I32(timeout),
        Argument::OutNumber,
    ];
    call("proxy_http_call", "http call", arguments, Shown::Number).keep(7)
}

/// `proxy_grpc_call` of a unary method, with a time limit in milliseconds; keeps the token in
/// register 7.
#[must_use]
pub fn grpc_call(cluster_name: &str, message: &str, timeout: i32) -> Op {
    grpc_call_to(&grpc_service(&cluster(cluster_name)), message, timeout)
}

/// As [`grpc_call`], with the bytes that say which service.
#[must_use]
pub fn grpc_call_to(service: &[u8], message: &str, timeout: i32) -> Op {
    let arguments = [
        bytes(service),
        bytes("probe.Service"),
        bytes("Method"),
        bytes(pairs(&[("x-probe", "called")])),
        bytes(message),
        Argument::I32(timeout),
        Argument::OutNumber,
    ];
    call("proxy_grpc_call", "grpc call", arguments, Shown::Number).keep(7)
}

/// `proxy_grpc_cancel` of the call whose token is in register 7.
#[must_use]
pub fn grpc_cancel() -> Op {
    call("proxy_grpc_cancel", "grpc cancel", [Argument::Kept(7)], Shown::Nothing)
}

/// A `GrpcService` message that names a cluster: `envoy_grpc { cluster_name }`.
fn grpc_service(cluster: &str) -> Vec<u8> {
    let field = |bytes: &[u8]| {
        let size = u8::try_from(bytes.len()).expect("a short name");
        [&[0x0a, size], bytes].concat()
    };
    field(&field(cluster.as_bytes()))
}
