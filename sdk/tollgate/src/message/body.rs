use super::{Extensions, Memory};
use crate::abi::Result;
use crate::filter::Flow;
use crate::properties::Properties;
use crate::stream::Direction;
use std::fmt;
use std::task::Poll;

/// The body of a request or a response: chunk by chunk, or as a whole up to a limit.
///
/// Each chunk waits until the filter asks for the next one, then it goes on as the filter left it;
/// nothing is kept beyond that. This makes every letter a capital one:
///
/// ```
/// # use tollgate::prelude::*;
/// async fn shout(body: &mut Body<'_>) -> Result<Flow> {
///     while let Some(mut chunk) = body.chunk().await {
///         let louder = chunk.bytes()?.to_ascii_uppercase();
///         chunk.replace(&louder)?;
///     }
///     Ok(Flow::Continue)
/// }
/// ```
///
/// And this needs all of it, and refuses more than 64 KiB:
///
/// ```
/// # use tollgate::prelude::*;
/// async fn check(body: &mut Body<'_>) -> Result<Flow> {
///     match body.collect(64 * 1024).await {
///         Collected::Whole(whole) if whole.bytes()?.starts_with(b"{") => Ok(Flow::Continue),
///         Collected::Whole(_) => Ok(Flow::Reply(LocalReply::new(415))),
///         Collected::TooLarge => Ok(Flow::Reply(LocalReply::new(413))),
///     }
/// }
/// ```
///
/// What a filter holds, the host keeps in its own buffer, up to the listener's
/// `per_connection_buffer_limit_bytes` (1 MiB by default); beyond that Envoy itself answers 413, or
/// resets a response. The headers are on their way already, so a body whose length changes needs its
/// `content-length` removed in the phase of the headers.
pub struct Body<'a, S = ()> {
    memory: Memory<'a, S>,
    direction: &'a Direction,
    stage: usize,
}

/// What [`Body::collect`] gives; see [`Body`].
#[derive(Debug)]
#[must_use]
pub enum Collected<'a> {
    /// All that was left of the body.
    Whole(Chunk<'a>),
    /// It is larger than the limit; what has come so far is still held.
    TooLarge,
}

/// A part of a body, which the filter holds.
///
/// ```
/// use tollgate::prelude::*;
///
/// /// Puts a page into a frame.
/// async fn frame(body: &mut Body<'_>) -> Result<Flow> {
///     let mut is_first = true;
///     while let Some(mut chunk) = body.chunk().await {
///         if std::mem::take(&mut is_first) {
///             chunk.prepend("<div class=\"frame\">")?;
///         }
///         if chunk.is_last() {
///             chunk.append("</div>")?;
///         }
///     }
///     Ok(Flow::Continue)
/// }
/// ```
pub struct Chunk<'a> {
    direction: &'a Direction,
    stage: usize,
}

impl<'a, S> Body<'a, S> {
    pub(crate) fn new(memory: Memory<'a, S>, direction: &'a Direction, stage: usize) -> Self {
        Self { memory, direction, stage }
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

    /// What Envoy knows about this exchange.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// Lets go of the chunk before, and waits for the next; `None` after the last. A chunk may be
    /// empty only if it is the last.
    pub async fn chunk(&mut self) -> Option<Chunk<'_>> {
        self.direction.let_go(self.stage);
        std::future::poll_fn(|context| self.direction.poll_chunk(self.stage, context)).await?;
        Some(Chunk { direction: self.direction, stage: self.stage })
    }

    /// Lets go of the chunk before, and waits for all the rest as one chunk, if it is at most `limit`
    /// bytes long.
    pub async fn collect(&mut self, limit: usize) -> Collected<'_> {
        self.direction.let_go(self.stage);
        let fits = std::future::poll_fn(|context| {
            if self.direction.pipe().pending(self.stage) > limit {
                return Poll::Ready(false);
            }
            match self.direction.pipe().whole(self.stage, context.waker()) {
                Some(()) => Poll::Ready(true),
                None => Poll::Pending,
            }
        });
        match fits.await {
            true => Collected::Whole(Chunk { direction: self.direction, stage: self.stage }),
            false => Collected::TooLarge,
        }
    }

    /// Whether what a part of the filter decided ends the way of all.
    pub(crate) fn is_ended_by(&self, flow: &Flow) -> bool {
        self.memory.is_ended_by(flow)
    }

    /// The same body, as a part of the filter sees it.
    pub(crate) fn part<T: 'a>(
        &self,
        stage: usize,
        part: impl FnOnce(&'a S) -> &'a T,
    ) -> Body<'a, T> {
        Body::new(self.memory.map(part), self.direction, stage)
    }

    pub(crate) fn stage(&self) -> usize {
        self.stage
    }

    pub(crate) fn direction(&self) -> &'a Direction {
        self.direction
    }
}

impl Chunk<'_> {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        let (start, end) = self.direction.pipe().chunk(self.stage);
        end.saturating_sub(start)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing of the body comes after it (trailers may).
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.direction.pipe().has_last(self.stage)
    }

    /// Its bytes, copied out of the host.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        self.direction.pipe().read(self.stage)
    }

    /// Puts other bytes in its place.
    ///
    /// # Errors
    ///
    /// When the host refuses; also for a body that had no bytes and ended with trailers, to which
    /// the host can add none.
    pub fn replace(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.direction.pipe().replace(self.stage, bytes.as_ref())
    }

    /// Adds bytes in front of it.
    ///
    /// # Errors
    ///
    /// When the host refuses; also for a body that had no bytes and ended with trailers, to which
    /// the host can add none.
    pub fn prepend(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.direction.pipe().prepend(self.stage, bytes.as_ref())
    }

    /// Adds bytes behind it.
    ///
    /// # Errors
    ///
    /// When the host refuses; also for a body that had no bytes and ended with trailers, to which
    /// the host can add none.
    pub fn append(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.direction.pipe().append(self.stage, bytes.as_ref())
    }
}

/// Shows no content: it may be a secret.
impl<S> fmt::Debug for Body<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// Shows no content: it may be a secret.
impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}
