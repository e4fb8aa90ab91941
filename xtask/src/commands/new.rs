//! `cargo xtask new`: a filter crate to begin with. It is the example `greeter` under another name, so
//! what is made is compiled and tested all the time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tollgate_e2e::workspace_root;

use crate::{template, ui};

mod name;

use name::Name;

/// What `cargo xtask new` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The name of the filter and its crate, such as `rate-limit`
    name: Name,
    /// The folder to make it in, outside of this workspace [default: filters/, in it]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// A file of the example.
macro_rules! example {
    ($path:literal) => {
        include_str!(concat!("../../../examples/filters/greeter/", $path))
    };
}

/// What a filter in the workspace and one elsewhere have in common.
const FILES: [(&str, &str); 5] = [
    ("src/lib.rs", example!("src/lib.rs")),
    ("tests/behaviour.rs", example!("tests/behaviour.rs")),
    ("tests/envoy.rs", example!("tests/envoy.rs")),
    ("envoy.yaml", example!("envoy.yaml")),
    ("README.md", example!("README.md")),
];

const MANIFEST: &str = example!("Cargo.toml");
const MANIFEST_ELSEWHERE: &str = include_str!("../../templates/Cargo.toml.in");
const CARGO_CONFIG: &str = include_str!("../../templates/config.toml.in");
const WORKSPACE_MANIFEST: &str = include_str!("../../../Cargo.toml");

/// Makes the crate, and says what to do with it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { name, path } = arguments;
    let root = workspace_root();
    name.ensure_unused(&fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default())?;
    let (folder, files) = match path {
        None => (root.join("filters").join(name.as_str()), in_workspace(name)),
        Some(path) => {
            let path = std::path::absolute(path)?;
            ensure!(
                !path.starts_with(&root),
                "{} is in this workspace: leave out --path, and the filter is made in filters/",
                path.display()
            );
            (path.join(name.as_str()), elsewhere(name, &root)?)
        }
    };
    ensure!(!folder.exists(), "{} is there already", folder.display());
    write(&folder, &files).inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
    print_next_steps(name, path.is_some(), &folder);
    Ok(())
}

/// A path in the crate, and what the file holds.
type File = (String, String);

fn in_workspace(name: &Name) -> Vec<File> {
    let files = FILES.iter().chain([&("Cargo.toml", MANIFEST)]);
    files.map(|(path, content)| ((*path).to_owned(), name.put_into(content))).collect()
}

/// A crate that is a workspace of its own, with this checkout's SDK, compiled artefacts and versions.
fn elsewhere(name: &Name, root: &Path) -> Result<Vec<File>> {
    let checkout = ("CHECKOUT", root.display().to_string());
    let manifest = [("NAME", name.as_str().to_owned()), checkout.clone()];
    let manifest = template::render(MANIFEST_ELSEWHERE, &manifest)?;
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let mut files: Vec<_> = FILES
        .iter()
        .map(|(path, content)| {
            let content = name.put_into(content);
            ((*path).to_owned(), content.replace(&format!("xtask run {name}"), "xtask run ."))
        })
        .map(|(path, content)| {
            (path, content.replace(&format!("xtask build {name}"), "xtask build ."))
        })
        .collect();
    files.extend([
        ("Cargo.toml".to_owned(), manifest + &profiles()),
        ("Cargo.lock".to_owned(), lock),
        (".cargo/config.toml".to_owned(), template::render(CARGO_CONFIG, &[checkout])?),
        (".gitignore".to_owned(), "/dist\n".to_owned()),
    ]);
    Ok(files)
}

/// The workspace's profiles for such crates as a filter and its tests need.
fn profiles() -> String {
    let sections = WORKSPACE_MANIFEST.split("\n[").map(|section| {
        let lines = section.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.fold(String::from("["), |section, line| section + line + "\n")
    });
    let is_wanted = |section: &String| {
        section.starts_with("[profile.release]") || section.starts_with("[profile.dev")
    };
    sections.filter(is_wanted).collect::<Vec<_>>().join("\n")
}

fn write(folder: &Path, files: &[File]) -> Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn print_next_steps(name: &Name, is_elsewhere: bool, folder: &Path) {
    let folder = folder.strip_prefix(workspace_root()).unwrap_or(folder);
    println!("{} {} is a filter. Next:", ui::good(ui::TICK), folder.display());
    let which = if is_elsewhere { "." } else { name.as_str() };
    if is_elsewhere {
        println!("  {}", ui::typed(format!("cd {}", folder.display())));
    }
    for (command, what) in [
        (format!("cargo xtask run {which}"), "see it at work in stock Envoy"),
        (format!("cargo test -p {name}"), "test it: by itself, in a simulated proxy, in Envoy"),
        (format!("cargo xtask build {which}"), "build its module"),
    ] {
        println!("  {}  {}", ui::typed(format!("{command:<28}")), ui::faint(what));
    }
    println!("  and write yours in {}", ui::typed(folder.join("src/lib.rs").display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        name.parse().unwrap()
    }

    #[test]
    fn nothing_of_the_greeter_but_its_greeting_is_left_under_another_name() {
        let elsewhere = elsewhere(&name("my-filter"), Path::new("/checkout")).unwrap();
        for (path, content) in in_workspace(&name("my-filter")).into_iter().chain(elsewhere) {
            let left = content.replace("Greets", "").to_lowercase();
            assert!(path == "Cargo.lock" || !left.contains("greeter"), "{path}: {content}");
            assert!(!content.contains("example"), "{path}: {content}");
        }
    }

    /// A difference would compile everything twice.
    #[test]
    fn a_filter_elsewhere_has_the_dependencies_and_profiles_of_the_workspace() {
        let files = elsewhere(&name("mine"), Path::new("/checkout")).unwrap();
        let (_, manifest) = files.iter().find(|(path, _)| path == "Cargo.toml").unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        let mut seen = 0;
        for line in dependencies.lines().take_while(|line| !line.starts_with("[lints")) {
            let is_ours = line.contains("path =") || line.starts_with("tokio");
            let is_dependency = line.contains(" = ") && !is_ours;
            assert!(!is_dependency || WORKSPACE_MANIFEST.contains(line), "{line}");
            seen += usize::from(is_dependency);
        }
        assert_eq!(seen, 3);
        assert!(manifest.contains("[profile.release]\ncodegen-units = 1"));
        assert!(manifest.contains("edition = \"2024\"\nrust-version = \"1.95\""));
    }

    #[test]
    fn a_filter_in_the_workspace_is_called_as_its_name_says() {
        let files = in_workspace(&name("my-filter"));
        let content = |path| &files.iter().find(|(it, _)| it == path).unwrap().1;
        assert!(content("Cargo.toml").contains("name = \"my-filter\"\n"));
        assert!(content("src/lib.rs").contains("pub struct MyFilter {"));
        assert!(content("src/lib.rs").contains("const NAME: &'static str = \"my_filter\";"));
        assert!(content("tests/behaviour.rs").contains("use my_filter::MyFilter;"));
        assert!(content("tests/envoy.rs").contains("wasmcustom.tollgate.my_filter.greeted"));
        assert!(content("README.md").contains("`dist/my-filter.wasm`"));
        assert!(content("README.md").contains("cargo test -p my-filter"));
    }
}
