//! The services, and Envoy with the four filters in front of them.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate_e2e::envoy::Process;
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::tokens::{self, ec_key, rsa_key};
use tollgate_e2e::{target_dir, workspace_root};
use tollgate_services::httpbin::{self, Httpbin};
use tollgate_services::ledger::{self, Ledger};
use tollgate_services::voting::{self, Voting};

use crate::{ports, template, ui};

/// Where the demo is found when nothing else is there.
const TRAFFIC_PORT: u16 = 10000;
/// Envoy's usual port for its admin interface.
const ADMIN_PORT: u16 = 9901;
/// So that everything shown holds over several workers.
const WORKERS: u32 = 2;
/// The issuer that the demo's provider trusts.
const ISSUER: &str = "https://issuer.tollgate.example";
/// Seconds for which the demo's tokens are good.
const TOKEN_LIFETIME: u64 = 3600;

/// Everything that runs. Dropping it ends all of it.
pub(super) struct Stage {
    pub(super) envoy: Process,
    /// The configuration that Envoy runs with.
    pub(super) config: PathBuf,
    pub(super) traffic: SocketAddr,
    pub(super) voting_v1: Voting,
    pub(super) voting_v2: Voting,
    pub(super) httpbin: Httpbin,
    pub(super) ledger: Ledger,
}

impl Stage {
    /// Starts the services and Envoy.
    pub(super) async fn set(port: Option<u16>) -> Result<Self> {
        let traffic_port = ports::choose(port, TRAFFIC_PORT)?;
        let admin_port = ports::choose(None, ADMIN_PORT)?;
        say_if_moved("traffic", TRAFFIC_PORT, traffic_port, port);
        say_if_moved("Envoy's admin interface", ADMIN_PORT, admin_port, None);

        let voting_v1 = voting::serve(listener().await?, "v1").await?;
        let voting_v2 = voting::serve(listener().await?, "v2").await?;
        let httpbin = httpbin::serve(listener().await?).await?;
        let ledger = ledger::serve(listener().await?).await?;

        let mut values = vec![
            ("TRAFFIC_PORT", traffic_port.to_string()),
            ("ADMIN_PORT", admin_port.to_string()),
            ("VOTING_V1_PORT", voting_v1.address().port().to_string()),
            ("VOTING_V2_PORT", voting_v2.address().port().to_string()),
            ("HTTPBIN_PORT", httpbin.address().port().to_string()),
            ("LEDGER_PORT", ledger.address().port().to_string()),
            ("ISSUER", ISSUER.to_owned()),
            ("JWKS", in_json_string(&tokens::jwks(&[rsa_key(), ec_key()]).to_string())),
        ];
        let placeholders =
            ["JWT_AUTH_MODULE", "CANARY_MODULE", "FAULT_MODULE", "CIRCUIT_BREAKER_MODULE"];
        for (placeholder, filter) in placeholders.into_iter().zip(&FILTERS) {
            values.push((placeholder, filter.module().display().to_string()));
        }
        let config = write_config(&values)?;
        let envoy = {
            let _busy = ui::busy("Starting it with the four filters");
            Process::start_file(&config, WORKERS).await?
        };
        let traffic = envoy.address("ingress")?;
        Ok(Self { envoy, config, traffic, voting_v1, voting_v2, httpbin, ledger })
    }

    /// The host and port that a user types.
    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.traffic.port())
    }
}

/// The claims of a token that the demo accepts, for `subject`.
pub(super) fn claims(subject: &str) -> Value {
    let now = tokens::now();
    json!({
        "iss": ISSUER,
        "aud": "tollgate-demo",
        "sub": subject,
        "iat": now,
        "exp": now + TOKEN_LIFETIME,
    })
}

/// Writes something to `target/demo/`.
pub(super) fn write(name: &str, content: &str) -> Result<PathBuf> {
    let path = target_dir().join("demo").join(name);
    let folder = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, content))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Text as it stands between the quotes of a JSON string.
fn in_json_string(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn write_config(values: &[(&str, String)]) -> Result<PathBuf> {
    let source = workspace_root().join("envoy-configs").join("demo.yaml");
    let template =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let rendered =
        template::render(&template, values).with_context(|| format!("in {}", source.display()))?;
    write("envoy.yaml", &rendered)
}

async fn listener() -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")
}

fn say_if_moved(what: &str, usual: u16, chosen: u16, asked: Option<u16>) {
    if asked.is_none() && chosen != usual {
        println!("Port {usual} is taken: {what} is on port {chosen} instead.");
    }
}
