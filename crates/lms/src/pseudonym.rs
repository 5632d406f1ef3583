//! The key of pseudonyms: the ids of virtual patrons and the pickup codes, which other libraries see.

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::error::{Error, Result};

/// The hub's secret from which pseudonyms of patrons are made. Without it nobody can find out which patron a pseudonym belongs
/// to by trying all card numbers. It never changes: the same patron always has the same pseudonym.
#[derive(Clone, Debug)]
pub struct PseudonymKey(SecretString);

impl PseudonymKey {
    /// Creates it from the secret that the hub keeps.
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// Returns a digest of texts.
    pub(crate) fn digest(&self, texts: &[&str]) -> Result<Vec<u8>> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.0.expose_secret().as_bytes())
            .map_err(|_| Error::retryable("the hub's key of pseudonyms has a wrong length"))?;
        for text in texts {
            mac.update(text.as_bytes());
            mac.update(&[0]);
        }
        Ok(mac.finalize().into_bytes().to_vec())
    }
}
