//! A body on its way through the filters of one module.
//!
//! The host keeps what it has received and not passed on in one buffer. Each filter of a chain is a
//! stage that works on the part which the stage before has let go and it has not itself; when the last
//! stage has let go of everything, the host passes the buffer on. Positions count bytes from the start
//! of that buffer.

use crate::abi::{self, BufferKind, HostError, Result, Status};
use std::cell::{Cell, RefCell};
use std::task::Waker;

/// All of the host's buffer, in its own words.
const ALL: usize = u32::MAX as usize;

/// How a body has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ended {
    #[default]
    No,
    /// With the last of its bytes.
    WithData,
    /// With trailers, after the last of its bytes had come.
    WithTrailers,
}

/// The body of one direction.
#[derive(Debug)]
pub(crate) struct Pipe {
    kind: BufferKind,
    /// How many bytes the host holds.
    size: Cell<usize>,
    ended: Cell<Ended>,
    /// What is let go stays where it is, for the host cannot pass it on now.
    kept: Cell<bool>,
    stages: RefCell<Vec<Stage>>,
}

#[derive(Debug, Default)]
struct Stage {
    /// What lies before has been let go.
    position: usize,
    /// The end of the chunk that the stage works on; equal to the position if there is none.
    chunk_end: usize,
    /// It has been given the last chunk.
    has_last: bool,
    /// It lets everything pass from now on.
    done: bool,
    waker: Option<Waker>,
}

/// What there is for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A chunk of the body.
    Chunk,
    /// The end of the body.
    End,
    /// Nothing yet.
    Wait,
}

impl Pipe {
    pub(crate) fn new(kind: BufferKind) -> Self {
        let (size, ended, stages) = (Cell::default(), Cell::default(), RefCell::default());
        Self { kind, size, ended, kept: Cell::default(), stages }
    }

    /// Prepares for so many stages; not before that, because most filters look at no body.
    pub(crate) fn open(&self, stages: usize) {
        self.stages.borrow_mut().resize_with(stages, Stage::default);
    }

    /// The host holds so many bytes now.
    pub(crate) fn arrived(&self, size: usize, is_last: bool) {
        self.size.set(size);
        if is_last {
            self.ended.set(Ended::WithData);
        }
        self.wake();
    }

    /// From now on what is let go stays where it is, or does not any more.
    pub(crate) fn keep(&self, kept: bool) {
        self.kept.set(kept);
    }

