//! Consort: a hub for Direct Consortial Borrowing. ARCHITECTURE.md describes the project's structure.
//!
//! The library contains the whole program. So the benchmarks contain the hub, and start it without a build.

mod api;
mod commands;
mod config;
mod config_keys;
mod failure;
mod logging;
mod output;
mod private;
mod progress;
mod secret_input;
mod table;
mod titles;
mod toml_fault;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::Command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time that work which can't be cancelled has at the end.
const LONGEST_END: Duration = Duration::from_millis(500);

/// The exit codes, for the end of the help.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused, or a check found a fault; 2 a fault of the command line, the \
                          configuration or a file; 3 the hub or its database can't be reached or refuses the key; 4 there \
                          is no such request or institution; 5 a check could not read everything.";

/// A hub for Direct Consortial Borrowing between libraries.
#[derive(Parser, Debug)]
#[command(name = "consort", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// Log filter, as for RUST_LOG: `info`, `debug`, or `engine=debug,alma=trace`.
    #[arg(long, global = true, env = "CONSORT_LOG")]
    log: Option<String>,
    /// Print the result as JSON, and a failure as JSON on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Runs the program. The first argument is its name, as in [`std::env::args_os`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = Cli::command().get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    output::set_json(cli.json);
    if names_key(&matches) {
        output::warn(
            "--key shows the API key to other users of this machine and in the shell's history; set CONSORT_API_KEY instead.",
        );
    }
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
    let done = runtime.block_on(async {
        cli.command.check_output(cli.json)?;
        cli.command.run().await
    });
    // The program doesn't wait longer, for example for a lookup of a host name.
    runtime.shutdown_timeout(LONGEST_END);
    traces.end();
    match done.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure),
    }
}

/// Returns whether the command line itself, and not the environment, contains the key of the hub's API.
fn names_key(matches: &ArgMatches) -> bool {
    let here =
        matches.ids().any(|id| id.as_str() == "key") && matches.value_source("key") == Some(ValueSource::CommandLine);
    here || matches.subcommand().is_some_and(|(_, matches)| names_key(matches))
}
