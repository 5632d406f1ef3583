//! Consort: a hub for Direct Consortial Borrowing. ARCHITECTURE.md describes the project's structure.
//!
//! The library contains the whole program. So the benchmarks contain the hub, and start it without a build.

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

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time that work which can't be cancelled has at the end.
const LONGEST_END: Duration = Duration::from_millis(500);

/// A hub for Direct Consortial Borrowing between libraries.
#[derive(Parser, Debug)]
#[command(name = "consort", version, about, max_term_width = 100)]
struct Cli {
    /// Log filter, as for RUST_LOG: `info`, `debug`, or `engine=debug,alma=trace`.
    #[arg(long, global = true, env = "CONSORT_LOG")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// Runs the program. The first argument is its name, as in [`std::env::args_os`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    // The TLS provider is set once for the process. A second attempt fails, which is no fault.
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
    // The program doesn't wait longer, for example for a lookup of a host name.
    runtime.shutdown_timeout(LONGEST_END);
    traces.end();
    match done.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure),
    }
}
