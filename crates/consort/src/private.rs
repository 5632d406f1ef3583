//! Files and directories with secrets: creates them for this user alone, and finds those that others may read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// The widest allowed mode of a file, and of a directory.
const FILE: u32 = 0o600;
const DIRECTORY: u32 = 0o700;
const TLS_KEY: u32 = 0o640;

/// Creates a directory and its missing parents for this user alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIRECTORY);
    builder.create(path)
}

/// Opens a file for writing from its beginning. A new file is readable for this user alone.
pub(crate) fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE);
    options.open(path)
}

/// A file or directory that others may read or change.
#[derive(Debug)]
pub(crate) struct TooOpen {
    path: PathBuf,
    mode: u32,
    most: u32,
}

impl fmt::Display for TooOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode, most } = self;
        let path = path.display();
        write!(f, "{path} has mode {mode:04o}, so others on this machine may use it; run: chmod {most:o} {path}")
    }
}

/// Finds which of the configuration file, the TLS key, the data directory, the key and the embedded store others may read or change.
pub(crate) fn too_open(config: &Config) -> Vec<TooOpen> {
    let mut found: Vec<TooOpen> = config.file.iter().filter_map(|file| exceeding(file, FILE)).collect();
    // A private group may read the key of a certificate, which other programs may use too.
    found.extend(config.tls.iter().filter_map(|tls| exceeding(&tls.key, TLS_KEY)));
    found.extend(exceeding(&config.data_dir, DIRECTORY));
    let entries = std::fs::read_dir(&config.data_dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| holds_secrets(path)).collect();
    files.sort_unstable();
    found.extend(files.iter().filter_map(|file| exceeding(file, FILE)));
    found
}

/// Returns whether a file contains secrets: the key, the store with SQLite's further files, and the files that
/// `restore` has set aside. A lock contains none.
fn holds_secrets(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (name.contains("master.key") || name.starts_with("consort.db")) && !name.ends_with(".lock")
}

#[cfg(unix)]
fn exceeding(path: &Path, most: u32) -> Option<TooOpen> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & !most != 0).then(|| TooOpen { path: path.to_owned(), mode, most })
}

#[cfg(not(unix))]
fn exceeding(_path: &Path, _most: u32) -> Option<TooOpen> {
    None
}
