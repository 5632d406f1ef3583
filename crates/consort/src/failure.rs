//! Failures of commands: one paragraph with the reason and the solution; an exit code that isn't 0.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// The reason why a command failed, in one paragraph for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
}

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Creates a failure with a description of the event.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: 1 }
    }

    /// Adds advice on what the person can do about it.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
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

/// Prints the failure and returns its exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    // If nobody reads the message, the exit code still shows the failure.
    let _ = writeln!(std::io::stderr().lock(), "error: {failure}");
    ExitCode::from(failure.code)
}
