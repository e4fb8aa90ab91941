//! Building the programs with libFuzzer, and running one.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use tollgate_e2e::workspace_root;

use super::report::Report;
use super::target::{self, Target};
use crate::cargo::{self, cargo, rustc};
use crate::ui;

/// What makes the compiler count which code an input reaches and what it compares there, as
/// `cargo fuzz --sanitizer none` does. All of it is stable, so that any toolchain will do.
const COVERAGE: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The longest that one input may take, in seconds: far more than any needs on a busy machine.
const TIMEOUT: u32 = 20;

/// The programs, one a target.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds those of some targets.
    ///
    /// # Errors
    ///
    /// When it fails, be it for want of a C++ compiler.
    pub(super) fn build(targets: &[Target]) -> Result<Self> {
        // Named, so that the flags are not for build scripts and macros as well.
        let host = rustc(&["--print", "host-tuple"])?;
        let mut command = cargo(&["build", "--release", "--locked", "--target", &host]);
        command.arg("--manifest-path").arg(target::manifest());
        for target in targets {
            command.args(["--bin", target.name()]);
        }
        command.env("CARGO_TARGET_DIR", target::folder());
        command.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
        println!("{}", ui::faint("building with libFuzzer, which needs a C++ compiler"));
        cargo::run(&mut command)?;
        Ok(Self { folder: target::folder().join(host).join("release") })
    }

    /// The program of a target.
    pub(super) fn path(&self, target: &Target) -> PathBuf {
        self.folder.join(target.name())
    }

    /// The program of a target, to be run by libFuzzer's arguments.
    pub(super) fn command(&self, target: &Target) -> Command {
        let mut command = Command::new(self.path(target));
        command.current_dir(workspace_root()).stdin(Stdio::null());
        command
    }

    /// Runs a target for some seconds, beginning with all inputs there are.
    pub(super) fn run(&self, target: &Target, seconds: u64) -> Result<Report> {
        fs::create_dir_all(target.found())?;
        fs::create_dir_all(target::folder().join("findings"))?;
        let output = self
            .command(target)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-artifact_prefix={}", target.findings()))
            .arg("-print_final_stats=1")
            .args([target.found(), target.corpus()])
            .output()
            .with_context(|| format!("cannot run the program of {}", target.name()))?;
        Ok(Report::read(output.status.success(), &String::from_utf8_lossy(&output.stderr)))
    }
}
