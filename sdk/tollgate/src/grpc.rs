//! gRPC status codes: numbers, names, and what they are in HTTP.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A gRPC status code (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
///
/// In configuration a number, as Envoy writes it, or a name, as Istio does.
///
/// ```
/// use tollgate::config;
/// use tollgate::grpc::Status;
///
/// let status: Status = config::from_slice(b"\"UNAVAILABLE\"").unwrap();
/// assert_eq!(status, Status::Unavailable);
/// assert_eq!(config::from_slice::<Status>(b"14").unwrap(), status);
/// assert_eq!((status.code(), status.name()), (14, "UNAVAILABLE"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// 0: success.
    Ok,
    /// 1: the caller gave up.
    Cancelled,
    /// 2: an error that says nothing more.
    Unknown,
    /// 3: the request is wrong whatever the state of the service.
    InvalidArgument,
    /// 4: the time was over before the answer.
    DeadlineExceeded,
    /// 5: what was asked for does not exist.
    NotFound,
    /// 6: what should be created exists.
    AlreadyExists,
    /// 7: the caller may not.
    PermissionDenied,
    /// 8: a quota or a limit is used up.
    ResourceExhausted,
    /// 9: the request does not fit the state of the service.
    FailedPrecondition,
    /// 10: a conflict, such as of two transactions.
    Aborted,
    /// 11: past the end.
    OutOfRange,
    /// 12: the service does not have this method.
    Unimplemented,
    /// 13: something is broken.
    Internal,
    /// 14: not now; trying again may help.
    Unavailable,
    /// 15: data is lost for good.
    DataLoss,
    /// 16: the caller is not known.
    Unauthenticated,
}

/// Each status at its number, with its name and the HTTP status of `google/rpc/code.proto`.
const ALL: [(Status, &str, u16); 17] = [
    (Status::Ok, "OK", 200),
    (Status::Cancelled, "CANCELLED", 499),
    (Status::Unknown, "UNKNOWN", 500),
    (Status::InvalidArgument, "INVALID_ARGUMENT", 400),
    (Status::DeadlineExceeded, "DEADLINE_EXCEEDED", 504),
    (Status::NotFound, "NOT_FOUND", 404),
    (Status::AlreadyExists, "ALREADY_EXISTS", 409),
    (Status::PermissionDenied, "PERMISSION_DENIED", 403),
    (Status::ResourceExhausted, "RESOURCE_EXHAUSTED", 429),
    (Status::FailedPrecondition, "FAILED_PRECONDITION", 400),
    (Status::Aborted, "ABORTED", 409),
    (Status::OutOfRange, "OUT_OF_RANGE", 400),
    (Status::Unimplemented, "UNIMPLEMENTED", 501),
    (Status::Internal, "INTERNAL", 500),
    (Status::Unavailable, "UNAVAILABLE", 503),
    (Status::DataLoss, "DATA_LOSS", 500),
    (Status::Unauthenticated, "UNAUTHENTICATED", 401),
];

impl Status {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        "a gRPC status: a number from 0 to 16, or a name such as \"UNAVAILABLE\"";

