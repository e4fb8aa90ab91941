//! The calls of the host.

mod callouts;
mod plugin;
mod streams;

use super::ID;
use super::script::Op;

pub use callouts::*;
pub use plugin::*;
pub use streams::*;

/// A call of the host. The log shows what was called and `-> ok` or the name of another status, and
/// what came back, such as `get request_headers x-a -> ok '1'`.
#[derive(Debug, Clone)]
pub struct Call {
    pub(in crate::scenario) function: &'static str,
    pub(in crate::scenario) arguments: Vec<Argument>,
    pub(in crate::scenario) label: String,
    pub(in crate::scenario) shown: Shown,
    /// The register that keeps the number that comes back.
    pub(in crate::scenario) kept: Option<usize>,
}

/// What is given to the host.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum Argument {
    I32(i32),
    I64(i64),
    /// An address and a size.
    Bytes(Vec<u8>),
    /// A number that came back earlier.
    Kept(usize),
    /// Where the address and the size of returned bytes go.
    OutBytes,
    /// Where a returned number of 32 bits goes.
    OutNumber,
    /// Where a returned number of 64 bits goes.
    OutNumber64,
}

/// How the log shows what came back with the status `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Shown {
    Nothing,
    Bytes,
    Pairs,
    Number,
    Number64,
    BytesAndNumber,
    /// Bytes, and a number that is shown as how much more it is than the first one.
    BytesAndRise,
    /// Only whether a time is not before the last one.
    Order,
}

/// The name of a cluster of the scenario, as Envoy knows it.
#[must_use]
pub fn cluster(name: &str) -> String {
    format!("{ID}.{name}")
}

/// Pairs as the ABI serialises them: a count, the sizes, then names and values with a zero behind each.
#[must_use]
pub fn pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend(size(name.as_ref()));
        bytes.extend(size(value.as_ref()));
    }
    for (name, value) in pairs {
        bytes.extend([name.as_ref(), &[0], value.as_ref(), &[0]].concat());
    }
    bytes
}

pub(super) fn bytes(bytes: impl AsRef<[u8]>) -> Argument {
    Argument::Bytes(bytes.as_ref().to_vec())
}

pub(super) fn call(
    function: &'static str,
    label: impl Into<String>,
    arguments: impl IntoIterator<Item = Argument>,
    shown: Shown,
) -> Op {
    let arguments = arguments.into_iter().collect();
    Op::Call(Call { function, arguments, label: label.into(), shown, kept: None })
}

impl Op {
    /// Keeps the number that a call returns in a register, 0 to 7.
    ///
    /// # Panics
    ///
    /// When it is no call.
    #[must_use]
    pub fn keep(mut self, register: usize) -> Self {
        match &mut self {
            Self::Call(call) => call.kept = Some(register),
            other => panic!("{other:?} returns no number"),
        }
        self
    }
}
