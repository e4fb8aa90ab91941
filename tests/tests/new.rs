//! `cargo xtask new` and what can be done with what it makes, as a user would.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use tollgate_e2e::{target_dir, workspace_root};

/// Runs cargo in a folder, with the artefacts that are there.
fn cargo(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target_dir());
    Ok(command.output()?)
}

/// What cargo prints, if it succeeds.
fn printed(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = cargo(folder, arguments)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "cargo {arguments:?} failed:\n{printed}\n{said}");
    Ok(printed)
}

/// What cargo says when it fails.
fn refusal(arguments: &[&str]) -> Result<String> {
    let output = cargo(&workspace_root(), arguments)?;
    ensure!(!output.status.success(), "cargo {arguments:?} succeeded");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What is in the folders of the checkout where filters and modules are.
fn checkout() -> BTreeSet<String> {
    let root = workspace_root();
    let entries =
        ["filters", "examples/filters", "dist"].map(|folder| fs::read_dir(root.join(folder)));
    let paths = entries.into_iter().flatten().flatten().flatten();
    paths.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn a_new_filter_builds_runs_in_envoy_and_passes_its_tests_and_nothing_is_left_behind() -> Result<()>
{
    let before = checkout();
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_string_lossy().into_owned();
    let made = printed(&workspace_root(), &["xtask", "new", "hello-there", "--path", &path])?;
    assert!(made.contains("cargo xtask run ."), "{made}");

    let filter = folder.path().join("hello-there");
    let shown = printed(&filter, &["xtask", "run", ".", "--once"])?;
    assert!(shown.contains("bytes compiled"), "{shown}");
    assert!(shown.contains("200\n") && shown.contains(r#""x-greeting": "hello""#), "{shown}");
    assert!(filter.join("dist/hello-there.wasm").is_file());

    let tested = printed(&filter, &["test"])?;
    assert_eq!(tested.matches("test result: ok. 1 passed").count(), 2, "{tested}");
    assert_eq!(tested.matches("::natively ... ok").count(), 5, "{tested}");
    assert_eq!(tested.matches("::as_module ... ok").count(), 5, "{tested}");
    assert_eq!(checkout(), before);
    Ok(())
}

#[test]
fn a_filter_of_the_workspace_is_built_by_its_name() -> Result<()> {
    let built = printed(&workspace_root(), &["xtask", "build", "greeter"])?;
    assert!(built.contains("greeter.wasm: "), "{built}");
    Ok(())
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason_and_leaves_nothing() -> Result<()> {
    let before = checkout();
    let inside = workspace_root().join("filters").to_string_lossy().into_owned();
    for (arguments, reason) in [
        (&["xtask", "new", "Hello"][..], "small letters"),
        (&["xtask", "new", "match"], "no crate can be called match"),
        (&["xtask", "new", "serde"], "there is a crate serde already"),
        (&["xtask", "new", "fault"], "filters/fault is there already"),
        (&["xtask", "new", "mine", "--path", &inside], "leave out --path"),
        (&["xtask", "run", "no-such-filter"], "there is no filter no-such-filter"),
        (&["xtask", "build", "no-such-filter"], "cargo xtask new no-such-filter"),
        (&["xtask", "run", "fault"], "envoy.yaml is not there"),
    ] {
        let said = refusal(arguments)?;
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
    assert_eq!(checkout(), before);
    Ok(())
}
