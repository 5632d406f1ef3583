//! What the hub needs of a library system.

use async_trait::async_trait;
use jiff::Timestamp;
use lending::{
    AgencyCode, Barcode, BibId, CancelledBy, Copy, CopyRef, Hold, HoldId, HoldingId, InstitutionCode, ItemId,
    ItemState, ItemType, LibraryCode, Loan, Observation, PatronId, PatronRefusal, PatronType, PickupLocation, Refusal,
    RequestId, Title, VerifiedPatron,
};

use secrecy::SecretString;

use crate::error::Result;
use crate::finding::Finding;
use crate::list::{ExpectedChange, ListContents, ListEntry};
use crate::quota::{CallRate, QuotaSettings};
use crate::webhook::{WebhookMessage, WebhookRejection};

/// Whether an earlier attempt may have been done without our hearing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// Nothing was sent before, or what was sent is known not to have been done: just do it. The
    /// reply, or the refusal as a duplicate, shows enough.
    Fresh,
    /// An earlier attempt was sent and its outcome is unknown: look for what it would have left,
    /// adopt it if it is there, and do it otherwise.
    AfterUnclear,
}

/// An item by its place in the library's system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemRef {
    /// Its record.
    pub bib: BibId,
    /// Its holding.
    pub holding: HoldingId,
    /// The item.
    pub item: ItemId,
}

/// Who is to stand for the borrower's patron at the lender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualPatron {
    /// The patron's institution.
    pub institution: InstitutionCode,
    /// The patron's agency, shown on slips in place of a name.
    pub agency: AgencyCode,
    /// The patron at home.
    pub patron: PatronId,
    /// The patron's type, which decides the user group.
    pub patron_type: PatronType,
}

/// The lender's hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LenderHold {
    /// The request it is for, which marks it.
    pub request: RequestId,
    /// The copy.
    pub item: ItemRef,
    /// For whom: the virtual patron, or the patron where the copy is their own institution's.
    pub holder: PatronId,
    /// The library that owns the copy.
    pub library: LibraryCode,
    /// Where the patron collects, where that is in this system; otherwise the copy is sent outside.
    pub pickup: Option<PickupLocation>,
}

/// The patron's own hold, on the virtual item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatronHold {
    /// The request it is for, which marks it.
    pub request: RequestId,
    /// The virtual item.
    pub item: ItemRef,
    /// The patron.
    pub patron: PatronId,
    /// Where the patron collects, where that is in this system; otherwise the virtual item is sent outside.
    pub pickup: Option<PickupLocation>,
    /// How often it was tried already.
    pub attempts: u32,
}

/// The item to be made at the borrower.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualItem {
    /// The request it is for.
    pub request: RequestId,
    /// Its record.
    pub bib: BibId,
    /// Its holding.
    pub holding: HoldingId,
    /// The lender's barcode, used where it is free.
    pub barcode: Barcode,
    /// What kind of thing it is.
    pub item_type: ItemType,
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
    /// The item, if it was made.
    pub item: Option<&'a ItemId>,
    /// Whether the hub made the record so lately that the answer to that still says what it is like.
    pub is_new: bool,
    /// Whose loan of it may be ended; nobody else's is.
    pub holder: Option<&'a PatronId>,
    /// Other records that are likely to be deleted within the day, and may be polled with this one.
    pub prefetch: &'a [(RequestId, BibId)],
    /// Now.
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
    /// Whose it is, where that is known.
    pub holder: Option<&'a PatronId>,
    /// Who ended the request, where somebody did.
    pub by: Option<CancelledBy>,
}

