//! What is to happen, by time.

use super::stream::StreamId;
use std::collections::BTreeMap;
use std::time::Duration;

/// Something that happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The tick of a plugin, unless it was set anew since.
    Tick { vm: usize, root: u32, setting: u64 },
    /// There is something in a shared queue.
    QueueReady { vm: usize, root: u32, token: u32 },
    /// The next part of an upstream's answer to a request.
    Answer(StreamId),
    /// The answer to a request has taken too long.
    RouteTimeout(StreamId),
    /// A filter's own call sets out, or the next part of its answer comes.
    Call(usize),
    /// The answer to a filter's own call has taken too long.
    CallTimeout(usize),
}

/// Events in order: of two at the same time the one that was planned first.
#[derive(Debug, Default)]
pub(super) struct Events {
    planned: BTreeMap<(Duration, u64), Event>,
    count: u64,
}

impl Events {
    pub(super) fn plan(&mut self, time: Duration, event: Event) {
        let stamp = self.stamp();
        self.planned.insert((time, stamp), event);
    }

    /// A number that was not there before, larger than all that were.
    pub(super) fn stamp(&mut self) -> u64 {
        self.count = self.count.saturating_add(1);
        self.count
    }

    /// The next event, if it is not later than this.
    pub(super) fn next(&mut self, latest: Duration) -> Option<(Duration, Event)> {
        let entry = self.planned.first_entry()?;
        let (time, _) = *entry.key();
        (time <= latest).then(|| (time, entry.remove()))
    }
}
