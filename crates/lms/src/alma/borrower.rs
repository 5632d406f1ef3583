//! The borrowing side: a suppressed record, holding and item that represent the lender's item, the patron's hold on
//! them, and their removal.

use std::collections::HashMap;
use std::time::Duration;

use alma::{
    Cancellation, Code, DeleteItem, EmptyHoldingPolicy, Error, HoldingId as AlmaHolding, HoldingSelector, Item,
    ItemPath, MmsId, NewItem, NewRequest, RequestId as AlmaRequestId, ScanIn,
};
use lending::{Barcode, BibId, Hold, HoldingId, ItemId, ItemState, PickupLocation, RequestId, Title};
use serde_json::json;

use super::Alma;
use super::absence::removed;
use super::errors::{certain, refusal_code, to_lms_error};
use super::lender::pickup_at;
use super::mapping::item_state;
use super::records::{self, hold_marker, record_marker};
use crate::host::{Attempt, ItemRef, PatronHold, VirtualItem, VirtualItemDeletion};

/// The number of attempts to place a hold on a new item, as long as Alma can't find the item yet, and their distance.
const SETTLING_TRIES: u32 = 5;
const SETTLING_PAUSE: Duration = Duration::from_secs(2);

/// The number of records that Alma reads in one call.
const TOGETHER: usize = 100;

impl Alma {
    pub(super) async fn create_bib(&self, request: RequestId, title: &Title, attempt: Attempt) -> crate::Result<BibId> {
        if attempt == Attempt::AfterUnclear {
            let found =
                self.client.bibs().find_by_other_system_id(&record_marker(request)).await.map_err(to_lms_error)?;
            if let Some(bib) = certain(found.search(|_| true), "the list of records with the hub's marker")? {
                return Ok(BibId::from(bib.mms_id.as_str()));
            }
        }
        let bib = self.client.bibs().create(&records::bib(request, title), true).await.map_err(to_lms_error)?;
        Ok(BibId::from(bib.mms_id.as_str()))
    }

    pub(super) async fn create_holding(&self, bib: &BibId, attempt: Attempt) -> crate::Result<HoldingId> {
        let mms = MmsId::from(bib.as_str());
        let holdings = self.client.holdings(&mms);
        if attempt == Attempt::AfterUnclear {
            // The hub made the record, so any holding of it is the hub's too.
            let found = holdings.list().await.map_err(to_lms_error)?;
            if let Some(holding) = certain(found.search(|_| true), "the list of the record's holdings")? {
                return Ok(HoldingId::from(holding.holding_id.as_str()));
            }
        }
        let holding = holdings.create(&records::holding(&self.settings), true).await.map_err(to_lms_error)?;
        Ok(HoldingId::from(holding.holding_id.as_str()))
    }

    /// Creates the item with the lender's barcode. If a foreign item has that barcode, the institution's prefix is put
    /// before it. The hub never changes a foreign item.
    pub(super) async fn create_item(&self, wanted: &VirtualItem, attempt: Attempt) -> crate::Result<(ItemId, Barcode)> {
        if attempt == Attempt::AfterUnclear
            && let Some(item) = self.only_item(&wanted.bib).await?
        {
            return Ok(named(&item, &wanted.barcode));
        }
        let mut refused = None;
        for barcode in [wanted.barcode.clone(), self.settings.prefixed(&wanted.barcode)] {
            match self.try_to_create_item(wanted, &barcode).await {
                Ok(item) => return Ok(named(&item, &barcode)),
                Err(error) if matches!(refusal_code(&error), Some(Code::HoldingInvalid | Code::HoldingNotFound)) => {
                    return Err(crate::Error::NotFound { what: "the virtual holding" });
                }
                Err(error @ Error::Refused { .. }) => {
                    let Some(owner) = self.owner_of(&barcode).await? else { return Err(to_lms_error(error)) };
                    if owner.mms_id.as_str() == wanted.bib.as_str() {
                        return Ok(named(&owner, &barcode));
                    }
                    refused = Some(error);
                }
                Err(error) => return Err(to_lms_error(error)),
            }
        }
        Err(refused.map_or_else(|| crate::Error::retryable("no barcode was tried"), to_lms_error))
    }

    async fn try_to_create_item(&self, wanted: &VirtualItem, barcode: &Barcode) -> alma::Result<Item> {
        let (mms, holding) = (MmsId::from(wanted.bib.as_str()), AlmaHolding::from(wanted.holding.as_str()));
        self.client.items().create(&mms, &holding, &self.new_item(wanted, barcode)).await
    }

    fn new_item(&self, wanted: &VirtualItem, barcode: &Barcode) -> NewItem {
        NewItem {
            barcode: Some(barcode.as_str().into()),
            material_type: self.settings.material_types.get(&wanted.item_type).cloned(),
            policy: Some(self.settings.virtual_item_policy.clone()),
            internal_note_1: Some(record_marker(wanted.request)),
            ..NewItem::default()
        }
    }

