//! The key file: the master keys of a node, the newest first, one in each line.
//!
//! As a rule there is one key. While the master key is replaced there are two: the new one, and the one that opens the text
//! that isn't sealed anew yet.

use std::io;
use std::path::{Path, PathBuf};

use rand::RngCore;
use rand::rngs::StdRng;

use crate::private;
use crate::seal::{KeyError, MasterKey};

/// Master keys, the newest first.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    pub(crate) newest: MasterKey,
    pub(crate) older: Vec<MasterKey>,
    /// The file that they come from.
    pub(crate) file: Option<PathBuf>,
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self { newest: key, older: Vec::new(), file: None }
    }
}

impl MasterKeys {
    /// The keys in a file.
    ///
    /// # Errors
    ///
    /// No such file, one that can't be read, or one with a line that is no key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
            _ => KeyError::File { path: path.to_owned(), source },
        })?;
        if bytes.is_empty() {
            return Err(KeyError::Empty(path.to_owned()));
        }
        let no_key = || KeyError::NoKey(path.to_owned());
        let text = std::str::from_utf8(&bytes).map_err(|_| no_key())?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let mut keys = lines.map(MasterKey::from_base64).collect::<Option<Vec<_>>>().ok_or_else(no_key)?.into_iter();
        let newest = keys.next().ok_or_else(no_key)?;
        Ok(Self { newest, older: keys.collect(), file: Some(path.to_owned()) })
    }

    /// All keys, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// The newest key.
    pub fn newest(&self) -> &MasterKey {
        &self.newest
    }

    /// The key with this id.
    pub fn with_id(&self, id: &str) -> Option<&MasterKey> {
        self.all().find(|key| key.id() == id)
    }

    /// Writes keys into a file in place of those that it holds: all of them and safe on disk, or none. Only this user may read it.
    ///
    /// # Errors
    ///
    /// A file that can't be written, as on a full disk. It is as it was then.
    pub fn write(path: &Path, keys: &[&MasterKey], rng: &mut StdRng) -> Result<(), KeyError> {
        let text: Vec<String> = keys.iter().map(|key| key.to_base64()).collect();
        private::replace(path, text.join("\n").as_bytes(), rng.next_u64())
            .map_err(|source| KeyError::File { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn key_file_holds_several_keys_the_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let mut rng = StdRng::seed_from_u64(1);
        let old = MasterKey::create(&path, &mut rng).unwrap();
        let new = MasterKey::generate(&mut rng);
        MasterKeys::write(&path, &[&new, &old], &mut rng).unwrap();
        let keys = MasterKeys::load(&path).unwrap();
        assert_eq!(keys.all().map(MasterKey::id).collect::<Vec<_>>(), [new.id(), old.id()]);
        assert!(keys.with_id(&old.id()).is_some());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["master.key"], "no temporary file is left");
    }

    #[test]
    fn key_file_with_a_damaged_line_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let key = MasterKey::generate(&mut StdRng::seed_from_u64(1));
        std::fs::write(&path, format!("{}\nno key\n", key.to_base64())).unwrap();
        assert!(matches!(MasterKeys::load(&path), Err(KeyError::NoKey(_))));
    }
}
