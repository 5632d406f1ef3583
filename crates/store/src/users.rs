//! People who sign in, and their sessions. Passwords and tokens are stored as digests, secrets of one-time codes sealed.

use access::Role;
use jiff::Timestamp;
use lending::AgencyCode;
use secrecy::{ExposeSecret as _, SecretString};

use crate::api_keys::{agencies, lines};
use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::{StepId, Unit};

/// Somebody who signs in.
#[derive(Clone, Debug)]
pub struct User {
    /// The name, which timelines show.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The agencies for which the user stands.
    pub agencies: Vec<AgencyCode>,
    /// The digest of the password.
    pub password: SecretString,
    /// The secret of the one-time codes, if the user has them; sealed at rest.
    pub totp_secret: Option<SecretString>,
    /// The step of the last code that was accepted.
    pub totp_step: i64,
    /// When the user was made.
    pub created_at: Timestamp,
    /// Who made the user.
    pub created_by: String,
    /// Since when the user may not sign in; `None` if the user may.
    pub disabled_at: Option<Timestamp>,
    /// When the user signed in last.
    pub last_sign_in_at: Option<Timestamp>,
}

macro_rules! users {
    ($($rest:literal)?) => {
        concat!(
            "SELECT hub_user.name, role, agencies, password, totp_secret, totp_step, hub_user.created_at, created_by, \
             disabled_at, last_sign_in_at FROM hub_user ",
            $($rest)?
        )
    };
}

impl Store {
    /// Returns the user of this name.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the secret was sealed with another master key.
    pub async fn user(&self, name: &str) -> Result<Option<User>, Error> {
        let rows = self.lookup(users!("WHERE name = $1"), values![name]).await?;
        rows.first().map(|row| self.user_of(row)).transpose()
    }

    /// Returns all users, by name.
    ///
    /// # Errors
    ///
    /// As [`Store::user`].
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        let rows = self.read(users!("ORDER BY name"), values![]).await?;
        rows.iter().map(|row| self.user_of(row)).collect()
    }

    /// Returns the user of the session with this digest, if the session lasts and the user isn't disabled.
    ///
    /// # Errors
    ///
    /// As [`Store::user`].
    pub async fn user_of_session(&self, digest: &str, now: Timestamp) -> Result<Option<User>, Error> {
        let sql = users!(
            "JOIN hub_session ON hub_session.name = hub_user.name \
             WHERE hub_session.digest = $1 AND hub_session.expires_at > $2 AND disabled_at = 0"
        );
        let rows = self.lookup(sql, values![digest, now]).await?;
        rows.first().map(|row| self.user_of(row)).transpose()
    }

    fn user_of(&self, row: &Row) -> Result<User, Error> {
        let name = row.text("name")?;
        let sealed = row.optional_text("totp_secret")?;
        let totp_secret = sealed.map(|sealed| self.sealer.open(&place(&name), &sealed)).transpose()?;
        Ok(User {
            role: row.parse("role")?,
            agencies: agencies(row)?,
            password: row.text("password")?.into(),
            totp_secret: totp_secret.map(Into::into),
            totp_step: row.int("totp_step")?,
            created_at: row.time("created_at")?,
            created_by: row.text("created_by")?,
            disabled_at: row.time_unless_zero("disabled_at")?,
            last_sign_in_at: row.time_unless_zero("last_sign_in_at")?,
            name,
        })
    }
}

impl Unit {
    /// Adds a user. At the commit, [`Error::Referred`] if the name is taken: timelines show it, so it is never given to
    /// another person.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the secret can't be sealed.
    pub fn insert_user(&mut self, user: &User) -> Result<(), Error> {
        let mut seal = |secret: &SecretString| self.seal(&place(&user.name), secret.expose_secret());
        let totp_secret = user.totp_secret.as_ref().map(&mut seal).transpose()?;
        self.refuse_any(
            "SELECT id FROM api_key WHERE name = $1 LIMIT 1",
            values![&user.name],
            Error::Referred(format!("The name {} is taken. Choose another.", user.name)),
        );
        self.run_on_one(
            "INSERT INTO hub_user (name, role, agencies, password, totp_secret, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING",
            values![
                &user.name,
                user.role.name(),
                lines(&user.agencies),
                user.password.expose_secret(),
                totp_secret,
                user.created_at,
                &user.created_by
            ],
            Error::Referred(format!("There is a user {} already.", user.name)),
        );
        Ok(())
    }

    /// Disables a user and ends the user's sessions. It touches one row where the user was enabled.
    pub fn disable_user(&mut self, name: &str, now: Timestamp) -> StepId {
        self.run("DELETE FROM hub_session WHERE name = $1", values![name]);
        self.run("UPDATE hub_user SET disabled_at = $1 WHERE name = $2 AND disabled_at = 0", values![now, name])
    }

    /// Changes a user's password and ends the user's sessions. It touches one row where the user exists and is enabled.
    pub fn change_password(&mut self, name: &str, digest: &SecretString) -> StepId {
        self.run("DELETE FROM hub_session WHERE name = $1", values![name]);
        self.run(
            "UPDATE hub_user SET password = $1 WHERE name = $2 AND disabled_at = 0",
            values![digest.expose_secret(), name],
        )
    }

    /// Gives a user the secret of one-time codes, with the step of a code that proves that the user has it, and ends the
    /// user's sessions. It touches one row where the user exists and is enabled.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the secret can't be sealed.
    pub fn set_totp(&mut self, name: &str, secret: &SecretString, step: i64) -> Result<StepId, Error> {
        let sealed = self.seal(&place(name), secret.expose_secret())?;
        self.run("DELETE FROM hub_session WHERE name = $1", values![name]);
        Ok(self.run(
            "UPDATE hub_user SET totp_secret = $1, totp_step = $2 WHERE name = $3 AND disabled_at = 0",
            values![sealed, step, name],
        ))
    }

    /// Begins a session of a user who has signed in, with the step of the code that was accepted. At the commit,
    /// [`Error::Conflict`] if the same code was used at the same moment, or the user was disabled.
    pub fn insert_session(
        &mut self,
        user: &str,
        digest: &str,
        totp_step: Option<i64>,
        now: Timestamp,
        expires_at: Timestamp,
    ) {
        match totp_step {
            Some(step) => self.run_on_one(
                "UPDATE hub_user SET totp_step = $1, last_sign_in_at = $2 \
                 WHERE name = $3 AND disabled_at = 0 AND totp_step < $1",
                values![step, now, user],
                Error::Conflict,
            ),
            None => self.run_on_one(
                "UPDATE hub_user SET last_sign_in_at = $1 WHERE name = $2 AND disabled_at = 0",
                values![now, user],
                Error::Conflict,
            ),
        };
        self.run(
            "INSERT INTO hub_session (digest, name, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            values![digest, user, now, expires_at],
        );
    }

    /// Ends a session. It touches one row where there was one.
    pub fn end_session(&mut self, digest: &str) -> StepId {
        self.run("DELETE FROM hub_session WHERE digest = $1", values![digest])
    }

    /// Removes sessions that have ended.
    pub fn prune_sessions(&mut self, now: Timestamp) {
        self.run("DELETE FROM hub_session WHERE expires_at <= $1", values![now]);
    }
}

/// The place of a user's secret.
pub(crate) fn place(name: &str) -> String {
    format!("user:{name}:totp")
}
