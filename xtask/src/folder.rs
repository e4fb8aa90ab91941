//! The folders of filter crates, in this workspace and elsewhere.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tollgate_e2e::workspace_root;

use crate::cargo::{cargo, shown};

/// Where the filters of this workspace are.
const PLACES: [&str; 3] = ["filters", "examples/filters", "tests/probes"];

/// The folder of a filter that is named, or whose folder is.
///
/// # Errors
///
/// When there is none; says where it was looked for.
pub(crate) fn find(filter: &str) -> Result<PathBuf> {
    let given = Path::new(filter);
    if is_crate(given) {
        return given.canonicalize().with_context(|| format!("cannot find {filter}"));
    }
    let root = workspace_root();
    let named = PLACES.iter().map(|place| root.join(place).join(filter));
    match named.into_iter().find(|folder| is_crate(folder)) {
        Some(folder) => Ok(folder),
        None => bail!(
            "there is no filter {filter}: not as a folder with a Cargo.toml, and not in {}. \
             `cargo xtask new {filter}` makes one",
            PLACES.join(", ")
        ),
    }
}

fn is_crate(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file()
}

/// The name of the package of a manifest.
///
/// # Errors
///
/// When cargo does not understand it.
pub(crate) fn package(manifest: &Path) -> Result<String> {
    let mut command = cargo(&["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    let output = command.arg(manifest).output().context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {}", shown(&command), said.trim());
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let manifest = manifest.to_string_lossy();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.into_iter().find(|it| it["manifest_path"] == *manifest);
    let name = package.and_then(|package| package["name"].as_str());
    name.map(str::to_owned).with_context(|| format!("{manifest} has no package"))
}
