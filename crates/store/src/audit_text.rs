//! The texts of a request's audit: what people wrote, what libraries' systems answered, and the ids of holds and loans.
//!
//! They may lead to a person, so each request has a key of its own that seals them, itself sealed with the master key. The
//! chain of the audit is over the sealed texts. When the patron's data is erased the key is destroyed: nobody can read
//! the texts any more, and the chain still proves that nothing was changed. See docs/decisions/0044-retention.md.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;

use crate::error::Error;
use crate::seal::{Sealer, decrypt, hex, unhex};

/// What a text starts with that is sealed with its request's key.
const PREFIX: &str = "e1:";
/// Stands for a text whose key is destroyed.
pub const ERASED: &str = "erased with the patron's data";

/// The key of a request's texts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TextKey(Vec<u8>);

impl fmt::Debug for TextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextKey([redacted])")
    }
}

/// The place of the key of a request's texts.
pub(crate) fn key_place(request: &str) -> String {
    format!("request:{request}:audit_key")
}

impl TextKey {
    pub(crate) fn new(sealer: &Sealer) -> Self {
        Self(sealer.new_secret().to_vec())
    }

    pub(crate) fn sealed(&self, sealer: &Sealer, request: &str) -> Result<String, Error> {
        sealer.seal(&key_place(request), &hex(&self.0))
    }

    pub(crate) fn open(sealer: &Sealer, request: &str, sealed: &str) -> Result<Self, Error> {
        unhex(&sealer.open(&key_place(request), sealed)?).map(Self)
    }

    fn cipher(&self) -> Result<Aes256Gcm, Error> {
        Aes256Gcm::new_from_slice(&self.0).map_err(|_| Error::Corrupt {
            table: "patron_request",
            what: "the key of its audit has a wrong length".to_owned(),
        })
    }

    /// Seals one text, for its place.
    pub(crate) fn seal_one(&self, sealer: &Sealer, place: &str, text: &str) -> Result<String, Error> {
        Ok(format!("{PREFIX}{}", sealer.encrypt(&self.cipher()?, place, text)?))
    }

    /// Seals the texts of an entry.
    pub(crate) fn seal(&self, sealer: &Sealer, request: &str, texts: Texts<'_>) -> Result<(), Error> {
        let cipher = self.cipher()?;
        for (field, text) in texts.each() {
            if let Some(text) = text {
                *text = format!("{PREFIX}{}", sealer.encrypt(&cipher, &place(request, field), text)?);
            }
        }
        Ok(())
    }
}

/// The texts of an entry.
pub(crate) struct Texts<'a> {
    pub(crate) note: &'a mut Option<String>,
    pub(crate) evidence: &'a mut Option<String>,
}

impl<'a> Texts<'a> {
    fn each(self) -> [(&'static str, &'a mut Option<String>); 2] {
        [("note", self.note), ("evidence", self.evidence)]
    }
}

/// Opens the texts of an entry. Those that aren't sealed come from an earlier program. Where the key is destroyed, [`ERASED`]
/// takes the place of the note.
pub(crate) fn open(key: Option<&TextKey>, request: &str, texts: Texts<'_>) -> Result<(), Error> {
    let Some(key) = key else {
        let is_sealed = |text: &Option<String>| text.as_ref().is_some_and(|text| text.starts_with(PREFIX));
        if is_sealed(texts.note) {
            *texts.note = Some(ERASED.to_owned());
        }
        if is_sealed(texts.evidence) {
            *texts.evidence = None;
        }
        return Ok(());
    };
    let cipher = key.cipher()?;
    for (field, text) in texts.each() {
        if let Some(sealed) = text.as_ref().and_then(|text| text.strip_prefix(PREFIX)) {
            *text = Some(decrypt(&cipher, &place(request, field), sealed)?);
        }
    }
    Ok(())
}

/// Opens one text that was sealed for its place; `None` once the key is destroyed.
pub(crate) fn open_one(key: Option<&TextKey>, place: &str, sealed: &str) -> Result<Option<String>, Error> {
    let (Some(key), Some(text)) = (key, sealed.strip_prefix(PREFIX)) else { return Ok(None) };
    decrypt(&key.cipher()?, place, text).map(Some)
}

fn place(request: &str, field: &str) -> String {
    format!("audit:{request}:{field}")
}
