//! One-time codes by time (RFC 6238): six digits, SHA-1, 30 seconds, as every authenticator app makes them.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Secret, TOTP};

/// Seconds of a step.
const STEP: u64 = 30;
/// Digits of a code.
const DIGITS: usize = 6;

/// The secret of a user's codes, in Base32.
#[derive(Clone, Debug)]
pub struct TotpSecret(SecretString);

impl TotpSecret {
    /// Creates a secret from 20 random bytes, the length that RFC 4226 advises.
    pub fn new(random: [u8; 20]) -> Self {
        Self(Secret::Raw(random.to_vec()).to_encoded().to_string().into())
    }

    /// Returns the secret as people type it into an authenticator app.
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    /// Returns the address that an authenticator app reads.
    pub fn address(&self, user: &str) -> SecretString {
        let secret = self.0.expose_secret();
        format!("otpauth://totp/Consort:{user}?secret={secret}&issuer=Consort").into()
    }
}

impl From<SecretString> for TotpSecret {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

/// Returns the step of a code, if it is right at this time and later than `last_step`: no code counts twice. The step
/// before and the one after count too, since clocks differ.
pub fn accepted_step(secret: &TotpSecret, code: &str, now: Timestamp, last_step: i64) -> Option<i64> {
    let secret = Secret::Encoded(secret.0.expose_secret().to_owned()).to_bytes().ok()?;
    // Codes that are searched for one step at a time, so that the step is known.
    let codes = TOTP::new_unchecked(Algorithm::SHA1, DIGITS, 0, STEP, secret);
    let present = u64::try_from(now.as_second()).ok()? / STEP;
    let steps = [present, present.saturating_sub(1), present.saturating_add(1)];
    let found = steps.into_iter().find(|step| codes.check(code.trim(), step * STEP))?;
    i64::try_from(found).ok().filter(|step| *step > last_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1: the last six of its eight digits, which six-digit codes have.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> TotpSecret {
        TotpSecret::new(*b"12345678901234567890")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        assert_eq!(secret().text().expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (second, code) in VECTORS {
            assert_eq!(accepted_step(&secret(), code, at(second), 0), Some(second / 30), "{second}");
            assert_eq!(accepted_step(&secret(), "000000", at(second), 0), None);
            assert_eq!(accepted_step(&secret(), "", at(second), 0), None);
        }
    }

    #[test]
    fn code_counts_one_step_around_its_own_and_only_once() {
        let (second, code) = VECTORS[3];
        let step = second / 30;
        for around in [-30, 30] {
            assert_eq!(accepted_step(&secret(), code, at(second + around), 0), Some(step));
        }
        assert_eq!(accepted_step(&secret(), code, at(second + 90), 0), None);
        assert_eq!(accepted_step(&secret(), code, at(second), step), None, "it was used");
    }

    #[test]
    fn secret_is_redacted_in_debug_output() {
        assert!(!format!("{:?}", secret()).contains("GEZDG"));
    }
}
