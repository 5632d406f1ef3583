//! The peer: sickle, pymarc and Python's SQLite.

use std::path::PathBuf;
use std::process::Command;

use super::figures::Figures;
use crate::verdict::peer;

const SCRIPT: &str = include_str!("peer.py");
const PACKAGES: [&str; 4] = ["Sickle==0.7.0", "pymarc==5.4.0", "lxml==6.1.3", "requests==2.34.2"];

/// A Python with the packages.
pub(super) struct Python {
    program: PathBuf,
}

/// Makes the environment next to this program, or finds the one of an earlier run.
pub(super) fn prepare() -> Result<Python, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.with_file_name("ingest-peer");
    let program = folder.join("bin/python");
    let complete = folder.join("complete");
    if !complete.exists() {
        run(Command::new("python3").arg("-m").arg("venv").arg(&folder))?;
        run(Command::new(&program)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES))?;
        std::fs::write(&complete, "").map_err(|error| error.to_string())?;
    }
    Ok(Python { program })
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} can't be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

impl Python {
    /// The packages with their versions, for the report.
    pub(super) fn peers(&self) -> Vec<String> {
        let parts = PACKAGES.iter().take(2).filter_map(|package| package.split_once("=="));
        parts.map(|(name, version)| peer(name, version)).collect()
    }

    /// Harvests a source into a new SQLite file.
    pub(super) fn harvest(&self, url: &str) -> Result<Figures, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let script = directory.path().join("peer.py");
        std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
        Figures::of_output(Command::new(&self.program).arg(script).arg(url).arg(directory.path().join("records.db")))
    }
}
