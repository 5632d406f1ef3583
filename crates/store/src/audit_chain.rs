//! The audit's chain: each entry carries a hash over itself and the one before it, and the request carries the last one's,
//! with the number of entries. What is changed, taken out, put in or put elsewhere behind the hub's back shows.
//!
//! One chain per request: a chain over all of them would have every commit wait for every other. See
//! docs/decisions/0007-audit-chain.md.

use lending::RequestId;
use sea_query::{Alias, Expr, ExprTrait, Order, Query};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::db::{Store, Tx};
use crate::error::Error;

/// How many requests are read at once.
const AT_ONCE: u64 = 200;

/// What a check of the audit came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Requests whose audit was checked.
    pub requests: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// The first fault of each request that has one.
    pub faults: Vec<AuditFault>,
}

/// Something in the audit that isn't as the hub wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFault {
    /// Whose audit.
    pub request: String,
    /// At which entry, from 1; none where it is the whole.
    pub entry: Option<i64>,
    /// What is wrong.
    pub what: &'static str,
}

/// An entry as stored: sequence, time, event, actor, from, to, because, note, evidence, hash.
type Link =
    (i64, i64, String, String, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>, String);

/// The hash of an entry that follows the one with `before`.
pub(crate) fn hash(before: &str, request: &str, link: &Link) -> String {
    let (seq, at, event, actor, from, to, reason, note, evidence, _) = link;
    let text = json!([before, request, seq, at, event, actor, from, to, reason, note, evidence]).to_string();
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn col(name: &str) -> Expr {
    Expr::col(Alias::new(name.to_owned()))
}

fn links(request: &str) -> sea_query::SelectStatement {
    let columns = ["seq", "at", "event", "actor", "from_status", "to_status", "reason", "note", "evidence", "hash"]
        .map(Alias::new);
    Query::select()
        .columns(columns)
        .from(Alias::new("audit"))
        .and_where(col("request").eq(request))
        .order_by(Alias::new("seq"), Order::Asc)
        .to_owned()
}

/// The first thing that is wrong with a request's entries.
fn fault(request: &str, links: &[Link], head: &str, count: i64) -> Option<AuditFault> {
    let fault = |entry, what| Some(AuditFault { request: request.to_owned(), entry, what });
    let mut before = String::new();
    for (place, link) in (1_i64..).zip(links) {
        if link.0 != place {
            return fault(Some(place), "an entry is missing here");
        }
        if hash(&before, request, link) != link.9 {
            return fault(Some(place), "the entry is not as it was written, or not in its place");
        }
        before.clone_from(&link.9);
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
    /// Checks the audit of one request, or of all.
    pub async fn verify_audit(&self, only: Option<RequestId>) -> Result<Verified, Error> {
        let mut verified = Verified::default();
        let mut after = String::new();
        loop {
            let mut statement = Query::select()
                .columns(["id", "audit_head", "audit_count"].map(Alias::new))
                .from(Alias::new("patron_request"))
                .and_where(col("id").gt(after.as_str()))
                .order_by(Alias::new("id"), Order::Asc)
                .limit(AT_ONCE)
                .to_owned();
            if let Some(id) = only {
                statement.and_where(col("id").eq(id.to_string()));
            }
            let rows: Vec<(String, String, i64)> = self.fetch(&statement).await?;
            let Some((last, ..)) = rows.last() else { break };
            after.clone_from(last);
            for (id, head, count) in &rows {
                let links: Vec<Link> = self.fetch(&links(id)).await?;
                verified.requests += 1;
                verified.entries += links.len() as u64;
                if let Some(fault) = fault(id, &links, head, *count) {
                    verified.faults.push(self.or_written_meanwhile(fault, id).await?);
                }
            }
        }
        verified.faults.retain(|fault| !fault.what.is_empty());
        if only.is_none() {
            verified.faults.extend(self.entries_without_request().await?);
        }
        Ok(verified)
    }

    /// The hub may have committed between the two reads; then a second poll finds nothing wrong.
    async fn or_written_meanwhile(&self, found: AuditFault, id: &str) -> Result<AuditFault, Error> {
        for _ in 0..3 {
            let once_more = Query::select()
                .columns(["audit_head", "audit_count"].map(Alias::new))
                .from(Alias::new("patron_request"))
                .and_where(col("id").eq(id))
                .to_owned();
            let rows: Vec<(String, i64)> = self.fetch(&once_more).await?;
            let links: Vec<Link> = self.fetch(&links(id)).await?;
            if rows.first().is_some_and(|(head, count)| fault(id, &links, head, *count).is_none()) {
                return Ok(AuditFault { what: "", ..found });
            }
        }
        Ok(found)
    }

    /// Entries of requests that aren't there.
    async fn entries_without_request(&self) -> Result<Vec<AuditFault>, Error> {
        let known = Query::select().column(Alias::new("id")).from(Alias::new("patron_request")).to_owned();
        let statement = Query::select()
            .distinct()
            .column(Alias::new("request"))
            .from(Alias::new("audit"))
            .and_where(col("request").not_in_subquery(known))
            .to_owned();
        let rows: Vec<(String,)> = self.fetch(&statement).await?;
        let orphan = |(request,): (String,)| AuditFault { request, entry: None, what: "the request itself is gone" };
        Ok(rows.into_iter().map(orphan).collect())
    }
}

impl Tx {
    /// The head of a request's chain, and how many entries it has.
    pub(crate) async fn chain_of(&mut self, request: &str) -> Result<(String, i64), Error> {
        if let Some(known) = self.chains.get(request) {
            return Ok(known.clone());
        }
        let statement = Query::select()
            .columns(["audit_head", "audit_count"].map(Alias::new))
            .from(Alias::new("patron_request"))
            .and_where(col("id").eq(request))
            .to_owned();
        let rows: Vec<(String, i64)> = self.fetch(&statement).await?;
        rows.into_iter().next().ok_or_else(|| Error::Referred("The audit is of no request that is stored.".to_owned()))
    }

    /// Moves the head of a request's chain on by `more` entries.
    pub(crate) async fn advance_head(&mut self, request: &str, head: &str, count: i64, more: i64) -> Result<(), Error> {
        let statement = Query::update()
            .table(Alias::new("patron_request"))
            .value(Alias::new("audit_head"), head)
            .value(Alias::new("audit_count"), count + more)
            .and_where(col("id").eq(request))
            .and_where(col("audit_count").eq(count))
            .to_owned();
        self.chains.insert(request.to_owned(), (head.to_owned(), count + more));
        self.defer_expecting_one(&statement, || Error::Conflict).await
    }
}
