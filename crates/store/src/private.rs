//! Files that only this user may read, and that are on disk as a whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Makes an empty file that only this user may read and write, which must not be there yet.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Options for a file that only this user may read and write if it is made.
#[cfg(unix)]
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Writes a new file by way of a temporary one beside it: nobody ever sees a part of it, and a crash or a full disk leaves no
/// file at all. `chance` makes the temporary name this writer's own.
pub(crate) fn write_new(path: &Path, text: &[u8], chance: u64) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{chance:016x}.new"));
    let written = fill(&temporary, text).and_then(|()| put_in_place(&temporary, path));
    // In place it has its own name by now, or the writing has failed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => written.and(Err(error)),
        _ => written,
    }?;
    sync_directory(path)
}

/// Replaces the contents of a file by way of a temporary one next to it. `chance` makes the temporary name this writer's own.
pub(crate) fn replace(path: &Path, text: &[u8], chance: u64) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{chance:016x}.new"));
    let written = fill(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_directory(path))
}

fn fill(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Gives a file its name, which nobody else may have taken meanwhile.
fn put_in_place(temporary: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(temporary, path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links.
        Err(_) if !path.exists() => std::fs::rename(temporary, path),
        Err(error) => Err(error),
    }
}

/// A name is on disk once its directory is.
#[cfg(unix)]
pub(crate) fn sync_directory(of: &Path) -> io::Result<()> {
    let directory = of.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_directory(_of: &Path) -> io::Result<()> {
    Ok(())
}
