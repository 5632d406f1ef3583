//! Digests of passwords, by Argon2id with the parameters of OWASP (19 MiB, two passes).

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use secrecy::{ExposeSecret, SecretString};

/// The smallest number of characters of a password.
pub const SHORTEST_PASSWORD: usize = 12;
/// The largest number of bytes of a password: a longer one would only cost time.
const LONGEST_PASSWORD: usize = 1_024;

/// The digest of a password that nobody has, for users who don't exist.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cy1zYWx0LTAx$hK1cWuT6hyQ0aCuvMI0FB1kRrdBOBgJ+kpYVwyN0kcs";

/// The reason why a password can't be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordFault {
    /// It is too short.
    #[error("the password must have at least {SHORTEST_PASSWORD} characters")]
    TooShort,
    /// It is too long.
    #[error("the password must have at most {LONGEST_PASSWORD} bytes")]
    TooLong,
    /// The digest can't be made.
    #[error("the digest of the password can't be made")]
    NoDigest,
}

/// Returns the digest of a new password, as text that names its parameters. `salt` is random.
///
/// # Errors
///
/// Fails if the password is too short or too long.
pub fn password_digest(password: &SecretString, salt: [u8; 16]) -> Result<String, PasswordFault> {
    let password = password.expose_secret();
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(PasswordFault::TooShort);
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(PasswordFault::TooLong);
    }
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordFault::NoDigest)?;
    let digest = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|_| PasswordFault::NoDigest)?;
    Ok(digest.to_string())
}

/// Returns whether a password is the one with this digest. Without a digest, takes the same time and returns false.
pub fn is_password(password: &SecretString, digest: Option<&str>) -> bool {
    let password = password.expose_secret();
    if password.len() > LONGEST_PASSWORD {
        return false;
    }
    let known = digest.map(PasswordHash::new).and_then(Result::ok);
    let is_known = known.is_some();
    let Some(compared) = known.or_else(|| PasswordHash::new(NOBODYS).ok()) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &compared).is_ok() && is_known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_recognised_by_its_digest_and_no_other_is() {
        let password: SecretString = "correct horse battery".into();
        let digest = password_digest(&password, [7; 16]).unwrap();
        assert!(digest.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !digest.contains("horse"), "{digest}");
        assert!(is_password(&password, Some(&digest)));
        for wrong in ["correct horse batter", "Correct horse battery", ""] {
            assert!(!is_password(&wrong.into(), Some(&digest)), "{wrong}");
        }
        assert!(!is_password(&password, None) && !is_password(&password, Some("no digest")));
        assert_ne!(digest, password_digest(&password, [8; 16]).unwrap(), "the salt makes them differ");
    }

    #[test]
    fn digest_of_nobody_can_be_compared_with() {
        assert!(PasswordHash::new(NOBODYS).is_ok());
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert_eq!(password_digest(&"elevenchars".into(), [7; 16]), Err(PasswordFault::TooShort));
        assert_eq!(password_digest(&"x".repeat(1_025).into(), [7; 16]), Err(PasswordFault::TooLong));
        assert!(!is_password(&"x".repeat(1_025).into(), None));
    }
}
