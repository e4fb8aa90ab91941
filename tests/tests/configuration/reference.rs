//! `schema.json` and the table in the README of each filter are those of its configuration.
//!
//! `cargo xtask schema` runs this test with `TOLLGATE_REFERENCE=write`, which makes them so.

use tollgate_e2e::workspace_root;

use super::filters::FILTERS;

#[test]
fn schemas_and_references_are_those_of_the_configurations() {
    let write = std::env::var_os("TOLLGATE_REFERENCE").is_some_and(|mode| mode == "write");
    let mut stale = Vec::new();
    for filter in FILTERS {
        let folder = workspace_root().join("filters").join(filter.name);
        let reference = (filter.reference)();
        let files = if write { reference.write(&folder) } else { reference.stale(&folder) };
        stale.extend(files.unwrap_or_else(|error| panic!("{}: {error}", filter.name)));
    }
    if !write && !stale.is_empty() {
        let stale: Vec<_> = stale.iter().map(|path| path.display().to_string()).collect();
        panic!(
            "not what the Rust types say: {}\nrun `cargo xtask schema` to write them anew",
            stale.join(", ")
        );
    }
}
