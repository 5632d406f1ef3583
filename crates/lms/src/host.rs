//! The interface that the hub needs of a library system.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use lending::{
    AgencyCode, Barcode, BibId, CancelledBy, Copy, CopyRef, Hold, HoldId, HoldingId, InstitutionCode, ItemId,
    ItemState, ItemType, LibraryCode, Loan, Observation, PatronId, PatronLimits, PatronRefusal, PatronType, PickupCode,
    PickupLocation, Refusal, RequestId, ShownPatron, Side, Title, VerifiedPatron, Volume,
};

use secrecy::SecretString;

use crate::codes::InstitutionCodes;
use crate::error::Result;
use crate::finding::{Finding, Registration};
use crate::held_copies::{BibCopies, CopiesDetail};
use crate::list::{ExpectedChange, ListContents, ListEntry};
use crate::quota::{CallRate, QuotaSettings};
use crate::settings::SettingError;
use crate::webhook::{WebhookMessage, WebhookRejection};

/// Whether an earlier attempt may have been done although its outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// Nothing was sent before, or the earlier attempt certainly had no effect. The adapter makes the call at once; the
    /// reply, or the refusal as a duplicate, is enough.
    Fresh,
    /// An earlier attempt was sent and its outcome is unknown. The adapter searches for its result, adopts it if it
    /// exists, and makes the call otherwise.
    AfterUnclear,
}

/// A patron whose right to borrow is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct PatronCheck<'a> {
    /// The identifier that the patron gave.
    pub id: &'a PatronId,
    /// The agency that the request names.
    pub agency: &'a AgencyCode,
    /// The limits of accounts at that agency.
    pub limits: &'a PatronLimits,
    /// The current time.
    pub now: Timestamp,
    /// The date at the patron's library, by which a card expires.
    pub today: Date,
}

/// An item and its address in the library's system. Staff may move an item to another record or holding, so the
/// adapter finds it by its barcode if the system refuses the address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemRef {
    /// The record that had the item when the hub last saw it.
    pub bib: BibId,
    /// The holding that had it then.
    pub holding: HoldingId,
    /// The item.
    pub item: ItemId,
    /// Its barcode, if known.
    pub barcode: Option<Barcode>,
    /// The agency whose virtual item it is. `None` for a real item, and for a virtual item that belongs to no agency in
    /// particular.
    pub agency: Option<AgencyCode>,
}

/// A user record that represents the borrower's patron at a lender or at a pickup library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualPatron {
    /// The patron's institution.
    pub institution: InstitutionCode,
    /// The patron's agency, shown on slips in place of a name.
    pub agency: AgencyCode,
    /// The patron's id at their own institution.
    pub patron: PatronId,
    /// The patron's type, which decides the user group.
    pub patron_type: PatronType,
    /// The side that it is for. Each has a user record of its own, so that a lender never sees what only a pickup
    /// library may see.
    pub side: Side,
    /// The patron's pickup code, which a pickup library shows in place of a name.
    pub pickup_code: Option<PickupCode>,
    /// The other data of the patron that may be seen there.
    pub shown: ShownPatron,
    /// Its id, if the hub has made or found it before.
    pub known_id: Option<PatronId>,
    /// Whether the hub may have made it with an id of the former kind, which was derived without a key.
    pub may_have_former_id: bool,
}

/// The lender's hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LenderHold {
    /// The request, whose marker the hold gets.
    pub request: RequestId,
    /// The copy.
    pub item: ItemRef,
    /// The user who gets the copy: the virtual patron, or the patron if the copy belongs to their own institution.
    pub holder: PatronId,
    /// The library that owns the copy.
    pub library: LibraryCode,
    /// The type of the copy.
    pub item_type: ItemType,
    /// The last day on which the patron can use the item.
    pub needed_until: Option<Date>,
    /// The pickup location, if it is in this system. Otherwise the copy is sent outside.
    pub pickup: Option<PickupLocation>,
    /// The volume of the copy, for staff who take it from its shelf.
    pub volume: Option<String>,
    /// The name of the pickup library, for staff who send the copy, if it is sent outside.
    pub destination: Option<String>,
}

