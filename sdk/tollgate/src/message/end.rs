use super::{Extensions, Memory};
use crate::properties::Properties;

/// The end of an exchange; nothing can be changed any more.
#[derive(Debug)]
pub struct End<'a, S = ()> {
    memory: Memory<'a, S>,
    /// A filter of this module cut it off.
    was_reset: bool,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client has a whole response: that of the upstream, or one made by Envoy or a filter.
    Complete,
    /// The client went away: it closed its connection, or reset the stream.
    ClientLeft,
    /// It was cut off otherwise: by the upstream, by Envoy or by a filter.
    Reset,
}

/// Bits of `response.flags` (`CoreResponseFlag` in Envoy's `envoy/stream_info/stream_info.h`).
mod flag {
    /// Its connection ended (14), or it reset the stream (28).
    pub(super) const CLIENT_LEFT: u64 = 1 << 14 | 1 << 28;
    /// The upstream's time was over (2, 19), the stream was reset (3, 4, 6, 23), it was idle too long
    /// (16), took too long (22), or there was no memory left (25).
    pub(super) const CUT_OFF: u64 =
        1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 16 | 1 << 19 | 1 << 22 | 1 << 23 | 1 << 25;
}

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
        let details = Properties.response_code_details().ok().flatten().unwrap_or_default();
        let (flags, code) = (number("flags").unwrap_or_default(), number("code"));
        Ending::of(flags, code, &details, self.was_reset)
    }

    /// The same end, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(&self, part: impl FnOnce(&'a S) -> &'a T) -> End<'a, T> {
        End::new(self.memory.map(part), self.was_reset)
    }
}

/// A number that Envoy knows of the response.
fn number(name: &str) -> Option<u64> {
    let bytes = Properties.bytes(&["response", name]).ok()??;
    Some(u64::from_le_bytes(bytes.as_slice().try_into().ok()?))
}

impl Ending {
    /// A stream that is cut off gets an answer of Envoy's own, with a status of 400 or more, if none is
    /// on its way yet; that one is complete.
    fn of(flags: u64, code: Option<u64>, details: &[u8], was_reset: bool) -> Self {
        let answered = code.is_some_and(|code| code > 0);
        let cut_off = flags & flag::CUT_OFF != 0 && code.is_none_or(|code| code < 400);
        if flags & flag::CLIENT_LEFT != 0 {
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
            let seen = Ending::of(flags, code, details.as_bytes(), false);
            assert_eq!(seen, ending, "{flags} {code:?} {details}");
        }
        assert_eq!(Ending::of(0, Some(200), b"via_upstream", true), Reset);
    }
}
