//! Node, which runs what is built for wasm32 by itself, without Envoy.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::debian;

/// The first version that has WASI without being asked to.
const OLDEST: (u32, u32) = (18, 17);

/// Makes sure that a Node that runs WASI programs is on the `PATH`, and returns its version: as root on
/// Debian and what descends from it, installs it.
pub(crate) fn ensure_installed() -> Result<String> {
    let missing = match installed() {
        Ok(version) => return Ok(version),
        Err(missing) => missing,
    };
    if !debian::can_install() {
        return Err(missing).with_context(way_out);
    }
    debian::install("nodejs")
        .and_then(|()| installed())
        .with_context(|| missing.to_string())
        .with_context(way_out)
}

/// The version of the one on the `PATH`, if it will do.
fn installed() -> Result<String> {
    let output = Command::new("node").arg("--version").output().context("cannot run `node`")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(will_do(&version), "the `node` on the PATH is {version:?}, which is too old");
    Ok(version)
}

/// Whether a version, such as `v18.20.4`, is [`OLDEST`] or later.
fn will_do(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|n| n.parse().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= OLDEST)
}

/// What to do about a missing Node.
fn way_out() -> String {
    let (major, minor) = OLDEST;
    format!(
        "the tests on wasm32 need Node {major}.{minor} or later. Any of these adds it:\n  \
         - Debian 12, Ubuntu 24.04 or later: apt-get install nodejs (as root; then `cargo xtask test` \
         does it itself)\n  \
         - Fedora: dnf install nodejs; Alpine: apk add nodejs; Arch: pacman -S nodejs\n  \
         - the binaries of https://nodejs.org/en/download, with `node` on the PATH\n\
         What was tried"
    )
}

#[cfg(test)]
mod tests {
    use super::will_do;

    #[test]
    fn a_node_without_wasi_is_too_old() {
        for version in ["v18.17.0", "v18.20.4", "v20.0.0", "v24.1.0-nightly"] {
            assert!(will_do(version), "{version}");
        }
        for version in ["v18.16.1", "v12.22.12", "v18", "", "node: not found"] {
            assert!(!will_do(version), "{version}");
        }
    }
}
