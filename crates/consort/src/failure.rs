//! How the program says that it can't do something: one paragraph, with what to do; exit code not 0.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// Why a command failed, in one paragraph for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
}

/// What a command ends in.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// What happened.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: 1 }
    }

    /// What the person can do about it.
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

/// Prints the failure and gives the exit code for it.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    // Where nobody reads it, the exit code shows.
    let _ = writeln!(std::io::stderr().lock(), "error: {failure}");
    ExitCode::from(failure.code)
}
