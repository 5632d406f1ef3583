//! Passwords, one-time codes and sessions of people who sign in. Pure: time and randomness are parameters.
//!
//! The store keeps a digest of a password (Argon2id), the sealed secret of the one-time codes, and the digest of a
//! session's token. [`sign_in`] decides from them; it tries a password for unknown and disabled users too, so that the time
//! of an answer names no user.

mod password;
mod session;
mod sign_in;
mod totp;

pub use password::{PasswordFault, SHORTEST_PASSWORD, is_password, password_digest};
pub use session::{SESSION_LASTS, SessionToken, session_digest};
pub use sign_in::{Known, Refused, SignedIn, sign_in};
pub use totp::{TotpSecret, accepted_step};
