//! The one error of configuration, and how serde's complaints become it.

use std::fmt::{self, Display, Write as _};

use serde::de::{Expected, Unexpected};

use super::spelling::{closest, is_camel_case};
use crate::json::{JsonError, decimal, path};

/// A configuration that is refused: where, what was found there, what is allowed there.
///
/// Shown as one line:
///
/// ```
/// use tollgate::config::ConfigError;
///
/// let error = ConfigError::new("weights", "a sum of 0", "a sum from 1 to 2147483647");
/// assert_eq!(
///     error.at("split").at("rules[2]").to_string(),
///     "`rules[2].split.weights`: found a sum of 0, allowed: a sum from 1 to 2147483647",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field, such as `rules[2].split`; empty for the configuration as a whole.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What may be there.
    pub allowed: String,
}

impl ConfigError {
    /// An error at `path`. Use [`quoted`] to repeat a string of the operator's in `found`.
    #[cold]
    #[inline(never)]
    pub fn new(
        path: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), found: found.into(), allowed: allowed.into() }
    }

    /// The same error, seen from further outside: puts `outer` before the path.
    #[must_use]
    #[cold]
    pub fn at(mut self, outer: impl AsRef<str>) -> Self {
        self.path = path::join(outer.as_ref(), &self.path);
        self
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        match self.path.as_str() {
            "" => write!(line, "(root)")?,
            path => write!(line, "`{path}`")?,
        }
        write!(line, ": found {}, allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

/// Escapes control characters, so that no error can forge a second line in a log.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c.is_control() {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

/// A string of the operator's as errors show it: quoted and escaped, or only its length when it
/// has more than 64 characters, since keys and tokens are long and errors end up in logs.
///
/// ```
/// use tollgate::config::quoted;
///
/// assert_eq!(quoted("v1\n"), r#""v1\n""#);
/// assert_eq!(quoted(&"k".repeat(300)), "a string of 300 characters");
/// ```
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.chars().count() {
        0..=path::LONGEST => format!("{text:?}"),
        length => format!("a string of {length} characters"),
    }
}

/// Checks that exactly one of some fields was given; the error has no path, which is that of the
/// object they are in.
///
/// ```
/// use tollgate::config::exactly_one;
///
/// assert!(exactly_one(&[("fixed_delay", true), ("header_delay", false)]).is_ok());
/// let error = exactly_one(&[("fixed_delay", true), ("header_delay", true)]).unwrap_err();
/// assert_eq!(
///     error.at("delay").to_string(),
///     "`delay`: found `fixed_delay`, `header_delay`, \
///      allowed: exactly one of `fixed_delay`, `header_delay`",
/// );
/// ```
///
/// # Errors
///
/// When none or several were given.
pub fn exactly_one(fields: &[(&str, bool)]) -> Result<(), ConfigError> {
    let given = fields.iter().filter(|(_, given)| *given).map(|(name, _)| *name);
    let given: Vec<_> = given.collect();
    if given.len() == 1 {
        return Ok(());
    }
    let found = if given.is_empty() { "none of them".to_owned() } else { names(&given) };
    let all: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    Err(ConfigError::new("", found, "exactly one of ".to_owned() + &names(&all)))
}

impl From<JsonError> for ConfigError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax { .. } => {
                Self::new("", format!("broken JSON ({error})"), "one JSON object")
            }
            JsonError::DuplicateMember { path } => Self::new(path, TWICE, "each field once"),
            JsonError::TooDeep { max_depth } => {
                Self::new("", "deeper nesting", format!("at most {max_depth} levels of nesting"))
            }
        }
    }
}

const TWICE: &str = "the field twice";

/// An error while a type is read. In a box, since nearly every line of derived code passes one on.
#[derive(Debug)]
pub(super) struct Refusal(Box<ConfigError>);

impl Refusal {
    #[cold]
    #[inline(never)]
    pub(super) fn new(
        path: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self(Box::new(ConfigError::new(path, found, allowed)))
    }

    /// The same error, seen from further outside: puts `outer` before the path.
    #[cold]
    #[inline(never)]
    pub(super) fn at(mut self, outer: String) -> Self {
        self.0.path = path::join(&outer, &self.0.path);
        self
    }

    /// Completes an error that came as a mere sentence with the value it is about.
    #[cold]
    #[inline(never)]
    pub(super) fn about(mut self, found: &str) -> Self {
        if self.0.allowed.is_empty() {
            self.0.found = format!("{found} ({})", self.0.found);
            self.0.allowed = "a valid value".to_owned();
        }
        self
    }
}

