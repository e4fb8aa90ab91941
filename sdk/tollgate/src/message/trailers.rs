use super::{Extensions, Headers, Memory};
use crate::abi::Result;
use crate::headers::HeaderMap;
use crate::properties::Properties;

/// The trailers of a request or a response, which end it.
#[derive(Debug)]
pub struct Trailers<'a, S = ()> {
    memory: Memory<'a, S>,
    trailers: &'a mut Headers,
}

impl<'a, S> Trailers<'a, S> {
    pub(crate) fn new(memory: Memory<'a, S>, trailers: &'a mut Headers) -> Self {
        Self { memory, trailers }
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

    /// The trailers. They are read from the host once, at the first use.
    ///
    /// # Errors
    ///
    /// When the host cannot give them.
    pub fn get(&self) -> Result<&HeaderMap> {
        self.trailers.get()
    }

    /// The trailers, to change them.
    pub fn get_mut(&mut self) -> &mut Headers {
        self.trailers
    }

    /// What Envoy knows about this exchange.
    #[must_use]
    pub fn properties(&self) -> Properties {
        Properties
    }

    /// The same trailers, as a part of the filter sees them.
    pub(crate) fn part<T: 'a>(&mut self, part: impl FnOnce(&'a S) -> &'a T) -> Trailers<'_, T> {
        Trailers::new(self.memory.map(part), self.trailers)
    }
}
