//! `cargo xtask demo`: the four filters in stock Envoy, at work on real requests.

mod stage;
mod tour;

use std::process::ExitCode;

use anyhow::Result;
use tollgate_e2e::envoy::binary;
use tollgate_e2e::tokens::rsa_key;

use crate::commands::build;
use crate::interrupt::{self, unless_interrupted};
use crate::{ports, ui};
use stage::Stage;
use tour::Tour;

/// What `cargo xtask demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// End after the tour, with a status that says whether every step did what it should
    #[arg(long)]
    once: bool,
    /// The port for requests [default: 10000, or a free one when that is taken]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Builds the filters and shows them.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(port) = arguments.port {
        ports::ensure_free(port)?; // before the build, which takes a while
    }
    // Before the build too.
    let found = {
        let _busy = ui::busy("Looking for Envoy, or fetching it once (37 MB)");
        binary::locate()?
    };
    println!("{found}");
    build::filters()?;
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(show(arguments))
}

async fn show(arguments: &Arguments) -> Result<ExitCode> {
    let Some(stage) = unless_interrupted(Stage::set(arguments.port)).await? else {
        return Ok(ExitCode::from(interrupt::STATUS));
    };
    let stage = stage?;
    let Some(tour) = unless_interrupted(Tour::of(&stage)).await? else {
        return Ok(ExitCode::from(interrupt::STATUS));
    };
    tour.print_summary();
    if !arguments.once {
        invite(&stage)?;
        unless_interrupted(std::future::pending::<()>()).await?;
        println!("\nEnding Envoy and the services.");
    }
    Ok(if tour.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what to try.
fn invite(stage: &Stage) -> Result<()> {
    let token = stage::write("token", &rsa_key().sign(&stage::claims("you")))?;
    let host = stage.host();
    let ledger = stage.ledger.address();
    let admin = stage.envoy.admin();
    println!("\n{}", ui::title("It stays up. Try for yourself:"));
    let suggestions = [
        ("the token of this demo, good for an hour", format!("TOKEN=$(cat '{}')", token.display())),
        ("who am I?", format!("curl -i -H \"authorization: Bearer $TOKEN\" {host}/account")),
        ("the new version", format!("curl -i -b featureflag=on {host}/vote")),
        (
            "a slow service",
            format!("curl -i -H 'x-envoy-fault-delay-request: 2000' {host}/headers"),
        ),
        ("a ledger in trouble", format!("curl -X POST {ledger}/control/fail")),
        ("four times, please", format!("curl -i {host}/ledger")),
        ("and healed", format!("curl -X POST {ledger}/control/heal")),
        ("what the filters count", format!("curl -s '{admin}/stats?usedonly&filter=tollgate'")),
    ];
    for (what, command) in suggestions {
        println!("  {}\n    {}", ui::faint(what), ui::typed(command));
    }
    println!(
        "\nEnvoy runs with {}. {} ends all of it.",
        stage.config.display(),
        ui::title("Ctrl-C")
    );
    Ok(())
}
