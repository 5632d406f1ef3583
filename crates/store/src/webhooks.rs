//! What libraries' systems send by themselves: the secrets they sign with, and which messages came.

use jiff::Timestamp;
use lending::InstitutionCode;
use secrecy::{ExposeSecret, SecretString};

use crate::database::Store;
use crate::error::Error;
use crate::institutions::Expected;
use crate::nodes::NodeEvent;
use crate::sql::values;
use crate::unit::{StepId, Unit};

/// The secrets of an institution's webhook.
#[derive(Clone, Debug)]
pub struct WebhookSecrets {
    /// The one to be set in the library's system.
    pub current: SecretString,
    /// Those before, the newest first, which count until the change is over.
    pub previous: Vec<SecretString>,
    /// A number that changes with each change of the secrets.
    pub version: i64,
}

impl WebhookSecrets {
    /// All of them.
    pub fn all(self) -> Vec<SecretString> {
        std::iter::once(self.current).chain(self.previous).collect()
    }
}

/// What is known of an institution's webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    /// Whose it is.
    pub institution: InstitutionCode,
    /// When a message of it came last, within an hour; `None` as long as none has.
    pub last_message_at: Option<Timestamp>,
    /// When it last reported an item as sent, within an hour.
    pub last_item_message_at: Option<Timestamp>,
    /// When it was found to have missed a message, and the caller's name for the kind of message.
    pub missed_message: Option<(Timestamp, String)>,
}

/// What is news of a webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebhookUpdate {
    /// A message has come.
    Message(Timestamp),
    /// It has reported an item as sent.
    ItemMessage(Timestamp),
    /// It has missed a message, with the caller's name for the kind of message.
    Missed(Timestamp, String),
    /// It is trusted again.
    Trusted,
}

/// Changes while the one before still counts: so many secrets are remembered.
const SECRETS: usize = 5;

const SECRETS_OF: &str = "SELECT secret, previous, changed_at FROM webhook WHERE institution = $1";

impl Store {
    /// The secrets of an institution's webhook; `None` where it has none.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the secrets were sealed with another master key.
    pub async fn webhook_secrets(&self, institution: &InstitutionCode) -> Result<Option<WebhookSecrets>, Error> {
        let code = institution.as_str();
        let rows = self.read(SECRETS_OF, values![code]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let open = |sealed: &str| self.sealer.open(&place(code), sealed).map(SecretString::from);
        let previous = row.optional_text("previous")?;
        let previous = previous.iter().flat_map(|all| all.lines()).map(open).collect::<Result<_, _>>()?;
        Ok(Some(WebhookSecrets { current: open(&row.text("secret")?)?, previous, version: row.int("changed_at")? }))
    }

    /// The institutions that have a webhook, and what is known of it.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let sql = "SELECT institution, last_message_at, last_item_message_at, missed_message_at, missed_message_kind FROM webhook";
        let rows = self.read(sql, values![]).await?;
        rows.iter()
            .map(|row| {
                let kind = row.text("missed_message_kind")?;
                Ok(Webhook {
                    institution: row.text("institution")?.into(),
                    last_message_at: row.time_unless_zero("last_message_at")?,
                    last_item_message_at: row.time_unless_zero("last_item_message_at")?,
                    missed_message: row.time_unless_zero("missed_message_at")?.map(|at| (at, kind)),
                })
            })
            .collect()
    }

    /// Notes what is news of an institution's webhook, where it has one.
    pub async fn update_webhook(&self, institution: &InstitutionCode, update: &WebhookUpdate) -> Result<(), Error> {
        let mut unit = self.unit();
        match update {
            WebhookUpdate::Message(at) => {
                unit.run("UPDATE webhook SET last_message_at = $1 WHERE institution = $2", values![*at, institution])
            }
            WebhookUpdate::ItemMessage(at) => unit
                .run("UPDATE webhook SET last_item_message_at = $1 WHERE institution = $2", values![*at, institution]),
            WebhookUpdate::Missed(at, kind) => unit.run(
                "UPDATE webhook SET missed_message_at = $1, missed_message_kind = $2 WHERE institution = $3",
                values![*at, kind, institution],
            ),
            WebhookUpdate::Trusted => unit.run(
                "UPDATE webhook SET missed_message_at = 0, missed_message_kind = '' WHERE institution = $1",
                values![institution],
            ),
        };
        self.commit(unit).await.map(drop)
    }

