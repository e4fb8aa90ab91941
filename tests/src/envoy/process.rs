//! A running Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::config::ACCESS_LOG_MARK;
use super::{Binary, Stats, binary};
use crate::client;

/// How long Envoy may take to be ready, or to refuse its configuration: compiling a module in every
/// worker takes its time on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long Envoy may take to end when asked politely.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often its state is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// How many of the last lines of its log an error shows.
const LOG_TAIL: usize = 25;

/// An Envoy that answers. Dropping it kills it, and shows the end of its log when a test panics.
#[derive(Debug)]
pub struct Process {
    running: Running,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
}

impl Process {
    /// Starts Envoy with a bootstrap configuration and so many worker threads, and waits until it
    /// is ready. The admin interface and all listeners should ask for port 0.
    ///
    /// # Errors
    ///
    /// When there is no Envoy, or when it ends or is not ready in time; shows the end of its log.
    pub async fn start(config: &Value, workers: u32) -> Result<Self> {
        Self::start_binary(locate_once().await?, config, workers).await
    }

    /// As [`start`](Self::start), with a certain Envoy.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn start_binary(binary: &Binary, config: &Value, workers: u32) -> Result<Self> {
        Self::ready(Running::spawn(binary, Config::Json(config), workers)?).await
    }

    /// As [`start`](Self::start), with a configuration file (YAML or JSON).
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn start_file(config: &Path, workers: u32) -> Result<Self> {
        Self::ready(Running::spawn(locate_once().await?, Config::File(config), workers)?).await
    }

    /// Starts Envoy with a configuration that it should refuse, and returns what it logged.
    ///
    /// # Errors
    ///
    /// When it accepts the configuration.
    pub async fn start_expecting_refusal(config: &Value) -> Result<String> {
        let mut running = Running::spawn(locate_once().await?, Config::Json(config), 1)?;
        match running.until_ready().await {
            Ok(_) => bail!("Envoy accepted the configuration. {}", running.log_tail()),
            Err(NotReady::Exited(status)) if !status.success() => running.logs(),
            Err(other) => Err(other.explain(&running)),
        }
    }

    async fn ready(mut running: Running) -> Result<Self> {
        match running.until_ready().await {
            Ok(admin) => {
                let listeners = listeners(admin).await?;
                Ok(Self { running, admin, listeners })
            }
            Err(error) => Err(error.explain(&running)),
        }
    }

    /// Where the listener of that name accepts connections.
    ///
    /// # Errors
    ///
    /// When there is no such listener.
    pub fn address(&self, listener: &str) -> Result<SocketAddr> {
        self.listeners.get(listener).copied().with_context(|| {
            let names: Vec<_> = self.listeners.keys().collect();
            format!("no listener {listener}, only {names:?}")
        })
    }

    /// Where the admin interface listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.child.id()
    }

    /// All counters and gauges.
    ///
    /// # Errors
    ///
    /// When the admin interface does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        self.fetch_stats("/stats?format=json").await
    }

    /// The value of the counter of that full name.
    ///
    /// # Errors
    ///
    /// When there is no such counter, or the admin interface does not answer.
    pub async fn counter(&self, name: &str) -> Result<u64> {
        self.fetch_stats("/stats?format=json&type=Counters").await?.get(name)
    }

    /// The value of the gauge of that full name.
    ///
    /// # Errors
    ///
    /// When there is no such gauge, or the admin interface does not answer.
    pub async fn gauge(&self, name: &str) -> Result<u64> {
        self.fetch_stats("/stats?format=json&type=Gauges").await?.get(name)
    }

    async fn fetch_stats(&self, path: &str) -> Result<Stats> {
        let answer = client::get(self.admin, path).send().await?;
        ensure!(answer.status == 200, "the admin interface answered {}", answer.status);
        Stats::from_json(&answer.json()?)
    }

    /// Everything it has logged so far, access log included.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn logs(&self) -> Result<String> {
        self.running.logs()
    }

    /// The access log of the listeners that [`Listener`](super::Listener) built: one object a
    /// request that has ended, with `method`, `path`, `status`, `details` (response code details),
    /// `flags` and `upstream`. Envoy writes it a moment after the answer:
    /// [`wait::until`](crate::wait::until) it is there.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn access_log(&self) -> Result<Vec<Value>> {
        let logs = self.logs()?;
        let entry = |line: &str| serde_json::from_str::<Value>(line).ok();
        Ok(logs.lines().filter(|line| line.contains(ACCESS_LOG_MARK)).filter_map(entry).collect())
    }

    /// Whether the process still runs: a crash of Envoy is not a closed connection.
    pub fn is_running(&mut self) -> bool {
        matches!(self.running.child.try_wait(), Ok(None))
    }

    /// Asks Envoy to end, waits until it has, and returns how it did.
    ///
    /// # Errors
    ///
    /// When it does not end within five seconds; it is killed then.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        client::post(self.admin, "/quitquitquit").send().await?;
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.running.child.try_wait()? {
                return Ok(status);
            }
            sleep(INTERVAL).await;
        }
        bail!("Envoy did not end within {STOP_LIMIT:?} and was killed")
    }
}

