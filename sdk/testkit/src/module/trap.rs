//! How a VM dies.

use std::fmt;
use wasmi::TrapCode;
use wasmi::errors::{ErrorKind, FuelError, HostError, MemoryError, TableError};

/// The end of a VM in the middle of a callback. Envoy calls such a VM no more, and answers by the
/// plugin's failure policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    callback: &'static str,
    cause: Cause,
    last_words: String,
}

/// Why a VM died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It gave up: in Rust a panic or an abort.
    Unreachable,
    /// The callback took more instructions than it may.
    OutOfFuel,
    /// It asked the host to end the process, with this code.
    Exit(u32),
    /// It called a function that the host does not allow while a VM starts, or while it allocates
    /// memory.
    Restricted(&'static str),
    /// It did something else that WebAssembly does not allow, in the interpreter's words.
    Other(String),
}

impl Trap {
    pub(super) fn new(callback: &'static str, error: &wasmi::Error, last_words: &[u8]) -> Self {
        let last_words = String::from_utf8_lossy(last_words).trim_end().to_owned();
        Self { callback, cause: Cause::of(error), last_words }
    }

    /// A filter that runs natively has panicked, with these words.
    pub(crate) fn panicked(callback: &'static str, words: &str) -> Self {
        Self { callback, cause: Cause::Unreachable, last_words: words.to_owned() }
    }

    /// The VM is gone already.
    pub(crate) fn ended(callback: &'static str) -> Self {
        Self { callback, cause: Cause::Other("the VM has ended".into()), last_words: String::new() }
    }

    /// The callback in which it happened, for instance `proxy_on_request_headers`.
    #[must_use]
    pub fn callback(&self) -> &'static str {
        self.callback
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The lines that the module logged in this callback at the level of errors or above: in Rust
    /// among them the message of a panic. Empty if there was nothing.
    #[must_use]
    pub fn last_words(&self) -> &str {
        &self.last_words
    }
}

impl Cause {
    fn of(error: &wasmi::Error) -> Self {
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return match *stop {
                Stop::Exit(code) => Self::Exit(code),
                Stop::Restricted(name) => Self::Restricted(name),
            };
        }
        match error.kind() {
            ErrorKind::TrapCode(TrapCode::UnreachableCodeReached) => Self::Unreachable,
            ErrorKind::TrapCode(TrapCode::OutOfFuel)
            | ErrorKind::Memory(MemoryError::OutOfFuel { .. })
            | ErrorKind::Table(TableError::OutOfFuel { .. })
            | ErrorKind::Fuel(FuelError::OutOfFuel { .. }) => Self::OutOfFuel,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.callback, self.cause)?;
        if self.last_words.is_empty() {
            return Ok(());
        }
        write!(f, "; the module said: {}", self.last_words)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the module panicked"),
            Self::OutOfFuel => f.write_str("out of fuel"),
            Self::Exit(code) => write!(f, "the module exited with code {code}"),
            Self::Restricted(name) => write!(f, "the host does not allow {name} at this time"),
            Self::Other(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for Trap {}

/// What makes a host function end the VM.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    Exit(u32),
    Restricted(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl HostError for Stop {}
