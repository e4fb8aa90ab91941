//! Every input of the corpus, and that every target has one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tollgate_fuzz::TARGETS;

/// Corpora are small: what is in the repository is for regression, not for search.
const MOST_FILES: usize = 64;
const MOST_BYTES: u64 = 100 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_target_holds_for_every_input_of_its_corpus() {
    for (name, target) in TARGETS {
        for path in entries(&folder("corpus").join(name)) {
            let input = fs::read(&path).unwrap();
            // A thread is a VM: what one input leaves behind is not there for the next one.
            let outcome = std::thread::spawn(move || target(&input)).join();
            assert!(outcome.is_ok(), "{}", path.display());
        }
    }
}

#[test]
fn every_target_holds_for_next_to_no_input() {
    for (name, target) in TARGETS {
        for input in [&[][..], &[0], &[0xff], &[0; 64], &[0xff; 64]] {
            let outcome = std::thread::spawn(move || target(input)).join();
            assert!(outcome.is_ok(), "{name}: {input:?}");
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_small_corpus() {
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for place in ["corpus", "targets/src/bin"] {
        let found: BTreeSet<_> = entries(&folder(place)).iter().map(stem).collect();
        assert_eq!(found, names, "in fuzz/{place}");
    }
    for name in &names {
        let inputs = entries(&folder("corpus").join(name));
        let bytes: u64 = inputs.iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(!inputs.is_empty() && inputs.len() < MOST_FILES, "{name}: {} files", inputs.len());
        assert!(bytes < MOST_BYTES, "{name}: {bytes} bytes");
    }
}
