//! `cargo xtask build`: the filters as modules in `dist/`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tollgate_e2e::modules::{FILTERS, Filter};
use tollgate_e2e::target_dir;

use crate::cargo::{self, WASM_TARGET, cargo};
use crate::prune::prune;
use crate::ui;

/// Builds all filters and prints the sizes of their modules.
pub(crate) fn run() -> Result<()> {
    cargo::ensure_wasm_target()?;
    compile()?;
    for filter in &FILTERS {
        install(filter)?;
    }
    print_sizes()
}

fn compile() -> Result<()> {
    let mut command = cargo(&["build", "--release", "--target", WASM_TARGET]);
    for filter in &FILTERS {
        command.args(["--package", &filter.package()]);
    }
    cargo::run(&mut command).context("the filters do not compile")
}

/// Puts a module in `dist/` in one step: an Envoy that loads it meanwhile sees a whole one.
fn install(filter: &Filter) -> Result<()> {
    let built = target_dir()
        .join(WASM_TARGET)
        .join("release")
        .join(format!("{}.wasm", filter.package().replace('-', "_")));
    let module = filter.module();
    let staged = module.with_extension(format!("wasm.{}", std::process::id()));
    let dist = module.parent().unwrap_or(Path::new("."));
    let wasm = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let pruned = prune(&wasm).with_context(|| format!("cannot prune {}", built.display()))?;
    fs::create_dir_all(dist)
        .and_then(|()| fs::write(&staged, pruned))
        .and_then(|()| fs::rename(&staged, &module))
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
