//! The modules of this project: its filters, the examples, and the probes that only tests use.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

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

/// A small filter to copy: a package `tollgate-example-<name>` in `examples/filters/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    name: String,
}

impl Example {
    /// All of them.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn all() -> Result<Vec<Self>> {
        let folder = crate::workspace_root().join("examples/filters");
        let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
        let name = |entry: std::io::Result<fs::DirEntry>| {
            Ok(Self { name: entry?.file_name().to_string_lossy().into_owned() })
        };
        let mut examples = entries.map(name).collect::<Result<Vec<_>>>()?;
        examples.sort();
        Ok(examples)
    }

    /// Its package in the workspace.
    #[must_use]
    pub fn package(&self) -> String {
        format!("tollgate-example-{}", self.name)
    }

    /// Where `cargo xtask build --examples` puts its module.
    #[must_use]
    pub fn module(&self) -> PathBuf {
        crate::target_dir().join("examples").join(format!("{}.wasm", self.name))
    }
}

/// The module of an example (`"greeter"`, ...).
///
/// # Errors
///
/// When it has not been built.
pub fn example(name: &str) -> Result<PathBuf> {
    let module = Example { name: name.to_owned() }.module();
    let command = "cargo xtask build --examples";
    ensure!(module.is_file(), "{} is not there: run `{command}` first", module.display());
    Ok(module)
}

/// Where the module of the filter in a folder goes: that of an example or a probe into the target folder,
/// another one of this workspace into its `dist/`, and one from elsewhere into a `dist/` of its own.
#[must_use]
pub fn of_folder(folder: &Path) -> PathBuf {
    let root = crate::workspace_root();
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let dist = match folder.strip_prefix(&root) {
        Ok(inside) if inside.starts_with("examples") => crate::target_dir().join("examples"),
        Ok(inside) if inside.starts_with("tests") => crate::target_dir().join("probes"),
        Ok(_) => root.join("dist"),
        Err(_) => folder.join("dist"),
    };
    dist.join(format!("{name}.wasm"))
}

/// Builds the module of the filter in a folder, so that a test never sees an old one, and says where it
/// is: `modules::build(env!("CARGO_MANIFEST_DIR"))`.
///
/// # Errors
///
/// When it does not compile; says why.
pub fn build(folder: impl AsRef<Path>) -> Result<PathBuf> {
    let folder = folder.as_ref();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "xtask", "--", "build"])
        .arg(folder)
        .current_dir(crate::workspace_root())
        .env("CARGO_TARGET_DIR", crate::target_dir())
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot build {}:\n{}", folder.display(), said.trim());
    Ok(of_folder(folder))
}
