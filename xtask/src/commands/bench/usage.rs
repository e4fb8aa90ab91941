//! What a process uses, as Linux accounts for it, and which core it uses.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cargo::shown;

/// The cores that this process may use.
pub(super) fn cores() -> Result<Vec<u32>> {
    let status = read("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(core_list).context("/proc/self/status names no cores")
}

/// A command that runs on one core, with everything it starts.
pub(super) fn on_core(core: u32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// Keeps a running process, with all of its threads, on one core.
pub(super) fn pin(process: u32, core: u32) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &process.to_string()]);
    let line = shown(&command);
    let output = command
        .output()
        .with_context(|| format!("cannot run `{line}` (Debian: apt-get install util-linux)"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}` failed: {}", complaint.trim());
    Ok(())
}

/// The time that the threads of a process have spent on a processor, in nanoseconds' precision where
/// `/proc/<pid>/stat` has hundredths of a second.
pub(super) fn cpu_time(process: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task")).context("Envoy has ended")? {
        let path = thread?.path().join("schedstat");
        let Ok(schedstat) = fs::read_to_string(&path) else { continue }; // the thread has ended
        total += on_processor(&schedstat).with_context(|| format!("{}", path.display()))?;
    }
    ensure!(!total.is_zero(), "this kernel does not account for the time of threads in schedstat");
    Ok(total)
}

/// The memory that a process has in use, in bytes.
pub(crate) fn resident_bytes(process: u32) -> Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    resident(&status).context("Linux does not say how much memory Envoy uses")
}

/// The processor's name, where the kernel knows one.
pub(super) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name).trim().to_owned()
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path)
        .with_context(|| format!("cannot read {path}: the benchmark needs Linux"))
}

/// Reads a list such as `0-3,8`.
fn core_list(list: &str) -> Option<Vec<u32>> {
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

/// Reads the first of the three numbers of a `schedstat`.
fn on_processor(schedstat: &str) -> Result<Duration> {
    let nanoseconds = schedstat.split(' ').next().and_then(|number| number.parse().ok());
    nanoseconds.map(Duration::from_nanos).context("not a schedstat")
}

/// Reads the line `VmRSS:   60000 kB` of a process's status.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_may_have_ranges() {
        assert_eq!(core_list("\t0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(core_list("3"), Some(vec![3]));
        assert_eq!(core_list("all"), None);
    }

    #[test]
    fn the_time_on_a_processor_is_the_first_number() {
        assert_eq!(on_processor("1500000 20 3\n").unwrap(), Duration::from_micros(1500));
        assert!(on_processor("\n").is_err());
    }

    #[test]
    fn the_memory_in_use_is_read_in_bytes() {
        let status = "Name:\tenvoy\nVmPeak:\t  99999 kB\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        assert_eq!(resident(status), Some(2 * 1024 * 1024));
        assert_eq!(resident("Name:\tenvoy\n"), None);
    }
}