/// What to poll on one side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollQuery {
    /// The request, whose marker the hold carries.
    pub request: RequestId,
    /// The real or virtual item.
    pub item: ItemRef,
    /// The patron or virtual patron that a loan must be of.
    pub patron: PatronId,
    /// Whether the hold is looked for.
    pub hold: bool,
    /// Which hold it is.
    pub hold_id: Option<HoldId>,
    /// Whether the loan is looked for.
    pub loan: bool,
    /// Whether it matters that somebody else waits for the item.
    pub wanted_back: bool,
    /// One call will do where hold or loan is as it is expected to be.
    pub shallow: bool,
    /// The state in which a fresh message says the item to be. With the hold that fits it the item need not be read.
    pub hinted_state: Option<ItemState>,
}

/// A hold with the hub's marker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MarkedHold {
    /// The request whose marker it has.
    pub request: RequestId,
    /// The hold.
    pub hold: HoldId,
    /// Whose it is.
    pub holder: PatronId,
}

/// A library system, in the hub's words.
///
/// Methods do at most what their name says. A write that finds its work done already answers as if
/// it had done it; what is gone and was to be taken away counts as done.
#[async_trait]
pub trait HostLms: Send + Sync + std::fmt::Debug {
    /// Which installation this is.
    fn institution(&self) -> &InstitutionCode;

    /// How much of its quota the hub may use.
    fn quota_settings(&self) -> QuotaSettings {
        QuotaSettings::default()
    }

    /// How fast it is called now, where calls are counted.
    fn call_rate(&self) -> Option<CallRate> {
        None
    }

    /// So many nodes of the hub, this one included, share its calls per second.
    fn set_node_count(&self, _nodes: u32) {}

    /// Whether the patron may borrow.
    async fn verify_patron(&self, id: &PatronId, now: Timestamp) -> Result<Result<VerifiedPatron, PatronRefusal>>;

    /// The copy that a request names, if it can be lent now.
    async fn resolve_copy(&self, named: &CopyRef) -> Result<Result<Copy, Refusal>>;

    /// Finds or creates the virtual patron; its id is derived from the patron's, so that it is made once.
    async fn ensure_virtual_patron(&self, wanted: &VirtualPatron, now: Timestamp) -> Result<PatronId>;

    /// Places the virtual patron's hold, so that scanning the item in sends it out.
    async fn place_lender_hold(&self, wanted: &LenderHold, attempt: Attempt) -> Result<Hold>;

    /// Creates the suppressed record, marked with the request.
    async fn create_virtual_bib(&self, request: RequestId, title: &Title, attempt: Attempt) -> Result<BibId>;

    /// Creates the virtual item's holding.
    async fn create_virtual_holding(&self, bib: &BibId, attempt: Attempt) -> Result<HoldingId>;

    /// Creates the virtual item; its barcode is reported, since the wanted one may be taken.
    async fn create_virtual_item(&self, wanted: &VirtualItem, attempt: Attempt) -> Result<(ItemId, Barcode)>;

    /// Makes an existing virtual item stand for another copy.
    async fn update_virtual_item(&self, item: &ItemRef, wanted: &VirtualItem) -> Result<Barcode>;

    /// Places the patron's hold on the virtual item.
    async fn place_patron_hold(&self, wanted: &PatronHold, attempt: Attempt) -> Result<Hold>;

    /// Sends the virtual item towards the pickup library. Answers why no scan was made, where the scan would have put it
    /// on a hold shelf or ended a loan, or where it is on its way already.
    async fn send_into_transit(&self, item: &ItemRef, pickup: Option<&PickupLocation>) -> Result<Option<String>>;

    /// Lends the item to the virtual patron at a desk of the owning library.
    async fn lend(&self, item: &ItemRef, library: &LibraryCode, to: &PatronId, attempt: Attempt) -> Result<Loan>;

    /// Lends a virtual item to its holder at the desk of its own library.
    async fn lend_virtual_item(&self, item: &ItemRef, to: &PatronId, attempt: Attempt) -> Result<Loan>;

    /// Renews a loan. A renewal that leaves the due date as it was counts as refused.
    async fn renew(&self, loan: &Loan, of: &PatronId, attempt: Attempt) -> Result<Loan>;

