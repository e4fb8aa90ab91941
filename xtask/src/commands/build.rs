//! `cargo xtask build`: the filters as modules in `dist/`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tollgate_e2e::modules::{self, FILTERS, Filter, SUITE};
use tollgate_e2e::target_dir;

use crate::cargo::{self, WASM_TARGET, cargo};
use crate::optimize;
use crate::prune::prune;
use crate::ui;

/// A module, before and after what is done to it.
struct Built {
    filter: &'static Filter,
    compiled: usize,
    finished: usize,
}

/// Builds all filters and prints the sizes of their modules.
pub(crate) fn run() -> Result<()> {
    cargo::ensure_wasm_target()?;
    compile()?;
    let built: Vec<_> = modules::all().map(install).collect::<Result<_>>()?;
    print_sizes(&built);
    Ok(())
}

/// Compiles the filters, and by itself the one that builds on them: cargo would else build them once
/// for both, with the entry points that the modules of their own need, and a module has one.
fn compile() -> Result<()> {
    compile_together(&FILTERS)?;
    compile_together(&[SUITE])
}

fn compile_together(filters: &[Filter]) -> Result<()> {
    let packages: Vec<_> = filters.iter().map(Filter::package).collect();
    compile_packages(&packages).context("the filters do not compile")
}

fn compile_packages(packages: &[impl AsRef<str>]) -> Result<()> {
    let mut command = cargo(&["build", "--release", "--target", WASM_TARGET]);
    for package in packages {
        command.args(["--package", package.as_ref()]);
    }
    cargo::run(&mut command)
}

/// The module of any package, as the compiler leaves it. It is compiled by itself.
pub(crate) fn compile_module(package: &str) -> Result<Vec<u8>> {
    cargo::ensure_wasm_target()?;
    compile_packages(&[package]).with_context(|| format!("{package} does not compile"))?;
    compiled(package)
}

/// The module of any package, finished as those in `dist/` are.
pub(crate) fn build_module(package: &str) -> Result<Vec<u8>> {
    let wasm = compile_module(package)?;
    finish(&wasm).with_context(|| format!("cannot finish the module of {package}"))
}

/// What the compiler wrote for a package.
fn compiled(package: &str) -> Result<Vec<u8>> {
    let name = format!("{}.wasm", package.replace('-', "_"));
    let path = target_dir().join(WASM_TARGET).join("release").join(name);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Prunes and optimises a module.
fn finish(wasm: &[u8]) -> Result<Vec<u8>> {
    optimize::optimize(prune(wasm)?)
}

/// Puts a module in `dist/` in one step: an Envoy that loads it meanwhile sees a whole one.
fn install(filter: &'static Filter) -> Result<Built> {
    let module = filter.module();
    let staged = module.with_extension(format!("wasm.{}", std::process::id()));
    let dist = module.parent().unwrap_or(Path::new("."));
    let wasm = compiled(&filter.package())?;
    let finished = finish(&wasm).with_context(|| format!("cannot finish {}", module.display()))?;
    fs::create_dir_all(dist)
        .and_then(|()| fs::write(&staged, &finished))
        .and_then(|()| fs::rename(&staged, &module))
        .with_context(|| format!("cannot write {}", module.display()))?;
    Ok(Built { filter, compiled: wasm.len(), finished: finished.len() })
}

fn print_sizes(built: &[Built]) {
    println!("{}", ui::title("module                    compiled  finished    budget"));
    for Built { filter, compiled, finished } in built {
        let kib = |bytes: usize| (bytes as u64).div_ceil(1024);
        let fits = kib(*finished) <= filter.budget_kib;
        let mark = if fits { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        let module = format!("dist/{}.wasm", filter.name);
        println!(
            "{module:<25} {:>4} KiB  {:>4} KiB  {:>4} KiB {mark}",
            kib(*compiled),
            kib(*finished),
            filter.budget_kib
        );
    }
    if !optimize::is_installed() {
        println!("wasm-opt (Binaryen) is not installed: with it they are smaller and faster");
    }
}