/// The patron's own hold on the virtual item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatronHold {
    /// The request, whose marker the hold gets.
    pub request: RequestId,
    /// The virtual item.
    pub item: ItemRef,
    /// The patron.
    pub patron: PatronId,
    /// The type of the virtual item.
    pub item_type: ItemType,
    /// The pickup location, if it is in this system. Otherwise the virtual item is sent outside.
    pub pickup: Option<PickupLocation>,
    /// The volume of the copy, for staff and for the patron's account.
    pub volume: Option<String>,
    /// The patron's pickup code, if the hold is a virtual patron's.
    pub pickup_code: Option<PickupCode>,
    /// The number of earlier attempts.
    pub attempts: u32,
}

/// A virtual item to be created, at the borrower or the pickup library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualItem {
    /// The request it is for.
    pub request: RequestId,
    /// Its record.
    pub bib: BibId,
    /// Its holding.
    pub holding: HoldingId,
    /// The agency for which it is.
    pub agency: Option<AgencyCode>,
    /// The lender's barcode, which is used if it is free.
    pub barcode: Barcode,
    /// The type of the item.
    pub item_type: ItemType,
    /// The volume of the lender's copy.
    pub volume: Volume,
}

/// A virtual item to be deleted.
#[derive(Clone, Copy, Debug)]
pub struct VirtualItemDeletion<'a> {
    /// The request it is for.
    pub request: RequestId,
    /// Its record.
    pub bib: &'a BibId,
    /// Its holding.
    pub holding: &'a HoldingId,
    /// The agency for which it was made.
    pub agency: Option<&'a AgencyCode>,
    /// The item, if it was made.
    pub item: Option<&'a ItemId>,
    /// The item's barcode, which finds the item if staff have linked it to another record.
    pub barcode: Option<&'a Barcode>,
    /// The record that has the item, if staff have linked it to another than the hub's.
    pub item_bib: Option<&'a BibId>,
    /// Whether the hub made the record so recently that the answer to its creation is still valid.
    pub is_new: bool,
    /// The user whose loan of the item may be ended. The loan of another user is never ended.
    pub holder: Option<&'a PatronId>,
    /// Other records that are likely to be deleted within the day, and may be read together with this one.
    pub prefetch: &'a [(RequestId, BibId)],
    /// The current time.
    pub now: Timestamp,
}

/// The lender's hold that is to be cancelled.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawn<'a> {
    /// The request, whose marker the hold carries.
    pub request: RequestId,
    /// The copy.
    pub item: &'a ItemRef,
    /// The hold.
    pub hold: &'a HoldId,
    /// The holder, if known.
    pub holder: Option<&'a PatronId>,
    /// The party that ended the request, if there is one.
    pub by: Option<CancelledBy>,
}

/// The parts of one side to poll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollQuery {
    /// The request, whose marker the hold carries.
    pub request: RequestId,
    /// The real or virtual item.
    pub item: ItemRef,
    /// The patron or virtual patron to whom a loan must be.
    pub patron: PatronId,
    /// Whether to read the hold.
    pub hold: bool,
    /// The id of the hold.
    pub hold_id: Option<HoldId>,
    /// Whether to read the loan.
    pub loan: bool,
    /// Whether to find out if somebody else waits for the item.
    pub wanted_back: bool,
    /// Whether one call is enough if hold or loan is as expected.
    pub shallow: bool,
    /// The item's state according to a fresh message. If the hold fits it, the item need not be read.
    pub hinted_state: Option<ItemState>,
}

/// A hold with the hub's marker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MarkedHold {
    /// The request whose marker the hold has.
    pub request: RequestId,
    /// The hold.
    pub hold: HoldId,
    /// The holder.
    pub holder: PatronId,
}

/// The result of the removal of a virtual patron.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VirtualPatronRemoval {
    /// The user record is gone, or was gone before.
    Removed,
    /// The library's system keeps it, for this reason.
    Kept(String),
}

/// A library system, in the terms of the hub.
///
/// A method does no more than its name says. A write whose work is already done succeeds as if it had done it. A
/// removal succeeds if the record is already gone.
#[async_trait]
pub trait HostLms: Send + Sync + std::fmt::Debug {
    /// Returns the institution.
    fn institution(&self) -> &InstitutionCode;

    /// Returns how much of its quota the hub may use.
    fn quota_settings(&self) -> QuotaSettings {
        QuotaSettings::default()
    }

    /// Returns the current rate of calls, if calls are counted.
    fn call_rate(&self) -> Option<CallRate> {
        None
    }

    /// Sets the number of nodes of the hub, this one included, that share its calls per second.
    fn set_node_count(&self, _nodes: u32) {}

