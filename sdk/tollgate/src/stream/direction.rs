//! The way of one direction, request or response, through a filter: what its callbacks answer, and
//! when the host may go on.

use super::pipe::{Next, Pipe};
use crate::abi::{self, BufferKind, StreamKind};
use crate::executor::{self, Scope, TaskId};
use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

/// What a callback tells the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What has come so far stays with the filter.
    #[default]
    Hold,
    /// What has come so far goes on.
    Release,
    /// Nothing goes on any more: the stream was answered or reset.
    Stop,
}

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Direction {
    kind: StreamKind,
    pipe: Pipe,
    progress: Cell<Progress>,
    verdict: Cell<Verdict>,
    in_callback: Cell<bool>,
    /// The host was told to hold, and waits to be told to go on.
    held: Cell<bool>,
    trailers: Cell<Trailers>,
    trailers_waker: RefCell<Option<Waker>>,
}

/// How far the filter is with this direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Nothing has come.
    #[default]
    Idle,
    /// The filter waits for something, with the headers in its hands.
    WithHeaders(TaskId),
    /// The headers have gone on; the filter waits for more of this direction, or for something else.
    BehindHeaders(TaskId),
    /// The filter has no further part in it.
    Finished,
    /// It was answered or reset.
    Stopped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trailers {
    #[default]
    Unknown,
    Arrived,
    /// The body was the end.
    None,
}

impl Direction {
    pub(crate) fn new(kind: StreamKind) -> Self {
        let buffer = match kind {
            StreamKind::Request => BufferKind::RequestBody,
            StreamKind::Response => BufferKind::ResponseBody,
        };
        Self {
            kind,
            pipe: Pipe::new(buffer),
            progress: Cell::default(),
            verdict: Cell::default(),
            in_callback: Cell::default(),
            held: Cell::default(),
            trailers: Cell::default(),
            trailers_waker: RefCell::default(),
        }
    }

    pub(crate) fn kind(&self) -> StreamKind {
        self.kind
    }

    pub(crate) fn pipe(&self) -> &Pipe {
        &self.pipe
    }

    /// The headers have come: starts the phase that is about them, which may wait or not, and what
    /// follows it.
    #[inline]
    pub(crate) fn headers<Phase, Rest>(
        &self,
        scope: Scope,
        waits: bool,
        phase: Phase,
        then: impl FnOnce(Phase::Output) -> Option<Rest> + 'static,
    ) -> Verdict
    where
        Phase: Future + 'static,
        Rest: Future<Output = ()> + 'static,
    {
        if self.progress.get() != Progress::Idle {
            // A host that sends them again has lost its way; nothing is decided twice.
            return self.verdict.get();
        }
        self.callback(|| {
            let task = match waits {
                true => executor::start(scope, phase, then),
                false => executor::start_at_once(scope, phase, then),
            };
            self.progress.set(match task {
                Some(task) if self.verdict.get() == Verdict::Hold => Progress::WithHeaders(task),
                Some(task) => Progress::BehindHeaders(task),
                None if self.verdict.get() == Verdict::Stop => Progress::Stopped,
                None => Progress::Finished,
            });
        })
    }

    /// A part of the body has come; the host holds `size` bytes of it.
    pub(crate) fn body(&self, size: usize, is_last: bool) -> Verdict {
        self.pipe.arrived(size, is_last);
        if is_last && self.trailers.get() == Trailers::Unknown {
            self.trailers.set(Trailers::None);
            self.wake_trailers();
        }
        self.go_on()
    }

    /// The trailers have come.
    pub(crate) fn trailers(&self) -> Verdict {
        self.trailers.set(Trailers::Arrived);
        self.pipe.trailers_arrived();
        self.wake_trailers();
        self.go_on()
    }

