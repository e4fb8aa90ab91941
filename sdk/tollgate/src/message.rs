//! What a filter sees of an exchange: headers, bodies and trailers, of the request and the response.
//!
//! Each phase gets a view that borrows from the stream: the [`Request`] and the [`Response`] with their
//! headers, a [`Body`] in chunks or as a whole, [`Trailers`], and at last the [`End`].

mod body;
mod end;
mod extensions;
mod fields;
mod request;
mod response;
mod trailers;

pub use body::{Body, Chunk, Collected};
pub use end::{End, Ending};
pub use extensions::{Extensions, VerifiedClaims};
pub use fields::Headers;
pub use request::Request;
pub use response::Response;
pub use trailers::Trailers;

use crate::filter::Flow;
use std::cell::Cell;

/// What every view of a stream has: what the filter remembers of it, and what filters of one chain
/// tell each other.
#[derive(Debug)]
pub(crate) struct Memory<'a, S> {
    pub(crate) state: &'a S,
    pub(crate) extensions: &'a Extensions,
    /// Whether the filter has answered: it cannot do so again.
    pub(crate) replied: &'a Cell<bool>,
}

impl<S> Clone for Memory<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Memory<'_, S> {}

impl<'a, S> Memory<'a, S> {
    /// The same stream, as a part of the filter sees it.
    pub(crate) fn map<T>(self, part: impl FnOnce(&'a S) -> &'a T) -> Memory<'a, T> {
        Memory { state: part(self.state), extensions: self.extensions, replied: self.replied }
    }

    /// Whether what a phase decided ends the way of the message.
    pub(crate) fn is_ended_by(&self, flow: &Flow) -> bool {
        match flow {
            Flow::Continue => false,
            Flow::Reply(_) => !self.replied.get(),
            Flow::Reset => true,
        }
    }
}
