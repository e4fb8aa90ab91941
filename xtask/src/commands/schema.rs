//! `cargo xtask schema`: the schema and the reference of each filter, from its Rust types.
//!
//! A test does the work, since only tests know all filters: `tests/tests/configuration`. So this
//! command builds even when a filter does not.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::workspace_root;

use crate::cargo::{cargo, shown};
use crate::ui;

/// What `cargo xtask schema` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Writes nothing; fails when a file is not what the Rust types say
    #[arg(long)]
    check: bool,
}

/// Writes the files, or checks them, and says what became of each.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let before: Vec<_> = files().into_iter().map(|path| (fs::read(&path).ok(), path)).collect();
    let mut command = cargo(&["test", "--quiet", "--package", "tollgate-e2e"]);
    command.args(["--test", "configuration", "schemas_and_references"]);
    command.env("TOLLGATE_REFERENCE", if arguments.check { "check" } else { "write" });
    if !succeeds(&mut command)? {
        match arguments.check {
            true => println!("{} stale: run `cargo xtask schema`", ui::bad(ui::CROSS)),
            false => bail!("`{}` failed", shown(&command)),
        }
        return Ok(ExitCode::FAILURE);
    }
    for (old, path) in before {
        let changed = fs::read(&path).ok() != old;
        let path = path.strip_prefix(workspace_root()).unwrap_or(&path).display().to_string();
        let news = if changed { "written" } else { "as it should be" };
        println!("{} {path:<37} {news}", ui::good(ui::TICK));
    }
    Ok(ExitCode::SUCCESS)
}

fn files() -> Vec<PathBuf> {
    let folders = FILTERS.iter().map(|filter| workspace_root().join("filters").join(filter.name));
    folders.flat_map(|folder| [folder.join("schema.json"), folder.join("README.md")]).collect()
}

/// Runs a command, whose output is shown only when it fails.
fn succeeds(command: &mut Command) -> Result<bool> {
    let output = {
        let _busy = ui::busy("Reading the types of the filters");
        command.output().with_context(|| format!("cannot run `{}`", shown(command)))?
    };
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(output.status.success())
}
