//! The removal of the hub's virtual records. The hub deletes only records that are still its own: it verifies a record before it
//! deletes it, and leaves a record that the library uses to the library's staff.

use std::collections::HashMap;

use alma::{
    Cancellation, Code, DeleteItem, EmptyHoldingPolicy, Error, HoldingId as AlmaHolding, ItemPath, MmsId,
    RequestFilter, RequestId as AlmaRequestId,
};
use lending::{BibId, Refusal, RequestId};

use super::Alma;
use super::absence::removed;
use super::errors::{certain, to_lms_error};
use super::records::{hold_marker, record_marker};
use crate::host::{ItemRef, VirtualItemDeletion};

/// The number of records that Alma reads in one call.
const TOGETHER: usize = 100;

impl Alma {
    /// Deletes item and holding and, if the record is the hub's, the record in the same call. That saves a call for
    /// each request (alma-api.md, "DELETE item"). The first deletion shows whether this Alma does so. Returns whether
    /// the record is gone.
    pub(super) async fn delete_virtual(&self, what: &VirtualItemDeletion<'_>) -> crate::Result<bool> {
        let VirtualItemDeletion { bib, item, .. } = *what;
        let known = self.deletes_records.get().copied();
        if what.item_bib.is_some() {
            self.delete_moved_item(what).await?;
            return Ok(false);
        }
        if item.is_none() || known == Some(false) {
            self.delete_item(what, EmptyHoldingPolicy::Retain).await?;
            return Ok(false);
        }
        let is_ours = match self.is_ours(what).await {
            // The record is gone with its holding, and with the item unless staff had linked that to another record.
            Ok(false) => {
                self.delete_moved_item(what).await?;
                return Ok(true);
            }
            Ok(true) => true,
            Err(crate::Error::Refused(_)) => false,
            Err(other) => return Err(other),
        };
        let record = if is_ours { EmptyHoldingPolicy::Delete } else { EmptyHoldingPolicy::Retain };
        let done_now = self.delete_item(what, record).await?;
        if !is_ours || !done_now || known == Some(true) {
            return Ok(is_ours && done_now);
        }
        let is_gone = match self.client.bibs().get(&MmsId::from(bib.as_str())).await {
            Ok(_) => false,
            Err(error) if error.is_not_found() => true,
            // The hub verifies the record once more when it deletes the record alone.
            Err(_) => return Ok(false),
        };
        let _ = self.deletes_records.set(is_gone);
        Ok(is_gone)
    }

    /// Verifies ownership as [`Alma::verify_ownership`] does, with one call for a hundred records that will be deleted
    /// within the day.
    async fn is_ours(&self, what: &VirtualItemDeletion<'_>) -> crate::Result<bool> {
        if what.is_new || self.records.contains(what.bib, what.now) {
            return Ok(true);
        }
        let also = what.prefetch.iter().filter(|(_, bib)| bib != what.bib && !self.records.contains(bib, what.now));
        let all: HashMap<MmsId, RequestId> = std::iter::once((what.bib, what.request))
            .chain(also.map(|(request, bib)| (bib, *request)))
            .take(TOGETHER)
            .map(|(bib, request)| (MmsId::from(bib.as_str()), request))
            .collect();
        let ids: Vec<MmsId> = all.keys().cloned().collect();
        let listed = self.client.bibs().get_many(&ids).await.map_err(to_lms_error)?;
        // A record that isn't among them is gone, unless it is one that can't be read.
        let ours = listed.search(|found| found.mms_id.as_str() == what.bib.as_str()).map(|_| ());
        let mut is_there = certain(ours, "the list of records").map(|_| false);
        for found in listed {
            let bib = BibId::from(found.mms_id.as_str());
            let ours = all.get(&found.mms_id).is_some_and(|request| is_virtual(&found, *request));
            if ours {
                self.records.insert(bib.clone(), (), what.now);
            }
            if bib == *what.bib {
                is_there = if ours { Ok(true) } else { Err(not_ours(&bib)) };
            }
        }
        is_there
    }

