//! The decision whether somebody may sign in.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::password::is_password;
use crate::totp::{TotpSecret, accepted_step};

/// A user as far as signing in is concerned.
#[derive(Clone, Debug)]
pub struct Known {
    /// The digest of the password.
    pub password: String,
    /// The secret of the one-time codes, if the user has them.
    pub totp_secret: Option<TotpSecret>,
    /// The step of the last accepted code.
    pub totp_step: i64,
    /// Whether the user is disabled.
    pub is_disabled: bool,
}

/// A user who has signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// The step of the accepted code, to be stored: no code counts twice.
    pub totp_step: Option<i64>,
}

/// The reason why somebody may not sign in. Callers show one sentence for all: a reason would help to guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// There is no such user, the user is disabled, or the password is wrong.
    WrongPassword,
    /// The one-time code is missing, wrong, or was used.
    WrongCode,
}

/// Decides whether somebody may sign in. `user` is `None` for a name that nobody has.
///
/// # Errors
///
/// Fails if the password or the code is wrong, or the user is disabled or doesn't exist.
pub fn sign_in(
    user: Option<&Known>,
    password: &SecretString,
    code: Option<&str>,
    now: Timestamp,
) -> Result<SignedIn, Refused> {
    let is_right = is_password(password, user.map(|user| user.password.as_str()));
    let user = user.filter(|user| is_right && !user.is_disabled).ok_or(Refused::WrongPassword)?;
    let Some(secret) = &user.totp_secret else { return Ok(SignedIn { totp_step: None }) };
    let step = code.and_then(|code| accepted_step(secret, code, now, user.totp_step));
    step.map(|step| SignedIn { totp_step: Some(step) }).ok_or(Refused::WrongCode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::password_digest;

    fn user() -> Known {
        let password = password_digest(&"correct horse battery".into(), [7; 16]).unwrap();
        let secret = TotpSecret::new(*b"12345678901234567890");
        Known { password, totp_secret: Some(secret), totp_step: 0, is_disabled: false }
    }

    fn attempt(user: Option<&Known>, password: &str, code: Option<&str>) -> Result<SignedIn, Refused> {
        sign_in(user, &password.into(), code, Timestamp::from_second(59).unwrap())
    }

    #[test]
    fn user_signs_in_with_password_and_code_once() {
        let right = "correct horse battery";
        assert_eq!(attempt(Some(&user()), right, Some("287082")), Ok(SignedIn { totp_step: Some(1) }));
        let after = Known { totp_step: 1, ..user() };
        assert_eq!(attempt(Some(&after), right, Some("287082")), Err(Refused::WrongCode));
        for code in [None, Some("287083")] {
            assert_eq!(attempt(Some(&user()), right, code), Err(Refused::WrongCode));
        }
        let without = Known { totp_secret: None, ..user() };
        assert_eq!(attempt(Some(&without), right, None), Ok(SignedIn { totp_step: None }));
    }

    #[test]
    fn disabled_and_unknown_users_are_refused_as_those_with_a_wrong_password() {
        let right = "correct horse battery";
        assert_eq!(attempt(Some(&user()), "wrong horse battery", Some("287082")), Err(Refused::WrongPassword));
        let disabled = Known { is_disabled: true, ..user() };
        assert_eq!(attempt(Some(&disabled), right, Some("287082")), Err(Refused::WrongPassword));
        assert_eq!(attempt(None, right, Some("287082")), Err(Refused::WrongPassword));
    }
}