impl From<Refusal> for ConfigError {
    fn from(refusal: Refusal) -> Self {
        *refusal.0
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

// Cold: inlined into every derived `Deserialize` they would make up half of a module.
impl serde::de::Error for Refusal {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self::new("", message.to_string(), "")
    }

    #[cold]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let mut allowed = allowed(expected);
        match unexpected {
            // In YAML `on`, `yes` and `1.0` are no strings.
            Unexpected::Bool(_)
            | Unexpected::Unsigned(_)
            | Unexpected::Signed(_)
            | Unexpected::Float(_)
                if allowed == "a string" =>
            {
                allowed.push_str(" (put it in quotes)");
            }
            Unexpected::Str(text) if is_quoted(text, &allowed) => {
                allowed.push_str(", without quotes");
            }
            _ => {}
        }
        // A string in the place of an object may be a secret that slipped up a level.
        let found = match unexpected {
            Unexpected::Str(_) if matches!(&*allowed, "an object" | "a list") => {
                "a string".to_owned()
            }
            _ => describe(unexpected),
        };
        Self::new("", found, allowed)
    }

    #[cold]
    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("", describe(unexpected), allowed(expected))
    }

    #[cold]
    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new("", format!("{length} elements"), allowed(expected))
    }

    #[cold]
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new("", quoted(variant), names_for(variant, expected))
    }

    #[cold]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(path::member(field), "an unknown field", names_for(field, expected))
    }

    #[cold]
    fn missing_field(field: &'static str) -> Self {
        Self::new(field, "nothing", "a value, since the field is required")
    }

    #[cold]
    fn duplicate_field(field: &'static str) -> Self {
        Self::new(field, TWICE, "each field once, in one of its spellings")
    }
}

/// What was found, in the words of JSON.
pub(super) fn describe(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => decimal(value).unwrap_or_else(|| "a number".to_owned()),
        Unexpected::Char(value) => quoted(value.encode_utf8(&mut [0; 4])),
        Unexpected::Str(value) => quoted(value),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        Unexpected::UnitVariant => "a name alone".to_owned(),
        Unexpected::Other(words) => words.to_owned(),
        _ => "something else".to_owned(),
    }
}

/// What serde expected, in the words of JSON: no Rust type names.
fn allowed(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    if let Some(range) = whole_numbers(&text) {
        return range;
    }
    match text.as_str() {
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "newtype variant" => "an object with one member",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("enum ") => "a name, or an object with one member",
        other => other,
    }
    .to_owned()
}

/// Whether a text would be what is allowed if it was no string: `"503"`, `"true"`.
fn is_quoted(text: &str, allowed: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'.');
    match allowed {
        "true or false" => matches!(text, "true" | "false"),
        _ if allowed == "a number" || allowed.starts_with("a whole number") => {
            !text.is_empty() && text.bytes().all(digit)
        }
        _ => false,
    }
}

/// `u8` and its kin, `a nonzero u8` too.
fn whole_numbers(text: &str) -> Option<String> {
    let (nonzero, name) = match text.strip_prefix("a nonzero ") {
        Some(name) => (true, name),
        None => (false, text),
    };
    let (least, most): (i128, i128) = match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" => (0, u64::MAX.into()),
        "usize" => (0, i128::try_from(usize::MAX).ok()?),
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" => (i64::MIN.into(), i64::MAX.into()),
        "isize" => (i128::try_from(isize::MIN).ok()?, i128::try_from(isize::MAX).ok()?),
        _ => return None,
    };
    Some(match (nonzero, least) {
        (true, 0) => format!("a whole number from 1 to {most}"),
        (true, _) => format!("a whole number from {least} to {most}, not 0"),
        (false, _) => format!("a whole number from {least} to {most}"),
    })
}

/// The names in backquotes; a name in both spellings of protobuf JSON (`fixed_delay`, `fixedDelay`)
/// once.
#[cold]
pub(super) fn names(names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        if names.iter().any(|it| is_camel_case(name, it)) {
            continue;
        }
        for part in [if text.is_empty() { "`" } else { ", `" }, name, "`"] {
            text.push_str(part);
        }
    }
    if text.is_empty() { "no field at all".to_owned() } else { text }
}

/// The names, and a question where one of several is close to `name`.
#[cold]
fn names_for(name: &str, known: &[&str]) -> String {
    let mut text = names(known);
    if let (Some(meant), [_, _, ..]) = (closest(name, known), known) {
        for part in ["; did you mean `", &meant, "`?"] {
            text.push_str(part);
        }
    }
    text
}
