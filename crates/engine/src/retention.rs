//! Erases patrons' data: of requests that ended long ago, and of a patron who wants to be forgotten. Removes virtual patrons that
//! nobody needs any more.
//!
//! A pass is made by one node for all. It works in small batches, so that other work comes in between. Whether a request's data
//! may be erased is decided in `lending`; see docs/decisions/0044-retention.md.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{
    AgencyCode, Erasure, InstitutionCode, KeptFor, PatronId, Priority, RequestId, erasure, scheduled_erasure,
};
use lms::VirtualPatronRemoval;
use runtime::saturating_add;
use store::{
    AuditEntry, AuditRow, FinishedCursor, NodeEvent, PatronRead, Stored, StoredVirtualPatron, VirtualPatronCursor,
};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::engine::Engine;
use crate::error::Error;

/// The time between two passes over old data.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// The number of requests or virtual patrons that are read at once, and of requests that are erased in one transaction.
const BATCH: u32 = 50;
/// The number of reads of patron data that are removed in one transaction.
const READS: u32 = 500;
/// How long a virtual patron is left alone after a library's system has kept it.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// The data that the hub keeps about a patron.
#[derive(Clone, Debug)]
pub struct PatronData {
    /// The requests, each with its timeline.
    pub requests: Vec<(Stored, Vec<AuditRow>)>,
    /// The user records that represent the patron at other libraries.
    pub virtual_patrons: Vec<StoredVirtualPatron>,
    /// The reads of the patron's data, oldest first.
    pub reads: Vec<PatronRead>,
}

/// The result of an erasure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ErasedPatron {
    /// Requests whose data was erased.
    pub requests: usize,
    /// Virtual patrons that were removed from libraries' systems.
    pub virtual_patrons_removed: usize,
    /// Virtual patrons that libraries' systems still have. The hub removes them when the systems allow it.
    pub virtual_patrons_left: usize,
}

/// The reasons why a patron's data can't be erased now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StillNeeded(pub Vec<(RequestId, KeptFor)>);

impl Engine {
    /// Begins a pass over old data if it is this node's turn, as a task of `running`.
    pub(crate) async fn begin_retention(self: &Arc<Self>, running: &mut JoinSet<()>) {
        let now = self.runtime.now();
        {
            let mut next = self.next_retention.lock();
            let later = saturating_add(now, INTERVAL);
            // A pass that is further away than that was set before the clock was set back.
            if now < *next && *next <= later {
                return;
            }
            *next = later;
        }
        match self.store().claim_retention_pass(now, INTERVAL).await {
            Ok(true) => {
                let engine = Arc::clone(self);
                running.spawn(async move { engine.run_retention(now).await });
            }
            Ok(false) => {}
            Err(failure) => {
                warn!(error = %failure, "could not begin to erase old patron data; trying again in an hour");
            }
        }
    }

