//! Packages of Debian and of what descends from it, for root.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::shown;
use crate::ui;

/// Whether [`install`] can work here.
pub(crate) fn can_install() -> bool {
    Path::new("/etc/debian_version").is_file() && rustix::process::geteuid().is_root()
}

/// Installs a package.
pub(crate) fn install(package: &str) -> Result<()> {
    let _busy = ui::busy(&format!("apt-get install {package} (once on this machine)"));
    let install = ["install", "--yes", "--no-install-recommends", package];
    // A machine that never asked has no list of packages.
    if apt_get(&install).is_err() {
        apt_get(&["update"])?;
        apt_get(&install)?;
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let line = shown(&command);
    let output = command.output().with_context(|| format!("cannot run `{line}`"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}` failed: {}", complaint.trim());
    Ok(())
}
