//! `cargo xtask build`: the filters as modules in `dist/`; examples and the probes of the tests in the
//! target folder; or one filter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tollgate_e2e::modules::{self, Example, FILTERS, Filter, Probe, SUITE};
use tollgate_e2e::target_dir;

use crate::cargo::{self, WASM_TARGET, cargo};
use crate::folder;
use crate::optimize;
use crate::prune::prune;
use crate::ui;

/// What `cargo xtask build` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this one: a filter or example by its name, or the folder of a crate
    filter: Option<String>,
    /// Builds the examples, too
    #[arg(long)]
    examples: bool,
    /// Builds the modules that only tests use, too
    #[arg(long)]
    probes: bool,
}

/// A package and where its module goes.
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) module: PathBuf,
}

/// How large a module is, before and after what is done to it, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) compiled: usize,
    pub(crate) finished: usize,
}

/// Builds what is asked for.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.filter {
        Some(filter) => one(&folder::find(filter)?).map(drop)?,
        None => filters()?,
    }
    if arguments.examples {
        examples()?;
    }
    if arguments.probes {
        probes()?;
    }
    Ok(())
}

/// Builds the filter in a folder, says how large it is, and returns where.
pub(crate) fn one(folder: &Path) -> Result<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    compile_with(|cargo| {
        cargo.arg("--manifest-path").arg(&manifest);
    })?;
    let target =
        Target { package: folder::package(&manifest)?, module: modules::of_folder(folder) };
    let Size { compiled, finished } = target.install()?;
    println!("{}: {compiled} bytes compiled, {finished} finished", target.module.display());
    Ok(target.module)
}

/// Builds all filters and prints the sizes of their modules.
pub(crate) fn filters() -> Result<()> {
    let mut sizes = build(&FILTERS.map(|filter| Target::from(&filter)))?;
    // By itself: cargo would else build the filters once for both, with the entry points that the
    // modules of their own need, and a module has one.
    sizes.extend(build(&[Target::from(&SUITE)])?);
    print_sizes(modules::all().zip(sizes));
    Ok(())
}

/// Builds the examples.
pub(crate) fn examples() -> Result<()> {
    let examples: Vec<_> = Example::all()?.iter().map(Target::from).collect();
    build(&examples).map(drop)
}

/// Builds the modules that only tests use. By themselves: a feature of a crate that only a probe wants
/// must not get into a filter.
pub(crate) fn probes() -> Result<()> {
    let probes: Vec<_> = Probe::all()?.iter().map(Target::from).collect();
    build(&probes).map(drop)
}

/// Compiles packages together, and installs the module of each.
pub(crate) fn build(targets: &[Target]) -> Result<Vec<Size>> {
    let packages: Vec<_> = targets.iter().map(|target| target.package.as_str()).collect();
    compile(&packages)?;
    targets.iter().map(Target::install).collect()
}

/// The module of any package, as the compiler leaves it. It is compiled by itself.
pub(crate) fn compile_module(package: &str) -> Result<Vec<u8>> {
    compile(&[package])?;
    compiled(package)
}

/// The module of any package, finished as those in `dist/` are.
pub(crate) fn build_module(package: &str) -> Result<Vec<u8>> {
    finish(package, &compile_module(package)?)
}

fn compile(packages: &[&str]) -> Result<()> {
    compile_with(|cargo| {
        for package in packages {
            cargo.args(["--package", package]);
        }
    })
}

fn compile_with(select: impl FnOnce(&mut Command)) -> Result<()> {
    cargo::ensure_wasm_target()?;
    let mut command = cargo(&["build", "--release", "--target", WASM_TARGET]);
    select(&mut command);
    cargo::run(&mut command).context("the modules do not compile")
}

/// What the compiler wrote for a package.
fn compiled(package: &str) -> Result<Vec<u8>> {
    let name = format!("{}.wasm", package.replace('-', "_"));
    let path = target_dir().join(WASM_TARGET).join("release").join(name);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Prunes and optimises a module.
fn finish(package: &str, wasm: &[u8]) -> Result<Vec<u8>> {
    let pruned = prune(wasm).with_context(|| format!("cannot prune the module of {package}"))?;
    optimize::optimize(pruned)
}

impl Target {
    /// Puts a module in its place in one step: an Envoy that loads it meanwhile sees a whole one.
    fn install(&self) -> Result<Size> {
        let Self { package, module } = self;
        let staged = module.with_extension(format!("wasm.{}", std::process::id()));
        let folder = module.parent().unwrap_or(Path::new("."));
        let wasm = compiled(package)?;
        let finished = finish(package, &wasm)?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&staged, &finished))
            .and_then(|()| fs::rename(&staged, module))
            .with_context(|| format!("cannot write {}", module.display()))?;
        Ok(Size { compiled: wasm.len(), finished: finished.len() })
    }
}

impl From<&Filter> for Target {
    fn from(filter: &Filter) -> Self {
        Self { package: filter.package(), module: filter.module() }
    }
}

impl From<&Example> for Target {
    fn from(example: &Example) -> Self {
        Self { package: example.package(), module: example.module() }
    }
}

impl From<&Probe> for Target {
    fn from(probe: &Probe) -> Self {
        Self { package: probe.package(), module: probe.module() }
    }
}

fn print_sizes(sizes: impl Iterator<Item = (&'static Filter, Size)>) {
    println!("{}", ui::title("module                    compiled  finished    budget"));
    for (filter, Size { compiled, finished }) in sizes {
        let kib = |bytes: usize| (bytes as u64).div_ceil(1024);
        let fits = kib(finished) <= filter.budget_kib;
        let mark = if fits { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        let module = format!("dist/{}.wasm", filter.name);
        println!(
            "{module:<25} {:>4} KiB  {:>4} KiB  {:>4} KiB {mark}",
            kib(compiled),
            kib(finished),
            filter.budget_kib
        );
    }
    if !optimize::is_installed() {
        println!("wasm-opt (Binaryen) is not installed: with it they are smaller and faster");
    }
}
