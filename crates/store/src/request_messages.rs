//! What the libraries of a request write to each other, and what each of them has not read yet.
//!
//! Texts may name a person, so each is sealed with its request's own key, as the texts of the audit are. The erasure of the
//! patron's data destroys the key.

use std::collections::HashMap;

use jiff::Timestamp;
use lending::{AgencyCode, RequestId};

use crate::audit_text::{self, TextKey};
use crate::database::Store;
use crate::error::Error;
use crate::requests::Stored;
use crate::sql::{Row, values};
use crate::unit::Unit;

const OF_REQUEST: &str = "SELECT seq, at, agency, sender, body FROM request_message WHERE request = $1 ORDER BY seq";
const UNREAD: &str = "SELECT request, number FROM unread_message WHERE agency = $1";
const UNREAD_OF_REQUEST: &str = "SELECT agency, number FROM unread_message WHERE request = $1";

/// A message as it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRequestMessage {
    /// The agency for which it is written; `None` for the consortium's office.
    pub agency: Option<AgencyCode>,
    /// The user or key that writes it.
    pub sender: String,
    /// The text.
    pub text: String,
}

/// Without the text, which may name a person.
impl std::fmt::Debug for NewRequestMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewRequestMessage")
            .field("agency", &self.agency)
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

/// A message as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestMessage {
    /// Its number: the version that it gave the request.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The agency for which it was written; `None` for the consortium's office.
    pub agency: Option<AgencyCode>,
    /// The user or key that wrote it.
    pub sender: String,
    /// The text; `None` once it is erased with the patron's data.
    pub text: Option<String>,
}

/// Without the text, which may name a person.
impl std::fmt::Debug for RequestMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestMessage").field("seq", &self.seq).field("agency", &self.agency).finish_non_exhaustive()
    }
}

fn place(request: RequestId, seq: i64) -> String {
    format!("message:{request}:{seq}")
}

impl Unit {
    /// Keeps a message of a request, which was just saved with the entry of its audit, and notes that these agencies have yet to
    /// read it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the text can't be sealed.
    pub fn insert_request_message(
        &mut self,
        saved: &Stored,
        message: &NewRequestMessage,
        readers: &[AgencyCode],
        now: Timestamp,
    ) -> Result<(), Error> {
        let (request, seq) = (saved.request.id, saved.version);
        let missing = || Error::Corrupt { table: "patron_request", what: "it has no key for texts".to_owned() };
        let key: &TextKey = saved.text_key.as_ref().ok_or_else(missing)?;
        let body = key.seal_one(&self.sealer, &place(request, seq), &message.text)?;
        let agency = message.agency.as_ref().map_or("", |agency| agency.as_str());
        self.run(
            "INSERT INTO request_message (request, seq, at, agency, sender, body) VALUES ($1, $2, $3, $4, $5, $6)",
            values![request, seq, now, agency, &message.sender, body],
        );
        for reader in readers {
            self.run(
                "INSERT INTO unread_message (agency, request, number, since) VALUES ($1, $2, 1, $3) \
                 ON CONFLICT (agency, request) DO UPDATE SET number = unread_message.number + 1",
                values![reader, request, now],
            );
        }
        Ok(())
    }

    /// Notes that agencies have read the messages of a request up to the one with this number.
    pub fn mark_messages_read(&mut self, request: RequestId, agencies: &[AgencyCode], through: i64) {
        for agency in agencies {
            self.run(
                "UPDATE unread_message SET number = (SELECT COUNT(*) FROM request_message \
                     WHERE request = $1 AND request_message.agency <> $2 AND seq > $3) \
                 WHERE request = $1 AND agency = $2",
                values![request, agency, through],
            );
        }
        self.run("DELETE FROM unread_message WHERE request = $1 AND number = 0", values![request]);
    }
}

impl Store {
    /// Returns the messages of a request, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] with another master key.
    pub async fn request_messages(&self, of: &Stored) -> Result<Vec<RequestMessage>, Error> {
        let rows = self.read(OF_REQUEST, values![of.request.id]).await?;
        rows.iter().map(|row| message(of, row)).collect()
    }

    /// Returns how many messages of each request some agencies have not read; requests without any are left out. A message that
    /// several of them have not read counts once.
    pub async fn unread_messages(&self, agencies: &[AgencyCode]) -> Result<HashMap<RequestId, u64>, Error> {
        let queries = agencies.iter().map(|agency| (UNREAD, values![agency])).collect();
        let mut found: HashMap<RequestId, u64> = HashMap::new();
        for row in self.read_all(queries).await?.iter().flatten() {
            let (id, number) = (row.parse("request")?, row.count("number")?);
            let known = found.entry(id).or_default();
            *known = number.max(*known);
        }
        Ok(found)
    }

    /// Returns how many messages of a request each agency has not read.
    pub async fn unread_of_request(&self, request: RequestId) -> Result<Vec<(AgencyCode, u64)>, Error> {
        let rows = self.read(UNREAD_OF_REQUEST, values![request]).await?;
        rows.iter().map(|row| Ok((row.text("agency")?.into(), row.count("number")?))).collect()
    }
}

fn message(of: &Stored, row: &Row) -> Result<RequestMessage, Error> {
    let (seq, agency) = (row.int("seq")?, row.text("agency")?);
    let text = audit_text::open_one(of.text_key.as_ref(), &place(of.request.id, seq), row.str("body")?)?;
    Ok(RequestMessage {
        seq,
        at: row.time("at")?,
        agency: (!agency.is_empty()).then(|| agency.into()),
        sender: row.text("sender")?,
        text,
    })
}
