//! The audit: what happened to each request, in order. Rows are only ever added.

use jiff::Timestamp;
use lending::{RequestId, Status};
use serde_json::Value;

use crate::audit_chain::Link;
use crate::database::Store;
use crate::error::Error;
use crate::requests::AuditEnd;
use crate::sql::values;
use crate::unit::Unit;

/// The entries of a request in their order.
pub(crate) const ENTRIES: &str = "SELECT seq, at, event, actor, from_status, to_status, reason, note, evidence, hash \
                       FROM audit WHERE request = $1 ORDER BY seq";

/// One thing that happened. Holds nothing secret. Note and evidence are sealed at rest, with a key that is destroyed when the
/// patron's data is erased.
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

impl Store {
    /// Everything that happened to a request, oldest first.
    pub async fn timeline(&self, request: RequestId) -> Result<Vec<AuditRow>, Error> {
        Ok(self.request_with_timeline(request).await?.map(|(_, timeline)| timeline).unwrap_or_default())
    }

    /// The entries of a request as they are stored.
    pub(crate) async fn links(&self, request: &str) -> Result<Vec<Link>, Error> {
        self.read(ENTRIES, values![request]).await?.iter().map(Link::of).collect()
    }
}

impl Unit {
    /// Adds entries of a request's audit.
    pub(crate) fn insert_audit(&mut self, request: RequestId, links: Vec<Link>) {
        for link in links {
            self.run(
                "INSERT INTO audit (request, seq, at, event, actor, from_status, to_status, reason, note, evidence, hash) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                values![
                    request,
                    link.seq,
                    link.at,
                    link.event,
                    link.actor,
                    link.from,
                    link.to,
                    link.reason,
                    link.note,
                    link.evidence,
                    link.hash
                ],
            );
        }
    }
}

/// Chains entries to the end of a request's audit; answers them as they are stored, and where it ends then.
pub(crate) fn chain(
    request: RequestId,
    end: &AuditEnd,
    entries: &[AuditEntry],
    seal: impl Fn(&str, &mut Link) -> Result<(), Error>,
) -> Result<(Vec<Link>, AuditEnd), Error> {
    let request = request.to_string();
    let (mut links, mut end) = (Vec::with_capacity(entries.len()), end.clone());
    for entry in entries {
        let mut link = Link::new(end.count + 1, entry);
        seal(&request, &mut link)?;
        link.hash = link.hash_after(&end.hash, &request);
        end = AuditEnd { hash: link.hash.clone(), count: link.seq };
        links.push(link);
    }
    Ok((links, end))
}