/// The real addresses of all listeners.
async fn listeners(admin: SocketAddr) -> Result<BTreeMap<String, SocketAddr>> {
    let answer = client::get(admin, "/listeners?format=json").send().await?.json()?;
    let listeners = answer["listener_statuses"].as_array().into_iter().flatten();
    listeners
        .map(|listener| {
            let name = listener["name"].as_str().context("a listener without a name")?;
            let address = &listener["local_address"]["socket_address"];
            let ip = address["address"].as_str().context("a listener without an address")?;
            let port = address["port_value"].as_u64().context("a listener without a port")?;
            Ok((name.to_owned(), SocketAddr::new(ip.parse()?, u16::try_from(port)?)))
        })
        .collect()
}

enum Config<'a> {
    Json(&'a Value),
    File(&'a Path),
}

/// The process itself and the folder with its configuration, log and admin address.
#[derive(Debug)]
struct Running {
    child: Child,
    folder: TempDir,
}

enum NotReady {
    Exited(ExitStatus),
    TimedOut,
    Failed(anyhow::Error),
}

impl Running {
    fn spawn(envoy: &Binary, config: Config<'_>, workers: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tollgate-envoy-").tempdir()?;
        let written = folder.path().join("bootstrap.json");
        let config = match config {
            Config::File(path) => path,
            Config::Json(config) => {
                fs::write(&written, config.to_string())?;
                &written
            }
        };
        let log = File::create(folder.path().join("log"))?;
        // It stays in our process group, so that Ctrl-C at a terminal ends it together with us.
        let child = Command::new(&envoy.path)
            .arg("--config-path")
            .arg(config)
            .args(["--concurrency", &workers.to_string()])
            .arg("--disable-hot-restart")
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .args(["--file-flush-interval-msec", "20"])
            .args(["--log-level", "warning", "--component-log-level", "wasm:info"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", envoy.path.display()))?;
        Ok(Self { child, folder })
    }

    /// Waits until the admin interface says so, and returns its address.
    async fn until_ready(&mut self) -> Result<SocketAddr, NotReady> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Err(NotReady::Exited(status)),
                Ok(None) => {}
                Err(error) => return Err(NotReady::Failed(error.into())),
            }
            if let Some(admin) = self.admin_address() {
                let ready = client::get(admin, "/ready").send().await;
                if ready.is_ok_and(|answer| answer.status == 200) {
                    return Ok(admin);
                }
            }
            sleep(INTERVAL).await;
        }
        Err(NotReady::TimedOut)
    }

    /// Envoy writes it once the admin interface listens.
    fn admin_address(&self) -> Option<SocketAddr> {
        fs::read_to_string(self.folder.path().join("admin")).ok()?.trim().parse().ok()
    }

    fn logs(&self) -> Result<String> {
        let log = fs::read(self.folder.path().join("log")).context("cannot read Envoy's log")?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    fn log_tail(&self) -> String {
        let logs = self.logs().unwrap_or_default();
        let lines: Vec<_> = logs.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL)..];
        format!("The end of its log:\n{}", tail.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Envoy was running. {}", self.log_tail());
        }
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl NotReady {
    fn explain(self, running: &Running) -> anyhow::Error {
        let what = match self {
            Self::Exited(status) => format!("Envoy ended by itself ({status})"),
            Self::TimedOut => format!("Envoy was not ready within {START_LIMIT:?}"),
            Self::Failed(error) => format!("Envoy cannot be watched: {error:#}"),
        };
        anyhow!("{what}. {}", running.log_tail())
    }
}

/// Locates Envoy the first time, and remembers where it is.
async fn locate_once() -> Result<&'static Binary> {
    static FOUND: OnceLock<Binary> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found);
    }
    let found = tokio::task::spawn_blocking(binary::locate).await??;
    Ok(FOUND.get_or_init(|| found))
}
