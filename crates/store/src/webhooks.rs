//! What libraries' systems send by themselves: the secrets they sign with, which messages came, and what these hint at.

use jiff::Timestamp;
use lending::{InstitutionCode, RequestId, Side};
use sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Func, Iden, OnConflict, Query};
use secrecy::{ExposeSecret, SecretString};

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::intents::{self, Col as IntentCol};
use crate::time::{at, micros};

/// The secrets of an institution's webhook.
#[derive(Clone, Debug)]
pub struct WebhookSecrets {
    /// The one to be set in the library's system.
    pub current: SecretString,
    /// Those before, the newest first, which count until the change is over.
    pub previous: Vec<SecretString>,
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

#[derive(Iden)]
#[iden = "webhook"]
pub(crate) struct WebhookTable;

#[derive(Iden)]
#[iden = "webhook_message"]
struct MessageTable;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Col {
    Institution,
    Secret,
    Previous,
    ChangedAt,
    Message,
    ReceivedAt,
    LastMessageAt,
    LastItemMessageAt,
    MissedMessageAt,
    MissedMessageKind,
}

impl Store {
    /// The secrets of an institution's webhook; `None` where it has none.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the secrets were sealed with another master key.
    pub async fn webhook_secrets(&self, institution: &InstitutionCode) -> Result<Option<WebhookSecrets>, Error> {
        let code = institution.as_str();
        let statement = Query::select()
            .columns([Col::Secret, Col::Previous])
            .from(WebhookTable)
            .and_where(Expr::col(Col::Institution).eq(code))
            .to_owned();
        let rows: Vec<(String, Option<String>)> = self.fetch(&statement).await?;
        let Some((current, previous)) = rows.into_iter().next() else { return Ok(None) };
        let open = |sealed: &str| self.sealer.open(&place(code), sealed).map(SecretString::from);
        let previous = previous.iter().flat_map(|all| all.lines()).map(open).collect::<Result<_, _>>()?;
        Ok(Some(WebhookSecrets { current: open(&current)?, previous }))
    }

    /// The institutions that have a webhook, and what is known of it.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let statement = Query::select()
            .columns([
                Col::Institution,
                Col::LastMessageAt,
                Col::LastItemMessageAt,
                Col::MissedMessageAt,
                Col::MissedMessageKind,
            ])
            .from(WebhookTable)
            .to_owned();
        let rows: Vec<(String, i64, i64, i64, String)> = self.fetch(&statement).await?;
        let time = |micros: i64| (micros > 0).then(|| at("webhook", micros)).transpose();
        rows.into_iter()
            .map(|(code, received, items, missed_at, missed)| {
                Ok(Webhook {
                    institution: code.into(),
                    last_message_at: time(received)?,
                    last_item_message_at: time(items)?,
                    missed_message: time(missed_at)?.map(|at| (at, missed)),
                })
            })
            .collect()
    }

    /// Notes what is news of an institution's webhook, where it has one.
    pub async fn update_webhook(&self, institution: &InstitutionCode, update: &WebhookUpdate) -> Result<(), Error> {
        let mut statement = Query::update();
        statement.table(WebhookTable).and_where(Expr::col(Col::Institution).eq(institution.as_str()));
        match update {
            WebhookUpdate::Message(at) => statement.value(Col::LastMessageAt, micros(*at)),
            WebhookUpdate::ItemMessage(at) => statement.value(Col::LastItemMessageAt, micros(*at)),
            WebhookUpdate::Missed(at, what) => {
                statement.value(Col::MissedMessageAt, micros(*at)).value(Col::MissedMessageKind, what.as_str())
            }
            WebhookUpdate::Trusted => statement.value(Col::MissedMessageAt, 0_i64).value(Col::MissedMessageKind, ""),
        };
        let mut tx = self.begin().await?;
        tx.execute(&statement).await?;
        tx.commit().await
    }

    /// Counts an institution's useful messages since `since`.
    pub async fn messages_since(&self, institution: &InstitutionCode, since: Timestamp) -> Result<u64, Error> {
        let statement = Query::select()
            .expr(Func::count(Expr::col(Col::Message)))
            .from(MessageTable)
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .and_where(Expr::col(Col::ReceivedAt).gte(micros(since)))
            .to_owned();
        let rows: Vec<(i64,)> = self.fetch(&statement).await?;
        Ok(rows.first().map(|row| u64::try_from(row.0).unwrap_or_default()).unwrap_or_default())
    }
}

