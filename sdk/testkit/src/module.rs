//! Runs a compiled module in an interpreter.
//!
//! | type | what it is |
//! |---|---|
//! | [`Module`] | a compiled `.wasm`, checked and translated once |
//! | [`Instance`] | one VM of it, with the callbacks of the ABI as methods |
//! | [`Cost`] | instructions and host calls, by callback |
//! | [`Interceptor`] | whoever stands between module and host, to make calls fail |
//! | [`Trap`] | how a VM died |

mod callbacks;
mod cost;
mod host_call;
mod imports;
mod instance;
mod interceptor;
#[cfg(test)]
mod tests;
mod trap;

pub use cost::{Cost, Costs};
pub use instance::Instance;
pub use interceptor::Interceptor;
pub use trap::{Cause, Trap};

use crate::host::Host;
use std::fmt;
use std::path::Path;
use wasmi::{CompilationMode, Config, Engine};

/// The export that says which version of the ABI a module speaks.
const ABI_VERSION: &str = "proxy_abi_version_0_2_1";

/// A compiled filter module.
///
/// Loading checks what Envoy checks: the version of the ABI, and that every import exists. Cloning is
/// cheap, and a clone can be sent to another thread.
///
/// ```no_run
/// use tollgate_testkit::{Module, SimulatedHost};
///
/// let module = Module::load("dist/canary.wasm").unwrap();
/// let canary = module.instantiate(SimulatedHost::new()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Module {
    module: wasmi::Module,
}

impl Module {
    /// Loads a `.wasm` file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a module that Envoy would run.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let wasm = std::fs::read(path)
            .map_err(|error| LoadError(format!("cannot read {}: {error}", path.display())))?;
        Self::from_bytes(&wasm).map_err(|error| LoadError(format!("{}: {error}", path.display())))
    }

    /// Loads a module from memory.
    ///
    /// # Errors
    ///
    /// When it is not a module that Envoy would run.
    pub fn from_bytes(wasm: &[u8]) -> Result<Self, LoadError> {
        let engine = Engine::new(&configuration());
        let module = wasmi::Module::new(&engine, wasm)
            .map_err(|error| LoadError(format!("not a WebAssembly module: {error}")))?;
        let module = Self { module };
        if !module.exports(ABI_VERSION) {
            return Err(LoadError(format!(
                "no proxy-wasm module: it does not export {ABI_VERSION}"
            )));
        }
        module.check_imports()?;
        Ok(module)
    }

    /// Whether the module has an export of this name. A callback that it does not export, Envoy does
    /// not call.
    #[must_use]
    pub fn exports(&self, name: &str) -> bool {
        self.module.get_export(name).is_some()
    }

    /// Starts a VM: runs what Envoy runs before any callback.
    ///
    /// # Errors
    ///
    /// When the module traps meanwhile.
    pub fn instantiate<H: Host + 'static>(&self, host: H) -> Result<Instance<H>, Trap> {
        Instance::start(self, host)
    }

    /// Links the module once, to no end but to know that it can be linked.
    fn check_imports(&self) -> Result<(), LoadError> {
        match instance::link(self, Nobody) {
            Ok(_) => Ok(()),
            // A start function that traps is not a matter of imports.
            Err(error) if error.as_trap_code().is_some() => Ok(()),
            Err(error) => Err(LoadError(error.to_string())),
        }
    }
}

/// A host without anything.
struct Nobody;

impl Host for Nobody {}

/// Translates all functions at once, so that fuel does not depend on what ran before.
fn configuration() -> Config {
    let mut config = Config::default();
    config.consume_fuel(true).compilation_mode(CompilationMode::Eager);
    config
}

/// Why a file is not a module that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}
