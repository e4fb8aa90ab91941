//! The parts of `cargo xtask test`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tollgate_e2e::envoy::binary;
use tollgate_e2e::modules::{self, Example, FILTERS, Probe};

use super::counts::{Counts, failed_test, time_in_line};
use crate::cargo::{self, WASM_TARGET, cargo, shown};
use crate::commands::build;
use crate::node;
use crate::ui;

/// A part that can be run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    /// Formatting, clippy for the host and for wasm, documentation
    Lint,
    /// All tests that need no proxy
    Unit,
    /// Builds the filters and tests them in the simulated proxy: natively, then as modules
    Kit,
    /// Those of what goes into modules, built as modules are, in Node
    Wasm32,
    /// Builds the filters and tests them in stock Envoy; the demo, too
    Envoy,
}

impl Part {
    /// In the order in which they are run.
    pub(super) const ALL: [Self; 5] =
        [Self::Lint, Self::Unit, Self::Kit, Self::Wasm32, Self::Envoy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Kit => "kit",
            Self::Wasm32 => "wasm32",
            Self::Envoy => "envoy",
        }
    }

    /// Runs it to its end, whatever fails on the way.
    pub(super) fn run(self) -> Outcome {
        let start = Instant::now();
        let mut outcome = Outcome::default();
        let ran = match self {
            Self::Lint => lint(&mut outcome),
            Self::Unit => unit(&mut outcome),
            Self::Kit => kit(&mut outcome),
            Self::Wasm32 => wasm32(&mut outcome),
            Self::Envoy => envoy(&mut outcome),
        };
        if let Err(error) = ran {
            outcome.fail(format!("{}: {error:#}", self.name()));
        }
        outcome.time = start.elapsed();
        outcome
    }
}

/// How a part ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    /// What failed, in words.
    pub(super) failures: Vec<String>,
    pub(super) time: Duration,
    /// What else is to be said, below the table.
    pub(super) notes: Vec<String>,
}

impl Outcome {
    fn fail(&mut self, what: String) {
        self.counts += Counts::one(false);
        self.failures.push(what);
    }

    /// Runs a command that counts as one check.
    fn check(&mut self, mut command: Command) {
        announce(&command);
        match cargo::run(&mut command) {
            Ok(()) => self.counts += Counts::one(true),
            Err(error) => self.fail(format!("{error:#}")),
        }
    }

    /// Runs `cargo test`, passes its output on, and adds up the results in it.
    /// Returns how long they took, compilation aside.
    fn test(&mut self, mut command: Command) -> Result<Duration> {
        announce(&command);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
        let stdout = child.stdout.take().context("no output of cargo")?;
        let before = self.counts.failed;
        let mut time = Duration::ZERO;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            self.counts += Counts::in_line(&line).unwrap_or_default();
            time += time_in_line(&line).unwrap_or_default();
            self.failures.extend(failed_test(&line).map(str::to_owned));
        }
        if !child.wait()?.success() && self.counts.failed == before {
            self.fail(format!("`{}` did not get to the end", shown(&command)));
        }
        Ok(time)
    }
}

fn announce(command: &Command) {
    println!("\n{}", ui::typed(format!("$ {}", shown(command))));
}

fn lint(outcome: &mut Outcome) -> Result<()> {
    cargo::ensure_component("fmt", "rustfmt")?;
    cargo::ensure_component("clippy", "clippy")?;
    cargo::ensure_wasm_target()?;
    outcome.check(cargo(&["fmt", "--all", "--check"]));
    outcome.check(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    outcome.check(clippy_for_wasm()?);
    let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    outcome.check(doc);
    Ok(())
}

fn clippy_for_wasm() -> Result<Command> {
    let mut clippy = cargo(&["clippy", "--target", WASM_TARGET, "--package", "tollgate"]);
    let filters = modules::all().map(|filter| filter.package());
    let examples = Example::all()?.into_iter().map(|example| example.package());
    let probes = Probe::all()?.into_iter().map(|probe| probe.package());
    for package in filters.chain(examples).chain(probes) {
        clippy.args(["--package", &package]);
    }
    clippy.args(["--", "-D", "warnings"]);
    Ok(clippy)
}

/// The two ways in which `#[tollgate_testkit::test]` runs a test, as their names end.
const NATIVELY: &str = "::natively";
const AS_MODULE: &str = "::as_module";

/// All tests but those that start Envoy.
fn without_envoy() -> Command {
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.args(["--exclude", "tollgate-e2e", "--exclude", "tollgate-example-greeter"]);
    tests
}

fn unit(outcome: &mut Outcome) -> Result<()> {
    let mut tests = without_envoy();
    tests.args(["--", "--skip", NATIVELY, "--skip", AS_MODULE]);
    outcome.test(tests)?;
    Ok(())
}

fn kit(outcome: &mut Outcome) -> Result<()> {
    build::filters()?;
    for (way, words) in [(NATIVELY, "natively"), (AS_MODULE, "as modules")] {
        let before = outcome.counts.passed;
        let mut tests = without_envoy();
        tests.args(["--tests", "--", way]);
        let time = outcome.test(tests)?.as_secs_f64();
        let passed = outcome.counts.passed - before;
        outcome.notes.push(format!("{passed} tests {words} in the simulated proxy: {time:.1} s"));
    }
    Ok(())
}

/// See `tests/wasm32/README.md`.
fn wasm32(outcome: &mut Outcome) -> Result<()> {
    cargo::ensure_wasm_target()?;
    println!("Node {}", node::ensure_installed()?);
    let mut tests = cargo(&["test", "--target", WASM_TARGET, "--lib", "--no-fail-fast"]);
    tests.args(["--package", "tollgate"]);
    for filter in FILTERS {
        tests.args(["--package", &filter.package()]);
    }
    outcome.test(tests)?;
    Ok(())
}

fn envoy(outcome: &mut Outcome) -> Result<()> {
    let found = {
        let _busy = ui::busy("Looking for Envoy, or fetching it once (37 MB)");
        binary::locate()?
    };
    println!("{found}");
    build::filters()?;
    build::examples()?;
    build::probes()?;
    let mut tests = cargo(&["test", "--package", "tollgate-e2e", "--no-fail-fast"]);
    tests.args(["--package", "tollgate-example-greeter"]);
    // They run in another folder, and shall not look again.
    tests.env(binary::VARIABLE, found.path);
    outcome.test(tests)?;
    outcome.check(cargo(&["xtask", "demo", "--once"]));
    Ok(())
}