    pub(super) async fn only_item(&self, bib: &BibId) -> crate::Result<Option<Item>> {
        let mms = MmsId::from(bib.as_str());
        let items = self.client.items().list(&mms, &HoldingSelector::All).whole().await.map_err(to_lms_error)?;
        certain(items.into_search(|_| true), "the list of the record's items")
    }

    /// Returns the item that has a barcode now. A barcode is on one item of an institution.
    async fn owner_of(&self, barcode: &Barcode) -> crate::Result<Option<Item>> {
        self.client.items().by_barcode(&barcode.as_str().into()).await.map_err(to_lms_error)
    }

    /// Makes the virtual item represent another copy. The hub made the item, so it knows the fields and needn't read
    /// them. If Alma refuses that, the hub reads the item and keeps its other fields.
    pub(super) async fn update_item(&self, item: &ItemRef, wanted: &VirtualItem) -> crate::Result<Barcode> {
        let mut refused = None;
        for barcode in [wanted.barcode.clone(), self.settings.prefixed(&wanted.barcode)] {
            let changed =
                self.client.items().replace(&Self::path(item), &self.virtual_side(item, wanted, &barcode)).await;
            let error = match changed {
                Ok(_) => return Ok(barcode),
                Err(error @ (Error::Refused { .. } | Error::NotFound { .. })) => error,
                Err(error) => return Err(to_lms_error(error)),
            };
            if self.owner_of(&barcode).await?.is_none() {
                self.update_known_item(item, wanted, &barcode).await.map_err(to_lms_error)?;
                return Ok(barcode);
            }
            refused = Some(error);
        }
        Err(refused.map_or_else(|| crate::Error::retryable("no barcode was tried"), to_lms_error))
    }

    fn virtual_side(&self, item: &ItemRef, wanted: &VirtualItem, barcode: &Barcode) -> NewItem {
        let mut more = serde_json::Map::new();
        more.insert("pid".to_owned(), json!(item.item.as_str()));
        more.insert("library".to_owned(), json!({"value": self.settings.virtual_library.as_str()}));
        more.insert("location".to_owned(), json!({"value": self.settings.virtual_location.as_str()}));
        NewItem { more, ..self.new_item(wanted, barcode) }
    }

    async fn update_known_item(&self, item: &ItemRef, wanted: &VirtualItem, barcode: &Barcode) -> alma::Result<Item> {
        let mut fields = serde_json::Map::new();
        fields.insert("barcode".to_owned(), json!(barcode.as_str()));
        if let Some(code) = self.settings.material_types.get(&wanted.item_type) {
            fields.insert("physical_material_type".to_owned(), json!({"value": code}));
        }
        self.client.items().update_fields(&Self::path(item), fields).await
    }

    pub(super) async fn hold_for_patron(&self, wanted: &PatronHold, attempt: Attempt) -> crate::Result<Hold> {
        let pickup = match &wanted.pickup {
            Some(pickup) => pickup_at(pickup),
            None => self.outside(&self.settings.virtual_library)?,
        };
        let comment = format!("DCB loan from another library {}", hold_marker(wanted.request));
        let request = NewRequest::hold(pickup).comment(comment);
        match self.place_hold(wanted.request, &wanted.item, &wanted.patron, &request, attempt).await {
            // Alma may answer this for an item that it has just made, until its index has caught up (alma-api.md 1.8).
            Err(crate::Error::Refused(refusal))
                if refusal.code == Code::NoItemCanFulfil.as_str() && wanted.attempts < SETTLING_TRIES =>
            {
                let reason = format!("{} The item may be too new; it is tried again.", refusal.explanation);
                Err(crate::Error::Retryable { reason, after: Some(SETTLING_PAUSE) })
            }
            other => other,
        }
    }

    /// Scans the virtual item in at its own library, which sends it to the pickup library of the hold. A scan at the
    /// pickup library would announce a book that is still on its way (alma-api.md 8.1). A scan ends any loan, also that
    /// of another reader, so the hub reads the item first. That read also settles an attempt whose result is unclear.
    pub(super) async fn scan_into_transit(
        &self,
        item: &ItemRef,
        pickup: Option<&PickupLocation>,
    ) -> crate::Result<Option<String>> {
        let library = &self.settings.virtual_library;
        if pickup.is_some_and(|pickup| pickup.library == *library) {
            return Ok(Some("No scan: the virtual item's library is the pickup library.".to_owned()));
        }
        let Some(desk) = self.settings.desk(library) else {
            return Err(crate::Error::refused(
                "NO_DESK_FOR_LIBRARY",
                format!("The settings name no circulation desk for the virtual library {library}."),
            ));
        };
        let path = Self::path(item);
        let seen = self.find_item(&path).await?.ok_or(crate::Error::NotFound { what: "the virtual item" })?;
        let state = item_state(&seen);
        if is_out(&state) {
            return Ok(Some("No scan: the virtual item is on loan, which a scan would end.".to_owned()));
        }
        if matches!(state, ItemState::InTransit | ItemState::OnHoldShelf) {
            return Ok(Some("No scan: the virtual item is on its way already.".to_owned()));
        }
        let scan = ScanIn::at_desk(library.as_str(), desk.as_str());
        self.client.items().scan_in(&path, &scan).await.map_err(to_lms_error)?;
        Ok(None)
    }

