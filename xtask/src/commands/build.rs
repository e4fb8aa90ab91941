//! `cargo xtask build`: the filters as modules in `dist/`; the probes of the tests in the target folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tollgate_e2e::modules::{FILTERS, Probe};
use tollgate_e2e::target_dir;

use crate::cargo::{self, WASM_TARGET, cargo};
use crate::prune::prune;
use crate::ui;

/// Builds all filters and prints the sizes of their modules.
pub(crate) fn run() -> Result<()> {
    build(FILTERS.iter().map(|filter| (filter.package(), filter.module())).collect())?;
    print_sizes()
}

/// Builds the modules that only tests use. By themselves: a feature of a crate that only a probe wants
/// must not get into a filter.
pub(crate) fn probes() -> Result<()> {
    build(Probe::all()?.iter().map(|probe| (probe.package(), probe.module())).collect())
}

/// Compiles packages, and installs the module of each.
fn build(modules: Vec<(String, PathBuf)>) -> Result<()> {
    cargo::ensure_wasm_target()?;
    let mut command = cargo(&["build", "--release", "--target", WASM_TARGET]);
    for (package, _) in &modules {
        command.args(["--package", package]);
    }
    cargo::run(&mut command).context("the modules do not compile")?;
    modules.iter().try_for_each(|(package, module)| install(package, module))
}

/// Puts a module in its place in one step: an Envoy that loads it meanwhile sees a whole one.
fn install(package: &str, module: &Path) -> Result<()> {
    let built = target_dir()
        .join(WASM_TARGET)
        .join("release")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let staged = module.with_extension(format!("wasm.{}", std::process::id()));
    let folder = module.parent().unwrap_or(Path::new("."));
    let wasm = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let pruned = prune(&wasm).with_context(|| format!("cannot prune {}", built.display()))?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&staged, pruned))
        .and_then(|()| fs::rename(&staged, module))
        .with_context(|| format!("cannot write {}", module.display()))
}

fn print_sizes() -> Result<()> {
    println!("{}", ui::title("module                       size     budget"));
    for filter in &FILTERS {
        let bytes = fs::metadata(filter.module())?.len();
        let kib = bytes.div_ceil(1024);
        let mark = if kib <= filter.budget_kib { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        let module = format!("dist/{}.wasm", filter.name);
        println!("{module:<25} {kib:>4} KiB   {:>4} KiB {mark}", filter.budget_kib);
    }
    Ok(())
}
