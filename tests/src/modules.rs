//! The modules of this project: its filters, and the probes that only tests use.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// A filter that is built as a module.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Its name, as in `dist/<name>.wasm`.
    pub name: &'static str,
    /// How large its module may be, in KiB.
    pub budget_kib: u64,
}

/// All filters, in the order in which a request should pass them.
pub const FILTERS: [Filter; 4] = [
    Filter { name: "jwt-auth", budget_kib: 700 },
    Filter { name: "canary", budget_kib: 350 },
    Filter { name: "fault", budget_kib: 350 },
    Filter { name: "circuit-breaker", budget_kib: 350 },
];

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

/// A module that only tests use: a package `tollgate-probe-<name>` in `tests/probes/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    name: String,
}

impl Probe {
    /// All of them.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn all() -> Result<Vec<Self>> {
        let folder = crate::workspace_root().join("tests/probes");
        let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
        let name = |entry: std::io::Result<fs::DirEntry>| {
            Ok(Self { name: entry?.file_name().to_string_lossy().into_owned() })
        };
        let mut probes = entries.map(name).collect::<Result<Vec<_>>>()?;
        probes.sort();
        Ok(probes)
    }

    /// Its package in the workspace.
    #[must_use]
    pub fn package(&self) -> String {
        format!("tollgate-probe-{}", self.name)
    }

    /// Where `cargo xtask build --probes` puts its module.
    #[must_use]
    pub fn module(&self) -> PathBuf {
        crate::target_dir().join("probes").join(format!("{}.wasm", self.name))
    }
}

/// The module of a probe (`"attributes"`, ...).
///
/// # Errors
///
/// When it has not been built.
pub fn probe(name: &str) -> Result<PathBuf> {
    let module = Probe { name: name.to_owned() }.module();
    let command = "cargo xtask build --probes";
    ensure!(module.is_file(), "{} is not there: run `{command}` first", module.display());
    Ok(module)
}
