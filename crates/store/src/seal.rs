//! Sealing what must not be readable in a copy of the database: credentials and patrons' identifiers.
//!
//! AES-256-GCM, as text `v1:<key id>:<nonce>:<ciphertext>`. The place (table, row, column) is authenticated too, so
//! that sealed text moved to another row doesn't open there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use parking_lot::{Mutex, RwLock};
use rand::RngCore;
use rand::rngs::StdRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::master_keys::MasterKeys;
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

    /// The newest key in a file.
    ///
    /// # Errors
    ///
    /// As [`MasterKeys::load`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        MasterKeys::load(path).map(|keys| keys.newest)
    }

    /// Writes a new key into a file that only this user may read: all of it and safe on disk, or no file at all. Where another
    /// process has just done that, its key is answered.
    ///
    /// # Errors
    ///
    /// A file that can't be written, as on a full disk.
    pub fn create(path: &Path, rng: &mut StdRng) -> Result<Self, KeyError> {
        let key = Self::generate(rng);
        let written = private::write_new(path, key.to_base64().as_bytes(), rng.next_u64());
        match written {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
        }
    }

    pub(crate) fn to_base64(&self) -> String {
        BASE64.encode(self.0)
    }

    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Returns the id of the key, which says which one sealed; it says nothing about the key.
    pub fn id(&self) -> String {
        labelled(b"key id", self).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn labelled(label: &[u8], key: &MasterKey) -> [u8; 32] {
    Sha256::new().chain_update(label).chain_update(key.0).finalize().into()
}

/// Returns the key of digests that a store had before it kept secrets of its own. Such a store seals it once, and keeps it.
pub(crate) fn former_digest_key(key: &MasterKey) -> [u8; 32] {
    labelled(b"digest", key)
}

/// Secrets that the store keeps sealed. They stay the same when the master key is replaced.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// The key of the digests by which patrons' requests are found.
    pub(crate) digest: SecretString,
    /// The key of the ids of virtual patrons and of pickup codes.
    pub(crate) pseudonym: SecretString,
}

/// Returns a secret in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One master key, ready to seal and open.
#[derive(Clone)]
struct Cipher {
    id: String,
    cipher: Aes256Gcm,
    key: MasterKey,
}

impl Cipher {
    fn new(key: &MasterKey) -> Self {
        Self { id: key.id(), cipher: Aes256Gcm::new(&key.0.into()), key: key.clone() }
    }
}

/// The keys in use: the one that seals, and those that open.
struct Ring {
    sealing: Cipher,
    all: Vec<Cipher>,
}

/// Seals and opens.
pub(crate) struct Sealer {
    ring: RwLock<Ring>,
    /// The file that the keys come from, and that further keys may come from while the program runs.
    file: Option<PathBuf>,
    secrets: OnceLock<Secrets>,
    nonces: Mutex<StdRng>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Sealer {
    pub(crate) fn new(keys: MasterKeys, nonces: StdRng) -> Self {
        let MasterKeys { newest, older, file } = keys;
        let all: Vec<Cipher> = std::iter::once(&newest).chain(&older).map(Cipher::new).collect();
        let ring = Ring { sealing: Cipher::new(&newest), all };
        Self { ring: RwLock::new(ring), file, secrets: OnceLock::new(), nonces: Mutex::new(nonces) }
    }

    /// The id of the key that seals now.
    pub(crate) fn key_id(&self) -> String {
        self.ring.read().sealing.id.clone()
    }

    /// The key that seals now.
    pub(crate) fn master_key(&self) -> MasterKey {
        self.ring.read().sealing.key.clone()
    }

    /// The ids of all keys that open.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        self.ring.read().all.iter().map(|cipher| cipher.id.clone()).collect()
    }

    /// Seals with the key of this id from now on. Reads the key file if the key is unknown.
    pub(crate) fn seal_with(&self, id: &str) -> Result<(), Error> {
        for reloaded in [false, true] {
            if reloaded {
                self.reload();
            }
            let mut ring = self.ring.write();
            if let Some(cipher) = ring.all.iter().find(|cipher| cipher.id == id).cloned() {
                ring.sealing = cipher;
                return Ok(());
            }
        }
        Err(Error::WrongKey)
    }

    /// Adds the keys that the key file holds by now. Keys that are in use stay.
    pub(crate) fn reload(&self) {
        let Some(keys) = self.file.as_ref().and_then(|file| MasterKeys::load(file).ok()) else { return };
        let mut ring = self.ring.write();
        for key in keys.all() {
            if !ring.all.iter().any(|cipher| cipher.id == key.id()) {
                ring.all.push(Cipher::new(key));
            }
        }
    }

