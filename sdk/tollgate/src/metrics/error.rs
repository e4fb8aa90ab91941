use crate::abi::{HostError, MetricKind, Status};
use crate::config::{ConfigError, quoted};
use std::fmt;

/// Why a metric is not defined.
///
/// In `configure` a `?` makes it a [`ConfigError`], and in a phase a [`HostError`].
///
/// ```
/// use tollgate::metrics::{MetricError, MetricKind};
///
/// let error = MetricError::OtherKind {
///     name: "tollgate.greeter.greeted".into(),
///     is: MetricKind::Counter,
///     wanted: MetricKind::Gauge,
/// };
/// assert_eq!(
///     error.to_string(),
///     "tollgate.greeter.greeted is a counter, and cannot be a gauge as well",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricError {
    /// The host refuses it.
    Host(HostError),
    /// The filter has a metric of this name that is of another kind, perhaps with other tags:
    /// Prometheus would refuse all that Envoy shows.
    OtherKind {
        /// Its name, without tags.
        name: String,
        /// What it is.
        is: MetricKind,
        /// What it was to be as well.
        wanted: MetricKind,
    },
    /// Envoy keeps nothing that is written to it.
    Excluded {
        /// Its name, without `wasmcustom.`.
        name: String,
    },
    /// A filter, stat or tag cannot be called so.
    Name {
        /// What it is called.
        name: &'static str,
        /// What it may be called.
        allowed: &'static str,
    },
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::OtherKind { name, is, wanted } => {
                let (is, wanted) = (noun(*is), noun(*wanted));
                write!(f, "{name} is a {is}, and cannot be a {wanted} as well")
            }
            Self::Excluded { name } => {
                write!(f, "`stats_matcher` in Envoy's bootstrap excludes wasmcustom.{name}")
            }
            Self::Name { name, allowed } => {
                write!(f, "{name:?} cannot be in the name of a metric, only {allowed}")
            }
        }
    }
}

const fn noun(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    }
}

impl std::error::Error for MetricError {}

impl From<HostError> for MetricError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<MetricError> for ConfigError {
    #[cold]
    #[inline(never)]
    fn from(error: MetricError) -> Self {
        let (found, allowed) = match error {
            MetricError::Host(error) => return error.into(),
            MetricError::OtherKind { name, is, wanted } => {
                let is = format!("a {}, which it is already", noun(is));
                (format!("{name} as a {}", noun(wanted)), is)
            }
            excluded @ MetricError::Excluded { .. } => {
                (excluded.to_string(), "one that includes all of `wasmcustom.`".to_owned())
            }
            MetricError::Name { name, allowed } => (quoted(name), allowed.to_owned()),
        };
        Self::new("(metrics)", found, allowed)
    }
}

impl From<MetricError> for HostError {
    #[cold]
    #[inline(never)]
    fn from(error: MetricError) -> Self {
        match error {
            MetricError::Host(error) => error,
            MetricError::OtherKind { .. } => {
                Self::new("a metric that has another kind already", Status::BadArgument)
            }
            MetricError::Excluded { .. } => {
                Self::new("a gauge that stats_matcher excludes", Status::NotFound)
            }
            MetricError::Name { .. } => {
                Self::new("a metric with a part that is no name", Status::BadArgument)
            }
        }
    }
}
