//! The calls that a module makes. They are kept; a test answers them.

use crate::abi::{Result, Status};
use crate::host::{GrpcCall, GrpcStream, HttpCall};
use prost::Message;

/// The two lowest bits of a token tell the kind of call (proxy-wasm-cpp-host, `wasm.h`).
const STEP: u32 = 4;

/// A call that a module made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// Its token, as the answer has to name it.
    pub token: u32,
    /// The root context that gets the answer.
    pub root: u32,
    /// What was called.
    pub request: CalloutRequest,
    /// What was sent on a gRPC stream since.
    pub messages: Vec<Vec<u8>>,
    /// Whether the module has ended it: half-closed, closed or cancelled.
    pub ended: bool,
}

/// What a module called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutRequest {
    /// HTTP.
    Http(HttpCall),
    /// Unary gRPC.
    Grpc(GrpcCall),
    /// A gRPC stream.
    GrpcStream(GrpcStream),
}

/// `envoy.config.core.v3.GrpcService`, as far as it says where to.
#[derive(Clone, PartialEq, Eq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

/// The cluster that a `GrpcService` names.
///
/// # Errors
///
/// `ParseFailure` when it is none.
pub(crate) fn grpc_cluster(service: &[u8]) -> Result<String> {
    let service = GrpcService::decode(service).map_err(|_| Status::PARSE_FAILURE)?;
    Ok(service.envoy_grpc.map(|envoy| envoy.cluster_name).unwrap_or_default())
}

impl CalloutRequest {
    const fn kind(&self) -> u32 {
        match self {
            Self::Http(_) => 0,
            Self::Grpc(_) => 1,
            Self::GrpcStream(_) => 2,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Callouts {
    all: Vec<Callout>,
    told: usize,
}

impl Callouts {
    pub(super) fn all(&self) -> &[Callout] {
        &self.all
    }

    /// The calls that were made since this was asked last.
    pub(super) fn take_new(&mut self) -> Vec<Callout> {
        let new = self.all.get(self.told..).unwrap_or_default().to_vec();
        self.told = self.all.len();
        new
    }

    pub(super) fn is_open(&self, token: u32) -> bool {
        self.all.iter().any(|callout| callout.token == token && !callout.ended)
    }

    /// A call is over: it was answered, or has failed.
    pub(super) fn finish(&mut self, token: u32) {
        if let Ok(callout) = self.open(token) {
            callout.ended = true;
        }
    }

    pub(super) fn start(&mut self, root: u32, request: CalloutRequest) -> u32 {
        let kind = request.kind();
        let before = self.all.iter().filter(|callout| callout.request.kind() == kind).count();
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let token = before.saturating_add(1).saturating_mul(STEP).saturating_add(kind);
        self.all.push(Callout { token, root, request, messages: Vec::new(), ended: false });
        token
    }

    pub(super) fn send(&mut self, token: u32, message: &[u8], end_of_stream: bool) -> Result<()> {
        let callout = self.open(token)?;
        if !matches!(callout.request, CalloutRequest::GrpcStream(_)) {
            return Err(Status::BAD_ARGUMENT);
        }
        callout.messages.push(message.to_vec());
        callout.ended = end_of_stream;
        Ok(())
    }

    pub(super) fn end(&mut self, token: u32) -> Result<()> {
        let callout = self.open(token)?;
        if matches!(callout.request, CalloutRequest::Http(_)) {
            return Err(Status::BAD_ARGUMENT);
        }
        callout.ended = true;
        Ok(())
    }

    fn open(&mut self, token: u32) -> Result<&mut Callout> {
        let mut open = self.all.iter_mut().filter(|callout| !callout.ended);
        open.find(|callout| callout.token == token).ok_or(Status::NOT_FOUND)
    }
}
