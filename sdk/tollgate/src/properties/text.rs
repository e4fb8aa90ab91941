//! What Envoy calls a string.

use super::attribute::Attribute;
use crate::protobuf::Malformed;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

/// A text of the host: UTF-8 as a rule, though what a client or a certificate says comes as it is.
///
/// ```
/// use tollgate::properties::Text;
///
/// let san = Text::from("spiffe://example.org/shop");
/// assert_eq!(san, "spiffe://example.org/shop");
/// assert!(san.starts_with(b"spiffe://example.org/"));
/// assert_eq!(san.to_str().unwrap().rsplit('/').next(), Some("shop"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// The text as UTF-8.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }

    /// The text with U+FFFD for what is not UTF-8: to be shown, not to be decided on.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<Text> for Vec<u8> {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// The host gives an empty text where there is nothing.
impl Attribute for Text {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(Some(Self(bytes)).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests;
