//! Envoy's `declare_property`, and the ABI's `proxy_set_property`: values that modules share with
//! filters, matchers and logs.

use super::LifeSpan;
use crate::abi::{self, HostError, Result, Status};
use crate::config::{ConfigError, quoted};
use crate::protobuf::Message;
use crate::setup::Setup;

/// A value of the request, or of the client's connection, that others can read: the object
/// `wasm.<name>` in the filter state.
///
/// | who reads | how |
/// |---|---|
/// | a module | [`Property::get`] |
/// | an access log | `%FILTER_STATE(wasm.<name>:PLAIN)%` |
/// | CEL (RBAC, [`Expression`](super::Expression)) | `filter_state['wasm.<name>']` |
/// | matchers of routes and RBAC | `filter_state: { key: wasm.<name>, string_match: ... }` |
///
/// Writing costs 0.2 to 0.5 µs, reading 0.9 µs.
///
/// ```
/// use tollgate::host::{Declaration, Kind, LifeSpan, Property};
/// use tollgate::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Config {}
///
/// struct Login { user: Property }
///
/// #[tollgate::filter]
/// impl HttpFilter for Login {
///     type Config = Config;
///
///     fn configure(_config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
///         let declaration = Declaration::new(Kind::Text).life_span(LifeSpan::Connection);
///         Ok(Self { user: Property::declare(setup, "user", declaration)? })
///     }
///
///     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
///         if self.user.get()?.is_none() {
///             self.user.set("alice")?;
///         }
///         Ok(Flow::Continue)
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Property {
    name: String,
}

/// How a [`Property`] is kept: its kind, and unless said otherwise mutable and as long as the filter
/// chain.
///
/// ```
/// use tollgate::host::{Declaration, Kind, LifeSpan};
///
/// let once_a_request = Declaration::new(Kind::Bytes).read_only().life_span(LifeSpan::Request);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration<'a> {
    kind: Kind<'a>,
    read_only: bool,
    life_span: LifeSpan,
}

/// What a [`Property`] holds; it decides how CEL sees it.
///
/// ```
/// use tollgate::host::{Declaration, Kind};
///
/// let type_url = "type.googleapis.com/google.protobuf.Struct";
/// let claims = Declaration::new(Kind::Protobuf { type_url });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Bytes.
    Bytes,
    /// A text.
    Text,
    /// A FlatBuffer, whose fields CEL can read.
    FlatBuffer {
        /// The binary schema (`.bfbs`) of the buffer. Envoy uses it without verifying it
        /// (`cel_state.cc`), so it has to be right, and so has every value.
        schema: &'a [u8],
    },
    /// A protobuf message, whose fields CEL can read if Envoy knows its type.
    Protobuf {
        /// The type, such as `type.googleapis.com/google.protobuf.Struct`.
        type_url: &'a str,
    },
}

impl<'a> Declaration<'a> {
    /// A mutable value that lives as long as the filter chain.
    #[must_use]
    pub const fn new(kind: Kind<'a>) -> Self {
        Self { kind, read_only: false, life_span: LifeSpan::FilterChain }
    }

    /// A value that can be set once.
    #[must_use]
    pub const fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// How long the value lives.
    #[must_use]
    pub const fn life_span(self, life_span: LifeSpan) -> Self {
        Self { life_span, ..self }
    }

    /// `DeclarePropertyArguments { string name = 1; bool readonly = 2; WasmType type = 3;
    /// bytes schema = 4; LifeSpan span = 5; }`.
    fn arguments(self, name: &str) -> Vec<u8> {
        let (kind, schema) = match self.kind {
            Kind::Bytes => (0, &[][..]),
            Kind::Text => (1, &[][..]),
            Kind::FlatBuffer { schema } => (2, schema),
            Kind::Protobuf { type_url } => (3, type_url.as_bytes()),
        };
        Message::default()
            .bytes(1, name.as_bytes())
            .number(2, u64::from(self.read_only))
            .number(3, kind)
            .bytes(4, schema)
            .number(5, self.life_span as u64)
            .finish()
    }
}

impl Property {
    /// Declares the property `name`, once in each plugin; only in
    /// [`configure`](crate::HttpFilter::configure), since Envoy forgets what a request declares.
    ///
    /// # Errors
    ///
    /// When the plugin has declared it already, when the name is empty, has a zero byte or is that of
    /// an attribute, or when the host lacks the function.
    pub fn declare(
        _setup: &Setup,
        name: &str,
        declaration: Declaration<'_>,
    ) -> Result<Self, ConfigError> {
        let property = Self::undeclared(name)
            .map_err(|_| ConfigError::new("(property)", quoted(name), NAME_ALLOWED))?;
        let declared = super::call("declare_property", &declaration.arguments(name));
        declared.map(|_| property).map_err(|error| match error.status() {
            Status::BadArgument => {
                let found = format!("a second declaration of {}", quoted(name));
                ConfigError::new("(property)", found, "one in each plugin")
            }
            _ => error.into(),
        })
    }

    /// The property `name` that another plugin has declared; or one that nobody has declared: bytes that
    /// live as long as the filter chain.
    ///
    /// # Errors
    ///
    /// *Bad argument* when the name is empty, has a zero byte or is that of an attribute.
    pub fn undeclared(name: &str) -> Result<Self> {
        if name.is_empty() || name.contains('\0') || ATTRIBUTES.contains(&name) {
            return Err(HostError::new("proxy_set_property", Status::BadArgument));
        }
        Ok(Self { name: name.to_owned() })
    }

    /// Sets the value, for the request that is being handled.
    ///
    /// # Errors
    ///
    /// *Bad argument* when it is read-only and has a value; *not found* outside a request.
    pub fn set(&self, value: impl AsRef<[u8]>) -> Result<()> {
        abi::set_property(self.name.as_bytes(), value.as_ref())
    }

    /// The value; none before it was set, and outside a request.
    ///
    /// # Errors
    ///
    /// When the host cannot answer.
    pub fn get(&self) -> Result<Option<Vec<u8>>> {
        abi::property(self.name.as_bytes())
    }
}

const NAME_ALLOWED: &str = "a name without a zero byte that is not the one of an attribute";

/// What the host takes for an attribute where a property of that name is asked for
/// (`Context::findValue` in `context.cc`, `StreamActivation::FindValue` in `evaluator.cc`).
const ATTRIBUTES: [&str; 14] = [
    "request",
    "response",
    "connection",
    "upstream",
    "source",
    "destination",
    "metadata",
    "filter_state",
    "xds",
    "upstream_filter_state",
    "plugin_name",
    "plugin_root_id",
    "plugin_vm_id",
    "connection_id",
];

#[cfg(test)]
mod tests;
