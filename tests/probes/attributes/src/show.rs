//! Values of the SDK as JSON.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tollgate::Result;
use tollgate::headers::HeaderMap;
use tollgate::properties::{
    Address, Locality, Metadata, Packed, ResponseFlags, Text, TrafficDirection,
};

/// The namespace of metadata that is shown.
const NAMESPACE: &str = "probe";

/// What can be shown.
pub(crate) trait Show {
    fn show(&self) -> Value;
}

/// An error is `{"error": ...}`.
impl<T: Show> Show for Result<T> {
    fn show(&self) -> Value {
        match self {
            Ok(value) => value.show(),
            Err(error) => json!({ "error": error.to_string() }),
        }
    }
}

/// What is absent is null.
impl<T: Show> Show for Option<T> {
    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, Show::show)
    }
}

macro_rules! shown_as_json {
    ($($type:ty)*) => {
        $(impl Show for $type {
            fn show(&self) -> Value {
                json!(self)
            }
        })*
    };
}
shown_as_json! { () bool i64 u64 u32 u16 Value }

impl Show for Text {
    fn show(&self) -> Value {
        json!(self.to_string())
    }
}

impl Show for Vec<u8> {
    fn show(&self) -> Value {
        json!(self.escape_ascii().to_string())
    }
}

impl Show for Address {
    fn show(&self) -> Value {
        match self {
            Self::Ip(address) => json!({ "ip": address.ip(), "port": address.port() }),
            Self::Other(text) => json!({ "other": text.show() }),
        }
    }
}

/// In nanoseconds.
impl Show for Duration {
    fn show(&self) -> Value {
        json!(u64::try_from(self.as_nanos()).ok())
    }
}

/// In nanoseconds since 1970.
impl Show for SystemTime {
    fn show(&self) -> Value {
        self.duration_since(UNIX_EPOCH).ok().show()
    }
}

impl Show for HeaderMap {
    fn show(&self) -> Value {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.iter().map(|(name, value)| (text(name), json!(text(value)))).collect()
    }
}

impl Show for ResponseFlags {
    fn show(&self) -> Value {
        json!(self.to_string())
    }
}

impl Show for TrafficDirection {
    fn show(&self) -> Value {
        json!(format!("{self:?}"))
    }
}

impl Show for Locality {
    fn show(&self) -> Value {
        json!([self.region.show(), self.zone.show(), self.sub_zone.show()])
    }
}

impl Show for Metadata {
    fn show(&self) -> Value {
        json!({
            "value": self.value(NAMESPACE, &[]).show(),
            "typed": self.typed(NAMESPACE).show(),
        })
    }
}

impl Show for Packed<'_> {
    fn show(&self) -> Value {
        json!([self.type_url.to_vec().show(), self.value.to_vec().show()])
    }
}
