//! The audit: what happened to each request, in order. Rows are only ever added.

use jiff::Timestamp;
use lending::{RequestId, Status};
use sea_query::{Expr, ExprTrait, Iden, Order, Query};
use serde_json::Value;

use crate::audit_chain;
use crate::db::{Store, Tx};
use crate::error::Error;
use crate::time::{at, micros};

/// One thing that happened. Holds nothing secret or personal.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEntry {
    /// To which request.
    pub request: RequestId,
    /// When.
    pub at: Timestamp,
    /// What, such as `hold_placed_at_lender`.
    pub event: String,
    /// By whom: `hub`, or the name of an API key.
    pub actor: String,
    /// The status before, where it changed.
    pub from: Option<Status>,
    /// The status after, where it changed.
    pub to: Option<Status>,
    /// Why it changed.
    pub reason: Option<String>,
    /// What staff should read about it.
    pub note: Option<String>,
    /// What it rests on.
    pub evidence: Option<Value>,
}

/// An entry in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditRow {
    /// Its place in the request's timeline, from 1.
    pub seq: i64,
    /// What happened.
    pub entry: AuditEntry,
}

#[derive(Iden)]
#[iden = "audit"]
struct Table;

#[derive(Iden, Clone, Copy)]
enum Col {
    Request,
    Seq,
    At,
    Event,
    Actor,
    FromStatus,
    ToStatus,
    Reason,
    Note,
    Evidence,
    Hash,
}

type Row = (i64, i64, String, String, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

impl Store {
    /// Everything that happened to a request, oldest first.
    pub async fn timeline(&self, request: RequestId) -> Result<Vec<AuditRow>, Error> {
        let columns = [
            Col::Seq,
            Col::At,
            Col::Event,
            Col::Actor,
            Col::FromStatus,
            Col::ToStatus,
            Col::Reason,
            Col::Note,
            Col::Evidence,
        ];
        let statement = Query::select()
            .columns(columns)
            .from(Table)
            .and_where(Expr::col(Col::Request).eq(request.to_string()))
            .order_by(Col::Seq, Order::Asc)
            .to_owned();
        let rows: Vec<Row> = self.fetch(&statement).await?;
        rows.into_iter().map(|row| read(request, row)).collect()
    }
}

impl Tx {
    /// Adds entries at the end of a request's timeline.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when another transaction has added some meanwhile.
    pub async fn append_audit(&mut self, request: RequestId, entries: &[AuditEntry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let request = request.to_string();
        let (mut head, count) = self.chain_of(&request).await?;
        let name = |status: Option<Status>| status.map(|status| status.name().to_owned());
        for (seq, entry) in (count + 1..).zip(entries) {
            let evidence = entry.evidence.as_ref().map(ToString::to_string);
            let link = (
                seq,
                micros(entry.at),
                entry.event.clone(),
                entry.actor.clone(),
                name(entry.from),
                name(entry.to),
                entry.reason.clone(),
                entry.note.clone(),
                evidence,
                String::new(),
            );
            head = audit_chain::hash(&head, &request, &link);
            let (seq, at, event, actor, from, to, reason, note, evidence, _) = link;
            let statement = Query::insert()
                .into_table(Table)
                .columns([
                    Col::Request,
                    Col::Seq,
                    Col::At,
                    Col::Event,
                    Col::Actor,
                    Col::FromStatus,
                    Col::ToStatus,
                    Col::Reason,
                    Col::Note,
                    Col::Evidence,
                    Col::Hash,
                ])
                .values_panic([
                    request.as_str().into(),
                    seq.into(),
                    at.into(),
                    event.into(),
                    actor.into(),
                    from.into(),
                    to.into(),
                    reason.into(),
                    note.into(),
                    evidence.into(),
                    head.as_str().into(),
                ])
                .to_owned();
            self.defer(&statement).await?;
        }
        self.advance_head(&request, &head, count, i64::try_from(entries.len()).unwrap_or(i64::MAX)).await
    }
}

fn read(request: RequestId, row: Row) -> Result<AuditRow, Error> {
    let (seq, when, event, actor, from, to, reason, note, evidence) = row;
    let corrupt = |what: &str| Error::Corrupt { table: "audit", what: what.to_owned() };
    let status = |name: Option<String>| {
        name.map(|name| name.parse::<Status>().map_err(|_| corrupt("an unknown status"))).transpose()
    };
    let evidence = evidence
        .map(|text| serde_json::from_str(&text).map_err(|_| corrupt("evidence that is no JSON")))
        .transpose()?;
    let entry = AuditEntry {
        request,
        at: at("audit", when)?,
        event,
        actor,
        from: status(from)?,
        to: status(to)?,
        reason,
        note,
        evidence,
    };
    Ok(AuditRow { seq, entry })
}
