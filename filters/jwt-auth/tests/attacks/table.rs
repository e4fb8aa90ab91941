//! The table of attacks names tests that exist.

use std::fs;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../SECURITY.md");

/// What stands between backticks.
fn quoted() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for (path, name) in quoted().filter_map(|text| text.split_once(".rs::")) {
        let path = format!("{path}.rs");
        // Of this crate, or of the workspace.
        let source = [&root.join("filters/jwt-auth"), &root]
            .iter()
            .find_map(|folder| fs::read_to_string(folder.join(&path)).ok())
            .unwrap_or_else(|| panic!("there is no {path}"));
        assert!(source.contains(&format!("fn {name}(")), "{path} has no test {name}");
        count += 1;
    }
    assert!(count > 100, "{count} tests are named");
}

/// Every test of this folder is in the table.
#[test]
fn every_attack_is_in_the_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if file == "table.rs" {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let tests = source.split("#[tollgate_testkit::test(JwtAuth)]").skip(1);
        for test in tests {
            let name = test.split("fn ").nth(1).and_then(|it| it.split('(').next()).unwrap();
            let named = format!("`tests/attacks/{file}::{name}`");
            assert!(DOCUMENT.contains(&named), "{named} is not in SECURITY.md");
        }
    }
}

/// A line for every rule of RFC 8725.
#[test]
fn every_rule_of_rfc_8725_is_in_the_document() {
    for section in 1..=12 {
        assert!(DOCUMENT.contains(&format!("| 3.{section} ")), "3.{section}");
    }
}
