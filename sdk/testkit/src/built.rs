//! The module of the package under test: what a build has left in `dist/`, or built now.

use crate::module::Module;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Names the folder of the modules, so that none is searched or built.
pub const MODULES_VARIABLE: &str = "TOLLGATE_MODULES";

/// What all packages of this project begin with; their modules do not.
const PREFIX: &str = "tollgate-";

/// What modules are built for.
const TARGET: &str = "wasm32-wasip1";

/// Modules that were loaded, by package: tests of one process share them, and the first builds.
static LOADED: Mutex<BTreeMap<String, Result<Module, String>>> = Mutex::new(BTreeMap::new());

/// The module of a package in a folder.
pub(crate) fn module(package: &str, folder: &Path) -> Result<Module, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let load = || {
        let path = find(package, folder)?;
        Module::load(&path).map_err(|error| error.to_string())
    };
    loaded.entry(package.to_owned()).or_insert_with(load).clone()
}

fn find(package: &str, folder: &Path) -> Result<PathBuf, String> {
    let file = format!("{}.wasm", package.strip_prefix(PREFIX).unwrap_or(package));
    if let Some(modules) = env::var_os(MODULES_VARIABLE) {
        let path = Path::new(&modules).join(file);
        let missing = || format!("{MODULES_VARIABLE} is set, and there is no {}", path.display());
        return if path.exists() { Ok(path) } else { Err(missing()) };
    }
    let mut above = folder.ancestors().map(|above| above.join("dist").join(&file));
    match above.find(|path| path.exists()) {
        Some(module) if !is_outdated(&module, folder) => Ok(module),
        _ => build(package, folder),
    }
}

/// Whether a module is older than the sources of its package.
fn is_outdated(module: &Path, folder: &Path) -> bool {
    let built = modified(module);
    newest(&folder.join("src")).is_some_and(|changed| built.is_none_or(|built| built < changed))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// When the file below a folder was changed that was changed last.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let newest_of = |path: PathBuf| if path.is_dir() { newest(&path) } else { modified(&path) };
    entries.filter_map(newest_of).max()
}

/// Builds the module as Cargo does by itself: neither pruned nor optimised, and the same otherwise.
fn build(package: &str, folder: &Path) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["build", "--release", "--lib", "--target", TARGET, "--package", package])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cannot run cargo to build {package}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "cannot build {package} as a module (is the target there? rustup target add {TARGET}):\n{said}"
        ));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.lines().rev().find_map(artifact).ok_or_else(|| {
        format!(
            "{package} is no module: its Cargo.toml lacks `crate-type = [\"cdylib\", \"rlib\"]`"
        )
    })
}

/// The module that a message of Cargo tells of.
fn artifact(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|it| it == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_built_says_what_cargo_says() {
        let error = module("tollgate-nobody", Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
        assert!(error.contains("cannot build tollgate-nobody"), "{error}");
    }

    #[test]
    fn a_message_of_cargo_tells_of_the_module() {
        let message = r#"{"reason":"compiler-artifact","filenames":["/a/x.rlib","/a/x.wasm"]}"#;
        assert_eq!(artifact(message), Some(PathBuf::from("/a/x.wasm")));
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