    /// Sets a loan's due date.
    async fn set_due_date(&self, loan: &Loan, of: &PatronId, due: Timestamp) -> Result<Loan>;

    /// Sees to it that the loan of a virtual item can't be renewed.
    async fn deny_renewal(&self, item: &ItemRef) -> Result<()>;

    /// Moves the patron's hold to another pickup location; it may become another hold.
    async fn move_hold(&self, wanted: &PatronHold, hold: &HoldId, attempt: Attempt) -> Result<Hold>;

    /// Closes the loan of a virtual item to `of` by scanning it in at its own library. Refused as
    /// [`Refusal::LENT_TO_ANOTHER`] where the item is on somebody else's loan.
    async fn check_in(&self, item: &ItemRef, of: &PatronId) -> Result<()>;

    /// Cancels a hold, without a notice to anybody.
    async fn cancel_hold(&self, item: &ItemRef, hold: &HoldId, by: Option<CancelledBy>) -> Result<()>;

    /// Cancels the lender's hold, without a notice to anybody, and then reads the item: whoever scans it from then on sends
    /// it nowhere for this hold. Answers what shows that it had left before, if it had.
    async fn withdraw_hold(&self, what: &Withdrawn<'_>) -> Result<Option<Observation>>;

    /// Deletes the virtual item, if it was made, and its holding, after a loan to the holder was closed. Refused as
    /// [`Refusal::LENT_TO_ANOTHER`] where the item is on somebody else's loan. Answers whether the record
    /// went with them, which it does only where it is still ours alone.
    async fn delete_virtual_item(&self, what: &VirtualItemDeletion<'_>) -> Result<bool>;

    /// Whether the record was seen to be ours within the day. Nothing is sent.
    fn is_record_verified(&self, _bib: &BibId, _now: Timestamp) -> bool {
        false
    }

    /// Deletes the suppressed record, if it is still ours alone.
    async fn delete_virtual_bib(&self, request: RequestId, bib: &BibId) -> Result<()>;

    /// Looks at an item, and at its hold and loan as far as asked.
    async fn poll(&self, what: &PollQuery) -> Result<Observation>;

    /// The list in which it would show that what is awaited has happened, if the system has one. Nothing is sent.
    fn list_entry(&self, _awaited: &ExpectedChange<'_>) -> Option<ListEntry> {
        None
    }

    /// Reads a list, or what `keys` would be on it; `None` where the system refuses to give it.
    async fn read_list(&self, _list: &str, _keys: &[String]) -> Result<Option<ListContents>> {
        Ok(None)
    }

    /// The header in which the system signs the messages that it sends by itself.
    fn signature_header(&self) -> &'static str;

    /// Reads a message that the system sent by itself, if it is signed with one of `secrets`. Nothing is sent.
    fn parse_webhook(
        &self,
        secrets: &[SecretString],
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<WebhookMessage, WebhookRejection>;

    /// Signs a message as the system would, for trying out.
    fn sign_webhook(&self, secret: &SecretString, body: &[u8]) -> String;

    /// Every record with the marker of a request.
    async fn find_marked_records(&self, request: RequestId) -> Result<Vec<BibId>>;

    /// Every open hold of a virtual patron that has the marker of a request.
    async fn find_marked_holds(&self, patron: &VirtualPatron) -> Result<Vec<MarkedHold>>;

    /// Cancels a hold that [`HostLms::find_marked_holds`] found, without a notice to anybody.
    async fn remove_hold(&self, hold: &MarkedHold) -> Result<()>;

    /// Deletes a record that [`HostLms::find_marked_records`] found, with its holding and item; refused when it isn't ours.
    async fn remove_record(&self, request: RequestId, bib: &BibId) -> Result<()>;

    /// Makes every read the hub will need and says what is missing.
    async fn check_setup(&self) -> Vec<Finding>;
}
