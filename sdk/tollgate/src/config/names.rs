//! Names of headers and cookies, and values of headers.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// The name of a header field (RFC 9110, section 5.1), in lower case as Envoy has it.
///
/// A pseudo-header such as `:path` is none.
///
/// ```
/// use tollgate::config::HeaderName;
///
/// assert_eq!(&*HeaderName::parse("X-Variant").unwrap(), "x-variant");
/// assert_eq!(HeaderName::parse(":path"), None);
/// assert_eq!(HeaderName::parse("x variant"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HeaderName(String);

impl HeaderName {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str = "the name of a header, such as \"x-user-id\"";

    /// Takes over a name; nothing when it is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        // RFC 9110, section 5.6.2: a token.
        let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let token = !name.is_empty() && name.bytes().all(tchar);
        token.then(|| Self(name.to_ascii_lowercase()))
    }
}

/// The name of a cookie: any that [`crate::cookies`] can give.
///
/// ```
/// use tollgate::config::CookieName;
///
/// assert!(CookieName::parse("featureFlag").is_some());
/// assert!(CookieName::parse("feature=flag").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CookieName(String);

impl CookieName {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str = "the name of a cookie, without `=`, `;` and outer blanks";

    /// Takes over a name; nothing when it is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let separator = |c: char| c.is_control() || matches!(c, '=' | ';');
        let readable = !name.is_empty() && name.trim_matches(' ') == name;
        (readable && !name.contains(separator)).then(|| Self(name.to_owned()))
    }
}

/// A text that can be the value of a header (RFC 9110, section 5.5): no control characters but the
/// tab, and no blanks at its ends, which a reader would take away.
///
/// ```
/// use tollgate::config::HeaderValue;
///
/// assert_eq!(&*HeaderValue::parse("hello, world").unwrap(), "hello, world");
/// assert_eq!(HeaderValue::parse("a\r\nset-cookie: b"), None);
/// assert_eq!(HeaderValue::parse("admin "), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HeaderValue(String);

impl HeaderValue {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        "the value of a header, without control characters and outer blanks";

    /// Takes over a value; nothing when it is none.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let control = |byte: u8| matches!(byte, 0..0x20 | 0x7f) && byte != b'\t';
        let whole = value.trim_matches([' ', '\t']) == value && !value.bytes().any(control);
        whole.then(|| Self(value.to_owned()))
    }
}

macro_rules! name {
    ($name:ident: $title:literal, $about:literal, $pattern:literal, $example:literal) => {
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::parse(&name)
                    .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &Self::ALLOWED))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "title": $title,
                    "description": $about,
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}

name!(
    HeaderName: "header name",
    "The name of a header, in any case (RFC 9110, section 5.1).",
    "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
    "x-user-id"
);
name!(
    CookieName: "cookie name",
    "The name of a cookie, without `=`, `;` and outer blanks.",
    r"^[^ =;\u0000-\u001f\u007f-\u009f]([^=;\u0000-\u001f\u007f-\u009f]*[^ =;\u0000-\u001f\u007f-\u009f])?$",
    "featureflag"
);
name!(
    HeaderValue: "header value",
    "The value of a header, without control characters and outer blanks.",
    r"^([^\u0000-\u0020\u007f]([^\u0000-\u0008\u000a-\u001f\u007f]*[^\u0000-\u0020\u007f])?)?$",
    "hello"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
        let json = serde_json::to_string(text).unwrap();
        from_slice(json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_name_of_a_header_is_a_token_in_lower_case() {
        assert_eq!(&*read::<HeaderName>("X-User_1!").unwrap(), "x-user_1!");
        for name in ["", ":path", "a b", "a:", "é", "a\n", "(a)"] {
            assert!(read::<HeaderName>(name).is_err(), "{name:?}");
        }
        assert_eq!(
            read::<HeaderName>("x user").unwrap_err(),
            "(root): found \"x user\", allowed: the name of a header, such as \"x-user-id\""
        );
    }

    #[test]
    fn the_name_of_a_cookie_keeps_its_case_and_holds_no_separator() {
        assert_eq!(&*read::<CookieName>("Feature Flag").unwrap(), "Feature Flag");
        for name in ["", "a=b", "a;b", " a", "a ", "a\tb", "a\u{85}"] {
            assert!(read::<CookieName>(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_value_of_a_header_arrives_as_it_is() {
        for value in ["", "a", "a b\tc", "Zoë", "\u{85}x"] {
            assert_eq!(&*read::<HeaderValue>(value).unwrap(), value);
        }
        for value in [" a", "a\t", "a\r\nb", "\0", "\u{7f}"] {
            assert!(read::<HeaderValue>(value).is_err(), "{value:?}");
        }
    }
}
