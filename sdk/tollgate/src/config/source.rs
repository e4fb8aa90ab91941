//! Text and secrets that stand in the configuration or in an environment variable.

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::environment::{self, Missing};
use crate::json::path::LONGEST;

/// A text that stands in the configuration, or in an environment variable of the VM: Envoy's
/// `DataSource`, as far as a module can have it.
///
/// Written `{inline_string: "..."}` or `{environment_variable: NAME}`. A variable is read when the
/// configuration is, and must be there. Envoy gives a VM only the variables that
/// `vm_config.environment_variables` names, with their values (`key_values`) or from Envoy's own
/// environment (`host_env_keys`).
///
/// No error repeats the text, whatever it was put into. For what must not be seen elsewhere either
/// there is [`Secret`].
///
/// ```
/// use tollgate::config::{DataSource, from_slice};
///
/// let text: DataSource = from_slice(br#"{"inline_string": "hello"}"#).unwrap();
/// assert_eq!(text.text(), "hello");
///
/// let error = from_slice::<DataSource>(br#"{"filename": "/etc/text"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`filename`: found a file name, allowed: `inline_string` or `environment_variable`, \
///      since a WebAssembly module cannot read files",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource(Read);

impl DataSource {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The field that it came from: the path of an error about what it holds.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.0.field
    }
}

/// What a source held.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    text: String,
    field: &'static str,
}

/// A secret, such as a key: written like a [`DataSource`], never empty, and never shown.
///
/// Its `Debug` form has no value, and it has neither `Display` nor `Serialize`. Comparing takes the
/// same time wherever two secrets of one length differ. What it held stays in the memory of the VM
/// when it is dropped: so does the configuration that it came with, which Envoy also shows in its
/// `/config_dump`. To keep a secret out of there, give it as an environment variable, with
/// `host_env_keys`.
///
/// ```
/// use tollgate::config::{Secret, from_slice};
///
/// let key: Secret = from_slice(br#"{"inline_string": "hunter2"}"#).unwrap();
/// assert_eq!(key.expose(), "hunter2");
/// assert_eq!(format!("{key:?}"), "Secret(...)");
/// ```
///
/// It cannot be printed or written by mistake:
///
/// ```compile_fail,E0277
/// fn print(secret: &tollgate::config::Secret) -> String {
///     secret.to_string()
/// }
/// ```
#[derive(Clone)]
pub struct Secret(Read);

impl Secret {
    /// The secret itself. Give it to what computes with it, not to what shows or stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// The field that it came from: the path of an error about what it holds.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.0.field
    }

    /// Whether it is `candidate`, in a time that depends on the lengths alone.
    ///
    /// ```
    /// use tollgate::config::{Secret, from_slice};
    ///
    /// let key: Secret = from_slice(br#"{"inline_string": "hunter2"}"#).unwrap();
    /// assert!(key.matches(b"hunter2"));
    /// assert!(!key.matches(b"hunter1"));
    /// ```
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let secret = self.expose().as_bytes();
        // Opaque after each byte, so that no compiler leaves the loop at the first difference.
        let difference = |all: u8, (a, b): (&u8, &u8)| black_box(all | (a ^ b));
        secret.len() == candidate.len() && secret.iter().zip(candidate).fold(0, difference) == 0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose().as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

impl<'de> Deserialize<'de> for DataSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor { may_be_empty: true }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor { may_be_empty: false }).map(Self)
    }
}

/// What was found is said by its kind alone.
macro_rules! refuse {
    ($($visit:ident: $type:ty, $found:literal;)+) => {$(
        fn $visit<E: Error>(self, _value: $type) -> Result<Self::Value, E> {
            Err(E::invalid_type(Unexpected::Other($found), &self))
        }
    )+};
}

struct SourceVisitor {
    may_be_empty: bool,
}

