//! What becomes of a request that is denied.

use super::Named;
use super::named::NamedVisitor;
use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer};
use tollgate::config::schemars::{Schema, SchemaGenerator};
use tollgate::config::{HeaderName, HeaderValue, HttpStatus};
use tollgate::prelude::*;

/// Whether the filter denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It only says what it would deny: by stats, and to the upstream by a header.
    Report,
}

/// Whether a token must be used by the client that it was issued to (RFC 8705, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateBound {
    /// `cnf` is not looked at.
    Off,
    /// A token that names a certificate is good only over a connection with that certificate.
    #[default]
    IfPresent,
    /// Likewise, and every token must name one.
    Required,
}

/// The answers by the classes of reasons. It is read as objects by names, which is less code than a field for
/// each.
#[derive(Clone, Debug, Default)]
pub struct DeniedResponse(pub Named<Answer>);

impl<'de> Deserialize<'de> for DeniedResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const CLASSES: &[&str] = &["missing", "invalid", "forbidden", "unavailable", "default"];
        let visitor = NamedVisitor(PhantomData);
        deserializer.deserialize_struct("DeniedResponse", CLASSES, visitor).map(Self)
    }
}

impl JsonSchema for DeniedResponse {
    fn schema_name() -> Cow<'static, str> {
        Classes::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Classes::json_schema(generator)
    }
}

/// What clients are answered, by the class of the reason.
#[derive(Default, JsonSchema)]
#[schemars(rename = "DeniedResponse", default, deny_unknown_fields, extend("minProperties" = 1))]
struct Classes {
    /// There is no token.
    missing: Option<Answer>,
    /// There is a bad one: all that is 401 otherwise.
    invalid: Option<Answer>,
    /// There is a good one, and it is not enough: all that is 403.
    forbidden: Option<Answer>,
    /// It cannot be told: all that is 503.
    unavailable: Option<Answer>,
    /// What is in no class above that is set.
    default: Option<Answer>,
}

/// An answer. `{status}`, `{reason}`, `{message}`, `{realm}`, `{path}` and `{original_url}` in `body`, `headers` and `redirect` are filled in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("minProperties" = 1))]
pub struct Answer {
    /// The status. Default: that of the reason; 302 with `redirect`, where it is 301, 302, 303, 307 or 308.
    pub status: Option<HttpStatus>,
    /// The body. Default: the message.
    pub body: Option<String>,
    /// The type of the body; as JSON it is checked to be some. Default: `text/plain`.
    pub content_type: Option<HeaderValue>,
    /// Headers to add; a `www-authenticate` replaces the one that there would be.
    #[schemars(length(min = 1))]
    pub headers: Option<Vec<AnswerHeader>>,
    /// The `location` to send the client to: `https://...`, or a path on the same host. Placeholders only
    /// in its query.
    #[schemars(length(min = 1))]
    pub redirect: Option<String>,
}

/// A header of an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct AnswerHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}
