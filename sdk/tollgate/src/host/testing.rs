//! A host with foreign functions, for tests.

use crate::abi::native::{self, Host};
use crate::abi::{HostError, Result, Status};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub(super) type Answer = Result<Vec<u8>, Status>;

/// Answers each foreign function as told, and remembers the calls.
#[derive(Default)]
pub(super) struct Envoy {
    pub(super) answers: HashMap<&'static str, Answer>,
    pub(super) calls: RefCell<Vec<(String, Vec<u8>)>>,
    pub(super) properties: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
}

impl Envoy {
    pub(super) fn with(answers: &[(&'static str, Answer)]) -> Rc<Self> {
        let host = Rc::new(Self { answers: answers.iter().cloned().collect(), ..Self::default() });
        native::install(host.clone());
        host
    }

    pub(super) fn arguments(&self, function: &str) -> Vec<Vec<u8>> {
        let calls = self.calls.borrow();
        let of_function = calls.iter().filter(|(name, _)| name == function);
        of_function.map(|(_, arguments)| arguments.clone()).collect()
    }
}

impl Host for Envoy {
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        self.calls.borrow_mut().push((name.to_owned(), arguments.to_vec()));
        let answer = self.answers.get(name).cloned().unwrap_or(Err(Status::NotFound));
        answer.map_err(|status| HostError::new("proxy_call_foreign_function", status))
    }

    fn set_property(&self, path: &[u8], value: &[u8]) -> Result<()> {
        self.properties.borrow_mut().insert(path.to_vec(), value.to_vec());
        Ok(())
    }

    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.properties.borrow().get(path).cloned())
    }
}
