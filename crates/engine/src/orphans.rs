//! Finds and removes orphans: records and holds with the hub's marker that belong to no request. A lost answer can
//! leave one behind if the library's index did not find the new record yet.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lending::{BibId, Effect, InstitutionCode, Priority, Request, RequestId, Side};
use lms::{HostLms, MarkedHold, VirtualPatron, virtual_patron_of};
use store::{RequestFilter, Stored};

use crate::engine::Engine;
use crate::error::Error;

/// The scope of a search for orphans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrphanSearch {
    /// Requests with an effect whose outcome was unclear for a time. As far as is known, nothing else leaves orphans.
    UnclearRequests,
    /// Every request.
    Everywhere,
}

/// An orphan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Orphan {
    /// A record, with its holding and item.
    Record {
        /// The request whose marker it has.
        request: RequestId,
        /// The record.
        bib: BibId,
    },
    /// A hold of a virtual patron.
    Hold(MarkedHold),
}

/// An orphan that was found, and the result of its removal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundOrphan {
    /// The orphan.
    pub orphan: Orphan,
    /// Whether it was removed; the reason if that failed. `None` if no removal was wanted.
    pub removed: Option<Result<(), String>>,
}

/// The result of a search.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrphanReport {
    /// The number of requests that were checked.
    pub requests: usize,
    /// The number of virtual patrons that were checked.
    pub patrons: usize,
    /// The orphans that were found.
    pub found: Vec<FoundOrphan>,
}

impl Engine {
    /// Searches an institution's system for orphans of requests since `since`, and removes them if `remove` is set.
    /// Costs a call for each request that borrowed there, and one for each virtual patron.
    ///
    /// # Errors
    ///
    /// [`Error::Lms`] if the library's system doesn't answer.
    pub async fn orphans(
        &self,
        institution: &InstitutionCode,
        since: Timestamp,
        search: OrphanSearch,
        remove: bool,
    ) -> Result<OrphanReport, Error> {
        lms::with_priority(Priority::Bulk, self.search(institution, since, search, remove)).await
    }

    async fn search(
        &self,
        institution: &InstitutionCode,
        since: Timestamp,
        search: OrphanSearch,
        remove: bool,
    ) -> Result<OrphanReport, Error> {
        let lms = self.systems.adapter(institution).await?;
        let requests = self.to_search(institution, since, search).await?;
        let mut orphans = OrphanReport { requests: requests.len(), ..OrphanReport::default() };
        let mut patrons: Vec<VirtualPatron> = Vec::new();
        for request in &requests {
            self.systems.check_budget(institution, Priority::Bulk).await?;
            if made_here(request, institution) {
                for bib in orphan_records(request, lms.find_marked_records(request.id).await?) {
                    orphans
                        .found
                        .push(FoundOrphan { orphan: Orphan::Record { request: request.id, bib }, removed: None });
                }
            }
            if request.patron.institution == *institution {
                continue;
            }
            for side in sides_here(request, institution) {
                let Some(patron) = self.virtual_patron_at(request, side, institution).await? else { continue };
                if !patrons.contains(&patron) {
                    patrons.push(patron);
                }
            }
        }
        orphans.patrons = patrons.len();
        for patron in &patrons {
            self.systems.check_budget(institution, Priority::Bulk).await?;
            for hold in lms.find_marked_holds(patron).await? {
                let stored = self.runtime.store().request(hold.request).await?;
                if is_orphan_hold(stored.as_ref(), institution, &hold) {
                    orphans.found.push(FoundOrphan { orphan: Orphan::Hold(hold), removed: None });
                }
            }
        }
        if remove {
            for found in &mut orphans.found {
                found.removed = Some(take_away(lms.as_ref(), &found.orphan).await.map_err(|error| error.to_string()));
            }
        }
        Ok(orphans)
    }

