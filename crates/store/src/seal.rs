//! Sealing what must not be readable in a copy of the database: credentials and patrons' identifiers.
//!
//! AES-256-GCM, as text `v1:<key id>:<nonce>:<ciphertext>`. The place (table, row, column) is authenticated too, so
//! that sealed text moved to another row doesn't open there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use rand::RngCore;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::private;

/// The key that seals. It is kept beside the store, never in it.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or written.
    #[error("the key file {} can't be used: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such file.
    #[error("there is no key file {}", .0.display())]
    Missing(PathBuf),
    /// It is empty, as a program that ran out of disk leaves it.
    #[error("the key file {} is empty", .0.display())]
    Empty(PathBuf),
    /// It holds no key.
    #[error("the key file {} doesn't hold a key (32 bytes in base64)", .0.display())]
    NoKey(PathBuf),
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

impl MasterKey {
    /// A new key.
    pub fn generate(rng: &mut StdRng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self(key)
    }

    /// The key in a file.
    ///
    /// # Errors
    ///
    /// No such file, one that can't be read, or one without a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
            _ => KeyError::File { path: path.to_owned(), source },
        })?;
        if bytes.is_empty() {
            return Err(KeyError::Empty(path.to_owned()));
        }
        let key = std::str::from_utf8(&bytes).ok().and_then(Self::from_base64);
        key.ok_or_else(|| KeyError::NoKey(path.to_owned()))
    }

    /// Writes a new key into a file that only this user may read: all of it and safe on disk, or no file at all. Where another
    /// process has just done that, its key is answered.
    ///
    /// # Errors
    ///
    /// A file that can't be written, as on a full disk.
    pub fn create(path: &Path, rng: &mut StdRng) -> Result<Self, KeyError> {
        let key = Self::generate(rng);
        let written = private::write_new(path, BASE64.encode(key.0).as_bytes(), rng.next_u64());
        match written {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
        }
    }

    fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// The id of a key, which says which one sealed; it says nothing about the key.
pub(crate) fn key_id(key: &MasterKey) -> String {
    labelled(b"key id", key).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn labelled(label: &[u8], key: &MasterKey) -> [u8; 32] {
    Sha256::new().chain_update(label).chain_update(key.0).finalize().into()
}

/// Seals and opens.
pub(crate) struct Sealer {
    cipher: Aes256Gcm,
    key_id: String,
    digest_key: [u8; 32],
    nonces: Mutex<StdRng>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Sealer {
    pub(crate) fn new(key: &MasterKey, nonces: StdRng) -> Self {
        Self {
            cipher: Aes256Gcm::new(&key.0.into()),
            key_id: key_id(key),
            digest_key: labelled(b"digest", key),
            nonces: Mutex::new(nonces),
        }
    }

    /// The id of the key, which says which one sealed; it says nothing about the key.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn seal(&self, place: &str, plain: &str) -> Result<String, Error> {
        let mut nonce = [0; 12];
        self.nonces.lock().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain.as_bytes(), aad: place.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| Error::Corrupt { table: "sealed text", what: "it can't be sealed".to_owned() })?;
        Ok(format!("v1:{}:{}:{}", self.key_id, BASE64.encode(nonce), BASE64.encode(sealed)))
    }

    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<String, Error> {
        let corrupt = |what: &str| Error::Corrupt { table: "sealed text", what: what.to_owned() };
        let parts: Vec<&str> = sealed.splitn(4, ':').collect();
        let [version, key_id, nonce, text] = parts[..] else { return Err(corrupt("it isn't sealed text")) };
        if version != "v1" {
            return Err(corrupt("an unknown way of sealing"));
        }
        if key_id != self.key_id {
            return Err(Error::WrongKey);
        }
        let nonce = BASE64.decode(nonce).ok().filter(|nonce| nonce.len() == 12).ok_or_else(|| corrupt("no nonce"))?;
        let text = BASE64.decode(text).map_err(|_| corrupt("no ciphertext"))?;
        let payload = Payload { msg: &text, aad: place.as_bytes() };
        let plain = self
            .cipher
            .decrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| corrupt("it was changed, or belongs elsewhere"))?;
        String::from_utf8(plain).map_err(|_| corrupt("no text inside"))
    }

    /// A digest to look something up by that can't be guessed back without the key.
    pub(crate) fn digest(&self, parts: &[&str]) -> Result<String, Error> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.digest_key)
            .map_err(|_| Error::Corrupt { table: "digest", what: "the key has a wrong length".to_owned() })?;
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn sealer(seed: u64) -> Sealer {
        let mut rng = StdRng::seed_from_u64(seed);
        let key = MasterKey::generate(&mut rng);
        Sealer::new(&key, rng)
    }

    #[test]
    fn sealed_text_opens_only_with_its_key_and_in_its_place() {
        let one = sealer(1);
        let sealed = one.seal("institution:01X:api_key", "l8xx-secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(one.open("institution:01X:api_key", &sealed).unwrap(), "l8xx-secret");
        assert!(matches!(one.open("institution:01Y:api_key", &sealed), Err(Error::Corrupt { .. })));
        assert!(matches!(sealer(2).open("institution:01X:api_key", &sealed), Err(Error::WrongKey)));
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let one = sealer(1);
        assert_ne!(one.seal("place", "text").unwrap(), one.seal("place", "text").unwrap());
    }

    #[test]
    fn key_file_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        assert!(matches!(MasterKey::load(&path), Err(KeyError::Missing(_))));
        let first = MasterKey::create(&path, &mut StdRng::seed_from_u64(1)).unwrap();
        assert_eq!(MasterKey::load(&path).unwrap().0, first.0);
        let second = MasterKey::create(&path, &mut StdRng::seed_from_u64(2)).unwrap();
        assert_eq!(second.0, first.0, "a key that is there is never replaced");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["master.key"], "no temporary file is left");
    }

    #[test]
    fn damaged_key_files_are_distinguished_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        std::fs::write(&path, "").unwrap();
        let empty = MasterKey::load(&path).unwrap_err();
        assert!(matches!(empty, KeyError::Empty(_)) && empty.to_string().contains("master.key is empty"), "{empty}");
        for damaged in [&b"canary"[..], b"\n", b"\xff\xfe\x00", BASE64.encode([7; 31]).as_bytes()] {
            std::fs::write(&path, damaged).unwrap();
            let error = MasterKey::load(&path).unwrap_err();
            assert!(matches!(error, KeyError::NoKey(_)), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