    /// Deletes item and holding and, if the record is the hub's, the record in the same call. That saves a call for
    /// each request (alma-api.md, "DELETE item"). The first deletion shows whether this Alma does so. Returns whether
    /// the record is gone.
    pub(super) async fn delete_virtual(&self, what: &VirtualItemDeletion<'_>) -> crate::Result<bool> {
        let VirtualItemDeletion { bib, item, .. } = *what;
        let known = self.deletes_records.get().copied();
        if item.is_none() || known == Some(false) {
            self.delete_item(what, EmptyHoldingPolicy::Retain).await?;
            return Ok(false);
        }
        let is_ours = match self.is_ours(what).await {
            // Item, holding and record are gone.
            Ok(false) => return Ok(true),
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
                        let (bib, holding) = (what.bib.clone(), what.holding.clone());
                        let item = ItemRef { bib, holding, item: item.clone() };
                        let is_free = self.end_loan(&item, what.holder).await?;
                        if !is_free && !self.cancel_own_hold(what.request, &path).await? {
                            return Err(to_lms_error(error));
                        }
                        self.client.items().delete(&path, how).await
                    }
                    other => other,
                };
                removed(deleted, self.lists_item(&path)).await
            }
            None => {
                let deleted = self.client.holdings(&mms).delete(&holding, EmptyHoldingPolicy::Retain).await;
                removed(deleted, self.lists_holding(&mms, &holding)).await
            }
        }
    }

    /// Cancels the request's hold on an item, silently. Returns whether there was one.
    async fn cancel_own_hold(&self, request: RequestId, path: &ItemPath) -> crate::Result<bool> {
        let Some(hold) = self.find_hold(request, path).await? else { return Ok(false) };
        let hold = AlmaRequestId::from(hold.id.as_str());
        let silent = Cancellation::silent(&self.settings.cancel_reason_other);
        let cancelled = self.client.item_requests(path).cancel(&hold, &silent).await;
        removed(cancelled, self.lists_hold(path, &hold)).await.map(|_| true)
    }

    pub(super) async fn is_lent(&self, path: &ItemPath) -> crate::Result<bool> {
        Ok(self.find_item(path).await?.is_some_and(|item| is_out(&item_state(&item))))
    }

    /// Deletes the record only while it is suppressed and has the hub's marker: staff processes can merge or overlay
    /// it. Alma makes sure that the record has no other inventory, since the hub doesn't send `override`.
    pub(super) async fn delete_bib(&self, request: RequestId, bib: &BibId) -> crate::Result<()> {
        if !self.verify_ownership(request, bib).await? {
            return Ok(());
        }
        let mms = MmsId::from(bib.as_str());
        let deleted = self.client.bibs().delete(&mms, false).await;
        removed(deleted, self.lists_bib(&mms)).await.map(drop)
    }

    /// Checks that the record is the hub's and returns whether it exists. Fails for a record that isn't the hub's.
    pub(super) async fn verify_ownership(&self, request: RequestId, bib: &BibId) -> crate::Result<bool> {
        let Some(found) = self.find_bib(&MmsId::from(bib.as_str())).await? else { return Ok(false) };
        if is_virtual(&found, request) { Ok(true) } else { Err(not_ours(bib)) }
    }
}

/// Returns whether the item is on loan, also if the loan is lost or claimed as returned.
fn is_out(item: &ItemState) -> bool {
    matches!(item, ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned)
}

/// Returns whether a record is still the one that the hub made.
fn is_virtual(found: &alma::Bib, request: RequestId) -> bool {
    let marker = record_marker(request);
    found.suppressed != Some(false) && found.marcxml.as_deref().is_some_and(|xml| xml.contains(&marker))
}

fn not_ours(bib: &BibId) -> crate::Error {
    crate::Error::refused(
        "VIRTUAL_RECORD_CHANGED",
        format!(
            "The record {bib} is no longer the suppressed record that the hub made, so the hub doesn't delete it. Staff \
             must look at it and delete it if it isn't needed."
        ),
    )
}

fn named(item: &Item, wanted: &Barcode) -> (ItemId, Barcode) {
    let barcode = item.barcode.as_ref().map_or_else(|| wanted.clone(), |barcode| Barcode::from(barcode.as_str()));
    (ItemId::from(item.pid.as_str()), barcode)
}