    /// The status with this number, if gRPC defines it.
    ///
    /// ```
    /// use tollgate::grpc::Status;
    ///
    /// assert_eq!(Status::from_code(14), Some(Status::Unavailable));
    /// assert_eq!(Status::from_code(17), None);
    /// ```
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        let entry = usize::try_from(code).ok().and_then(|code| ALL.get(code));
        entry.map(|(status, ..)| *status)
    }

    /// The status with this name, which is in capitals.
    ///
    /// ```
    /// use tollgate::grpc::Status;
    ///
    /// assert_eq!(Status::from_name("DATA_LOSS"), Some(Status::DataLoss));
    /// assert_eq!(Status::from_name("data_loss"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known, _)| *known == name).map(|(status, ..)| *status)
    }

    /// The status in the value of a `grpc-status` header or trailer: a decimal number.
    ///
    /// ```
    /// use tollgate::grpc::Status;
    ///
    /// assert_eq!(Status::from_header(b"14"), Some(Status::Unavailable));
    /// assert_eq!(Status::from_header(b"UNAVAILABLE"), None);
    /// ```
    #[must_use]
    pub fn from_header(value: &[u8]) -> Option<Self> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let code = digits.then(|| std::str::from_utf8(value).ok()?.parse().ok())?;
        Self::from_code(code?)
    }

    /// What a gRPC client makes of an HTTP response without a `grpc-status`
    /// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
    ///
    /// Envoy maps its local replies in the same way (`source/common/grpc/status.cc`).
    ///
    /// ```
    /// use tollgate::grpc::Status;
    ///
    /// assert_eq!(Status::from_http(503), Status::Unavailable);
    /// assert_eq!(Status::from_http(200), Status::Unknown);
    /// ```
    #[must_use]
    pub const fn from_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// The HTTP status that stands for this one (`google/rpc/code.proto`), as Envoy counts it
    /// (`source/common/grpc/status.cc`).
    ///
    /// ```
    /// use tollgate::grpc::Status;
    ///
    /// assert_eq!(Status::DeadlineExceeded.http(), 504);
    /// ```
    #[must_use]
    pub fn http(self) -> u16 {
        self.entry().map_or(500, |(_, _, http)| *http)
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().map_or("UNKNOWN", |(_, name, _)| *name)
    }

    fn entry(self) -> Option<&'static (Self, &'static str, u16)> {
        ALL.get(self as usize)
    }
}

/// Shows the name.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Status::ALLOWED)
    }

    fn visit_u64<E: Error>(self, code: u64) -> Result<Status, E> {
        Status::from_code(code).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(code), &self))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Status, E> {
        Status::from_name(name).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }
}

impl JsonSchema for Status {
    fn schema_name() -> Cow<'static, str> {
        "GrpcStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "gRPC status",
            "description": "A number from 0 to 16, or its name, such as `UNAVAILABLE`.",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 16 },
                { "enum": ALL.map(|(_, name, _)| name) },
            ],
            "examples": ["UNAVAILABLE", 14],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;

    #[test]
    fn every_status_is_at_its_number() {
        for (code, (status, name, _)) in (0u32..).zip(ALL) {
            assert_eq!(status.code(), code);
            assert_eq!(status.name(), name);
            assert_eq!(Status::from_code(code.into()), Some(status));
            assert_eq!(Status::from_name(name), Some(status));
            assert_eq!(Status::from_header(code.to_string().as_bytes()), Some(status));
            assert_eq!(status.to_string(), name);
        }
    }

    #[test]
    fn a_number_past_32_bits_is_no_status() {
        // 32 bits would leave 14.
        assert_eq!(Status::from_code((1 << 32) + 14), None);
    }

    #[test]
    fn http_statuses_are_what_a_grpc_client_makes_of_them() {
        for (http, status) in [
            (400, Status::Internal),
            (401, Status::Unauthenticated),
            (403, Status::PermissionDenied),
            (404, Status::Unimplemented),
            (429, Status::Unavailable),
            (500, Status::Unknown),
            (502, Status::Unavailable),
            (503, Status::Unavailable),
            (504, Status::Unavailable),
            (200, Status::Unknown),
            (418, Status::Unknown),
        ] {
            assert_eq!(Status::from_http(http), status, "{http}");
        }
    }

    #[test]
    fn only_ok_is_a_success_in_http() {
        for (status, ..) in ALL {
            assert_eq!(status.http() < 400, status == Status::Ok, "{status}");
        }
    }

    #[test]
    fn numbers_and_names_are_read_from_configuration() {
        assert_eq!(from_slice::<Status>(b"14.0").unwrap(), Status::Unavailable);
        assert_eq!(from_slice::<Status>(b"\"OK\"").unwrap(), Status::Ok);
        for json in ["17", "-1", "1.5", "\"unavailable\"", "\"14\"", "true", "[]"] {
            let error = from_slice::<Status>(json.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(&format!("allowed: {}", Status::ALLOWED)), "{error}");
        }
    }

    #[test]
    fn a_header_that_is_no_number_from_0_to_16_is_no_status() {
        for value in ["", " 0", "0 ", "+0", "-1", "17", "1e1", "99999999999999999999999", "٣"] {
            assert_eq!(Status::from_header(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_status_or_none(value: Vec<u8>, code: u64, http: u16) {
            let _ = (Status::from_header(&value), Status::from_http(http));
            prop_assert_eq!(Status::from_code(code).is_some(), code <= 16);
        }
    }
}
