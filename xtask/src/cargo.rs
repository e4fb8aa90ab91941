//! Cargo, and what the toolchain in use must have.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tollgate_e2e::{target_dir, workspace_root};

use crate::ui;

/// The target of the modules.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip1";

/// A cargo command in the workspace, with the target folder that we use ourselves.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace_root()).env("CARGO_TARGET_DIR", target_dir());
    command
}

/// Runs a command that shows its own progress.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Makes sure that the toolchain can compile for [`WASM_TARGET`]; asks rustup for it when needed.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    if has_wasm_target()? {
        return Ok(());
    }
    add_wasm_target().with_context(way_out)
}

fn add_wasm_target() -> Result<()> {
    rustup(&["target", "add"], WASM_TARGET)?;
    ensure!(has_wasm_target()?, "rustup reported success, and the target is missing still");
    Ok(())
}

/// What to do about a missing target, said when rustup could not help.
fn way_out() -> String {
    let version = rustc(&["--version"]).unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or("<version>").to_owned();
    format!(
        "this Rust toolchain has no {WASM_TARGET} target yet. Any of these adds it:\n  \
         - rustup target add {WASM_TARGET}\n  \
         - without rustup: unpack \
         https://static.rust-lang.org/dist/rust-std-{version}-{WASM_TARGET}.tar.xz \
         and in it run ./install.sh --prefix=\"$(rustc --print sysroot)\"\n\
         What was tried"
    )
}

/// Makes sure that `cargo <subcommand>` works; asks rustup for its component when needed.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<()> {
    let mut probe = cargo(&[subcommand, "--version"]);
    let found = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    rustup(&["component", "add"], component)
        .with_context(|| format!("`cargo {subcommand}` is not installed"))
}

/// The standard library of a target that is not installed has no folder.
fn has_wasm_target() -> Result<bool> {
    let folder = rustc(&["--print", "target-libdir", "--target", WASM_TARGET])?;
    Ok(PathBuf::from(folder).is_dir())
}

/// What the compiler says.
pub(crate) fn rustc(arguments: &[&str]) -> Result<String> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .current_dir(workspace_root())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(&command)))?;
    ensure!(output.status.success(), "`{}` failed", shown(&command));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Has rustup add something to the toolchain that runs us (which it names in `RUSTUP_TOOLCHAIN`).
fn rustup(action: &[&str], what: &str) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(action).arg(what).current_dir(workspace_root());
    let line = shown(&command);
    let _busy = ui::busy(&format!("{line} (once on this machine)"));
    let output = command.output().with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
