//! Which targets there are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tollgate_e2e::{target_dir, workspace_root};

/// A target: a function of `tollgate-fuzz`, and a program that runs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target(String);

impl Target {
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The inputs in the repository.
    pub(super) fn corpus(&self) -> PathBuf {
        workspace_root().join("fuzz/corpus").join(&self.0)
    }

    /// The inputs that were found on this machine.
    pub(super) fn found(&self) -> PathBuf {
        folder().join("corpus").join(&self.0)
    }

    /// Where an input that breaks it is written: the beginning of the file's path.
    pub(super) fn findings(&self) -> String {
        format!("{}/findings/{}-", folder().display(), self.0)
    }
}

/// Where everything that is made on this machine is.
pub(super) fn folder() -> PathBuf {
    target_dir().join("fuzz")
}

/// Of the package with the programs.
pub(super) fn manifest() -> PathBuf {
    workspace_root().join("fuzz/targets/Cargo.toml")
}

/// The targets with these names; all when there are none.
///
/// # Errors
///
/// When there is no such target.
pub(super) fn named(names: &[String]) -> Result<Vec<Target>> {
    let all = all(&workspace_root().join("fuzz/targets/src/bin"))?;
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| match all.iter().find(|target| target.0 == *name) {
        Some(target) => Ok(target.clone()),
        None => bail!("there is no target {name}; `cargo xtask fuzz --list` shows them"),
    };
    names.iter().map(find).collect()
}

fn all(programs: &Path) -> Result<Vec<Target>> {
    let entries = fs::read_dir(programs).with_context(|| format!("no {}", programs.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        targets.extend(path.file_stem().map(|stem| Target(stem.to_string_lossy().into_owned())));
    }
    targets.sort();
    Ok(targets)
}