    /// Whether a message is noted already.
    pub async fn has_message(&self, institution: &InstitutionCode, message: &str) -> Result<bool, Error> {
        let sql = "SELECT 1 AS known FROM webhook_message WHERE institution = $1 AND message = $2";
        Ok(!self.lookup(sql, values![institution, message]).await?.is_empty())
    }

    /// Counts an institution's useful messages since `since`.
    pub async fn messages_since(&self, institution: &InstitutionCode, since: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT COUNT(*) AS messages FROM webhook_message WHERE institution = $1 AND received_at >= $2";
        self.read(sql, values![institution, since]).await?.first().map_or(Ok(0), |row| row.count("messages"))
    }

    /// Gives an institution's webhook a secret; those it had count on until
    /// [`Unit::forget_previous_webhook_secret`]. The one that it has already changes nothing. Other nodes learn of it from
    /// `node`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the secrets were sealed with another master key; [`Error::Conflict`] where the webhook isn't as
    /// `expected`, or somebody else has set a secret at the same moment.
    pub async fn put_webhook_secret(
        &self,
        institution: &InstitutionCode,
        secret: &SecretString,
        expected: Expected,
        node: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let code = institution.as_str();
        let rows = self.read(SECRETS_OF, values![code]).await?;
        let version = rows.first().map(|row| row.int("changed_at")).transpose()?;
        let as_expected = match expected {
            Expected::Anything => true,
            Expected::Nothing => version.is_none(),
            Expected::Version(wanted) => version == Some(wanted),
        };
        if !as_expected {
            return Err(Error::Conflict);
        }
        let mut unit = self.unit();
        let sealed = unit.seal(&place(code), secret.expose_secret())?;
        match rows.first() {
            None => unit.run_on_one(
                "INSERT INTO webhook (institution, secret, changed_at) VALUES ($1, $2, $3) ON CONFLICT (institution) DO NOTHING",
                values![code, sealed, now],
                Error::Conflict,
            ),
            Some(row) => {
                let current = row.text("secret")?;
                if self.sealer.open(&place(code), &current)? == secret.expose_secret() {
                    return Ok(());
                }
                let earlier = row.optional_text("previous")?.unwrap_or_default();
                let before: Vec<&str> = std::iter::once(current.as_str()).chain(earlier.lines()).take(SECRETS - 1).collect();
                unit.run_on_one(
                    "UPDATE webhook SET secret = $1, previous = $2, \
                         changed_at = CASE WHEN changed_at < $3 THEN $3 ELSE changed_at + 1 END \
                     WHERE institution = $4 AND secret = $5 AND changed_at = $6",
                    values![sealed, before.join("\n"), now, code, &current, row.int("changed_at")?],
                    Error::Conflict,
                )
            }
        };
        unit.notify(node, &NodeEvent::SettingsChanged);
        self.commit(unit).await.map(drop)
    }
}

impl Unit {
    /// Finish the rotation: only the newest secret counts from now on.
    pub fn forget_previous_webhook_secret(&mut self, institution: &InstitutionCode) {
        let sql = "UPDATE webhook SET previous = NULL, changed_at = changed_at + 1 WHERE institution = $1";
        self.run(sql, values![institution]);
    }

    /// Lets the unit fail with [`Error::Conflict`] unless the institution's webhook has this version.
    pub fn expect_webhook(&mut self, institution: &InstitutionCode, version: i64) {
        let sql = "UPDATE webhook SET changed_at = changed_at WHERE institution = $1 AND changed_at = $2";
        self.run_on_one(sql, values![institution, version], Error::Conflict);
    }

    /// Takes an institution's webhook away. It touches one row where there was one.
    pub fn remove_webhook(&mut self, institution: &InstitutionCode) -> StepId {
        self.run("DELETE FROM webhook WHERE institution = $1", values![institution])
    }

    /// Notes a message. At the commit, [`Error::Duplicate`] if it is noted already.
    pub fn insert_message(&mut self, institution: &InstitutionCode, message: &str, now: Timestamp) {
        self.run_on_one(
            "INSERT INTO webhook_message (institution, message, received_at) VALUES ($1, $2, $3) \
             ON CONFLICT (institution, message) DO NOTHING",
            values![institution, message, now],
            Error::Duplicate,
        );
    }

    /// Forgets messages that can't come again.
    pub fn prune_messages(&mut self, before: Timestamp) {
        self.run("DELETE FROM webhook_message WHERE received_at < $1", values![before]);
    }
}

/// The place of a webhook's secrets.
pub(crate) fn place(code: &str) -> String {
    format!("institution:{code}:webhook")
}
