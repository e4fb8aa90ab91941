//! The functions that a module imports, each as a call of the [`Host`].
//!
//! Arguments come as the ABI passes them: addresses, sizes and numbers. What is an enumeration is
//! checked as in proxy-wasm-cpp-host (`exports.cc`), the rest is up to the host.

/// Defines host functions that return a status of the ABI.
macro_rules! host_functions {
    ($linker:ident: $(
        fn $name:ident($call:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block
    )*) => {
        $($linker.func_wrap(
            "env",
            stringify!($name),
            |caller: Caller<'_, State<H>> $(, $argument: $type)*| {
                let out_of_bounds = Status::INVALID_MEMORY_ACCESS.code();
                HostCall::answer(caller, stringify!($name), out_of_bounds, |$call| $body)
            },
        )?;)*
    };
}

mod callouts;
mod state;
mod streams;
mod wasi;

use super::host_call::{Failure, Outcome, State};
use crate::abi::Status;
use crate::host::Host;
use std::time::Duration;
use wasmi::{Error, Linker};

/// Defines every function that Envoy offers to our modules.
pub(super) fn link<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    streams::link(linker)?;
    state::link(linker)?;
    callouts::link(linker)?;
    wasi::link(linker)
}

/// An argument that the ABI defines, or not.
fn known<T>(argument: Option<T>) -> Outcome<T> {
    argument.ok_or(Failure::from(Status::BAD_ARGUMENT))
}

/// A timeout in milliseconds; a negative one is no argument (Envoy, `context.cc`, `httpCall`).
fn timeout(milliseconds: i32) -> Outcome<Duration> {
    known(u64::try_from(milliseconds).ok().map(Duration::from_millis))
}
