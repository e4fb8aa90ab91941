//! The client's end: requests arrive, as Envoy's connection manager takes them
//! (`source/common/http/conn_manager_impl.cc`).

use super::codec::is_authority;
use super::request::Sending;
use super::simulation::Simulation;
use super::stream::{Direction, Outgoing, Received, Stream, StreamId};
use crate::abi::StreamKind;
use crate::engine::Callback;
use crate::headers::HeaderMap;
use crate::host::LocalResponse;

/// Headers of the connection alone.
const OF_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

impl Simulation {
    /// A request arrives.
    pub(super) fn begin(&mut self, sending: &Sending) -> StreamId {
        assert!(self.vms.len() > 1, "the proxy is not configured");
        let vm = self.worker_for(sending.worker);
        self.prepare_vm(vm);
        let id = self.new_stream(vm, sending);
        self.choose_route(id);
        self.allocate_context(id);
        let headers = self.headers_now(id, StreamKind::Request).unwrap_or_default();
        if headers.get(":authority").is_none_or(is_authority) {
            self.send(id, sending);
        } else {
            self.refuse_directly(id, "http.invalid_authority");
        }
        self.settle();
        id
    }

    /// Workers take turns.
    fn worker_for(&mut self, wanted: Option<usize>) -> usize {
        let workers = self.vms.len().saturating_sub(1);
        if let Some(worker) = wanted {
            assert!(worker > 0 && worker <= workers, "there is no worker {worker}");
            return worker;
        }
        self.next_worker = self.next_worker.checked_rem(workers).unwrap_or(0).saturating_add(1);
        self.next_worker
    }

    fn new_stream(&mut self, vm: usize, sending: &Sending) -> StreamId {
        let id = self.streams.len();
        let headers = self.arriving(&sending.all_headers(), sending.is_http2, id);
        let content_type = headers.get("content-type").unwrap_or_default();
        let mut stream = Stream {
            vm,
            context: None,
            host: self.vms[vm].host.clone(),
            vm_number: self.vms[vm].number,
            root: 0,
            is_in_vm: false,
            listener: sending.listener,
            is_failure_told: false,
            is_grpc: is_grpc(content_type),
            is_head: headers.get(":method") == Some(b"HEAD"),
            is_http2: sending.is_http2,
            request: Direction::new(StreamKind::Request),
            response: Direction::new(StreamKind::Response),
            route: None,
            outgoing: Outgoing::default(),
            received: Received::default(),
            status: 0,
            bytes_received: 0,
            details: String::new(),
            flags: "",
            prepared_reply: None,
            has_response_headers: false,
            response_headers_sent: false,
            is_local_complete: false,
            is_destroyed: false,
        };
        stream.request.headers = Some(headers);
        self.streams.push(stream);
        id
    }

    /// What the connection manager makes of headers before filters see them
    /// (`ConnectionManagerUtility::mutateRequestHeaders`).
    fn arriving(&self, sent: &HeaderMap, is_http2: bool, id: StreamId) -> HeaderMap {
        let named = sent.get("connection").unwrap_or_default().to_ascii_lowercase();
        let named: Vec<_> = named.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
        let is_of_connection = |name: &[u8]| {
            let is_named = named.contains(&name) && name != b"te" && !name.starts_with(b":");
            is_named || OF_CONNECTION.iter().any(|it| it.as_bytes() == name)
        };
        let cookies: Vec<_> = sent.get_all("cookie").collect();
        let mut headers = HeaderMap::new();
        for (name, value) in sent.iter() {
            // The proxy itself answers who expects a 100.
            let is_expectation = name == b"expect" && value.eq_ignore_ascii_case(b"100-continue");
            // HTTP/2 may split cookies; they are joined again.
            let is_crumb = is_http2 && name == b"cookie";
            if !(is_of_connection(name) || is_crumb || is_expectation) {
                headers.add(name, value);
            }
        }
        if is_http2 && !cookies.is_empty() {
            headers.add("cookie", cookies.join(&b"; "[..]));
        }
        if !is_http2 {
            headers.trim();
        }
        headers.replace("x-forwarded-proto", "http");
        if self.settings.has_request_ids && headers.get("x-request-id").is_none() {
            headers.add("x-request-id", format!("00000000-0000-4000-8000-{id:012x}"));
        }
        headers
    }

    /// The filter's context. A VM that has failed has none; then the stream passes or fails.
    fn allocate_context(&mut self, id: StreamId) {
        let (vm, listener) = (self.streams[id].vm, self.streams[id].listener);
        let has_failed = self.vms[vm].trap.is_some();
        let is_open = self.settings.failure_policy == super::settings::FailurePolicy::Open;
        if has_failed && is_open {
            return;
        }
        let root = self.vms[vm].roots.get(listener).copied();
        let slot = &mut self.vms[vm];
        let Some(root) = root.or_else(|| has_failed.then_some(0)) else {
            panic!("there is no listener {listener}");
        };
        let stream = &mut self.streams[id];
        (stream.context, stream.root) = (Some(slot.new_context()), root);
    }

    /// The VM gets to know the context (`ContextBase::onCreate`), if it does not.
    pub(super) fn create_context(&mut self, id: StreamId) {
        let stream = &mut self.streams[id];
        let was_there = std::mem::replace(&mut stream.is_in_vm, true);
        let (vm, parent) = (stream.vm, stream.root);
        let Some(context) = stream.context.filter(|_| !was_there) else { return };
        let _ = self.call(vm, context, Callback::ContextCreate { parent }, |_| {});
    }

    /// A request that no filter may see.
    fn refuse_directly(&mut self, id: StreamId, details: &str) {
        let stream = &mut self.streams[id];
        (stream.flags, stream.details) = ("DPE", details.into());
        let body = b"Bad Request".to_vec();
        let reply = LocalResponse { status: 400, body, ..LocalResponse::default() };
        self.send_past_filter(id, reply);
    }

    fn send(&mut self, id: StreamId, sending: &Sending) {
        self.create_context(id);
        let has_parts = !sending.parts.is_empty() || sending.trailers.is_some();
        let is_bare = !(has_parts || sending.is_open || sending.is_connect());
        let headers = self.streams[id].request.headers.take().unwrap_or_default();
        self.headers(id, StreamKind::Request, headers, is_bare);
        let count = sending.parts.len();
        let ends_body = !sending.is_open && sending.trailers.is_none();
        for (index, part) in sending.parts.iter().enumerate() {
            let is_last = index.saturating_add(1) == count;
            let end = is_last && ends_body && sending.is_http2;
            self.data(id, StreamKind::Request, part.clone(), end);
        }
        if count > 0 && ends_body && !sending.is_http2 {
            self.data(id, StreamKind::Request, Vec::new(), true);
        }
        if let Some(trailers) = &sending.trailers {
            self.trailers(id, StreamKind::Request, trailers.clone());
        }
    }
}

/// `Grpc::Common::hasGrpcContentType`.
fn is_grpc(content_type: &[u8]) -> bool {
    let rest = content_type.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+") || rest.starts_with(b";"))
}
