use super::{Extensions, Memory};
use crate::properties::Properties;

/// The end of an exchange; nothing can be changed any more.
///
/// ```
/// use tollgate::prelude::*;
///
/// pub struct Patience {
///     left: Counter,
///     cut_off: Counter,
/// }
///
/// # #[derive(Deserialize)] pub struct Config {}
/// #[tollgate::filter]
/// impl HttpFilter for Patience {
///     type Config = Config;
/// #
/// #     fn configure(_: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
/// #         Ok(Self { left: setup.counter("left")?, cut_off: setup.counter("cut_off")? })
/// #     }
///
///     fn end(&self, end: &End<'_>) {
///         match end.ending() {
///             Ending::Complete => {}
///             Ending::ClientLeft => self.left.increment(),
///             Ending::Reset => self.cut_off.increment(),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct End<'a, S = ()> {
    memory: Memory<'a, S>,
}

/// How an exchange ended; see [`End`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client has the whole response.
    Complete,
    /// The client went away: it closed its connection, or reset the stream.
    ClientLeft,
    /// It was cut off otherwise: by the upstream, by Envoy or by a filter.
    Reset,
}

/// Bits of `response.flags` (`CoreResponseFlag` in Envoy's `envoy/stream_info/stream_info.h`).
mod flag {
    pub(super) const LOCAL_RESET: u64 = 1 << 3;
    pub(super) const UPSTREAM_REMOTE_RESET: u64 = 1 << 4;
    pub(super) const UPSTREAM_CONNECTION_TERMINATION: u64 = 1 << 6;
    pub(super) const DOWNSTREAM_CONNECTION_TERMINATION: u64 = 1 << 14;
    pub(super) const DOWNSTREAM_REMOTE_RESET: u64 = 1 << 28;
}

impl<'a, S> End<'a, S> {
    pub(crate) fn new(memory: Memory<'a, S>) -> Self {
        Self { memory }
    }

    /// What the filter remembers of this exchange.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.memory.state
    }

    /// What the filters of a chain have left for each other.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.memory.extensions
    }

    /// What Envoy knows about this exchange; all of it is known now.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// How it ended. A host that does not tell is believed to have completed it.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending::of(self.flags())
    }

    fn flags(&self) -> u64 {
        let flags = Properties.bytes(&["response", "flags"]).ok().flatten().unwrap_or_default();
        flags.as_slice().try_into().map_or(0, u64::from_le_bytes)
    }

    /// The same end, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(&self, part: impl FnOnce(&'a S) -> &'a T) -> End<'a, T> {
        End::new(self.memory.map(part))
    }
}

impl Ending {
    fn of(flags: u64) -> Self {
        if flags & (flag::DOWNSTREAM_CONNECTION_TERMINATION | flag::DOWNSTREAM_REMOTE_RESET) != 0 {
            return Self::ClientLeft;
        }
        let resets =
            flag::LOCAL_RESET | flag::UPSTREAM_REMOTE_RESET | flag::UPSTREAM_CONNECTION_TERMINATION;
        if flags & resets != 0 { Self::Reset } else { Self::Complete }
    }
}