    /// Checks whether the patron may borrow.
    async fn verify_patron(&self, check: &PatronCheck<'_>) -> Result<Result<VerifiedPatron, PatronRefusal>>;

    /// Finds the copy that a request names, if it can be lent now.
    async fn resolve_copy(&self, named: &CopyRef) -> Result<Result<Copy, Refusal>>;

    /// Reads which copies a record has, and whether each can be lent now, by the same rules as
    /// [`HostLms::resolve_copy`]. A record that doesn't exist has none.
    async fn read_copies(&self, bib: &BibId, detail: CopiesDetail) -> Result<BibCopies>;

    /// Returns why an item of this type can't be represented by a virtual item here, if so. Nothing is sent.
    fn check_item_type(&self, _item_type: &ItemType) -> Option<Refusal> {
        None
    }

    /// Returns why a patron of this type can't be represented by a virtual patron here, if so. Nothing is sent.
    fn check_patron_type(&self, _patron_type: &PatronType) -> Option<Refusal> {
        None
    }

    /// Returns whether an item can wait for its patron at the pickup location; `None` if that is unknown.
    async fn has_hold_shelf(&self, _pickup: &PickupLocation, _now: Timestamp) -> Result<Option<bool>> {
        Ok(None)
    }

    /// Finds or creates the virtual patron. Its id is derived from the patron's, so that there is only one.
    async fn ensure_virtual_patron(&self, wanted: &VirtualPatron, now: Timestamp) -> Result<PatronId>;

    /// Places the virtual patron's hold, so that scanning the item in sends it out.
    async fn place_lender_hold(&self, wanted: &LenderHold, attempt: Attempt) -> Result<Hold>;

    /// Deletes a virtual patron that the hub has made, if nothing in the system needs it: no loan, no hold, no unpaid fee.
    async fn remove_virtual_patron(&self, id: &PatronId) -> Result<VirtualPatronRemoval>;

    /// Makes the lender's hold name the present pickup library. A hold that is gone needs no change.
    async fn update_lender_hold(&self, wanted: &LenderHold, hold: &HoldId) -> Result<()>;

    /// Creates the suppressed record, marked with the request.
    async fn create_virtual_bib(&self, request: RequestId, title: &Title, attempt: Attempt) -> Result<BibId>;

    /// Creates the virtual item's holding in the virtual library of `agency`.
    async fn create_virtual_holding(
        &self,
        bib: &BibId,
        agency: Option<&AgencyCode>,
        attempt: Attempt,
    ) -> Result<HoldingId>;

    /// Creates the virtual item. Returns its barcode too, since the wanted one may be taken.
    async fn create_virtual_item(&self, wanted: &VirtualItem, attempt: Attempt) -> Result<(ItemId, Barcode)>;

    /// Makes an existing virtual item represent another copy.
    async fn update_virtual_item(&self, item: &ItemRef, wanted: &VirtualItem) -> Result<Barcode>;

    /// Places the patron's hold on the virtual item.
    async fn place_patron_hold(&self, wanted: &PatronHold, attempt: Attempt) -> Result<Hold>;

    /// Sends the virtual item towards the pickup library. Returns a reason if the adapter made no scan: the scan would
    /// have put the item on a hold shelf or ended a loan, or the item is on its way already.
    async fn send_into_transit(&self, item: &ItemRef, pickup: Option<&PickupLocation>) -> Result<Option<String>>;

    /// Lends the item to the virtual patron at a desk of the owning library. The loan fulfils `hold`.
    async fn lend(
        &self,
        item: &ItemRef,
        library: &LibraryCode,
        to: &PatronId,
        hold: Option<&HoldId>,
        attempt: Attempt,
    ) -> Result<Loan>;

    /// Lends a virtual item to its holder at the desk of its own library.
    async fn lend_virtual_item(&self, item: &ItemRef, to: &PatronId, attempt: Attempt) -> Result<Loan>;

    /// Renews a loan. A renewal that doesn't change the due date counts as refused.
    async fn renew(&self, loan: &Loan, of: &PatronId, attempt: Attempt) -> Result<Loan>;

    /// Sets a loan's due date.
    async fn set_due_date(&self, loan: &Loan, of: &PatronId, due: Timestamp) -> Result<Loan>;

    /// Makes sure that the loan of a virtual item can't be renewed.
    async fn deny_renewal(&self, item: &ItemRef) -> Result<()>;

    /// Moves the patron's hold to another pickup location. The result may be another hold.
    async fn move_hold(&self, wanted: &PatronHold, hold: &HoldId, attempt: Attempt) -> Result<Hold>;

    /// Closes the loan of a virtual item to `of` by scanning the item in at its own library. Refused as
    /// [`Refusal::LENT_TO_ANOTHER`] if the item is on loan to somebody else.
    async fn check_in(&self, item: &ItemRef, of: &PatronId) -> Result<()>;

    /// Cancels a hold, without a notice to anybody.
    async fn cancel_hold(&self, item: &ItemRef, hold: &HoldId, by: Option<CancelledBy>) -> Result<()>;

    /// Cancels the lender's hold, without a notice to anybody, and then reads the item. A scan after that sends the
    /// item nowhere for this hold. Returns the observation that proves that the item had left before, if it had.
    async fn withdraw_hold(&self, what: &Withdrawn<'_>) -> Result<Option<Observation>>;

    /// Deletes the virtual item, if it was made, and its holding, after closing a loan to the holder. Refused as
    /// [`Refusal::LENT_TO_ANOTHER`] if the item is on loan to somebody else. Returns whether the record was deleted
    /// with them, which happens only if it is still the hub's alone.
    async fn delete_virtual_item(&self, what: &VirtualItemDeletion<'_>) -> Result<bool>;

    /// Returns whether the record was verified as the hub's within the day. Nothing is sent.
    fn is_record_verified(&self, _bib: &BibId, _now: Timestamp) -> bool {
        false
    }

    /// Deletes the suppressed record if it is still the hub's alone.
    async fn delete_virtual_bib(&self, request: RequestId, bib: &BibId) -> Result<()>;

    /// Reads an item, and its hold and loan if `what` asks for them.
    async fn poll(&self, what: &PollQuery) -> Result<Observation>;

    /// Returns the list that would show the expected change, if the system has one. Nothing is sent.
    fn list_entry(&self, _awaited: &ExpectedChange<'_>) -> Option<ListEntry> {
        None
    }

    /// Reads a list, or the entries that `keys` would have on it. Returns `None` if the system refuses the list.
    async fn read_list(&self, _list: &str, _keys: &[String]) -> Result<Option<ListContents>> {
        Ok(None)
    }

    /// Resolves the address of the system, and checks that calls may be sent there. Makes no call. Each call checks it
    /// too, since a name may have another address later.
    async fn check_address(&self) -> std::result::Result<(), SettingError> {
        Ok(())
    }

    /// Returns the name of the header with the signature of the system's messages.
    fn signature_header(&self) -> &'static str;

    /// Reads a message of the system if it is signed with one of `secrets`. Nothing is sent.
    fn parse_webhook(
        &self,
        secrets: &[SecretString],
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<WebhookMessage, WebhookRejection>;

    /// Signs a message as the system would, for tests.
    fn sign_webhook(&self, secret: &SecretString, body: &[u8]) -> String;

    /// Finds every record with the marker of a request.
    async fn find_marked_records(&self, request: RequestId) -> Result<Vec<BibId>>;

    /// Finds every open hold of a virtual patron with the marker of a request.
    async fn find_marked_holds(&self, patron: &VirtualPatron) -> Result<Vec<MarkedHold>>;

    /// Cancels a hold that [`HostLms::find_marked_holds`] found, without a notice to anybody.
    async fn remove_hold(&self, hold: &MarkedHold) -> Result<()>;

    /// Deletes a record that [`HostLms::find_marked_records`] found, with its holding and item. Refused if it isn't the
    /// hub's.
    async fn remove_record(&self, request: RequestId, bib: &BibId) -> Result<()>;

    /// Returns the types that the institution's patrons have at the hub.
    fn patron_types(&self) -> BTreeSet<PatronType> {
        BTreeSet::new()
    }

    /// Returns the types that the institution's items have at the hub.
    fn item_types(&self) -> BTreeSet<ItemType> {
        BTreeSet::new()
    }

    /// Makes every read that the hub will need and reports missing settings, also of what the hub keeps about the
    /// institution apart from its settings.
    async fn check_setup(&self, registration: &Registration) -> Vec<Finding>;

    /// Reads the codes among which the institution's settings choose.
    async fn read_codes(&self) -> Result<InstitutionCodes> {
        Ok(InstitutionCodes::default())
    }

    /// Makes, reads and removes test users, and reports whether virtual patrons can borrow. `name` makes the ids of the
    /// users unique. Returns nothing if the system needs no such check.
    async fn check_new_users(&self, _name: &str, _now: Timestamp) -> Vec<Finding> {
        Vec::new()
    }
}
