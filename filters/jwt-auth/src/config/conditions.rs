//! What a requirement asks beyond a good token: of its claims and scopes, and of the client.

use super::{ClaimPathSegment, StringMatcher};
use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Number;
use tollgate::config::schemars::{Schema, SchemaGenerator, json_schema};
use tollgate::prelude::*;

/// A condition on a claim. A list fulfils a test if one of its elements does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("oneOf" = [{ "required": ["claim"] }, { "required": ["claim_path"] }]))]
pub struct ClaimCondition {
    /// The claim; `a.b` is the member `b` of the claim `a`.
    #[schemars(length(min = 1))]
    pub claim: Option<String>,
    /// The claim by the names on the way to it, for names with dots.
    #[schemars(length(min = 1))]
    pub claim_path: Option<Vec<ClaimPathSegment>>,
    /// It is this, and of its type: the text `"5"` is not the number 5.
    pub exact: Option<Scalar>,
    /// It is a text that begins with this.
    #[schemars(length(min = 1))]
    pub prefix: Option<String>,
    /// It is a text that ends with this.
    #[schemars(length(min = 1))]
    pub suffix: Option<String>,
    /// It is a text with this somewhere in it; of a list, one whole element is this.
    #[schemars(length(min = 1))]
    pub contains: Option<String>,
    /// It is a text all of which matches this expression, as for `safe_regex`.
    #[schemars(length(min = 1))]
    pub regex: Option<String>,
    /// It is one of these.
    #[schemars(length(min = 1))]
    pub any_of: Option<Vec<Scalar>>,
    /// It is a number, and at least this.
    #[schemars(with = "Option<f64>")]
    pub gte: Option<Number>,
    /// It is a number, and at most this; beside `gte` both must hold.
    #[schemars(with = "Option<f64>")]
    pub lte: Option<Number>,
    /// Whether it must be there or must not; a `null` is not there.
    pub present: Option<bool>,
    /// Whether the test must fail. The claim must be there all the same, and of a type that the test is
    /// about; of a list that holds for each element. Not with `present`.
    pub invert: bool,
}

/// A value that is no list and no object.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Boolean(bool),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        let number = Number::from_f64(value);
        number.map(Scalar::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "plain value",
            "description": "A string, a number or a boolean.",
            "oneOf": [{ "type": "string" }, { "type": "number" }, { "type": "boolean" }],
        })
    }
}

/// A name of the client in its certificate: exactly one kind.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("oneOf" = [{ "required": ["uri"] }, { "required": ["dns"] }]))]
pub struct PeerName {
    /// What the first URI among its subject alternative names must be like, such as a SPIFFE identity.
    pub uri: Option<StringMatcher>,
    /// What the first DNS name among them must be like.
    pub dns: Option<StringMatcher>,
}
