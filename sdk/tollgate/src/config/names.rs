//! Names of headers and cookies.

use std::fmt;
use std::ops::Deref;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

macro_rules! name {
    ($name:ident) => {
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
    };
}

name!(HeaderName);
name!(CookieName);
