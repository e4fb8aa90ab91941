//! `cargo xtask prune`: what `cargo xtask build` does to a module, for one built elsewhere.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{optimize, prune};

/// What `cargo xtask prune` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A module as cargo built it
    module: PathBuf,
    /// Where to write the pruned module
    #[arg(short, long)]
    output: PathBuf,
}

/// Prunes one module, and says what came of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { module, output } = arguments;
    let wasm = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let pruned =
        prune::prune(&wasm).with_context(|| format!("cannot prune {}", module.display()))?;
    let finished = optimize::optimize(pruned)?;
    fs::write(output, &finished).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{}: {} bytes before, {} after", output.display(), wasm.len(), finished.len());
    Ok(())
}