impl Tx {
    /// Gives an institution's webhook a secret; those it had count on until [`Tx::forget_previous_webhook_secret`]. The one
    /// that it has already changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the secrets were sealed with another master key.
    pub async fn put_webhook_secret(
        &mut self,
        institution: &InstitutionCode,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<(), Error> {
        let code = institution.as_str();
        let statement = Query::select()
            .columns([Col::Secret, Col::Previous])
            .from(WebhookTable)
            .and_where(Expr::col(Col::Institution).eq(code))
            .to_owned();
        let rows: Vec<(String, Option<String>)> = self.fetch(&statement).await?;
        let mut before: Vec<String> = Vec::new();
        for (current, previous) in &rows {
            if self.sealer.open(&place(code), current)? == secret.expose_secret() {
                return Ok(());
            }
            before.push(current.clone());
            before.extend(previous.iter().flat_map(|all| all.lines()).map(str::to_owned));
        }
        before.truncate(SECRETS - 1);
        let previous = (!before.is_empty()).then(|| before.join("\n"));
        let sealed = self.sealer.seal(&place(code), secret.expose_secret())?;
        let statement = Query::insert()
            .into_table(WebhookTable)
            .columns([Col::Institution, Col::Secret, Col::Previous, Col::ChangedAt])
            .values_panic([code.into(), sealed.into(), previous.into(), micros(now).into()])
            .on_conflict(
                OnConflict::column(Col::Institution)
                    .update_columns([Col::Secret, Col::Previous, Col::ChangedAt])
                    .to_owned(),
            )
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Finish the rotation: only the newest secret counts from now on.
    pub async fn forget_previous_webhook_secret(&mut self, institution: &InstitutionCode) -> Result<(), Error> {
        let statement = Query::update()
            .table(WebhookTable)
            .value(Col::Previous, Option::<String>::None)
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Takes an institution's webhook away. Answers whether it had one.
    pub async fn remove_webhook(&mut self, institution: &InstitutionCode) -> Result<bool, Error> {
        let statement = Query::delete()
            .from_table(WebhookTable)
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .to_owned();
        Ok(self.execute(&statement).await? > 0)
    }

    /// Notes a message; answers whether it is new.
    pub async fn insert_message(
        &mut self,
        institution: &InstitutionCode,
        message: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let statement = Query::insert()
            .into_table(MessageTable)
            .columns([Col::Institution, Col::Message, Col::ReceivedAt])
            .values_panic([institution.as_str().into(), message.into(), micros(now).into()])
            .on_conflict(OnConflict::columns([Col::Institution, Col::Message]).do_nothing().to_owned())
            .to_owned();
        Ok(self.execute(&statement).await? > 0)
    }

    /// Forgets messages that can't come again.
    pub async fn prune_messages(&mut self, before: Timestamp) -> Result<u64, Error> {
        let statement = Query::delete()
            .from_table(MessageTable)
            .and_where(Expr::col(Col::ReceivedAt).lt(micros(before)))
            .to_owned();
        self.execute(&statement).await
    }

    /// Lets the polls of a request at a side be made at `due_at`, with what was reported about them (whole lines of
    /// [`Intent::hints`](crate::Intent::hints)); where one is under way, once more after it. Answers how many there are.
    pub async fn add_hint(
        &mut self,
        request: RequestId,
        side: Side,
        hints: &str,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<u64, Error> {
        // What is due before need not wait for others.
        let due = CaseStatement::new()
            .case(Expr::col(IntentCol::DueAt).lt(micros(due_at)), Expr::col(IntentCol::DueAt))
            .finally(micros(due_at));
        let statement = Query::update()
            .table(intents::Table)
            .value(IntentCol::HintedAt, micros(now))
            .value(IntentCol::DueAt, Expr::expr(due))
            .value(IntentCol::Hints, Expr::col(IntentCol::Hints).binary(BinOper::Custom("||"), Expr::val(hints)))
            .cond_where(intents::polls_of(request))
            .and_where(Expr::col(IntentCol::Target).eq(side.name()))
            .to_owned();
        self.execute(&statement).await
    }
}

fn place(code: &str) -> String {
    format!("institution:{code}:webhook")
}
