use super::{Extensions, Memory};
use crate::properties::{Properties, ResponseFlag, ResponseFlags};

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
    /// A filter of this module cut it off.
    was_reset: bool,
}

/// How an exchange ended; see [`End`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client has a whole response: that of the upstream, or one made by Envoy or a filter.
    Complete,
    /// The client went away: it closed its connection, or reset the stream.
    ClientLeft,
    /// It was cut off otherwise: by the upstream, by Envoy or by a filter.
    Reset,
}

/// What Envoy notes of a stream whose client has left.
const CLIENT_LEFT: [ResponseFlag; 2] =
    [ResponseFlag::DownstreamConnectionTermination, ResponseFlag::DownstreamRemoteReset];

/// What it notes of one that it could not bring to its end.
const CUT_OFF: [ResponseFlag; 9] = [
    ResponseFlag::UpstreamRequestTimeout,
    ResponseFlag::LocalReset,
    ResponseFlag::UpstreamRemoteReset,
    ResponseFlag::UpstreamConnectionTermination,
    ResponseFlag::StreamIdleTimeout,
    ResponseFlag::UpstreamMaxStreamDurationReached,
    ResponseFlag::DurationTimeout,
    ResponseFlag::UpstreamProtocolError,
    ResponseFlag::OverloadManager,
];

/// How `response.code_details` begin when an upstream reset the stream in the middle of its response
/// (`source/common/stream_info/utility.h`).
const RESET_IN_RESPONSE: &[u8] = b"upstream_reset_after_response_started";

impl<'a, S> End<'a, S> {
    pub(crate) fn new(memory: Memory<'a, S>, was_reset: bool) -> Self {
        Self { memory, was_reset }
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

    /// How it ended. A reset that Envoy itself does not note, by another filter in the middle of a
    /// response, cannot be told from a whole one.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let response = Properties.response();
        let (flags, code) = (response.flags().ok().flatten(), response.code().ok().flatten());
        let details = response.code_details().ok().flatten();
        let details = details.as_deref().unwrap_or_default();
        Ending::of(flags.unwrap_or_default(), code, details, self.was_reset)
    }

    /// The same end, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(&self, part: impl FnOnce(&'a S) -> &'a T) -> End<'a, T> {
        End::new(self.memory.map(part), self.was_reset)
    }
}

impl Ending {
    /// A stream that is cut off gets an answer of Envoy's own, with a status of 400 or more, if none is
    /// on its way yet; that one is complete.
    fn of(flags: ResponseFlags, code: Option<u16>, details: &[u8], was_reset: bool) -> Self {
        let any = |of: &[ResponseFlag]| of.iter().any(|flag| flags.contains(*flag));
        let answered = code.is_some_and(|code| code > 0);
        let cut_off = any(&CUT_OFF) && code.is_none_or(|code| code < 400);
        if any(&CLIENT_LEFT) {
            Self::ClientLeft
        } else if was_reset || !answered || cut_off || details.starts_with(RESET_IN_RESPONSE) {
            Self::Reset
        } else {
            Self::Complete
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As seen in Envoy 1.40: flags, status and details of streams that ended so.
    #[test]
    fn the_ending_follows_from_what_envoy_notes_of_a_stream() {
        use Ending::{ClientLeft, Complete, Reset};
        let cut = "upstream_reset_after_response_started{protocol_error}";
        let before = "upstream_reset_before_response_started{connection_termination}";
        for (flags, code, details, ending) in [
            (0, Some(200), "via_upstream", Complete),
            (0, Some(403), "", Complete),
            (1 << 6, Some(503), before, Complete),
            (1 << 2, Some(504), "response_timeout", Complete),
            (1 << 2, Some(200), "response_timeout", Reset),
            (1 << 6 | 1 << 14, Some(200), cut, ClientLeft),
            (1 << 14, None, "downstream_remote_disconnect", ClientLeft),
            (1 << 28, Some(200), "http2.remote_reset", ClientLeft),
            (1 << 23, Some(200), cut, Reset),
            (1 << 6, Some(500), cut, Reset),
            (0, None, "wasm_close_stream", Reset),
        ] {
            let seen = Ending::of(ResponseFlags::from_bits(flags), code, details.as_bytes(), false);
            assert_eq!(seen, ending, "{flags} {code:?} {details}");
        }
        let none = ResponseFlags::default();
        assert_eq!(Ending::of(none, Some(200), b"via_upstream", true), Reset);
    }
}
