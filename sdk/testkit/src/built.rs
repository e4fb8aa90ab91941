//! Where a build has put modules.

use crate::module::Module;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Names the folder of the built modules, when it is not `dist/` in a folder above the package.
pub const MODULES_VARIABLE: &str = "TOLLGATE_MODULES";

/// What all packages of this project begin with; their modules do not.
const PREFIX: &str = "tollgate-";

/// Modules that were loaded: tests of one process share them.
static LOADED: Mutex<BTreeMap<PathBuf, Module>> = Mutex::new(BTreeMap::new());

/// The module of a package.
pub(crate) fn module(package: &str, folder: &Path) -> Result<Module, String> {
    let file = format!("{}.wasm", package.strip_prefix(PREFIX).unwrap_or(package));
    let path = find(&file, folder)?;
    check_age(&path, folder)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(&path) {
        return Ok(module.clone());
    }
    let module = Module::load(&path).map_err(|error| error.to_string())?;
    loaded.insert(path, module.clone());
    Ok(module)
}

fn find(file: &str, folder: &Path) -> Result<PathBuf, String> {
    if let Some(modules) = env::var_os(MODULES_VARIABLE) {
        let path = Path::new(&modules).join(file);
        let missing = || format!("{MODULES_VARIABLE} is set, and there is no {}", path.display());
        return if path.exists() { Ok(path) } else { Err(missing()) };
    }
    let candidates = folder.ancestors().map(|above| above.join("dist").join(file));
    candidates.into_iter().find(|path| path.exists()).ok_or_else(|| {
        format!(
            "there is no dist/{file} in {} or above: build it, by `cargo xtask build`; \
             or say in {MODULES_VARIABLE} which folder it is in",
            folder.display(),
        )
    })
}

/// A module that is older than its sources would be tested in their place.
fn check_age(module: &Path, folder: &Path) -> Result<(), String> {
    let built = modified(module);
    match newest(&folder.join("src")) {
        Some((source, changed)) if built.is_some_and(|built| built < changed) => Err(format!(
            "{} is older than {}: build it anew, by `cargo xtask build`",
            module.display(),
            source.display(),
        )),
        _ => Ok(()),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The file below a folder that was changed last.
fn newest(folder: &Path) -> Option<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let newest_of = |path: PathBuf| match path.is_dir() {
        true => newest(&path),
        false => modified(&path).map(|changed| (path, changed)),
    };
    entries.filter_map(newest_of).max_by_key(|(_, changed)| *changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_asked_for() {
        let error = module("tollgate-nobody", Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
        assert!(
            error.contains("dist/nobody.wasm") && error.contains("cargo xtask build"),
            "{error}"
        );
    }
}
