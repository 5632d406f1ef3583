//! Logs to standard error: text for people at a terminal, JSON for collectors (CONSORT_LOG_FORMAT=json).

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts logging with what was asked for, or else `default`.
pub(crate) fn start(asked: Option<&str>, default: &str) {
    let filter =
        asked.and_then(|directives| EnvFilter::try_new(directives).ok()).unwrap_or_else(|| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let json = std::env::var("CONSORT_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    if json {
        builder.json().init();
    } else {
        builder.with_target(false).with_ansi(io::stderr().is_terminal()).init();
    }
}
