//! The callbacks of the ABI, as values.

/// A callback with its arguments, behind the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    ContextCreate { parent: u32 },
    VmStart { size: u32 },
    Configure { size: u32 },
    Tick,
    QueueReady { token: u32 },
    RequestHeaders { count: u32, end: bool },
    RequestBody { size: u32, end: bool },
    RequestTrailers { count: u32 },
    ResponseHeaders { count: u32, end: bool },
    ResponseBody { size: u32, end: bool },
    ResponseTrailers { count: u32 },
    HttpCallResponse { token: u32, headers: u32, body: u32, trailers: u32 },
    GrpcReceive { token: u32, size: u32 },
    GrpcClose { token: u32, status: u32 },
    Done,
    Log,
    Delete,
}

impl Callback {
    /// The name of the export.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ContextCreate { .. } => "proxy_on_context_create",
            Self::VmStart { .. } => "proxy_on_vm_start",
            Self::Configure { .. } => "proxy_on_configure",
            Self::Tick => "proxy_on_tick",
            Self::QueueReady { .. } => "proxy_on_queue_ready",
            Self::RequestHeaders { .. } => "proxy_on_request_headers",
            Self::RequestBody { .. } => "proxy_on_request_body",
            Self::RequestTrailers { .. } => "proxy_on_request_trailers",
            Self::ResponseHeaders { .. } => "proxy_on_response_headers",
            Self::ResponseBody { .. } => "proxy_on_response_body",
            Self::ResponseTrailers { .. } => "proxy_on_response_trailers",
            Self::HttpCallResponse { .. } => "proxy_on_http_call_response",
            Self::GrpcReceive { .. } => "proxy_on_grpc_receive",
            Self::GrpcClose { .. } => "proxy_on_grpc_close",
            Self::Done => "proxy_on_done",
            Self::Log => "proxy_on_log",
            Self::Delete => "proxy_on_delete",
        }
    }
}
