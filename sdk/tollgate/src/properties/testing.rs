//! A host with one answer, for tests.

use super::Properties;
use crate::abi::native::{self, Host};
use crate::abi::{HostError, Result, Status};
use std::cell::RefCell;
use std::rc::Rc;

/// Answers every question in the same way, and remembers the last one.
pub(super) struct Parrot {
    pub(super) answer: Result<Option<Vec<u8>>, Status>,
    pub(super) asked: RefCell<Vec<u8>>,
}

impl Parrot {
    pub(super) fn install(answer: Result<Option<Vec<u8>>, Status>) -> Rc<Self> {
        let host = Rc::new(Self { answer, asked: RefCell::default() });
        native::install(host.clone());
        host
    }
}

impl Host for Parrot {
    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.asked.replace(path.to_vec());
        self.answer.clone().map_err(|status| HostError::new("proxy_get_property", status))
    }
}

/// The answer to `ask` of a host that gives these bytes.
pub(super) fn given<T>(bytes: impl AsRef<[u8]>, ask: impl FnOnce(Properties) -> T) -> T {
    Parrot::install(Ok(Some(bytes.as_ref().to_vec())));
    ask(Properties)
}