const INLINE: &str = "inline_string";
const VARIABLE: &str = "environment_variable";
const FIELDS: &[&str] = &[INLINE, VARIABLE];
const EXACTLY_ONE: &str = "exactly one of `inline_string`, `environment_variable`";

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    refuse! {
        visit_bool: bool, "a boolean";
        visit_u64: u64, "a number";
        visit_i64: i64, "a number";
        visit_f64: f64, "a number";
        visit_str: &str, "a string";
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Read, A::Error> {
        let (mut read, mut given) = (None, 0_usize);
        while let Some(name) = fields.next_key::<String>()? {
            let (field, text) = match name.as_str() {
                "inline_string" | "inlineString" => (INLINE, fields.next_value::<Text>()?.0),
                "environment_variable" | "environmentVariable" => {
                    (VARIABLE, fields.next_value::<Variable>()?.0)
                }
                "filename" => (INLINE, fields.next_value::<File>()?.0),
                "inline_bytes" | "inlineBytes" => (INLINE, fields.next_value::<Bytes>()?.0),
                other => return Err(A::Error::unknown_field(other, FIELDS)),
            };
            read = Some(Read { text, field });
            given = given.saturating_add(1);
        }
        let (found, allowed) = match (read, given) {
            (Some(read), 1) if self.may_be_empty || !read.text.is_empty() => return Ok(read),
            (Some(_), 1) => ("an empty secret", "a secret that is not empty"),
            (None, _) => ("neither", EXACTLY_ONE),
            (Some(_), _) => ("both", EXACTLY_ONE),
        };
        Err(A::Error::invalid_value(Unexpected::Other(found), &allowed))
    }
}

/// A string of which no error repeats a thing, be it of another type or in a wrong place.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string (put it in quotes)")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    refuse! {
        visit_bool: bool, "a boolean";
        visit_u64: u64, "a number";
        visit_i64: i64, "a number";
        visit_f64: f64, "a number";
    }
}

/// The value of the environment variable whose name stands there.
struct Variable(String);

impl<'de> Deserialize<'de> for Variable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(name) = Text::deserialize(deserializer)?;
        if !is_variable_name(&name) {
            // Whatever it is, it may be the secret itself.
            return Err(D::Error::invalid_value(Unexpected::Other("something else"), &NAME));
        }
        environment::variable(&name).map(Self).map_err(|missing| {
            let found = match missing {
                Missing::Absent => format!("`{name}`, which the VM does not have"),
                Missing::NotText => format!("`{name}`, whose value is not UTF-8"),
            };
            D::Error::invalid_value(Unexpected::Other(&found), &GIVEN)
        })
    }
}

const NAME: &str = "the name of an environment variable, such as \"API_KEY\"";

const GIVEN: &str = "a variable that Envoy gives to the VM by \
     `vm_config.environment_variables`, in `key_values` or `host_env_keys`";

/// POSIX, 8.1; small letters too.
fn is_variable_name(name: &str) -> bool {
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= LONGEST && !digit_first && name.bytes().all(letter)
}

macro_rules! no_source {
    ($($name:ident: $found:literal, $allowed:literal;)+) => {$(
        /// A field of Envoy's that is known in order to be refused with a reason.
        struct $name(String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Err(D::Error::invalid_value(Unexpected::Other($found), &$allowed))
            }
        }
    )+};
}

no_source! {
    File: "a file name",
        "`inline_string` or `environment_variable`, since a WebAssembly module cannot read files";
    Bytes: "bytes in base64", "`inline_string`, with the text itself";
}

impl JsonSchema for DataSource {
    fn schema_name() -> Cow<'static, str> {
        "DataSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema("A text that stands here, or in an environment variable of the VM.", 0)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema("A secret that stands here, or in an environment variable of the VM.", 1)
    }
}

fn schema(description: &str, min_length: u32) -> Schema {
    json_schema!({
        "type": "object",
        "description": description,
        "properties": {
            "inline_string": {
                "type": "string",
                "description": "It stands here.",
                "minLength": min_length,
            },
            "environment_variable": {
                "type": "string",
                "description": "The name of the environment variable that holds it. Envoy gives a VM \
                    the variables that `vm_config.environment_variables` names.",
                "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$",
                "examples": ["API_KEY"],
            },
        },
        "additionalProperties": false,
        "oneOf": [{ "required": ["inline_string"] }, { "required": ["environment_variable"] }],
    })
}

#[cfg(test)]
mod tests;