    /// Returns the user record that represents the request's patron at an institution, with what is known of it; none for a
    /// patron who isn't verified, or whose data is erased.
    pub(crate) async fn virtual_patron_at(
        &self,
        request: &Request,
        side: Side,
        institution: &InstitutionCode,
    ) -> Result<Option<VirtualPatron>, Error> {
        if request.anonymised_at.is_some() {
            return Ok(None);
        }
        let Ok(wanted) = virtual_patron_of(request, side) else { return Ok(None) };
        let known = self.runtime.store().virtual_patron(&wanted.institution, &wanted.patron, institution, side).await?;
        let may_have_former_id = known.unkeyed_until.is_some_and(|until| request.placed_at <= until);
        Ok(Some(VirtualPatron { known_id: known.id, may_have_former_id, ..wanted }))
    }

    async fn to_search(
        &self,
        institution: &InstitutionCode,
        since: Timestamp,
        search: OrphanSearch,
    ) -> Result<Vec<Request>, Error> {
        let mut requests = Vec::new();
        if search == OrphanSearch::UnclearRequests {
            let ids: BTreeSet<RequestId> =
                self.runtime.store().requests_ever_unclear(institution, since).await?.into_iter().collect();
            for id in ids {
                requests.extend(self.runtime.store().request(id).await?.map(|stored| stored.request));
            }
            return Ok(requests);
        }
        let mut filter =
            RequestFilter { institution: Some(institution.clone()), limit: 200, ..RequestFilter::default() };
        loop {
            let page = self.runtime.store().requests(&filter).await?;
            requests.extend(
                page.requests.into_iter().filter(|stored| stored.updated_at >= since).map(|stored| stored.request),
            );
            match page.next {
                Some(next) => filter.after = Some(next),
                None => return Ok(requests),
            }
        }
    }
}

/// Returns the sides at which the hub may have placed holds of a virtual patron in this institution: as a lender, also an
/// earlier one, and as the pickup side.
fn sides_here<'a>(request: &'a Request, institution: &'a InstitutionCode) -> impl Iterator<Item = Side> + 'a {
    let is_pickup = request.institution(Side::Pickup) == Some(institution);
    let is_lender = request.institution(Side::Lender) == Some(institution)
        || request.earlier_suppliers.iter().any(|earlier| earlier.institution == *institution);
    let sides = [(Side::Lender, is_lender || !is_pickup), (Side::Pickup, is_pickup)];
    sides.into_iter().filter_map(|(side, is_here)| is_here.then_some(side))
}

/// Returns whether virtual records for the request are created in this institution.
fn made_here(request: &Request, institution: &InstitutionCode) -> bool {
    [Side::Borrower, Side::Pickup].into_iter().any(|side| request.institution(side) == Some(institution))
}

/// Returns the records that the request doesn't know as its own. While the hub creates a record, its id isn't known
/// yet, so none counts as an orphan.
fn orphan_records(request: &Request, found: Vec<BibId>) -> Vec<BibId> {
    if matches!(request.in_flight, Some(Effect::CreateVirtualBib(_))) {
        return Vec::new();
    }
    let own = [Some(&request.borrower), request.pickup_side.as_deref()];
    let own: Vec<&BibId> = own.into_iter().flatten().filter_map(|here| here.bib.open()).collect();
    found.into_iter().filter(|bib| !own.contains(&bib)).collect()
}

fn is_orphan_hold(stored: Option<&Stored>, institution: &InstitutionCode, hold: &MarkedHold) -> bool {
    // A marker with an id that this hub doesn't know may belong to another hub.
    let Some(Stored { request, .. }) = stored else { return false };
    if matches!(request.in_flight, Some(Effect::PlaceHold(_) | Effect::ChangePickup(_))) {
        return false;
    }
    let supply = request.supply.as_ref().filter(|supply| supply.institution == *institution);
    let of_lender = supply.and_then(|supply| supply.hold.open()).is_some_and(|own| own.id == hold.hold);
    let of_pickup =
        request.pickup_side.as_ref().and_then(|here| here.hold.open()).is_some_and(|own| own.id == hold.hold);
    !of_lender && !of_pickup
}

async fn take_away(lms: &dyn HostLms, orphan: &Orphan) -> Result<(), lms::Error> {
    match orphan {
        Orphan::Record { request, bib } => lms.remove_record(*request, bib).await,
        Orphan::Hold(hold) => lms.remove_hold(hold).await,
    }
}
