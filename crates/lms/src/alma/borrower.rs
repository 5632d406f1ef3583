//! The borrowing side: a suppressed record, holding and item that represent the lender's item, the patron's hold on
//! them.

use std::time::Duration;

use alma::{
    CHRONOLOGY, Code, ENUMERATION, Error, HoldingId as AlmaHolding, HoldingSelector, Item, ItemPath, MmsId, NewItem,
    NewRequest, ScanIn,
};
use lending::{
    AgencyCode, Barcode, BibId, Hold, HoldingId, ItemId, ItemState, PickupCode, PickupLocation, RequestId, Title,
};
use serde_json::json;

use super::Alma;
use super::errors::{certain, refusal_code, to_lms_error};
use super::lender::pickup_at;
use super::mapping::item_state;
use super::records::{self, hold_comment, record_marker};
use super::unrequestable::is_unrequestable;
use crate::host::{Attempt, ItemRef, PatronHold, VirtualItem};

/// The number of attempts to place a hold on a new item, as long as Alma can't find the item yet, and their distance.
const SETTLING_TRIES: u32 = 5;
const SETTLING_PAUSE: Duration = Duration::from_secs(2);

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

    pub(super) async fn create_holding(
        &self,
        bib: &BibId,
        agency: Option<&AgencyCode>,
        attempt: Attempt,
    ) -> crate::Result<HoldingId> {
        let mms = MmsId::from(bib.as_str());
        let holdings = self.client.holdings(&mms);
        if attempt == Attempt::AfterUnclear {
            // The hub made the record, so any holding of it is the hub's too.
            let found = holdings.list().await.map_err(to_lms_error)?;
            if let Some(holding) = certain(found.search(|_| true), "the list of the record's holdings")? {
                return Ok(HoldingId::from(holding.holding_id.as_str()));
            }
        }
        let (library, location) = self.settings.virtual_place(agency);
        let holding = holdings.create(&records::holding(library, location), true).await.map_err(to_lms_error)?;
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
            description: wanted.volume.description.clone(),
            enumeration: wanted.volume.enumeration.clone(),
            chronology: wanted.volume.chronology.clone(),
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
        let (library, location) = self.settings.virtual_place(wanted.agency.as_ref());
        more.insert("library".to_owned(), json!({"value": library.as_str()}));
        more.insert("location".to_owned(), json!({"value": location.as_str()}));
        // The earlier copy may have used other levels, and Alma may keep what isn't sent.
        let VolumeFields { description, enumeration, chronology } = volume_fields(wanted);
        let description = Some(description);
        NewItem { more, description, enumeration, chronology, ..self.new_item(wanted, barcode) }
    }

    async fn update_known_item(&self, item: &ItemRef, wanted: &VirtualItem, barcode: &Barcode) -> alma::Result<Item> {
        let mut fields = serde_json::Map::new();
        fields.insert("barcode".to_owned(), json!(barcode.as_str()));
        if let Some(code) = self.settings.material_types.get(&wanted.item_type) {
            fields.insert("physical_material_type".to_owned(), json!({"value": code}));
        }
        let VolumeFields { description, enumeration, chronology } = volume_fields(wanted);
        fields.insert("description".to_owned(), json!(description));
        let levels = ENUMERATION.iter().zip(enumeration).chain(CHRONOLOGY.iter().zip(chronology));
        fields.extend(levels.map(|(field, text)| ((*field).to_owned(), json!(text))));
        self.client.items().update_fields(&Self::path(item), fields).await
    }

    pub(super) async fn hold_for_patron(&self, wanted: &PatronHold, attempt: Attempt) -> crate::Result<Hold> {
        let pickup = match &wanted.pickup {
            Some(pickup) => pickup_at(pickup),
            None => self.outside(self.settings.virtual_place(wanted.item.agency.as_ref()).0)?,
        };
        let code = wanted.pickup_code.as_ref().map(PickupCode::as_str);
        let details = [("pickup code", code), ("volume", wanted.volume.as_deref())];
        let comment = hold_comment("DCB loan from another library", &details, wanted.request);
        let request = NewRequest {
            material_type: self.settings.material_types.get(&wanted.item_type).cloned(),
            ..NewRequest::hold(pickup.clone()).comment(comment)
        };
        match self.place_hold(wanted.request, &wanted.item, &wanted.patron, &request, attempt).await {
            // Alma may answer this for an item that it has just made, until its index has caught up (alma-api.md 1.8).
            Err(crate::Error::Refused(refusal)) if is_unrequestable(&refusal) && wanted.attempts < SETTLING_TRIES => {
                let reason = format!(
                    "{} Alma answers so for some seconds after an item was made. The hub tries {SETTLING_TRIES} more \
                     times, and then asks Alma for the reason.",
                    refusal.explanation
                );
                Err(crate::Error::Retryable { reason, after: Some(SETTLING_PAUSE) })
            }
            Err(crate::Error::Refused(refusal)) if is_unrequestable(&refusal) => Err(crate::Error::Refused(
                self.explain_refused_hold(&wanted.item, &wanted.patron, &pickup, refusal).await,
            )),
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
        let (library, _) = self.settings.virtual_place(item.agency.as_ref());
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

    pub(super) async fn is_lent(&self, path: &ItemPath) -> crate::Result<bool> {
        Ok(self.find_item(path).await?.is_some_and(|item| is_out(&item_state(&item))))
    }
}

/// All fields of an item that name its volume, with blanks for those that the volume doesn't use.
struct VolumeFields {
    description: String,
    enumeration: Vec<String>,
    chronology: Vec<String>,
}

fn volume_fields(wanted: &VirtualItem) -> VolumeFields {
    let filled = |levels: &[String], fields: &[&str]| {
        let mut levels = levels.to_vec();
        levels.resize(fields.len(), String::new());
        levels
    };
    VolumeFields {
        description: wanted.volume.description.clone().unwrap_or_default(),
        enumeration: filled(&wanted.volume.enumeration, ENUMERATION),
        chronology: filled(&wanted.volume.chronology, CHRONOLOGY),
    }
}

/// Returns whether the item is on loan, also if the loan is lost or claimed as returned.
fn is_out(item: &ItemState) -> bool {
    matches!(item, ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned)
}

fn named(item: &Item, wanted: &Barcode) -> (ItemId, Barcode) {
    let barcode = item.barcode.as_ref().map_or_else(|| wanted.clone(), |barcode| Barcode::from(barcode.as_str()));
    (ItemId::from(item.pid.as_str()), barcode)
}