    fn wake_trailers(&self) {
        let waker = self.trailers_waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets the filter look at what has come.
    fn go_on(&self) -> Verdict {
        match self.progress.get() {
            Progress::Idle | Progress::Finished => Verdict::Release,
            Progress::Stopped => Verdict::Stop,
            // A host that goes on while it is told to hold: what comes has to wait as well.
            Progress::WithHeaders(_) => Verdict::Hold,
            Progress::BehindHeaders(task) => self.callback(|| {
                executor::poll(task);
            }),
        }
    }

    fn callback(&self, run: impl FnOnce()) -> Verdict {
        self.verdict.set(Verdict::Hold);
        self.in_callback.set(true);
        run();
        if self.verdict.get() == Verdict::Hold {
            // What is over by now is told by the answer. Told to continue, the host would do so before
            // it is told to hold, and then hold for ever (`DeferAfterCallActions` in
            // proxy-wasm-cpp-host, `src/context.cc`).
            executor::run_woken();
        }
        self.in_callback.set(false);
        let verdict = self.verdict.get();
        self.held.set(verdict == Verdict::Hold);
        verdict
    }

    /// What has come so far goes on.
    pub(crate) fn release(&self) {
        if let Progress::WithHeaders(task) = self.progress.get() {
            self.progress.set(Progress::BehindHeaders(task));
        }
        if self.in_callback.get() {
            if self.verdict.get() == Verdict::Hold {
                self.verdict.set(Verdict::Release);
            }
        } else if self.held.replace(false) {
            executor::acted();
            if let Err(error) = abi::continue_stream(self.kind) {
                crate::warn!("tollgate: cannot continue a stream: {error}");
            }
        }
    }

    /// The filter has no further part in this direction: all of it goes on.
    pub(crate) fn finish(&self) {
        self.release();
        if self.progress.get() != Progress::Stopped {
            self.progress.set(Progress::Finished);
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.progress.get(), Progress::WithHeaders(_) | Progress::BehindHeaders(_))
    }

    /// Whether the headers have come and gone on.
    pub(crate) fn is_behind_headers(&self) -> bool {
        matches!(self.progress.get(), Progress::BehindHeaders(_) | Progress::Finished)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.progress.get() == Progress::Stopped
    }

    /// The stream was answered or reset.
    pub(crate) fn stop(&self) {
        self.cancel();
        self.verdict.set(Verdict::Stop);
        self.progress.set(Progress::Stopped);
    }

    /// A stage lets its chunk go.
    pub(crate) fn let_go(&self, stage: usize) {
        if self.pipe.let_go(stage) {
            self.release();
        }
    }

    /// A stage lets everything pass from now on.
    pub(crate) fn finish_stage(&self, stage: usize) {
        if self.pipe.finish(stage) {
            self.release();
        }
    }

    /// No stage looks at the body any more.
    pub(crate) fn finish_body(&self) {
        if self.pipe.finish_all() {
            self.release();
        }
    }

    pub(crate) fn poll_chunk(&self, stage: usize, context: &mut Context<'_>) -> Poll<Option<()>> {
        match self.pipe.next(stage, context.waker()) {
            Next::Chunk => Poll::Ready(Some(())),
            Next::End => Poll::Ready(None),
            Next::Wait => Poll::Pending,
        }
    }

    /// Waits for the trailers, and lets everything pass that comes before them; says whether there are
    /// any.
    pub(crate) async fn until_trailers(&self) -> bool {
        std::future::poll_fn(|context| match self.trailers.get() {
            Trailers::Arrived => Poll::Ready(true),
            Trailers::None => Poll::Ready(false),
            Trailers::Unknown => {
                self.trailers_waker.replace(Some(context.waker().clone()));
                self.release();
                Poll::Pending
            }
        })
        .await
    }

    /// Waits for the body to begin; says whether there is one.
    pub(crate) async fn until_body(&self) -> bool {
        std::future::poll_fn(|context| match self.pipe.begun(context.waker()) {
            true => Poll::Ready(true),
            false => Poll::Pending,
        })
        .await
    }

    /// Drops what the filter still does with the headers, because the stream has gone on without it.
    pub(crate) fn cancel_headers(&self) {
        if let Progress::WithHeaders(task) = self.progress.get() {
            self.progress.set(Progress::Finished);
            executor::cancel(task);
        }
    }

    /// Drops whatever the filter still does.
    pub(crate) fn cancel(&self) {
        if let Progress::WithHeaders(task) | Progress::BehindHeaders(task) = self.progress.get() {
            self.progress.set(Progress::Finished);
            executor::cancel(task);
        }
    }
}
