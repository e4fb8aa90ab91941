//! The filters of this project and where their modules are.

use std::path::PathBuf;

use anyhow::{Result, ensure};

/// A filter that is built as a module.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Its name, as in `dist/<name>.wasm`.
    pub name: &'static str,
    /// How large its module may be, in KiB.
    pub budget_kib: u64,
}

/// The filters, in the order in which a request should pass them.
pub const FILTERS: [Filter; 4] = [
    Filter { name: "jwt-auth", budget_kib: 700 },
    Filter { name: "canary", budget_kib: 350 },
    Filter { name: "fault", budget_kib: 350 },
    Filter { name: "circuit-breaker", budget_kib: 350 },
];

/// All of the filters in one module.
pub const SUITE: Filter = Filter { name: "suite", budget_kib: 1200 };

/// Every module in `dist/`.
pub fn all() -> impl Iterator<Item = &'static Filter> {
    FILTERS.iter().chain([&SUITE])
}

impl Filter {
    /// Its package in the workspace.
    #[must_use]
    pub fn package(&self) -> String {
        format!("tollgate-{}", self.name)
    }

    /// Where `cargo xtask build` puts its module.
    #[must_use]
    pub fn module(&self) -> PathBuf {
        module(self.name)
    }
}

/// The module of a filter (`"jwt-auth"`, `"canary"`, ...), as `cargo xtask build` writes it.
///
/// # Errors
///
/// When it has not been built.
pub fn path(filter: &str) -> Result<PathBuf> {
    let module = module(filter);
    ensure!(module.is_file(), "{} is not there: run `cargo xtask build` first", module.display());
    Ok(module)
}

fn module(filter: &str) -> PathBuf {
    crate::workspace_root().join("dist").join(format!("{filter}.wasm"))
}
