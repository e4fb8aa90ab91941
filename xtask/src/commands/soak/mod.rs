//! `cargo xtask soak`: whether `jwt-auth` stays right, and within its memory, under full load for long.
//!
//! Two runs against stock Envoy with two workers:
//!
//! - **distinct**: so many requests, each with a token that was never seen before. What is printed is how
//!   much memory the module's VMs have got, after each tenth: it must stop growing once the cache of
//!   verified tokens is full.
//! - **rotation**: for so many minutes, as many requests as the machine can send, while the issuer
//!   changes its signing key every few seconds, as issuers do: the next key is published before it
//!   signs, the last one stays for as long again. Each request knows what the answer must be; the tokens
//!   are good, bad in many ways, and of keys that are no longer published. No answer may be wrong.

mod issuer;
mod load;
mod memory;
mod traffic;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter, binary};
use tollgate_e2e::tokens::{SigningKey, jwks};

use crate::commands::build;
use crate::interrupt::{self, unless_interrupted};
use crate::{folder, ui};
use issuer::Issuer;
use traffic::{AUDIENCE, Distinct, ISSUER, Rotation};

/// The workers of Envoy.
const WORKERS: u32 = 2;
const LISTENER: &str = "soak";
/// How long the filter believes that a key set is as it was.
const CACHE_DURATION: &str = "1s";
/// How often a line is printed.
const DISTINCT_INTERVAL: Duration = Duration::from_secs(15);
const ROTATION_INTERVAL: Duration = Duration::from_secs(30);

/// What `cargo xtask soak` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long the issuer's keys rotate; 0 leaves that out
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many tokens are sent of which none was seen before; 0 leaves that out
    #[arg(long, default_value_t = 1_000_000)]
    distinct: u64,
    /// Seconds between two rotations
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(4..))]
    rotate: u64,
}

/// Runs both, and fails if an answer was wrong or memory did not stay within bounds.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    {
        let _busy = ui::busy("Looking for Envoy, or fetching it once (37 MB)");
        println!("{}", binary::locate()?);
    }
    build::one(&folder::find("jwt-auth")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match runtime.block_on(unless_interrupted(soak(arguments)))? {
        None => Ok(ExitCode::from(interrupt::STATUS)),
        Some(is_good) => Ok(if is_good? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

async fn soak(arguments: &Arguments) -> Result<bool> {
    let mut is_good = true;
    if arguments.distinct > 0 {
        is_good &= distinct(arguments.distinct).await?;
    }
    if arguments.minutes > 0 {
        is_good &= rotation(arguments).await?;
    }
    Ok(is_good)
}

async fn distinct(count: u64) -> Result<bool> {
    println!("\n{}", ui::title(format!("{count} requests, each with a token of its own")));
    // HS256, since any other signature takes longer to make than Envoy takes for the whole request.
    let key = SigningKey::hs256("secret");
    let keys = json!({
        "local_jwks": { "inline_string": jwks(&[&key]).to_string() },
        "algorithms": [key.algorithm()],
    });
    let envoy = start(keys, Bootstrap::new()).await?;
    load::run(&envoy, Arc::new(Distinct::new(key, count)), DISTINCT_INTERVAL).await
}

async fn rotation(arguments: &Arguments) -> Result<bool> {
    let Arguments { minutes, rotate, .. } = *arguments;
    println!("\n{}", ui::title(format!("{minutes} minutes, a new signing key every {rotate} s")));
    let issuer = Issuer::start(Duration::from_secs(rotate)).await?;
    let keys = json!({
        "remote_jwks": {
            "http_uri": { "uri": "http://issuer.example/keys", "cluster": "issuer", "timeout": "2s" },
            "cache_duration": CACHE_DURATION,
            "async_fetch": {},
        },
        "unknown_kid_refetch": { "min_interval": "1s" },
    });
    let bootstrap = Bootstrap::new().cluster(Cluster::new("issuer", issuer.address()));
    let envoy = start(keys, bootstrap).await?;
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    let is_good = load::run(&envoy, Arc::new(Rotation::new(issuer.keys(), end)), ROTATION_INTERVAL);
    let is_good = is_good.await?;
    println!(
        "the issuer had {} keys, and was asked {} times",
        issuer.generations(),
        issuer.asked()
    );
    Ok(is_good)
}

/// Envoy, with a provider that has these keys; whoever it lets pass is answered with 200.
async fn start(keys: Value, bootstrap: Bootstrap) -> Result<Process> {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "jwt_cache_config": { "jwt_cache_size": 10_000 },
    });
    if let (Some(provider), Value::Object(keys)) = (provider.as_object_mut(), keys) {
        provider.extend(keys);
    }
    let configuration = json!({
        "providers": { "main": provider },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
    });
    // An access log of a million lines would be what takes the memory.
    let listener = Listener::new(LISTENER)
        .with(json!({ "access_log": [] }))
        .filter(WasmFilter::new("jwt-auth", configuration)?)
        .route(Route::prefix("/").direct_response(200, "passed"));
    Process::start(&bootstrap.listener(listener).build(), WORKERS).await
}