    /// Deletes the item. Returns whether it was there.
    pub(super) async fn delete_item(
        &self,
        what: &VirtualItemDeletion<'_>,
        record: EmptyHoldingPolicy,
    ) -> crate::Result<bool> {
        let (mms, holding) = (MmsId::from(what.bib.as_str()), AlmaHolding::from(what.holding.as_str()));
        match what.item {
            Some(item) => {
                let path = ItemPath { mms, holding, pid: item.as_str().into() };
                let how = DeleteItem { holdings: EmptyHoldingPolicy::Delete, bib: record, ..DeleteItem::default() };
                let deleted = match self.client.items().delete(&path, how).await {
                    // Staff may have lent the item without the hub's knowledge, or a hold of the request may have
                    // been placed by a call without an answer. The request is over, so its loan or hold is ended first.
                    Err(error @ Error::Refused { .. }) => {
                        if !self.free_item(what, &path).await? {
                            return Err(self.not_deletable(what.request, what.bib, &path, error).await);
                        }
                        self.client.items().delete(&path, how).await
                    }
                    other => other,
                };
                Ok(removed(deleted, self.lists_item(&path)).await? || self.delete_moved_item(what).await?)
            }
            None => {
                let deleted = self.client.holdings(&mms).delete(&holding, EmptyHoldingPolicy::Retain).await;
                removed(deleted, self.lists_holding(&mms, &holding)).await
            }
        }
    }

    /// Ends the loan to the request's holder, or cancels the request's hold, so that the item can be deleted. Returns
    /// whether there was one.
    async fn free_item(&self, what: &VirtualItemDeletion<'_>, path: &ItemPath) -> crate::Result<bool> {
        let item = ItemRef {
            bib: BibId::from(path.mms.as_str()),
            holding: path.holding.as_str().into(),
            item: path.pid.as_str().into(),
            barcode: what.barcode.cloned(),
            agency: what.agency.cloned(),
        };
        Ok(self.end_loan(&item, what.holder).await? || self.cancel_own_hold(what.request, path).await?)
    }

    /// Returns the error for an item that Alma doesn't delete. An item with another reader's hold is left to staff.
    async fn not_deletable(&self, request: RequestId, bib: &BibId, path: &ItemPath, error: Error) -> crate::Error {
        let marker = hold_marker(request);
        let is_theirs = |hold: &alma::Request| !hold.comment.as_deref().is_some_and(|text| text.contains(&marker));
        match self.client.item_requests(path).list(&RequestFilter::holds()).await {
            Ok(holds) if holds.iter().any(is_theirs) => in_use(bib, "another reader has a hold on its item"),
            Ok(_) | Err(_) => to_lms_error(error),
        }
    }

    /// Deletes the virtual item if staff have linked it to another record. That record and its holding stay. Returns
    /// whether the item was there.
    async fn delete_moved_item(&self, what: &VirtualItemDeletion<'_>) -> crate::Result<bool> {
        let Some(item) = what.item else { return Ok(false) };
        let item = ItemRef {
            bib: what.item_bib.unwrap_or(what.bib).clone(),
            holding: what.holding.clone(),
            item: item.clone(),
            barcode: what.barcode.cloned(),
            agency: what.agency.cloned(),
        };
        if what.item_bib.is_some() && self.delete_at(what, &Self::path(&item)).await? {
            return Ok(true);
        }
        match self.find_by_barcode(&item).await? {
            Some(found) => {
                let path = ItemPath { mms: found.mms_id, holding: found.holding_id, pid: found.pid };
                self.delete_at(what, &path).await
            }
            None => Ok(false),
        }
    }

    /// Deletes the virtual item at an address in a record of the library. That record and its holding stay. Returns
    /// whether the item was there.
    async fn delete_at(&self, what: &VirtualItemDeletion<'_>, path: &ItemPath) -> crate::Result<bool> {
        let retain = EmptyHoldingPolicy::Retain;
        let how = DeleteItem { holdings: retain, bib: retain, ..DeleteItem::default() };
        let deleted = match self.client.items().delete(path, how).await {
            Err(error @ Error::Refused { .. }) if self.lists_item(path).await? => {
                if !self.free_item(what, path).await? {
                    return Err(self.not_deletable(what.request, what.bib, path, error).await);
                }
                self.client.items().delete(path, how).await
            }
            other => other,
        };
        removed(deleted, self.lists_item(path)).await
    }

