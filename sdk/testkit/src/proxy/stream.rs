//! What there is of one request and its response (Envoy's `FilterManager`, `filter_manager.h`, with one
//! filter and a router behind it).

use super::codec::Framing;
use super::upstream::Delivery;
use crate::abi::{BufferKind, MapKind, StreamKind};
use crate::engine::SharedHost;
use crate::headers::HeaderMap;
use std::collections::VecDeque;
use std::time::Duration;

pub(super) type StreamId = usize;

/// Whether the filter lets frames through (`ActiveStreamFilterBase::IterationState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Iteration {
    #[default]
    Continue,
    /// Frames are held, and the filter sees what follows.
    StopSingle,
    /// Frames are held, all of them, and the filter does not see what follows.
    StopAllBuffer,
    /// The same, and the sender is stopped when there are too many.
    StopAllWatermark,
}

impl Iteration {
    pub(super) fn is_stop_all(self) -> bool {
        matches!(self, Self::StopAllBuffer | Self::StopAllWatermark)
    }
}

/// What follows headers.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// A part of a body, and whether it is the last.
    Data(Vec<u8>, bool),
    Trailers(HeaderMap),
}

/// One direction of a stream.
#[derive(Debug)]
pub(super) struct Direction {
    pub(super) kind: StreamKind,
    /// In the filter's host while the filter can see them.
    pub(super) headers: Option<HeaderMap>,
    pub(super) trailers: Option<HeaderMap>,
    /// What the proxy holds of the body; in the filter's host while [`Direction::is_buffering`].
    pub(super) buffered: Option<Vec<u8>>,
    pub(super) iteration: Iteration,
    /// Whether so much is held that the sender is stopped.
    pub(super) is_above_watermark: bool,
    /// What the sender would have sent since.
    pub(super) withheld: VecDeque<Frame>,
    pub(super) headers_continued: bool,
    /// Whether the filter has asked to hold the body: then it sees all that is held.
    pub(super) is_buffering: bool,
    /// Whether the sender has ended it.
    pub(super) is_complete: bool,
    /// Whether the filter has seen its end.
    pub(super) filter_saw_end: bool,
    pub(super) has_trailers: bool,
    /// Whether the filter has added them.
    pub(super) has_new_trailers: bool,
    /// Whether the filter is in one of its callbacks.
    pub(super) is_in_filter: bool,
    /// Whether a local reply was sent meanwhile.
    pub(super) is_aborted: bool,
}

impl Direction {
    pub(super) fn new(kind: StreamKind) -> Self {
        Self {
            kind,
            headers: None,
            trailers: None,
            buffered: None,
            iteration: Iteration::Continue,
            withheld: VecDeque::new(),
            is_above_watermark: false,
            headers_continued: false,
            is_buffering: false,
            is_complete: false,
            filter_saw_end: false,
            has_trailers: false,
            has_new_trailers: false,
            is_in_filter: false,
            is_aborted: false,
        }
    }

    pub(super) fn is_request(&self) -> bool {
        self.kind == StreamKind::Request
    }

    pub(super) fn headers_map(&self) -> MapKind {
        if self.is_request() { MapKind::RequestHeaders } else { MapKind::ResponseHeaders }
    }

    pub(super) fn trailers_map(&self) -> MapKind {
        if self.is_request() { MapKind::RequestTrailers } else { MapKind::ResponseTrailers }
    }

    pub(super) fn body_buffer(&self) -> BufferKind {
        if self.is_request() { BufferKind::RequestBody } else { BufferKind::ResponseBody }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) route: String,
    pub(super) cluster: String,
    pub(super) timeout: Option<Duration>,
}

/// What the client has got, and what the access log says.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) headers: Option<HeaderMap>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether the codec refuses its headers.
    pub(super) is_unwritable: bool,
    pub(super) is_complete: bool,
    pub(super) is_reset: bool,
}

/// How the upstream takes part.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The cluster, and which of its requests it is.
    pub(super) request: Option<(String, usize)>,
    /// Whether the upstream is asked for headers alone.
    pub(super) is_head: bool,
    pub(super) framing: Framing,
    pub(super) delivery: Option<Delivery>,
    /// Whether the response has begun.
    pub(super) has_answered: bool,
    pub(super) is_over: bool,
}

/// One request and its response.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) vm: usize,
    /// None where no filter runs: its VM has failed, and that lets requests pass.
    pub(super) context: Option<u32>,
    /// The host of the VM it is in, where what the filter can see is.
    pub(super) host: SharedHost,
    /// Which of the VMs that its worker has had it is in.
    pub(super) vm_number: u64,
    /// The root context of its plugin.
    pub(super) root: u32,
    /// Whether its context is in the VM (`in_vm_context_created_`).
    pub(super) is_in_vm: bool,
    pub(super) listener: usize,
    pub(super) is_failure_told: bool,
    pub(super) is_grpc: bool,
    pub(super) is_head: bool,
    pub(super) is_http2: bool,
    pub(super) request: Direction,
    pub(super) response: Direction,
    /// The cached choice of a route: not chosen, none found, found.
    pub(super) route: Option<Option<Target>>,
    pub(super) outgoing: Outgoing,
    pub(super) received: Received,
    /// `%RESPONSE_CODE%`; 0 as long as there is no response.
    pub(super) status: u16,
    /// The bytes of the request's body.
    pub(super) bytes_received: u64,
    pub(super) details: String,
    pub(super) flags: &'static str,
    pub(super) prepared_reply: Option<crate::host::LocalResponse>,
    pub(super) has_response_headers: bool,
    pub(super) response_headers_sent: bool,
    pub(super) is_local_complete: bool,
    pub(super) is_destroyed: bool,
}

impl Stream {
    pub(super) fn direction(&mut self, kind: StreamKind) -> &mut Direction {
        if kind == StreamKind::Request { &mut self.request } else { &mut self.response }
    }
}
