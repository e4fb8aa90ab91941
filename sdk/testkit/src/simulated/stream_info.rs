//! What Envoy tells of a stream by itself: its attributes
//! (<https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>).

use crate::headers::HeaderMap;
use crate::proxy::grpc_status_of;
use std::time::Duration;
use tollgate::properties::ResponseFlag;

/// The attributes of one request and its response, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamInfo {
    pub(crate) status: Option<u64>,
    pub(crate) protocol: &'static str,
    /// `envoy.config.core.v3.TrafficDirection`.
    pub(crate) listener_direction: u64,
    /// Whether the request was sent to an upstream.
    pub(crate) has_upstream: bool,
    /// Their abbreviation in the access log; empty when there are none.
    pub(crate) flags: &'static str,
    /// Since 1970.
    pub(crate) started: Duration,
    pub(crate) route: Option<(String, String)>,
    pub(crate) details: String,
    pub(crate) request_size: u64,
    pub(crate) response_size: u64,
    pub(crate) connection: u64,
}

/// Whether an attribute is no value but something that has some: it cannot be written as bytes.
pub(crate) fn is_compound(path: &[u8]) -> bool {
    let compounds = [
        &b"request"[..],
        b"response",
        b"connection",
        b"source",
        b"destination",
        b"upstream",
        b"filter_state",
        b"xds",
        b"xds\0upstream_host_locality_metadata",
    ];
    compounds.contains(&path)
}

impl StreamInfo {
    /// An attribute, as the ABI writes it; its path is joined by zero bytes. Those of headers are there as
    /// long as the filter can see these.
    pub(crate) fn get(
        &self,
        path: &[u8],
        request: Option<&HeaderMap>,
        response: Option<&HeaderMap>,
    ) -> Option<Vec<u8>> {
        let path = std::str::from_utf8(path).ok()?;
        let parts: Vec<&str> = path.split('\0').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["metadata"] => Some(Vec::new()),
            ["request", "headers"] => Some(all(request)),
            ["request", "headers", name] => header(request?, name),
            ["request", name] => self.of_request(name, request),
            ["response", "headers"] => Some(all(response)),
            ["response", "headers", name] => header(response?, name),
            ["response", name] => self.of_response(name, response),
            ["xds", "listener_direction"] => number(self.listener_direction),
            ["xds", "route_name"] => Some(self.route.as_ref()?.0.clone().into_bytes()),
            ["xds", "cluster_name"] => Some(self.route.as_ref()?.1.clone().into_bytes()),
            ["connection", "id"] => number(self.connection),
            ["connection", "mtls"] => Some(vec![0]),
            ["connection", "requested_server_name"] => Some(Vec::new()),
            ["upstream", "request_attempt_count"] => number(self.has_upstream.into()),
            ["upstream", "transport_failure_reason"] if self.has_upstream => Some(Vec::new()),
            ["source", "address"] => Some(b"192.0.2.1:50000".to_vec()),
            ["source", "port"] => number(50_000),
            ["destination", "address"] => Some(b"192.0.2.10:8080".to_vec()),
            ["destination", "port"] => number(8080),
            _ => None,
        }
    }

    fn of_request(&self, name: &str, request: Option<&HeaderMap>) -> Option<Vec<u8>> {
        match name {
            "path" => header(request?, ":path"),
            "url_path" => Some(split_path(request?)?.0.to_vec()),
            "query" => Some(split_path(request?)?.1.to_vec()),
            "host" => header(request?, ":authority"),
            "method" => header(request?, ":method"),
            "scheme" => header(request?, ":scheme"),
            "referer" => header(request?, "referer"),
            "useragent" => header(request?, "user-agent"),
            "id" => header(request?, "x-request-id"),
            "protocol" => Some(self.protocol.as_bytes().to_vec()),
            "size" => number(request.and_then(content_length).unwrap_or(self.request_size)),
            "total_size" => number(self.request_size.saturating_add(byte_size(request))),
            "time" => number(u64::try_from(self.started.as_nanos()).ok()?),
            _ => None,
        }
    }

    fn of_response(&self, name: &str, response: Option<&HeaderMap>) -> Option<Vec<u8>> {
        match name {
            "code" => number(self.status?),
            "code_details" if !self.details.is_empty() => Some(self.details.clone().into_bytes()),
            "flags" => number(bits(self.flags)),
            "total_size" => number(self.response_size.saturating_add(byte_size(response))),
            "grpc_status" => number(self.grpc_status(response)?),
            "size" => number(self.response_size),
            _ => None,
        }
    }

    /// What the headers say of it, or what the HTTP status means (`Grpc::Common::getGrpcStatus`).
    fn grpc_status(&self, response: Option<&HeaderMap>) -> Option<u64> {
        let said = response.and_then(|headers| numeric(headers, "grpc-status"));
        said.or_else(|| Some(grpc_status_of(u32::try_from(self.status?).ok()?).into()))
    }
}

/// A flag as a number (`CoreResponseFlag` in Envoy's `stream_info.h`).
fn bits(flag: &str) -> u64 {
    let bit = ResponseFlag::ALL.iter().position(|it| it.short_name() == flag);
    bit.and_then(|bit| 1_u64.checked_shl(u32::try_from(bit).ok()?)).unwrap_or(0)
}

/// All headers as a map: each name once, its values joined by commas.
fn all(headers: Option<&HeaderMap>) -> Vec<u8> {
    let Some(headers) = headers.filter(|headers| !headers.is_empty()) else { return vec![0; 4] };
    let mut joined = HeaderMap::new();
    for (name, _) in headers.iter() {
        if joined.get(name).is_none() {
            let values: Vec<_> = headers.get_all(name).collect();
            joined.add(name, values.join(&b","[..]));
        }
    }
    joined.to_bytes()
}

fn byte_size(headers: Option<&HeaderMap>) -> u64 {
    headers.map_or(0, |headers| headers.byte_size() as u64)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    numeric(headers, "content-length")
}

fn numeric(headers: &HeaderMap, name: &str) -> Option<u64> {
    std::str::from_utf8(headers.get(name)?).ok()?.parse().ok()
}

/// The path, and what is behind its question mark.
fn split_path(request: &HeaderMap) -> Option<(&[u8], &[u8])> {
    let path = request.get(":path")?;
    let question = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    let (path, query) = path.split_at_checked(question)?;
    Some((path, query.strip_prefix(b"?").unwrap_or(query)))
}

/// All values, joined by commas.
fn header(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let values: Vec<_> = headers.get_all(name).collect();
    (!values.is_empty()).then(|| values.join(&b","[..]))
}

#[expect(clippy::unnecessary_wraps, reason = "as the others, an attribute that may be absent")]
fn number(value: u64) -> Option<Vec<u8>> {
    Some(value.to_le_bytes().to_vec())
}