    /// Erases the data that is due, and removes virtual patrons that nobody needs. Whatever fails waits for the next pass. The
    /// work loop calls it once an hour.
    pub async fn run_retention(&self, now: Timestamp) {
        let keep_for =
            self.settings.retention.map(|keep| SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX));
        let before = keep_for.map(|keep| now.saturating_sub(keep).unwrap_or(Timestamp::MIN));
        if let (Some(keep_for), Some(before)) = (keep_for, before) {
            match self.erase_finished(before, keep_for, now).await {
                Ok(0) => {}
                Ok(requests) => info!(requests, "erased the patrons' data of requests that ended long ago"),
                Err(failure) => warn!(error = %failure, "could not erase all old patron data; trying again in an hour"),
            }
        }
        if let Some(before) = before
            && let Err(failure) = self.prune_reads(before, now).await
        {
            warn!(error = %failure, "could not remove old reads of patron data; trying again in an hour");
        }
        // Those of patrons who want to be forgotten go in any case.
        let before = before.unwrap_or(Timestamp::UNIX_EPOCH);
        if let Err(failure) = self.remove_unused_virtual_patrons(before, now).await {
            warn!(error = %failure, "could not remove all unused virtual patrons; trying again in an hour");
        }
    }

    /// Removes reads of patron data from before a time, and sessions that have ended.
    async fn prune_reads(&self, before: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut unit = self.store().unit();
        unit.prune_sessions(now);
        self.store().commit(unit).await?;
        loop {
            let mut unit = self.store().unit();
            let pruned = unit.prune_patron_reads(before, READS);
            let removed = self.store().commit(unit).await?.touched(pruned);
            if removed < u64::from(READS) || self.runtime.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Erases the patrons' data of requests that ended at `before` or earlier. Returns the number of requests.
    async fn erase_finished(
        &self,
        before: Timestamp,
        keep_for: SignedDuration,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let (mut erased, mut after) = (0, FinishedCursor::default());
        loop {
            let (finished, next) = self.store().finished_requests(before, &after, BATCH).await?;
            let due: Vec<&Stored> = finished
                .iter()
                .filter(|stored| scheduled_erasure(&stored.request, keep_for, now) == Erasure::Due)
                .collect();
            erased += self.erase(&due, "hub", "the time to keep patrons' data is over", now).await?;
            match next {
                Some(next) if !self.runtime.is_stopping() => after = next,
                _ => return Ok(erased),
            }
        }
    }

    /// Erases the data of requests in one transaction, or none of it if one of them has changed meanwhile. Returns their number.
    async fn erase(&self, due: &[&Stored], actor: &str, reason: &str, now: Timestamp) -> Result<usize, Error> {
        if due.is_empty() {
            return Ok(0);
        }
        let result = self
            .runtime
            .retry_transaction(async || {
                let mut unit = self.store().unit();
                for before in due {
                    let mut next = before.request.clone();
                    next.erase_patron(now);
                    let entry = AuditEntry {
                        request: next.id,
                        at: now,
                        event: "patron_erased".to_owned(),
                        actor: actor.to_owned(),
                        from: None,
                        to: None,
                        reason: Some(reason.to_owned()),
                        note: None,
                        evidence: None,
                    };
                    let saved = unit.save_erased(before, &next, &entry, now)?;
                    let (request, status, version) = (next.id, next.status, saved.version);
                    unit.notify(self.runtime.node(), &NodeEvent::RequestChanged { request, version, status });
                }
                self.store().commit(unit).await
            })
            .await;
        match result {
            Ok(_) => Ok(due.len()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Removes virtual patrons that no request has needed since `before`.
    async fn remove_unused_virtual_patrons(&self, before: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut after = VirtualPatronCursor::default();
        loop {
            let unused = self.store().unused_virtual_patrons(before, now, &after, BATCH).await?;
            let Some(last) = unused.last() else { return Ok(()) };
            after = last.cursor();
            for virtual_patron in &unused {
                if self.runtime.is_stopping() {
                    return Ok(());
                }
                // The calls for the ones before it took their time.
                if self.store().is_still_unused(virtual_patron, before).await? {
                    self.remove_virtual_patron(virtual_patron, now).await?;
                }
            }
        }
    }

    /// Removes a virtual patron from its library's system, with the lowest priority. Returns whether it is gone. A system that
    /// can't be reached, has no calls left or keeps the user changes nothing: it is tried another time.
    async fn remove_virtual_patron(&self, unused: &StoredVirtualPatron, now: Timestamp) -> Result<bool, Error> {
        let (institution, id) = (&unused.institution, &unused.id);
        let removed = match self.systems.check_budget(institution, Priority::Bulk).await {
            Ok(()) => {
                let call = self
                    .systems
                    .call(institution, Priority::Bulk, |lms| async move { lms.remove_virtual_patron(id).await });
                call.await
            }
            Err(no_calls) => Err(no_calls),
        };
        let mut unit = self.store().unit();
        let is_gone = match removed {
            Ok(VirtualPatronRemoval::Removed) => {
                unit.forget_virtual_patron(unused);
                true
            }
            // The reason may be a text of the library's system, which may name the user.
            Ok(VirtualPatronRemoval::Kept(_)) => {
                info!(%institution, "a library's system keeps a virtual patron that no request needs");
                unit.keep_virtual_patron(unused, saturating_add(now, KEPT));
                false
            }
            Err(failure) => {
                debug!(%institution, error = %failure, "a virtual patron that no request needs is removed another time");
                return Ok(false);
            }
        };
        self.store().commit(unit).await?;
        Ok(is_gone)
    }

    /// Returns everything that the hub keeps about a patron of an agency.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn patron_data(
        &self,
        institution: &InstitutionCode,
        agency: &AgencyCode,
        patron: &PatronId,
    ) -> Result<PatronData, Error> {
        let mut requests = Vec::new();
        for stored in self.requests_of(institution, agency, patron).await? {
            let timeline = self.store().timeline(stored.request.id).await?;
            requests.push((stored, timeline));
        }
        let ids = identifiers(patron, requests.iter().map(|(stored, _)| stored));
        let shown: Vec<RequestId> = requests.iter().map(|(stored, _)| stored.request.id).collect();
        let reads = self.store().reads_of_requests(agency, &shown).await?;
        Ok(PatronData { requests, virtual_patrons: self.virtual_patrons_of(institution, &ids).await?, reads })
    }

    /// Erases a patron's data now, and removes the patron's virtual patrons. Nothing is erased while one of the patron's requests
    /// is still needed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn erase_patron(
        &self,
        institution: &InstitutionCode,
        agency: &AgencyCode,
        patron: &PatronId,
        actor: &str,
    ) -> Result<Result<ErasedPatron, StillNeeded>, Error> {
        let now = self.runtime.now();
        let requests = self.requests_of(institution, agency, patron).await?;
        let still_needed: Vec<_> = requests
            .iter()
            .filter_map(|stored| match erasure(&stored.request) {
                Erasure::Kept(reason) => Some((stored.request.id, reason)),
                Erasure::Due | Erasure::Done | Erasure::NotBefore(_) => None,
            })
            .collect();
        if !still_needed.is_empty() {
            return Ok(Err(StillNeeded(still_needed)));
        }
        let ids = identifiers(patron, requests.iter());
        // The requests alone lead from a card's number to the virtual patrons. So all of them are marked first: an erasure that
        // is interrupted forgets none, and the next pass removes them.
        let virtual_patrons = self.virtual_patrons_of(institution, &ids).await?;
        let mut unit = self.store().unit();
        let unwanted: Vec<_> = virtual_patrons.iter().map(|known| unit.let_virtual_patron_go(known)).collect();
        self.store().commit(unit).await?;
        let mut erased = ErasedPatron::default();
        for batch in requests.chunks(BATCH as usize) {
            let due: Vec<&Stored> = batch.iter().collect();
            erased.requests += self.erase(&due, actor, "the patron's data was to be erased", now).await?;
        }
        for virtual_patron in &unwanted {
            // Another agency of the same institution may have requests of the patron.
            if self.has_requests(institution, &ids).await? {
                erased.virtual_patrons_left += 1;
                continue;
            }
            if self.remove_virtual_patron(virtual_patron, now).await? {
                erased.virtual_patrons_removed += 1;
            } else {
                erased.virtual_patrons_left += 1;
            }
        }
        Ok(Ok(erased))
    }

    async fn requests_of(
        &self,
        institution: &InstitutionCode,
        agency: &AgencyCode,
        patron: &PatronId,
    ) -> Result<Vec<Stored>, Error> {
        let mut requests = self.store().requests_of_patron(institution, patron).await?;
        requests.retain(|stored| stored.request.patron.agency == *agency);
        Ok(requests)
    }

    async fn has_requests(&self, institution: &InstitutionCode, ids: &[PatronId]) -> Result<bool, Error> {
        for id in ids {
            if !self.store().requests_of_patron(institution, id).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn virtual_patrons_of(
        &self,
        institution: &InstitutionCode,
        ids: &[PatronId],
    ) -> Result<Vec<StoredVirtualPatron>, Error> {
        let mut found: Vec<StoredVirtualPatron> = Vec::new();
        for id in ids {
            for virtual_patron in self.store().virtual_patrons_of(institution, id).await? {
                if !found.contains(&virtual_patron) {
                    found.push(virtual_patron);
                }
            }
        }
        Ok(found)
    }
}

/// Returns the identifiers of a patron that are known: the given one, and those that the library's system uses.
fn identifiers<'a>(patron: &PatronId, requests: impl Iterator<Item = &'a Stored>) -> Vec<PatronId> {
    let mut ids = vec![patron.clone()];
    for known in requests.filter_map(|stored| stored.request.patron.verified.as_ref()) {
        if !ids.contains(&known.id) {
            ids.push(known.id.clone());
        }
    }
    ids
}