    /// Whether it does.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.get()
    }

    /// Whether the host holds nothing that a stage has not let go; the end, which goes on with the last of
    /// the bytes, even where there are none, is something.
    pub(crate) fn is_let_go(&self) -> bool {
        let (size, has_end) = (self.size.get(), self.ended.get() == Ended::WithData);
        let is_behind = |stage: &Stage| stage.position >= size && !has_end;
        self.stages.borrow().iter().all(|stage| stage.done || is_behind(stage))
    }

    pub(crate) fn trailers_arrived(&self) {
        if self.ended.get() == Ended::No {
            self.ended.set(Ended::WithTrailers);
        }
        self.wake();
    }

    fn wake(&self) {
        let wakers: Vec<_> =
            self.stages.borrow_mut().iter_mut().filter_map(|stage| stage.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether there is anything of the body, or its end; remembers whom to wake when there is not.
    pub(crate) fn begun(&self, waker: &Waker) -> bool {
        let begun = self.size.get() > 0 || self.ended.get() != Ended::No;
        if !begun && let Some(first) = self.stages.borrow_mut().first_mut() {
            first.waker = Some(waker.clone());
        }
        begun
    }

    /// Looks for the next chunk of a stage; remembers whom to wake when there is none yet.
    pub(crate) fn next(&self, index: usize, waker: &Waker) -> Next {
        let (end, ended) = self.input(index);
        let mut stages = self.stages.borrow_mut();
        let Some(stage) = stages.get_mut(index) else { return Next::End };
        if end > stage.position || (ended && !stage.has_last && self.ended.get() == Ended::WithData)
        {
            stage.chunk_end = end;
            stage.has_last = ended;
            return Next::Chunk;
        }
        if ended {
            return Next::End;
        }
        stage.waker = Some(waker.clone());
        Next::Wait
    }

    /// Looks whether a stage can have all that is left as one chunk; `None` while more is to come.
    pub(crate) fn whole(&self, index: usize, waker: &Waker) -> Option<()> {
        let (end, ended) = self.input(index);
        let mut stages = self.stages.borrow_mut();
        let stage = stages.get_mut(index)?;
        if !ended {
            stage.waker = Some(waker.clone());
            return None;
        }
        (stage.chunk_end, stage.has_last) = (end, true);
        Some(())
    }

    /// How many bytes have come for a stage that it has not let go.
    pub(crate) fn pending(&self, index: usize) -> usize {
        let (end, _) = self.input(index);
        let stages = self.stages.borrow();
        stages.get(index).map_or(0, |stage| end.saturating_sub(stage.position))
    }

    /// What the stage before has let go of, and whether that is all.
    fn input(&self, index: usize) -> (usize, bool) {
        let stages = self.stages.borrow();
        let before = index.checked_sub(1).and_then(|before| stages.get(before));
        let host_ended = self.ended.get() != Ended::No;
        match before {
            None => (self.size.get(), host_ended),
            Some(stage) if stage.done => {
                drop_through(stages.as_slice(), index, self.size.get(), host_ended)
            }
            Some(stage) => (stage.position, false),
        }
    }

    /// The chunk that a stage works on: where it begins and ends.
    pub(crate) fn chunk(&self, index: usize) -> (usize, usize) {
        let stages = self.stages.borrow();
        stages.get(index).map_or((0, 0), |stage| (stage.position, stage.chunk_end))
    }

    /// Whether a stage has been given the last of the body.
    pub(crate) fn has_last(&self, index: usize) -> bool {
        self.stages.borrow().get(index).is_none_or(|stage| stage.has_last)
    }

    /// A stage lets its chunk go; says whether the host can pass on everything that it holds.
    #[must_use]
    pub(crate) fn let_go(&self, index: usize) -> bool {
        if let Some(stage) = self.stages.borrow_mut().get_mut(index) {
            stage.position = stage.chunk_end;
            stage.done |= stage.has_last;
        }
        self.wake();
        self.flush()
    }

    /// A stage lets everything pass from now on; says whether the host can pass on what it holds.
    #[must_use]
    pub(crate) fn finish(&self, index: usize) -> bool {
        if let Some(stage) = self.stages.borrow_mut().get_mut(index) {
            stage.done = true;
            stage.waker = None;
        }
        self.wake();
        self.flush()
    }

    /// No stage looks at the body any more; says whether the host can pass on what it holds.
    #[must_use]
    pub(crate) fn finish_all(&self) -> bool {
        for stage in self.stages.borrow_mut().iter_mut() {
            stage.done = true;
        }
        self.flush()
    }

    /// Says whether the host can pass on what it holds; what comes next is at its start then.
    #[must_use]
    pub(crate) fn flush(&self) -> bool {
        // With trailers, what the host still holds goes on together with them.
        if self.kept.get() || self.ended.get() == Ended::WithTrailers || !self.is_let_go() {
            return false;
        }
        for stage in self.stages.borrow_mut().iter_mut() {
            (stage.position, stage.chunk_end) = (0, 0);
        }
        self.size.set(0);
        true
    }

    /// The bytes of a stage's chunk.
    pub(crate) fn read(&self, index: usize) -> Result<Vec<u8>> {
        let (start, end) = self.chunk(index);
        match end.saturating_sub(start) {
            0 => Ok(Vec::new()),
            length => abi::buffer(self.kind, start, length),
        }
    }

    /// Puts `data` in the place of a stage's chunk.
    pub(crate) fn replace(&self, index: usize, data: &[u8]) -> Result<()> {
        let (start, end) = self.chunk(index);
        self.splice(index, start, end, data)
    }

    /// Puts `data` before a stage's chunk.
    pub(crate) fn prepend(&self, index: usize, data: &[u8]) -> Result<()> {
        let (start, _) = self.chunk(index);
        self.splice(index, start, start, data)
    }

    /// Puts `data` behind a stage's chunk.
    pub(crate) fn append(&self, index: usize, data: &[u8]) -> Result<()> {
        let (_, end) = self.chunk(index);
        self.splice(index, end, end, data)
    }

    /// The host replaces everything, or adds in front or behind, and nothing between (Envoy,
    /// `Buffer::copyFrom` in `source/extensions/common/wasm/context.cc`); so what lies between is put
    /// together here.
    fn splice(&self, index: usize, start: usize, end: usize, data: &[u8]) -> Result<()> {
        let size = self.size.get();
        match (start, end) {
            _ if data.is_empty() && start == end => {}
            // All of the body has gone on; the host would take what is added now, and lose it.
            _ if size == 0 && self.ended.get() == Ended::WithTrailers => {
                return Err(HostError::new("proxy_set_buffer_bytes", Status::NotFound));
            }
            (0, end) if end == size && end > 0 => abi::set_buffer(self.kind, 0, ALL, data)?,
            (0, 0) => abi::set_buffer(self.kind, 0, 0, data)?,
            (start, end) if start == size && end == size => {
                abi::set_buffer(self.kind, size, 0, data)?;
            }
            _ => {
                let mut whole = abi::buffer(self.kind, 0, size)?;
                let end = end.min(whole.len());
                whole.splice(start.min(end)..end, data.iter().copied());
                abi::set_buffer(self.kind, 0, ALL, &whole)?;
            }
        }
        self.moved(index, end, end.saturating_sub(start), data.len());
        Ok(())
    }

    /// `old` bytes of a stage's chunk, which ended at `end`, have become `new` ones.
    fn moved(&self, index: usize, end: usize, old: usize, new: usize) {
        let shift = |position: usize| position.saturating_sub(old).saturating_add(new);
        self.size.set(shift(self.size.get()));
        let mut stages = self.stages.borrow_mut();
        for (other, stage) in stages.iter_mut().enumerate() {
            // Stages before this one have let go of the chunk: theirs lies behind it.
            if other < index && stage.position >= end {
                stage.position = shift(stage.position);
            }
            if other <= index && stage.chunk_end >= end {
                stage.chunk_end = shift(stage.chunk_end);
            }
        }
    }
}

/// The input of a stage behind one that lets everything pass: that of the first before it which does
/// not.
fn drop_through(stages: &[Stage], index: usize, size: usize, host_ended: bool) -> (usize, bool) {
    let open = stages.iter().take(index).rev().find(|stage| !stage.done);
    open.map_or((size, host_ended), |stage| (stage.position, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    /// Envoy has no buffer then, or takes what is added and loses it.
    #[test]
    fn nothing_can_be_added_to_an_empty_body_that_ended_with_trailers() {
        let host = TestHost::install();
        let pipe = Pipe::new(BufferKind::ResponseBody);
        pipe.open(1);
        pipe.trailers_arrived();
        assert!(pipe.whole(0, Waker::noop()).is_some());
        for added in [pipe.replace(0, b"x"), pipe.prepend(0, b"x"), pipe.append(0, b"x")] {
            assert_eq!(added.unwrap_err().status(), Status::NotFound);
        }
        assert_eq!(pipe.replace(0, b""), Ok(()));
        assert!(host.buffers.borrow().is_empty());
    }

    /// Else a filter that waits for its part would find that the body has gone on without it.
    #[test]
    fn the_end_of_a_body_goes_on_when_the_last_stage_has_let_it_go_even_without_a_byte() {
        let _host = TestHost::install();
        let pipe = Pipe::new(BufferKind::RequestBody);
        pipe.open(3);
        pipe.arrived(0, true);
        assert!(!pipe.finish(1));
        assert_eq!(pipe.next(0, Waker::noop()), Next::Chunk);
        assert!(!pipe.let_go(0));
        assert_eq!(pipe.next(2, Waker::noop()), Next::Chunk);
        assert!(pipe.let_go(2));
    }

    /// Else they would go before the filter has looked at them.
    #[test]
    fn what_is_let_go_after_trailers_have_come_waits_for_them() {
        let _host = TestHost::install();
        let pipe = Pipe::new(BufferKind::RequestBody);
        pipe.open(1);
        pipe.arrived(3, false);
        assert_eq!(pipe.next(0, Waker::noop()), Next::Chunk);
        pipe.trailers_arrived();
        assert!(!pipe.let_go(0));
        assert_eq!(pipe.next(0, Waker::noop()), Next::End);
        assert!(!pipe.finish_all());
    }
}
