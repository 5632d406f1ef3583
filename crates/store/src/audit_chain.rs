//! The audit's chain: each entry carries a hash over itself and the one before it, and the request carries the last one's,
//! with the number of entries. What is changed, taken out, put in or put elsewhere behind the hub's back shows.
//!
//! One chain per request: a chain over all of them would have every commit wait for every other. See
//! docs/decisions/0007-audit-chain.md.

use jiff::Timestamp;
use lending::{RequestId, Status};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::audit::{AuditEntry, AuditRow};
use crate::audit_text::Texts;
use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::time::micros;

/// How many requests are read at once.
const AT_ONCE: i64 = 200;

/// What a check of the audit came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Requests whose audit was checked.
    pub requests: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// Administrative acts that were checked.
    pub acts: u64,
    /// The first fault of each request that has one.
    pub faults: Vec<AuditFault>,
}

/// Something in the audit that isn't as the hub wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFault {
    /// Whose audit: a request's id, or `administrative acts`.
    pub request: String,
    /// At which entry, from 1; none where it is the whole.
    pub entry: Option<i64>,
    /// What is wrong.
    pub what: &'static str,
}

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) actor: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) evidence: Option<String>,
    pub(crate) hash: String,
}

impl Link {
    /// The entry with a place and no hash yet.
    pub(crate) fn new(seq: i64, entry: &AuditEntry) -> Self {
        let name = |status: Option<Status>| status.map(|status| status.name().to_owned());
        Self {
            seq,
            at: micros(entry.at),
            event: entry.event.clone(),
            actor: entry.actor.clone(),
            from: name(entry.from),
            to: name(entry.to),
            reason: entry.reason.clone(),
            note: entry.note.clone(),
            evidence: entry.evidence.as_ref().map(ToString::to_string),
            hash: String::new(),
        }
    }

    pub(crate) fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            seq: row.int("seq")?,
            at: row.int("at")?,
            event: row.text("event")?,
            actor: row.text("actor")?,
            from: row.optional_text("from_status")?,
            to: row.optional_text("to_status")?,
            reason: row.optional_text("reason")?,
            note: row.optional_text("note")?,
            evidence: row.optional_text("evidence")?,
            hash: row.text("hash")?,
        })
    }

    /// The parts that the request's own key seals.
    pub(crate) fn texts(&mut self) -> Texts<'_> {
        Texts { note: &mut self.note, evidence: &mut self.evidence }
    }

    pub(crate) fn read(self, request: RequestId) -> Result<AuditRow, Error> {
        let corrupt = |what: &str| Error::Corrupt { table: "audit", what: what.to_owned() };
        let status = |name: Option<String>| {
            name.map(|name| name.parse::<Status>().map_err(|_| corrupt("an unknown status"))).transpose()
        };
        let evidence = self.evidence.map(|text| serde_json::from_str(&text)).transpose();
        let entry = AuditEntry {
            request,
            at: Timestamp::from_microsecond(self.at).map_err(|_| corrupt("a time out of range"))?,
            event: self.event,
            actor: self.actor,
            from: status(self.from)?,
            to: status(self.to)?,
            reason: self.reason,
            note: self.note,
            evidence: evidence.map_err(|_| corrupt("evidence that is no JSON"))?,
        };
        Ok(AuditRow { seq: self.seq, entry })
    }

    /// The hash of the entry where it follows the one with `before`.
    pub(crate) fn hash_after(&self, before: &str, request: &str) -> String {
        let Self { seq, at, event, actor, from, to, reason, note, evidence, .. } = self;
        let text = json!([before, request, seq, at, event, actor, from, to, reason, note, evidence]).to_string();
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The first thing that is wrong with a request's entries.
fn fault(request: &str, links: &[Link], head: &str, count: i64) -> Option<AuditFault> {
    let fault = |entry, what| Some(AuditFault { request: request.to_owned(), entry, what });
    let mut before = String::new();
    for (place, link) in (1_i64..).zip(links) {
        if link.seq != place {
            return fault(Some(place), "an entry is missing here");
        }
        if link.hash_after(&before, request) != link.hash {
            return fault(Some(place), "the entry is not as it was written, or not in its place");
        }
        before.clone_from(&link.hash);
    }
    if i64::try_from(links.len()) != Ok(count) {
        return fault(None, "there are more or fewer entries than the request says");
    }
    if before != head {
        return fault(None, "the last entry is not the one that the request says");
    }
    None
}

impl Store {
    /// Checks the audit of one request, or of all and the administrative acts.
    pub async fn verify_audit(&self, only: Option<RequestId>) -> Result<Verified, Error> {
        let mut verified = Verified::default();
        let only = only.map(|id| id.to_string());
        let mut after = String::new();
        loop {
            let rows = match &only {
                Some(_) if !after.is_empty() => break,
                Some(id) => self.read(END, values![id]).await?,
                None => self.read(ENDS, values![&after, AT_ONCE]).await?,
            };
            let Some(last) = rows.last() else { break };
            after = last.text("id")?;
            for row in &rows {
                let (id, head, count) = (row.text("id")?, row.text("audit_head")?, row.int("audit_count")?);
                let links = self.links(&id).await?;
                verified.requests += 1;
                verified.entries += links.len() as u64;
                if let Some(fault) = fault(&id, &links, &head, count)
                    && !self.was_written_meanwhile(&id).await?
                {
                    verified.faults.push(fault);
                }
            }
        }
        if only.is_none() {
            verified.faults.extend(self.entries_without_request().await?);
            let (acts, fault) = self.verify_admin_audit().await?;
            verified.acts = acts;
            verified.faults.extend(fault);
        }
        Ok(verified)
    }

    /// The hub may have committed between the two reads; then another look finds nothing wrong.
    async fn was_written_meanwhile(&self, id: &str) -> Result<bool, Error> {
        for _ in 0..3 {
            let rows = self.read(END, values![id]).await?;
            let links = self.links(id).await?;
            if let Some(row) = rows.first()
                && fault(id, &links, &row.text("audit_head")?, row.int("audit_count")?).is_none()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Entries of requests that aren't there.
    async fn entries_without_request(&self) -> Result<Vec<AuditFault>, Error> {
        let sql = "SELECT DISTINCT request FROM audit WHERE request NOT IN (SELECT id FROM patron_request)";
        let rows = self.read(sql, values![]).await?;
        let orphan = |row: &Row| {
            Ok(AuditFault { request: row.text("request")?, entry: None, what: "the request itself is gone" })
        };
        rows.iter().map(orphan).collect()
    }
}

const END: &str = "SELECT id, audit_head, audit_count FROM patron_request WHERE id = $1";
const ENDS: &str = "SELECT id, audit_head, audit_count FROM patron_request WHERE id > $1 ORDER BY id LIMIT $2";
