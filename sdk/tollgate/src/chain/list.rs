//! A tuple of filters, and a value that is one of them.

use crate::abi::StreamKind;
use crate::config::{self, ConfigError};
use crate::filter::{Flow, HttpFilter};
use crate::message::{Body, End, Request, Response, Trailers};
use crate::setup::Setup;
use crate::stream::Plugin;
use serde_json::Value;

/// A list of filters that a [`Chain`](super::Chain) may have: a tuple of one to eight of them, such as
/// `(JwtAuth, Canary)`, or `(Canary,)` for one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of filters",
    note = "a chain takes a tuple of one to eight types that implement `HttpFilter`; of one, `(Mine,)`"
)]
pub trait Filters: 'static {
    /// One of them.
    #[doc(hidden)]
    type Member: Member;
}

macro_rules! lists {
    ($first:ident $($rest:ident)*) => {
        impl<$first: HttpFilter, $($rest: HttpFilter),*> Filters for ($first, $($rest,)*) {
            type Member = one_of!($first $($rest)*);
        }
        lists!($($rest)*);
    };
    () => {};
}

macro_rules! one_of {
    ($first:ident $($rest:ident)*) => { OneOf<$first, one_of!($($rest)*)> };
    () => { Nothing };
}

lists!(A B C D E F G H);

/// A filter of the list: the first, or one of the rest.
#[doc(hidden)]
#[allow(missing_debug_implementations, reason = "a filter need not be printable")]
pub enum OneOf<F, Rest> {
    First(Configured<F>),
    Rest(Rest),
}

/// A filter with its configuration, as a member of a chain.
#[doc(hidden)]
#[allow(missing_debug_implementations, reason = "a filter need not be printable")]
pub struct Configured<F>(Plugin<F>);

/// The end of the list: there is no such member.
#[doc(hidden)]
#[derive(Debug)]
pub enum Nothing {}

/// Which phases a member handles.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Phases {
    pub request: bool,
    pub request_body: bool,
    pub request_trailers: bool,
    pub response: bool,
    pub response_body: bool,
    pub response_trailers: bool,
    pub end: bool,
    /// Anything of a stream outlives its request's headers.
    pub keeps: bool,
    pub request_waits: bool,
    pub response_waits: bool,
}

impl Phases {
    const NONE: Self = Self {
        request: false,
        request_body: false,
        request_trailers: false,
        response: false,
        response_body: false,
        response_trailers: false,
        end: false,
        keeps: false,
        request_waits: false,
        response_waits: false,
    };

    const fn of<F: HttpFilter>() -> Self {
        Self {
            request: F::HANDLES_REQUEST,
            request_body: F::HANDLES_REQUEST_BODY,
            request_trailers: F::HANDLES_REQUEST_TRAILERS,
            response: F::HANDLES_RESPONSE,
            response_body: F::HANDLES_RESPONSE_BODY,
            response_trailers: F::HANDLES_RESPONSE_TRAILERS,
            end: F::HANDLES_END,
            keeps: F::KEEPS_STREAMS,
            request_waits: F::REQUEST_WAITS,
            response_waits: F::RESPONSE_WAITS,
        }
    }

    const fn or(self, other: Self) -> Self {
        Self {
            request: self.request || other.request,
            request_body: self.request_body || other.request_body,
            request_trailers: self.request_trailers || other.request_trailers,
            response: self.response || other.response,
            response_body: self.response_body || other.response_body,
            response_trailers: self.response_trailers || other.response_trailers,
            end: self.end || other.end,
            keeps: self.keeps || other.keeps,
            request_waits: self.request_waits || other.request_waits,
            response_waits: self.response_waits || other.response_waits,
        }
    }

    const fn body(self, kind: StreamKind) -> bool {
        match kind {
            StreamKind::Request => self.request_body,
            StreamKind::Response => self.response_body,
        }
    }
}