    pub(crate) fn seal(&self, place: &str, plain: &str) -> Result<String, Error> {
        let Cipher { id, cipher, .. } = self.ring.read().sealing.clone();
        self.encrypt(&cipher, place, plain).map(|sealed| format!("v1:{id}:{sealed}"))
    }

    /// Seals with a key of the caller's.
    pub(crate) fn encrypt(&self, cipher: &Aes256Gcm, place: &str, plain: &str) -> Result<String, Error> {
        let mut nonce = [0; 12];
        self.nonces.lock().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain.as_bytes(), aad: place.as_bytes() };
        let sealed = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| corrupt("it can't be sealed"))?;
        Ok(format!("{}:{}", BASE64.encode(nonce), BASE64.encode(sealed)))
    }

    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<String, Error> {
        let (key_id, text) = parts(sealed)?;
        let opened = || {
            let ring = self.ring.read();
            let known = ring.all.iter().find(|cipher| cipher.id == key_id);
            known.map(|known| decrypt(&known.cipher, place, text))
        };
        let opened = opened().or_else(|| {
            self.reload();
            opened()
        });
        opened.unwrap_or(Err(Error::WrongKey))
    }

    /// Returns whether text looks sealed: the version, the id of a key, and no blank.
    pub(crate) fn is_sealed(text: &str) -> bool {
        let is_id = |id: &str| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts(text).is_ok_and(|(id, rest)| is_id(id) && !rest.contains(' '))
    }

    /// Seals text anew with the key that seals now.
    pub(crate) fn reseal(&self, place: &str, sealed: &str) -> Result<String, Error> {
        self.seal(place, &self.open(place, sealed)?)
    }

    /// A new random secret.
    pub(crate) fn new_secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.nonces.lock().fill_bytes(&mut secret);
        secret
    }

    /// Keeps the store's secrets, once they are read.
    pub(crate) fn keep_secrets(&self, secrets: Secrets) {
        // A second reading finds the same.
        let _ = self.secrets.set(secrets);
    }

    /// The store's secrets.
    pub(crate) fn secrets(&self) -> Result<&Secrets, Error> {
        let missing =
            || Error::Corrupt { table: "secret", what: "the store was opened without its secrets".to_owned() };
        self.secrets.get().ok_or_else(missing)
    }

    /// A digest to look something up by that can't be guessed back without the key.
    pub(crate) fn digest(&self, parts: &[&str]) -> Result<String, Error> {
        let key = unhex(self.secrets()?.digest.expose_secret())?;
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key)
            .map_err(|_| Error::Corrupt { table: "digest", what: "the key has a wrong length".to_owned() })?;
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        Ok(hex(&mac.finalize().into_bytes()))
    }
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, Error> {
    let pairs =
        (0..text.len()).step_by(2).map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    pairs.collect::<Option<_>>().ok_or_else(|| corrupt("a secret that is no number"))
}

/// The id of the key and the rest of sealed text.
fn parts(sealed: &str) -> Result<(&str, &str), Error> {
    let mut parts = sealed.splitn(3, ':');
    let (Some(version), Some(key_id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(corrupt("it isn't sealed text"));
    };
    if version == "v1" { Ok((key_id, text)) } else { Err(corrupt("an unknown way of sealing")) }
}

/// Opens what a key of the caller's has sealed.
pub(crate) fn decrypt(cipher: &Aes256Gcm, place: &str, text: &str) -> Result<String, Error> {
    let (nonce, text) = text.split_once(':').ok_or_else(|| corrupt("it isn't sealed text"))?;
    let nonce = BASE64.decode(nonce).ok().filter(|nonce| nonce.len() == 12).ok_or_else(|| corrupt("no nonce"))?;
    let text = BASE64.decode(text).map_err(|_| corrupt("no ciphertext"))?;
    let payload = Payload { msg: &text, aad: place.as_bytes() };
    let plain = cipher
        .decrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| corrupt("it was changed, or belongs elsewhere"))?;
    String::from_utf8(plain).map_err(|_| corrupt("no text inside"))
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { table: "sealed text", what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn sealer(seed: u64) -> Sealer {
        let mut rng = StdRng::seed_from_u64(seed);
        let key = MasterKey::generate(&mut rng);
        Sealer::new(key.into(), rng)
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
