//! Consort: a hub for Direct Consortial Borrowing. See ARCHITECTURE.md for its parts.
//!
//! The whole program is this library, so that the benchmarks can start the hub without building it: they contain it.

mod api;
mod commands;
mod config;
mod failure;
mod logging;
mod output;
mod private;
mod toml_fault;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::commands::Command;

/// How long work that can't be broken off has at the end.
const LONGEST_END: Duration = Duration::from_millis(500);

/// A hub for Direct Consortial Borrowing between libraries.
#[derive(Parser, Debug)]
#[command(name = "consort", version, about, max_term_width = 100)]
struct Cli {
    /// What is logged, as for RUST_LOG: `info`, `debug`, or `engine=debug,alma=trace`.
    #[arg(long, global = true, env = "CONSORT_LOG")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// Runs the program. The first argument is its name, as in [`std::env::args_os`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    // The TLS provider is chosen once for the process; a second choice would be refused, which is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&failure::Failure::new(format!("The program can't start: {error}."))),
    };
    let traces = match logging::start(cli.log.as_deref(), cli.command.default_log()) {
        Ok(traces) => traces,
        Err(failure) => return failure::report(&failure),
    };
    let done = runtime.block_on(cli.command.run());
    // A name that is being looked up, for instance, is not waited for.
    runtime.shutdown_timeout(LONGEST_END);
    traces.end();
    match done.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure),
    }
}
