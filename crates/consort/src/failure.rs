//! Failures of commands: one paragraph with the reason and the solution, and an exit code that isn't 0.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;

use crate::output;

/// The exit codes of commands that fail. docs/command-line.md describes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// The hub refused, or a check found a fault.
    Failed = 1,
    /// The command line, the configuration or a file has a fault. Nothing was sent. The command line's parser uses this
    /// code too.
    Usage = 2,
    /// The hub or its database can't be reached, or refuses the key.
    Unavailable = 3,
    /// The named request, institution or other object doesn't exist.
    NotFound = 4,
    /// A check found no fault, and could not read everything.
    Unknown = 5,
}

/// The reason why a command failed, in one paragraph for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    exit: Exit,
}

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Creates a failure with a description of the event.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, exit: Exit::Failed }
    }

    /// Creates a failure for a fault of the command line, the configuration or a file.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(what).exit(Exit::Usage)
    }

    /// Adds advice on what the person can do about it.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns whether the hub or another service was not there.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.exit, Exit::Unavailable)
    }

    /// Sets the exit code.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, " {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Prints the failure to standard error, as JSON if the output is JSON, and returns its exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    let text = if output::is_json() {
        let error = json!({"error": failure.what, "advice": failure.advice, "exit_code": failure.exit as u8});
        error.to_string()
    } else {
        format!("error: {failure}")
    };
    // If nobody reads the message, the exit code still shows the failure.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
    ExitCode::from(failure.exit as u8)
}
