//! The load generator: `wrk`, found or installed, run for a moment, and what it says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::sleep;
use tollgate_e2e::workspace_root;

use super::traffic::Traffic;
use super::usage;
use crate::cargo::shown;
use crate::debian;

const PROGRAM: &str = "wrk";

/// Connections that it keeps open and busy.
pub(super) const CONNECTIONS: u32 = 8;

/// Longer than any run: it is told when to stop, since its own measure is whole seconds.
const LONGEST: &str = "60s";

/// Makes sure that `wrk` is there: as root on Debian and what descends from it, installs it.
pub(super) fn ensure_installed() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    ensure!(
        debian::can_install(),
        "the load generator `{PROGRAM}` is not on the PATH. Any of these installs it:\n  \
         - Debian, Ubuntu: apt-get install {PROGRAM} (as root; then `cargo xtask bench` does it itself)\n  \
         - Fedora: dnf install {PROGRAM}; Alpine: apk add {PROGRAM}; Arch: pacman -S {PROGRAM}\n  \
         - from source: https://github.com/wg/wrk"
    );
    debian::install(PROGRAM)?;
    ensure!(is_installed(), "apt-get reported success, and `{PROGRAM}` is not on the PATH still");
    Ok(())
}

fn is_installed() -> bool {
    let mut probe = Command::new(PROGRAM);
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok() // its status is 1 even so
}

/// What it saw in one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Report {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    /// The latency, in µs, that half of the requests did not exceed.
    pub(super) p50: f64,
    /// The latency, in µs, that one request in a hundred exceeded.
    pub(super) p99: f64,
}

impl Report {
    pub(super) fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// A run that has begun; dropping it ends it.
#[derive(Debug)]
pub(super) struct Run(Child);

impl Run {
    /// Begins to send requests from one core.
    pub(super) fn start(address: SocketAddr, traffic: &Traffic, core: u32) -> Result<Self> {
        let mut command = usage::on_core(core, PROGRAM);
        command
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", LONGEST, "--latency"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let url = format!("http://{address}/");
        match &traffic.tokens {
            Some(tokens) => command.arg("--script").arg(script()).arg(url).arg("--").arg(tokens),
            None => command.args(headers(traffic)).arg(url),
        };
        let line = shown(&command);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn();
        Ok(Self(child.with_context(|| format!("cannot run `{line}`"))?))
    }

    /// Ends it, which takes up to a tenth of a second, and says what it saw.
    pub(super) async fn finish(self) -> Result<Report> {
        if let Some(id) = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            // An error means that it has ended by itself; it says why.
            let _ = kill_process(id, Signal::INT);
        }
        let output = self.0.wait_with_output().await.context("cannot wait for wrk")?;
        let Output { stdout, stderr, .. } = output;
        let (said, complaint) =
            (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        parse(&said).with_context(|| format!("wrk said: {said}{complaint}"))
    }
}

/// Sends requests for a while.
pub(super) async fn run(
    address: SocketAddr,
    traffic: &Traffic,
    core: u32,
    duration: Duration,
) -> Result<Report> {
    let run = Run::start(address, traffic, core)?;
    sleep(duration).await;
    run.finish().await
}

fn headers(traffic: &Traffic) -> impl Iterator<Item = String> {
    let headers = traffic.headers.iter();
    headers.flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")])
}

/// Makes it send tokens in turn.
fn script() -> PathBuf {
    workspace_root().join("xtask/src/commands/bench/new-tokens.lua")
}

/// Reads what it prints at its end. Requests that failed make the whole run worthless: they cost
/// something else.
fn parse(said: &str) -> Result<Report> {
    for trouble in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        if let Some(line) = said.lines().find(|line| line.trim_start().starts_with(trouble)) {
            bail!("not all requests were answered well: {}", line.trim());
        }
    }
    let (requests, seconds) =
        said.lines().find_map(totals).context("it gives no number of requests")?;
    ensure!(requests > 0, "no request was answered");
    let latency = |share| {
        let value = said.lines().find_map(|line| line.trim().strip_prefix(share));
        value.and_then(microseconds).with_context(|| format!("it gives no latency for {share}"))
    };
    Ok(Report { requests, seconds, p50: latency("50%")?, p99: latency("99%")? })
}

/// Reads `20127 requests in 1.01s, 2.42MB read`.
fn totals(line: &str) -> Option<(u64, f64)> {
    let (requests, rest) = line.trim().split_once(" requests in ")?;
    let (time, _) = rest.split_once(',')?;
    Some((requests.parse().ok()?, microseconds(time)? / 1e6))
}

/// Reads a time with its unit: `12.00us`, `1.26ms`, `1.01s`, `1.50m`.
fn microseconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] =
        [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3600e6)];
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, factor)))?;
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Running 1m test @ http://127.0.0.1:10000/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   263.21us   81.47us   2.48ms   88.80%
    Req/Sec    30.33k     1.63k   31.53k    90.91%
  Latency Distribution
     50%  252.00us
     75%  277.00us
     90%  301.00us
     99%    1.26ms
  33171 requests in 1.10s, 4.02MB read
Requests/sec:  30170.05
Transfer/sec:      3.65MB
";

    #[test]
    fn a_good_report_is_read() {
        let report = Report { requests: 33171, seconds: 1.1, p50: 252.0, p99: 1260.0 };
        assert_eq!(parse(GOOD).unwrap(), report);
    }

    #[test]
    fn a_run_with_errors_is_refused_and_says_which() {
        for trouble in [
            "  Non-2xx or 3xx responses: 12",
            "  Socket errors: connect 0, read 3, write 0, timeout 0",
        ] {
            let error = parse(&format!("{GOOD}{trouble}\n")).unwrap_err().to_string();
            assert!(error.contains(trouble.trim()), "{error}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for said in ["", "unable to connect to 127.0.0.1:1 Connection refused\n"] {
            assert!(parse(said).is_err(), "{said}");
        }
        assert!(parse(&GOOD.replace("33171", "0")).is_err());
    }

    #[test]
    fn every_unit_of_time_is_read() {
        let times = [("5.00us", 5.0), ("1.50ms", 1500.0), ("2.00s", 2e6), ("1.00m", 60e6)];
        for (text, expected) in times {
            assert_eq!(microseconds(text), Some(expected), "{text}");
        }
        assert_eq!(microseconds("5.00"), None);
        assert_eq!(microseconds("fast"), None);
    }
}