/// A filter of the list, whichever it is; what it fails on is dealt with by its own policy.
#[doc(hidden)]
#[allow(async_fn_in_trait, reason = "a VM has one thread: no future is ever sent")]
pub trait Member: Sized + 'static {
    /// The phases that any of them handles.
    const PHASES: Phases;
    type State: Default + 'static;

    /// The names of all of them.
    fn names() -> Vec<&'static str>;
    fn configure(name: &str, config: Value, setup: &Setup) -> Option<Result<Self, ConfigError>>;
    fn name(&self) -> &'static str;
    fn handles_body(&self, kind: StreamKind) -> bool;
    async fn request(&self, request: &mut Request<'_, Self::State>) -> Flow;
    async fn response(&self, response: &mut Response<'_, Self::State>) -> Flow;
    async fn body(&self, kind: StreamKind, body: Body<'_, Self::State>) -> Flow;
    async fn trailers(&self, kind: StreamKind, trailers: Trailers<'_, Self::State>) -> Flow;
    fn end(&self, end: &End<'_, Self::State>);
}

impl<F: HttpFilter, Rest: Member> Member for OneOf<F, Rest> {
    const PHASES: Phases = Phases::of::<F>().or(Rest::PHASES);
    /// Of the two only one is used.
    type State = (F::State, Rest::State);

    fn names() -> Vec<&'static str> {
        let mut names = Rest::names();
        names.insert(0, F::NAME);
        names
    }

    fn configure(name: &str, config: Value, setup: &Setup) -> Option<Result<Self, ConfigError>> {
        if name != F::NAME {
            return Rest::configure(name, config, setup).map(|rest| rest.map(Self::Rest));
        }
        Some(Plugin::configure(config, setup).map(|plugin| Self::First(Configured(plugin))))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::First(_) => F::NAME,
            Self::Rest(rest) => rest.name(),
        }
    }

    fn handles_body(&self, kind: StreamKind) -> bool {
        match self {
            Self::First(_) => Phases::of::<F>().body(kind),
            Self::Rest(rest) => rest.handles_body(kind),
        }
    }

    async fn request(&self, request: &mut Request<'_, Self::State>) -> Flow {
        match self {
            Self::First(_) if !F::HANDLES_REQUEST => Flow::Continue,
            Self::First(Configured(plugin)) => {
                let result = plugin.filter.request(&mut request.part(|(first, _)| first)).await;
                plugin.flow(StreamKind::Request, result)
            }
            Self::Rest(rest) => rest.request(&mut request.part(|(_, rest)| rest)).await,
        }
    }

    async fn response(&self, response: &mut Response<'_, Self::State>) -> Flow {
        match self {
            Self::First(_) if !F::HANDLES_RESPONSE => Flow::Continue,
            Self::First(Configured(plugin)) => {
                let result = plugin.filter.response(&mut response.part(|(first, _)| first)).await;
                plugin.flow(StreamKind::Response, result)
            }
            Self::Rest(rest) => rest.response(&mut response.part(|(_, rest)| rest)).await,
        }
    }

    async fn body(&self, kind: StreamKind, body: Body<'_, Self::State>) -> Flow {
        match self {
            Self::First(Configured(plugin)) => {
                let mut body = body.part(body.stage(), |(first, _)| first);
                let result = match kind {
                    StreamKind::Request => plugin.filter.request_body(&mut body).await,
                    StreamKind::Response => plugin.filter.response_body(&mut body).await,
                };
                plugin.flow(kind, result)
            }
            Self::Rest(rest) => rest.body(kind, body.part(body.stage(), |(_, rest)| rest)).await,
        }
    }

    async fn trailers(&self, kind: StreamKind, mut trailers: Trailers<'_, Self::State>) -> Flow {
        match self {
            Self::First(Configured(plugin)) => {
                let mut trailers = trailers.part(|(first, _)| first);
                let result = match kind {
                    StreamKind::Request => plugin.filter.request_trailers(&mut trailers).await,
                    StreamKind::Response => plugin.filter.response_trailers(&mut trailers).await,
                };
                plugin.flow(kind, result)
            }
            Self::Rest(rest) => rest.trailers(kind, trailers.part(|(_, rest)| rest)).await,
        }
    }

    fn end(&self, end: &End<'_, Self::State>) {
        match self {
            Self::First(Configured(plugin)) => plugin.filter.end(&end.part(|(first, _)| first)),
            Self::Rest(rest) => rest.end(&end.part(|(_, rest)| rest)),
        }
    }
}

impl Member for Nothing {
    const PHASES: Phases = Phases::NONE;
    type State = ();

    fn names() -> Vec<&'static str> {
        Vec::new()
    }

    fn configure(_: &str, _: Value, _: &Setup) -> Option<Result<Self, ConfigError>> {
        None
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn handles_body(&self, _: StreamKind) -> bool {
        match *self {}
    }

    async fn request(&self, _: &mut Request<'_>) -> Flow {
        match *self {}
    }

    async fn response(&self, _: &mut Response<'_>) -> Flow {
        match *self {}
    }

    async fn body(&self, _: StreamKind, _: Body<'_>) -> Flow {
        match *self {}
    }

    async fn trailers(&self, _: StreamKind, _: Trailers<'_>) -> Flow {
        match *self {}
    }

    fn end(&self, _: &End<'_>) {
        match *self {}
    }
}

/// Makes a member from its entry in the configuration.
pub(super) fn configure<M: Member>(
    entry: std::collections::BTreeMap<String, Value>,
    setup: &mut Setup,
) -> Result<M, ConfigError> {
    let allowed = || {
        let names: Vec<_> = M::names().into_iter().map(config::quoted).collect();
        names.join(", ")
    };
    let mut entries = entry.into_iter();
    let (Some((name, config)), None) = (entries.next(), entries.next()) else {
        let found = "an entry without exactly one name";
        return Err(ConfigError::new("", found, format!("one of {}", allowed())));
    };
    match M::configure(&name, config, &setup.for_member(&name)) {
        Some(member) => member.map_err(|error| error.at(&name)),
        None => Err(ConfigError::new("", config::quoted(&name), format!("one of {}", allowed()))),
    }
}
