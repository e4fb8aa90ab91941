//! What a message is on the wire: Envoy's encoder of HTTP/1.1 (`StreamEncoderImpl::encodeHeadersBase` in
//! `source/common/http/http1/codec_impl.cc`), as its reader sees it.

use crate::headers::HeaderMap;

/// How a reader finds the end of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// It is told by the last frame (HTTP/2).
    #[default]
    Frames,
    /// So many bytes are still to come, and nothing is read behind them.
    Length(usize),
    /// It is told by the last chunk.
    Chunked,
}

impl Framing {
    /// The head of a request is written over HTTP/1.1.
    pub(super) fn of_request(headers: &mut HeaderMap, end: bool) -> Self {
        headers.trim();
        let has_no_body = [&b"GET"[..], b"HEAD", b"DELETE", b"TRACE", b"CONNECT"];
        let is_bare = headers.get(":method").is_some_and(|method| has_no_body.contains(&method));
        Self::write(headers, end, !is_bare)
    }

    /// The head of a response is written over HTTP/1.1.
    pub(super) fn of_response(headers: &mut HeaderMap, end: bool, is_head: bool) -> Self {
        headers.trim();
        let status = headers.get(":status").unwrap_or_default();
        if is_head || matches!(status, b"204" | b"304") || status.starts_with(b"1") {
            return Self::Length(0);
        }
        Self::write(headers, end, true)
    }

    fn write(headers: &mut HeaderMap, end: bool, tells_emptiness: bool) -> Self {
        if let Some(length) = headers.get("content-length") {
            let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
            // Who cannot read it waits for ever.
            return Self::Length(length.unwrap_or(usize::MAX));
        }
        if !end {
            headers.add("transfer-encoding", "chunked");
            return Self::Chunked;
        }
        if tells_emptiness {
            headers.add("content-length", "0");
        }
        Self::Length(0)
    }

    /// What the reader takes of a part of the body.
    pub(super) fn take<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let Self::Length(rest) = self else { return data };
        let taken = data.get(..*rest).unwrap_or(data);
        *rest = rest.saturating_sub(taken.len());
        taken
    }

    /// Whether the reader has the whole message, once the writer has ended it.
    pub(super) fn is_complete(self) -> bool {
        !matches!(self, Self::Length(1..))
    }

    /// Whether trailers can follow.
    pub(super) fn has_room_for_trailers(self) -> bool {
        !matches!(self, Self::Length(_))
    }
}

/// The first lines of a response, as they are written over HTTP/1.1.
pub(super) fn response_head(headers: &HeaderMap) -> Vec<u8> {
    let status = headers.get(":status").unwrap_or_default();
    let mut head = [b"HTTP/1.1 ", status, b" OK\r\n"].concat();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        head.extend([name, b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

/// The first header whose name is no token (`HeaderUtility::checkValidRequestHeaders`).
pub(super) fn invalid_name(headers: &HeaderMap) -> Option<&[u8]> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_valid = |name: &[u8]| name.strip_prefix(b":").unwrap_or(name).iter().all(is_token);
    headers.iter().map(|(name, _)| name).find(|name| !is_valid(name))
}

/// The first header whose value has a control character (`HeaderUtility::headerValueIsValid`).
pub(super) fn invalid_value(headers: &HeaderMap) -> Option<&[u8]> {
    let is_valid = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    let mut invalid = headers.iter().filter(|(_, value)| !value.iter().all(is_valid));
    invalid.next().map(|(name, _)| name)
}

/// Whether a value would end its line: nobody checks responses, but they cannot be written.
pub(super) fn has_line_break(headers: &HeaderMap) -> bool {
    headers.iter().any(|(_, value)| value.iter().any(|byte| b"\0\r\n".contains(byte)))
}

/// Whether an `:authority` has only characters of a host and a port (`HeaderUtility::authorityIsValid`).
pub(super) fn is_authority(authority: &[u8]) -> bool {
    let is_valid =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(byte);
    authority.iter().all(is_valid)
}
