//! `cargo xtask run`: one filter in stock Envoy, in front of the demo's httpbin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpListener;
use tollgate_e2e::envoy::{Process, binary};
use tollgate_e2e::{client, target_dir};
use tollgate_services::httpbin::{self, Httpbin};

use crate::commands::build;
use crate::interrupt::unless_interrupted;
use crate::{folder, ports, template, ui};

/// Where the filter is found when nothing else is there.
const PORT: u16 = 10000;
/// Envoy's usual port for its admin interface.
const ADMIN_PORT: u16 = 9901;

/// What `cargo xtask run` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A filter or example by its name, or the folder of a crate; it has an envoy.yaml
    filter: String,
    /// Send one request, show the answer, and end
    #[arg(long)]
    once: bool,
    /// The port for requests [default: 10000, or a free one when that is taken]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Envoy and the service behind it. Dropping it ends both.
struct Stage {
    envoy: Process,
    config: PathBuf,
    host: String,
    _httpbin: Httpbin,
}

/// Builds the filter, and runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = folder::find(&arguments.filter)?;
    let template = folder.join("envoy.yaml");
    ensure!(
        template.is_file(),
        "{} is not there: it says how Envoy runs the filter. That of examples/filters/greeter may be \
         copied",
        template.display()
    );
    let found = {
        let _busy = ui::busy("Looking for Envoy, or fetching it once (37 MB)");
        binary::locate()?
    };
    println!("{found}");
    let module = build::one(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let show = async {
            let stage = Stage::set(&template, &module, arguments.port).await?;
            stage.show_a_request().await?;
            if !arguments.once {
                stage.invite();
                std::future::pending::<()>().await;
            }
            Ok(ExitCode::SUCCESS)
        };
        match unless_interrupted(show).await? {
            Some(outcome) => outcome,
            None => {
                println!("\nEnding Envoy and the service.");
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

impl Stage {
    async fn set(template: &Path, module: &Path, port: Option<u16>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
        let httpbin = httpbin::serve(listener).await?;
        let port = ports::choose(port, PORT)?;
        let values = [
            ("PORT", port.to_string()),
            ("ADMIN_PORT", ports::choose(None, ADMIN_PORT)?.to_string()),
            ("HTTPBIN_PORT", httpbin.address().port().to_string()),
            ("MODULE", module.display().to_string()),
        ];
        let text = fs::read_to_string(template)?;
        let text = template::render(&text, &values)
            .with_context(|| format!("in {}", template.display()))?;
        let config = write(module, &text)?;
        let envoy = {
            let _busy = ui::busy("Starting it with the filter");
            Process::start_file(&config, 1).await?
        };
        Ok(Self { envoy, config, host: format!("localhost:{port}"), _httpbin: httpbin })
    }

    async fn show_a_request(&self) -> Result<()> {
        println!("\n$ {}", ui::typed(format!("curl -i {}/headers", self.host)));
        let answer = client::get(self.envoy.address("ingress")?, "/headers").send().await?;
        println!("{}", answer.status);
        for (name, value) in &answer.headers {
            println!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
        let pretty = answer.json().and_then(|json| Ok(serde_json::to_string_pretty(&json)?));
        println!("\n{}", pretty.unwrap_or_else(|_| answer.text()));
        Ok(())
    }

    fn invite(&self) {
        let admin = self.envoy.admin();
        println!(
            "\nIt stays up: what the filter counts is at {}.\nEnvoy runs with {}. {} ends it.",
            ui::typed(format!("curl -s '{admin}/stats?usedonly&filter=tollgate'")),
            self.config.display(),
            ui::title("Ctrl-C")
        );
    }
}

/// Writes the configuration with its values to `target/run/`.
fn write(module: &Path, text: &str) -> Result<PathBuf> {
    let name = module.file_stem().unwrap_or_default();
    let config = target_dir().join("run").join(name).with_extension("yaml");
    fs::create_dir_all(config.parent().unwrap_or(Path::new(".")))
        .and_then(|()| fs::write(&config, text))
        .with_context(|| format!("cannot write {}", config.display()))?;
    Ok(config)
}