    /// Cancels the request's hold on an item, silently. Returns whether there was one.
    async fn cancel_own_hold(&self, request: RequestId, path: &ItemPath) -> crate::Result<bool> {
        let Some(hold) = self.find_hold(request, path).await? else { return Ok(false) };
        let hold = AlmaRequestId::from(hold.id.as_str());
        let silent = Cancellation::silent(&self.settings.cancel_reason_other);
        let cancelled = self.client.item_requests(path).cancel(&hold, &silent).await;
        removed(cancelled, self.lists_hold(path, &hold)).await.map(|_| true)
    }

    /// Deletes the record only while it is suppressed and has the hub's marker: staff processes can merge or overlay
    /// it. Alma makes sure that the record has no other inventory, since the hub doesn't send `override`. If the record
    /// has holdings without items at the virtual location, they are the hub's: staff have linked its item to another
    /// record.
    pub(super) async fn delete_bib(&self, request: RequestId, bib: &BibId) -> crate::Result<()> {
        if !self.verify_ownership(request, bib).await? {
            return Ok(());
        }
        let mms = MmsId::from(bib.as_str());
        let deleted = match self.client.bibs().delete(&mms, false).await {
            Err(error) if error.is_refused_with(&Code::BibNotDeletable) => {
                self.delete_own_holdings(bib, &mms).await?;
                self.client.bibs().delete(&mms, false).await
            }
            other => other,
        };
        match deleted {
            Err(error) if error.is_refused_with(&Code::BibNotDeletable) && self.lists_bib(&mms).await? => {
                Err(in_use(bib, &error.to_string()))
            }
            deleted => removed(deleted, self.lists_bib(&mms)).await.map(drop),
        }
    }

    /// Deletes the holdings that the hub's virtual items have left. Refused if the record has an item, or a holding
    /// elsewhere: they are the library's.
    async fn delete_own_holdings(&self, bib: &BibId, mms: &MmsId) -> crate::Result<()> {
        if self.has_items(mms).await? {
            return Err(in_use(bib, "it has an item that isn't the hub's"));
        }
        let holdings = self.client.holdings(mms).list().await.map_err(to_lms_error)?;
        let is_ours = |holding: &alma::HoldingSummary| {
            let library = holding.library.as_ref().map(alma::Coded::as_str);
            let location = holding.location.as_ref().map(alma::Coded::as_str);
            self.settings.virtual_places().any(|(own_library, own_location)| {
                library == Some(own_library.as_str()) && location == Some(own_location.as_str())
            })
        };
        if !holdings.is_complete() || !holdings.iter().all(is_ours) {
            return Err(in_use(bib, "it has a holding that isn't the hub's"));
        }
        for holding in holdings.iter() {
            let deleted = self.client.holdings(mms).delete(&holding.holding_id, EmptyHoldingPolicy::Retain).await;
            removed(deleted, self.lists_holding(mms, &holding.holding_id)).await?;
        }
        Ok(())
    }

    /// Checks that the record is the hub's and returns whether it exists. Fails for a record that isn't the hub's.
    pub(super) async fn verify_ownership(&self, request: RequestId, bib: &BibId) -> crate::Result<bool> {
        let Some(found) = self.find_bib(&MmsId::from(bib.as_str())).await? else { return Ok(false) };
        if is_virtual(&found, request) { Ok(true) } else { Err(not_ours(bib)) }
    }
}

/// Returns whether a record is still the one that the hub made.
fn is_virtual(found: &alma::Bib, request: RequestId) -> bool {
    let marker = record_marker(request);
    found.suppressed != Some(false) && found.marcxml.as_deref().is_some_and(|xml| xml.contains(&marker))
}

fn not_ours(bib: &BibId) -> crate::Error {
    crate::Error::refused(
        Refusal::LEFT_TO_STAFF,
        format!(
            "The record {bib} is no longer the suppressed record that the hub made, so the hub leaves it to the library's \
             staff. They can delete it if they don't need it."
        ),
    )
}

/// Returns the refusal to delete a virtual record that the library uses.
fn in_use(bib: &BibId, why: &str) -> crate::Error {
    crate::Error::refused(
        Refusal::LEFT_TO_STAFF,
        format!(
            "The hub leaves its virtual record {bib} to the library's staff: {why}. They can delete it when they don't need \
             it any more."
        ),
    )
}
