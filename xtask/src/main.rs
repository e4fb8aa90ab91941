//! `cargo xtask`: builds the filters, shows them at work, tests them.

mod cargo;
mod commands;
mod debian;
mod folder;
mod interrupt;
mod node;
mod optimize;
mod ports;
mod prune;
mod template;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{bench, build, demo, fuzz, matrix, new, run, schema, soak, test};

/// Builds the Tollgate filters, shows them at work in Envoy, and tests them.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures what filters cost in stock Envoy
    Bench(bench::Arguments),
    /// Builds the filters and writes them to dist/*.wasm
    Build(build::Arguments),
    /// Looks for inputs that break the parsers and cores, with libFuzzer
    Fuzz(fuzz::Arguments),
    /// Observes how each version of Envoy runs modules, and says what differs
    Matrix(matrix::Arguments),
    /// Makes a filter of your own: a crate that builds, tests and runs at once
    New(new::Arguments),
    /// Builds one filter, and starts Envoy with it in front of a service that shows what it receives
    Run(run::Arguments),
    /// Prunes one module that was built elsewhere
    Prune(commands::prune::Arguments),
    /// Builds, starts Envoy with the four filters, and shows what each does to real requests
    Demo(demo::Arguments),
    /// Writes each filter's schema.json and the reference in its README, from its Rust types
    Schema(schema::Arguments),
    /// Sends `jwt-auth` a million tokens, and rotates keys under full load for minutes
    Soak(soak::Arguments),
    /// Checks the code, runs all tests, and counts them
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Build(arguments) => build::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Matrix(arguments) => matrix::run(&arguments),
        Command::New(arguments) => new::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Run(arguments) => run::run(&arguments),
        Command::Prune(arguments) => commands::prune::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{} {error:#}", ui::bad("error:"));
        ExitCode::FAILURE
    })
}
