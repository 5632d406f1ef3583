//! The directory of the index: one directory for each generation, and a file that names the one in use.
//!
//! A generation is complete before it is named, and the name is replaced in one step. So a process that is killed at any
//! point leaves a directory that opens.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::schema::VERSION;

const CURRENT: &str = "current";

/// Returns the name of the generation in use, if it is of our version.
pub(super) fn current(directory: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(directory.join(CURRENT)) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| number(name).is_some())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates the directory of a new generation, and returns its name and path. A directory that was left by a process that
/// ended before it named it is never used.
pub(super) fn create_next(directory: &Path) -> io::Result<(String, PathBuf)> {
    fs::create_dir_all(directory)?;
    let mut next = generations(directory)?.iter().filter_map(|name| number(name)).max().unwrap_or(0) + 1;
    loop {
        let name = format!("v{VERSION}-{next}");
        let path = directory.join(&name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok((name, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => next += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Makes a generation the one in use.
pub(super) fn name_current(directory: &Path, name: &str) -> io::Result<()> {
    let new = directory.join("current.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    failpoint::hit(failpoint::Point::BeforeIndexSwap);
    fs::rename(&new, directory.join(CURRENT))?;
    fs::File::open(directory)?.sync_all()
}

/// Removes the generations whose names aren't listed.
pub(super) fn remove_others(directory: &Path, kept: &[&str]) -> io::Result<()> {
    for name in generations(directory)?.iter().filter(|name| !kept.contains(&name.as_str())) {
        fs::remove_dir_all(directory.join(name))?;
    }
    Ok(())
}

/// Returns the names of all generations, of other versions too.
fn generations(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && name.starts_with('v') && name.contains('-') {
            names.push(name);
        }
    }
    Ok(names)
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix(&format!("v{VERSION}-"))?.parse().ok()
}
