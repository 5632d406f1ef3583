//! The demo's temporary directory, and the removal of directories of earlier demos that were killed.
//!
//! A demo locks a file in its directory as long as it runs. The system frees the lock of a process however it dies. A
//! directory is removed only if its name and that file prove that a demo made it, if it belongs to the same user, and
//! if nobody holds a lock in it: neither the demo nor a hub of it that is still ending.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use tempfile::TempDir;
use tracing::debug;

use crate::failure::{Failure, Result};

const PREFIX: &str = "consort-demo-";
const OWNER: &str = "consort-demo.lock";
/// The content of the lock file. It is written once the lock is held: a file without it has an owner that is just
/// starting.
const MARK: &str = "This directory belongs to a running `consort demo`; it is removed when the demo has ended.\n";
/// The lock of the hub's embedded store.
const STORE_LOCK: &str = "consort.db.lock";

/// A directory that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    dir: TempDir,
    _lock: File,
}

impl Temporary {
    /// Creates a directory, after removing those that earlier demos left behind.
    pub(crate) fn new() -> Result<Self> {
        Self::within(&std::env::temp_dir()).map_err(|error| {
            Failure::new(format!("No temporary directory can be made: {error}."))
                .advice("Name a directory with --data-dir.")
        })
    }

    fn within(parent: &Path) -> std::io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let mut lock = File::create_new(dir.path().join(OWNER))?;
        lock.try_lock()?;
        lock.write_all(MARK.as_bytes())?;
        batch_poll(parent, dir.path());
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes the directories that earlier demos left in `parent`. If a removal fails, the directory stays.
fn batch_poll(parent: &Path, mine: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if path != mine && entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left_behind(&path, mine) {
            debug!(path = %path.display(), "a directory of an earlier demo is removed");
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn is_left_behind(dir: &Path, mine: &Path) -> bool {
    is_own_directory(dir, mine) && is_marked_and_free(&dir.join(OWNER)) && is_free(&dir.join(STORE_LOCK))
}

/// Returns whether the path is a directory of the same user, and not a link to one.
fn is_own_directory(dir: &Path, mine: &Path) -> bool {
    let (Ok(found), Ok(own)) = (dir.symlink_metadata(), mine.symlink_metadata()) else { return false };
    found.is_dir() && same_user(&found, &own)
}

#[cfg(unix)]
fn same_user(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    one.uid() == other.uid()
}

#[cfg(not(unix))]
fn same_user(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}

fn is_marked_and_free(path: &Path) -> bool {
    let Ok(mut file) = open(path) else { return false };
    let mut text = String::new();
    file.read_to_string(&mut text).is_ok() && text == MARK && file.try_lock().is_ok()
}

fn is_free(path: &Path) -> bool {
    match open(path) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Opens a plain file. Fails for a link.
fn open(path: &Path) -> std::io::Result<File> {
    if !path.symlink_metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    OpenOptions::new().read(true).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_of_a_demo_that_died_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let running = Temporary::within(parent.path()).unwrap();
        let marked = |name: &str| {
            let dir = parent.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join(OWNER), MARK).unwrap();
            std::fs::write(dir.join("consort.db"), "rows").unwrap();
            dir
        };
        let dead = marked("consort-demo-dead");
        let ending = marked("consort-demo-ending");
        let hub = File::create(ending.join(STORE_LOCK)).unwrap();
        hub.try_lock().unwrap();
        let other_name = marked("somebodys-work");
        let unmarked = parent.path().join("consort-demo-notes");
        std::fs::create_dir(&unmarked).unwrap();
        std::fs::write(unmarked.join(OWNER), "mine").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&other_name, parent.path().join("consort-demo-link")).unwrap();

        let next = Temporary::within(parent.path()).unwrap();
        assert!(!dead.exists());
        for kept in [running.path(), next.path(), &ending, &other_name, &unmarked] {
            assert!(kept.exists(), "{}", kept.display());
        }
        assert!(other_name.join("consort.db").exists(), "behind a link");
        drop(hub);
        let gone = running.path().to_owned();
        drop((running, next));
        assert!(!gone.exists());
        drop(Temporary::within(parent.path()).unwrap());
        assert!(!ending.exists(), "its hub has ended");
    }
}
