//! Sessions: a random token at the client, and its digest in the store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How long a session lasts.
pub const SESSION_LASTS: SignedDuration = SignedDuration::from_hours(10);

/// The token of a session. The client keeps it; the store has only its digest.
#[derive(Clone, Debug)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Creates a token from 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random).into())
    }

    /// Returns the token as text for the client.
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    /// Returns its digest.
    pub fn digest(&self) -> String {
        session_digest(self.0.expose_secret())
    }
}

/// Returns the digest of a token that a client sent.
pub fn session_digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_by_its_digest_and_hidden_in_debug_output() {
        let token = SessionToken::new([7; 32]);
        assert_eq!(token.digest(), session_digest(token.text().expose_secret()));
        assert_ne!(token.digest(), SessionToken::new([8; 32]).digest());
        assert!(!format!("{token:?}").contains(token.text().expose_secret()));
    }
}
