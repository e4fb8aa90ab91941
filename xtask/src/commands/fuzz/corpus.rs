//! Taking inputs over into the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};

use super::ensure_success;
use super::program::Programs;
use super::target::Target;
use crate::cargo::shown;
use crate::ui;

/// How far a corpus in the repository is filled up. `fuzz/tests/corpus.rs` allows more, so that there is
/// room for findings.
const MOST_FILES: usize = 16;
const MOST_BYTES: u64 = 16 * 1024;

/// Adds to the corpus in the repository what gets further than anything in it, as long as there is room.
/// Of the least inputs that together reach all that is reached, the largest come first, which reach the
/// most.
pub(super) fn merge(programs: &Programs, target: &Target) -> Result<()> {
    let merged = tempfile::tempdir().context("no folder for temporary files")?;
    let kept = files(&target.corpus())?;
    for path in &kept {
        fs::copy(path, merged.path().join(path.file_name().unwrap_or_default()))?;
    }
    let mut command = programs.command(target);
    // By edges alone: how often each is passed would make every other input a new one.
    command.args(["-set_cover_merge=1", "-use_counters=0"]);
    command.arg(merged.path()).args([target.corpus(), target.found()]);
    let output = command.stdout(Stdio::null()).output()?;
    ensure_success(output.status, &shown(&command))?;

    let mut new = files(merged.path())?;
    new.retain(|path| !target.corpus().join(path.file_name().unwrap_or_default()).exists());
    new.sort_by_key(|path| std::cmp::Reverse(size(path)));
    let (mut count, mut bytes) = (kept.len(), kept.iter().map(|path| size(path)).sum::<u64>());
    let mut added = 0;
    for path in &new {
        if count >= MOST_FILES || bytes + size(path) > MOST_BYTES {
            continue;
        }
        fs::copy(path, target.corpus().join(path.file_name().unwrap_or_default()))?;
        (count, bytes, added) = (count + 1, bytes + size(path), added + 1);
    }
    let left = new.len() - added;
    println!("    {}", ui::faint(format!("{added} new inputs, no room for {left} more")));
    Ok(())
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(u64::MAX, |metadata| metadata.len())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}
