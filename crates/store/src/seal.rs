//! Sealing what must not be readable in a copy of the database: credentials and patrons' identifiers.
//!
//! AES-256-GCM, as text `v1:<key id>:<nonce>:<ciphertext>`. The place (table, row, column) is authenticated too, so
//! that sealed text moved to another row doesn't open there.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};

use crate::error::Error;

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

    /// The key in a file, or a new one written there with no right to read for anybody else.
    ///
    /// # Errors
    ///
    /// A file that can't be used or holds something else.
    pub fn load_or_create(path: &Path, rng: &mut StdRng) -> Result<Self, KeyError> {
        let fault = |source| KeyError::File { path: path.to_owned(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_base64(&text).ok_or_else(|| KeyError::NoKey(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate(rng);
                let mut file = private_file(path).map_err(fault)?;
                file.write_all(BASE64.encode(key.0).as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
                Ok(key)
            }
            Err(error) => Err(fault(error)),
        }
    }

    fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
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
        let labelled =
            |label: &[u8]| -> [u8; 32] { Sha256::new().chain_update(label).chain_update(key.0).finalize().into() };
        let key_id = labelled(b"key id").iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self {
            cipher: Aes256Gcm::new(&key.0.into()),
            key_id,
            digest_key: labelled(b"digest"),
            nonces: Mutex::new(nonces),
        }
    }

    /// The id of the key, which tells which one sealed; it tells nothing about the key.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn seal(&self, place: &str, plain: &str) -> Result<String, Error> {
        let mut nonce = [0; 12];
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut nonce);
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
        let first = MasterKey::load_or_create(&path, &mut StdRng::seed_from_u64(1)).unwrap();
        let second = MasterKey::load_or_create(&path, &mut StdRng::seed_from_u64(2)).unwrap();
        assert_eq!(first.0, second.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "no key").unwrap();
        let error = MasterKey::load_or_create(&path, &mut StdRng::seed_from_u64(1)).unwrap_err();
        assert!(error.to_string().contains("doesn't hold a key"));
    }
}
