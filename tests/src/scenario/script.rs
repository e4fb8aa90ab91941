//! What a probe does: for each callback a list of host calls, and of things said in the log.

use super::host_calls::Call;

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
