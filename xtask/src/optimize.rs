//! Has `wasm-opt` (of Binaryen) make a module smaller and faster, where it is installed.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

const PROGRAM: &str = "wasm-opt";

/// For speed; with what the compiler's target has on by default.
const OPTIONS: [&str; 9] = [
    "-O3",
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-multivalue",
    "--enable-reference-types",
    "--strip-debug",
    "--strip-producers",
];

/// `off` leaves modules as they are even where `wasm-opt` is installed.
const SWITCH: &str = "TOLLGATE_WASM_OPT";

/// Whether `wasm-opt` is installed, and wanted.
pub(crate) fn is_installed() -> bool {
    let is_wanted = std::env::var_os(SWITCH).is_none_or(|value| value != "off");
    is_wanted
        && Command::new(PROGRAM)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
}

/// The module optimised, or as it is where `wasm-opt` is not installed.
///
/// # Errors
///
/// When `wasm-opt` fails.
pub(crate) fn optimize(wasm: Vec<u8>) -> Result<Vec<u8>> {
    if !is_installed() {
        return Ok(wasm);
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (before, after) = (folder.path().join("before.wasm"), folder.path().join("after.wasm"));
    fs::write(&before, &wasm).context("cannot write a temporary file")?;
    let output = Command::new(PROGRAM)
        .args(OPTIONS)
        .arg(&before)
        .arg("--output")
        .arg(&after)
        .output()
        .with_context(|| format!("cannot run {PROGRAM}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{PROGRAM} failed: {}", said.trim());
    fs::read(&after).context("cannot read what wasm-opt wrote")
}
