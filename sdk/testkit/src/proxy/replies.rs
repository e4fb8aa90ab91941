//! Local replies, and what the client gets: `DownstreamFilterManager::sendLocalReply` and
//! `Utility::prepareLocalReply` (Envoy, `source/common/http/utility.cc`).

use super::codec::{Framing, has_line_break, response_head};
use super::exchange::status_of;
use super::simulation::Simulation;
use super::stream::StreamId;
use crate::abi::StreamKind;
use crate::headers::HeaderMap;
use crate::host::LocalResponse;

/// What `ConnectionManagerUtility::mutateResponseHeaders` takes away.
const OF_CONNECTION: [&str; 3] = ["connection", "proxy-connection", "transfer-encoding"];

impl Simulation {
    /// Answers the client in the place of the upstream: through the filter, if no response is on its
    /// way; else past it; and when the headers have left, only by breaking off.
    pub(super) fn send_local_reply(&mut self, id: StreamId, reply: LocalResponse) {
        let stream = &mut self.streams[id];
        if stream.is_destroyed {
            return;
        }
        let is_in_request = stream.request.is_in_filter;
        if is_in_request {
            stream.request.is_aborted = true;
        } else if stream.response.is_in_filter {
            stream.response.is_aborted = true;
        }
        let details = String::from_utf8_lossy(&reply.details);
        stream.details = details.replace(|it: char| it.is_ascii_whitespace(), "_");
        if stream.response_headers_sent {
            self.reset_client(id);
        } else if stream.has_response_headers {
            self.send_past_filter(id, reply);
        } else if is_in_request {
            stream.prepared_reply.get_or_insert(reply);
        } else {
            self.send_through_filter(id, reply);
        }
    }

    /// What the filter has answered with while it ran.
    pub(super) fn send_prepared_reply(&mut self, id: StreamId) {
        if let Some(reply) = self.streams[id].prepared_reply.take() {
            self.send_through_filter(id, reply);
        }
    }

    fn send_through_filter(&mut self, id: StreamId, reply: LocalResponse) {
        let (headers, body) = self.local_reply(id, reply);
        self.respond_headers(id, headers, body.is_empty());
        if !body.is_empty() && !self.streams[id].is_destroyed {
            self.respond_data(id, body, true);
        }
    }

    pub(super) fn send_past_filter(&mut self, id: StreamId, reply: LocalResponse) {
        let (headers, body) = self.local_reply(id, reply);
        let stream = &mut self.streams[id];
        stream.is_local_complete = true;
        stream.response.headers = Some(headers);
        self.client_headers(id, body.is_empty());
        if !body.is_empty() {
            self.client_data(id, &body, true);
        }
    }

    /// The headers and the body of a local reply.
    fn local_reply(&mut self, id: StreamId, reply: LocalResponse) -> (HeaderMap, Vec<u8>) {
        let stream = &self.streams[id];
        let mut headers = HeaderMap::from([(":status", reply.status.to_string())]);
        headers.extend(reply.headers.iter().filter(|(name, _)| *name != b":status"));
        if stream.is_grpc {
            headers.set_inline(":status", "200");
            headers.set_inline("content-type", "application/grpc");
            if headers.get("grpc-status").is_none() {
                let status = reply.grpc_status.unwrap_or_else(|| grpc_status_of(reply.status));
                headers.add("grpc-status", status.to_string());
            }
            if !reply.body.is_empty() && !stream.is_head {
                headers.set_inline("grpc-message", percent_encoded(&reply.body));
            }
            headers.remove("content-length");
            return (headers, Vec::new());
        }
        if reply.body.is_empty() {
            headers.remove("content-length");
            headers.remove("content-type");
            return (headers, Vec::new());
        }
        headers.set_inline("content-length", reply.body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.add("content-type", "text/plain");
        }
        (headers, if stream.is_head { Vec::new() } else { reply.body })
    }

    /// A response begins, from the upstream or from here.
    pub(super) fn respond_headers(&mut self, id: StreamId, headers: HeaderMap, end: bool) {
        let stream = &mut self.streams[id];
        stream.has_response_headers = true;
        stream.is_local_complete |= end;
        self.headers(id, StreamKind::Response, headers, end);
    }

    pub(super) fn respond_data(&mut self, id: StreamId, data: Vec<u8>, end: bool) {
        self.streams[id].is_local_complete |= end;
        self.data(id, StreamKind::Response, data, end);
    }

    pub(super) fn respond_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        self.streams[id].is_local_complete = true;
        self.trailers(id, StreamKind::Response, trailers);
    }

    pub(super) fn client_headers(&mut self, id: StreamId, end: bool) {
        let stream = &mut self.streams[id];
        let mut headers = stream.response.headers.clone().unwrap_or_default();
        let Some(status) = status_of(&headers) else {
            // `HeaderUtility::checkRequiredResponseHeaders`.
            let details =
                "filter_removed_required_response_headers{missing_required_header:_:status}";
            stream.has_response_headers = true;
            self.send_local_reply(
                id,
                LocalResponse {
                    status: 502,
                    details: details.into(),
                    body: b"missing required header: :status".to_vec(),
                    ..LocalResponse::default()
                },
            );
            return;
        };
        stream.status = status;
        if has_line_break(&headers) {
            // Over HTTP/2 it shows when all is written.
            stream.received.is_unwritable = true;
            if !stream.is_http2 {
                return self.reset_client(id);
            }
        }
        OF_CONNECTION.iter().for_each(|name| headers.remove(name));
        stream.response_headers_sent = true;
        let received = &mut stream.received;
        if !stream.is_http2 {
            if !stream.request.is_complete {
                // Nobody reads the rest of the request.
                headers.add("connection", "close");
            }
            let framing = Framing::of_response(&mut headers, end, stream.is_head);
            if received.headers.is_some() {
                // A head behind the first is taken for the body.
                let head = response_head(&headers);
                received.body.extend_from_slice(received.framing.take(&head));
                return self.client_end(id, end);
            }
            received.framing = framing;
        }
        if !received.is_unwritable {
            received.headers = Some(headers);
        }
        self.client_end(id, end);
    }

    pub(super) fn client_data(&mut self, id: StreamId, data: &[u8], end: bool) {
        let received = &mut self.streams[id].received;
        if !received.is_unwritable {
            received.body.extend_from_slice(received.framing.take(data));
        }
        self.client_end(id, end);
    }

    pub(super) fn client_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        let received = &mut self.streams[id].received;
        if received.framing.has_room_for_trailers() {
            received.trailers = trailers;
        }
        self.client_end(id, true);
    }

    fn client_end(&mut self, id: StreamId, end: bool) {
        let stream = &mut self.streams[id];
        if end && stream.received.is_unwritable {
            self.reset_client(id);
        } else if end && !stream.is_destroyed {
            stream.received.is_complete = stream.received.framing.is_complete();
            self.destroy(id);
        }
    }
}

/// `Grpc::Utility::httpToGrpcStatus`.
pub(crate) fn grpc_status_of(status: u32) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// As gRPC writes messages: printable ASCII but `%` stays, other bytes are escaped.
fn percent_encoded(message: &[u8]) -> String {
    let encode = |byte: &u8| match byte {
        b' '..=b'~' if *byte != b'%' => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    message.iter().map(encode).collect()
}
