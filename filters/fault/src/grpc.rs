//! gRPC status codes as configurations write them.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;
use tollgate::config::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The codes of <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>, each at its number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A gRPC status: a number as in Envoy's configuration, or a name as in Istio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u32);

impl Status {
    /// The status with this number, if gRPC defines it.
    ///
    /// ```
    /// use tollgate_fault::grpc::Status;
    ///
    /// assert_eq!(Status::new(14).map(Status::code), Some(14));
    /// assert_eq!(Status::new(17), None);
    /// ```
    #[must_use]
    pub fn new(code: u64) -> Option<Self> {
        u32::try_from(code).ok().filter(|code| (*code as usize) < NAMES.len()).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
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
        f.write_str("a gRPC status: a number from 0 to 16, or a name such as \"UNAVAILABLE\"")
    }

    fn visit_u64<E: Error>(self, code: u64) -> Result<Status, E> {
        Status::new(code).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(code), &self))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Status, E> {
        let code = NAMES.iter().position(|known| *known == name);
        code.and_then(|code| u32::try_from(code).ok())
            .map(Status)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
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
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 16 }, { "enum": NAMES }],
            "examples": ["UNAVAILABLE", 14],
        })
    }
}
