//! Subscriptions to events: where they are sent, as whom, and with which secret they are signed.

use access::Role;
use jiff::Timestamp;
use lending::AgencyCode;
use secrecy::{ExposeSecret as _, SecretString};

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::{StepId, Unit};

/// A subscription, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Its code.
    pub code: String,
    /// Where events are sent.
    pub url: String,
    /// The language of the sentences for patrons, such as `de`.
    pub language: String,
    /// The role of the key that made it. It decides with the agencies which requests' events are sent.
    pub role: Role,
    /// The agencies of that key.
    pub agencies: Vec<AgencyCode>,
    /// Whether its address may be a private one.
    pub private_allowed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of the key that made it.
    pub created_by: String,
    /// Whether events are sent.
    pub active: bool,
    /// The position of the last event that was considered.
    pub position: i64,
    /// Failed deliveries in a row.
    pub failures: u32,
    /// The time before which nothing is sent.
    pub due_at: Timestamp,
    /// When an event was delivered last.
    pub last_delivered_at: Option<Timestamp>,
    /// Why the last delivery failed; `None` if it succeeded.
    pub last_error: Option<String>,
}

const ALL: &str = "SELECT code, url, language, role, agencies, private_allowed, created_at, created_by, active, position, \
                       failures, due_at, COALESCE(last_delivered_at, 0) AS last_delivered_at, last_error \
                   FROM subscription ORDER BY code";

impl Store {
    /// Returns all subscriptions.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        self.read(ALL, values![]).await?.iter().map(subscription).collect()
    }

    /// Returns the secrets with which a subscription's messages are signed now; none if there is no such subscription.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] if they were sealed with another master key.
    pub async fn subscription_secrets(&self, code: &str, now: Timestamp) -> Result<Vec<SecretString>, Error> {
        let sql = "SELECT secret, previous_secret, COALESCE(previous_until, 0) AS previous_until FROM subscription WHERE code = $1";
        let rows = self.read(sql, values![code]).await?;
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let overlaps = row.time_unless_zero("previous_until")?.is_some_and(|until| until > now);
        let previous = row.optional_text("previous_secret")?.filter(|_| overlaps);
        let sealed = std::iter::once(row.text("secret")?).chain(previous);
        sealed.map(|sealed| self.sealer.open(&place(code), &sealed).map(SecretString::from)).collect()
    }
}

impl Unit {
    /// Adds a subscription. At the commit, [`Error::Conflict`] if there is one with its code.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if its secret can't be sealed.
    pub fn insert_subscription(&mut self, new: &Subscription, secret: &SecretString) -> Result<(), Error> {
        let sealed = self.seal(&place(&new.code), secret.expose_secret())?;
        self.run_on_one(
            "INSERT INTO subscription (code, url, language, secret, role, agencies, private_allowed, created_at, created_by, \
                 active, position, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (code) DO NOTHING",
            values![
                &new.code,
                &new.url,
                &new.language,
                sealed,
                new.role.name(),
                lines(&new.agencies),
                new.private_allowed,
                new.created_at,
                &new.created_by,
                new.active,
                new.position,
                new.due_at
            ],
            Error::Conflict,
        );
        Ok(())
    }

    /// Changes where and whether a subscription's events are sent. Its next delivery is due at once.
    pub fn change_subscription(&mut self, changed: &Subscription, now: Timestamp) {
        self.run_on_one(
            "UPDATE subscription SET url = $1, language = $2, active = $3, failures = 0, due_at = $4 WHERE code = $5",
            values![&changed.url, &changed.language, changed.active, now, &changed.code],
            Error::Conflict,
        );
    }

    /// Stops a subscription, since its receiver wants no more.
    pub fn stop_subscription(&mut self, code: &str, reason: &str) {
        self.run("UPDATE subscription SET active = 0, last_error = $1 WHERE code = $2", values![reason, code]);
    }

    /// Replaces a subscription's secret. The former one signs next to it until `until`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be sealed.
    pub fn rotate_subscription(&mut self, code: &str, secret: &SecretString, until: Timestamp) -> Result<(), Error> {
        let sealed = self.seal(&place(code), secret.expose_secret())?;
        self.run_on_one(
            "UPDATE subscription SET previous_secret = secret, previous_until = $1, secret = $2 WHERE code = $3",
            values![until, sealed, code],
            Error::Conflict,
        );
        Ok(())
    }

    /// Removes a subscription with its deliveries.
    pub fn delete_subscription(&mut self, code: &str) {
        self.run("DELETE FROM delivery WHERE subscription = $1", values![code]);
        self.run("DELETE FROM subscription WHERE code = $1", values![code]);
    }

    /// Takes a subscription for a node until `until`, or keeps it. The step touches a row if no other node has it.
    pub fn claim_subscription(&mut self, code: &str, node: &str, now: Timestamp, until: Timestamp) -> StepId {
        self.run(
            "UPDATE subscription SET lease_owner = $1, lease_until = $2 \
             WHERE code = $3 AND (lease_owner IS NULL OR lease_owner = $1 OR lease_until < $4)",
            values![node, until, code, now],
        )
    }
}

fn subscription(row: &Row) -> Result<Subscription, Error> {
    Ok(Subscription {
        code: row.text("code")?,
        url: row.text("url")?,
        language: row.text("language")?,
        role: row.parse("role")?,
        agencies: row.text("agencies")?.lines().map(Into::into).collect(),
        private_allowed: row.int("private_allowed")? != 0,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        active: row.int("active")? != 0,
        position: row.int("position")?,
        failures: row.small("failures")?,
        due_at: row.time("due_at")?,
        last_delivered_at: row.time_unless_zero("last_delivered_at")?,
        last_error: row.optional_text("last_error")?,
    })
}

fn lines(agencies: &[AgencyCode]) -> String {
    agencies.iter().map(AgencyCode::as_str).collect::<Vec<_>>().join("\n")
}

/// The place of a subscription's secrets.
pub(crate) fn place(code: &str) -> String {
    format!("subscription:{code}:secret")
}
