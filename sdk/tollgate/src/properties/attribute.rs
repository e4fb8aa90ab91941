//! From the host's bytes to values.

use crate::abi::{self, HostError, Result, Status};
use crate::headers::HeaderMap;
use crate::protobuf::Malformed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A value in the form that the host gives it (`serializeValue` in Envoy's
/// `source/extensions/common/wasm/context.cc`).
pub(super) trait Attribute: Sized {
    /// `None` for a value that stands for nothing.
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed>;
}

/// Reads the attribute `name`; `path` is the same with zero bytes for dots.
pub(super) fn get<T: Attribute>(name: &'static str, path: &str) -> Result<Option<T>> {
    match abi::property(path.as_bytes()) {
        Ok(Some(bytes)) => T::decode(bytes).map_err(|malformed| malformed.of(name)),
        Ok(None) => Ok(None),
        // A null, such as metadata that a host does not have.
        Err(error) if error.status() == Status::SerializationFailure => Ok(None),
        Err(error) => Err(HostError::new(name, error.status())),
    }
}

/// Writes a getter for each attribute of a group. Its name is the attribute's, so that no path can be
/// misspelt.
macro_rules! attributes {
    ($group:tt $type:ident: $($(#[$doc:meta])* $name:ident -> $value:ty;)*) => {
        impl $type {
            $($crate::properties::attribute::getter! { $(#[$doc])* $group $name -> $value })*
        }
    };
}
pub(super) use attributes;

macro_rules! getter {
    ($(#[$doc:meta])* [$($group:ident)+] $name:ident -> $value:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// When the host cannot answer, or its answer makes no sense.
        pub fn $name(self) -> $crate::Result<Option<$value>> {
            $crate::properties::attribute::get(
                concat!($(stringify!($group), ".",)+ stringify!($name)),
                concat!($(stringify!($group), "\0",)+ stringify!($name)),
            )
        }
    };
}
pub(super) use getter;

/// A path in the host's form. The host ends a path at a zero byte and ignores an empty last part:
/// with either it would answer another question.
pub(super) fn path(parts: &[&str]) -> Result<String> {
    let ambiguous = parts.last().is_none_or(|part| part.is_empty())
        || parts.iter().any(|part| part.contains('\0'));
    if ambiguous {
        return Err(HostError::new("proxy_get_property", Status::BadArgument));
    }
    Ok(parts.join("\0"))
}

/// Eight bytes, little-endian.
fn word(bytes: &[u8]) -> Result<[u8; 8], Malformed> {
    bytes.try_into().map_err(|_| Malformed)
}

impl Attribute for bool {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        match *bytes {
            [0] => Ok(Some(false)),
            [1] => Ok(Some(true)),
            _ => Err(Malformed),
        }
    }
}

impl Attribute for i64 {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        word(&bytes).map(|word| Some(Self::from_le_bytes(word)))
    }
}

/// A count or a number: also where the host has a signed one, it is never negative.
impl Attribute for u64 {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let number = i64::decode(bytes)?.map(Self::try_from);
        number.transpose().map_err(|_| Malformed)
    }
}

impl Attribute for u32 {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let number = i64::decode(bytes)?.map(Self::try_from);
        number.transpose().map_err(|_| Malformed)
    }
}

impl Attribute for u16 {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let number = i64::decode(bytes)?.map(Self::try_from);
        number.transpose().map_err(|_| Malformed)
    }
}

/// Nanoseconds.
impl Attribute for Duration {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(u64::decode(bytes)?.map(Self::from_nanos))
    }
}

/// Nanoseconds since 1970.
impl Attribute for SystemTime {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let since = Duration::decode(bytes)?.map(|since| UNIX_EPOCH.checked_add(since));
        since.map(|time| time.ok_or(Malformed)).transpose()
    }
}

/// A map from text to text. The host gives an empty one for headers that are not there.
impl Attribute for HeaderMap {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        let map = Self::from_buffer(bytes).map_err(|_| Malformed)?;
        Ok(Some(map).filter(|map| !map.is_empty()))
    }
}
