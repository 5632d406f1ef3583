//! Calls for physical items (`/almaws/v1/bibs/{mms}/holdings/{holding}/items`).

use serde_json::{Map, Value};

use super::EmptyHoldingPolicy;
use crate::call::Call;
use crate::client::{Client, decode};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::ids::{Barcode, DeskCode, HoldingId, HoldingSelector, ItemPath, LibraryCode, MmsId, RequestId, UserId};
use crate::lenient;
use crate::model::{CHRONOLOGY, ENUMERATION, Item, NewItem, RequestOption};
use crate::page::{List, PageStream, Paging, all, listing};

/// An item isn't at an address whose record doesn't exist.
const NO_ITEM: &[Code] = &[Code::ItemNotFound, Code::BibNotFound];
const NO_BARCODE: &[Code] = &[Code::BarcodeUnknown];
const NO_BIB: &[Code] = &[Code::BibNotFound];

/// The fields that every update contains. Alma answered some updates with fewer fields with an internal error.
const ALWAYS_SENT: [&str; 6] = ["pid", "barcode", "physical_material_type", "policy", "library", "location"];

/// The texts that such an update contains if the item has them, since Alma may empty what isn't sent.
const KEPT_TEXTS: [&str; 2] = ["description", "internal_note_1"];

/// Calls for physical items. A key needs the area Bibs.
#[derive(Debug, Clone)]
pub struct Items {
    client: Client,
}

/// How an item is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeleteItem {
    /// Whether to override warnings. A loan can't be overridden.
    pub override_warnings: bool,
    /// What to do with the holding if this was its last item.
    pub holdings: EmptyHoldingPolicy,
    /// What to do with the title if its last holding is deleted with the item.
    pub bib: EmptyHoldingPolicy,
}

/// The place where an item is scanned in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanAt {
    /// At a circulation desk.
    Desk(DeskCode),
    /// At a department, by its code.
    Department(String),
}

/// A scan of an item, as staff do it on the page "Scan In Items".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanIn {
    /// The library of the desk or department.
    pub library: LibraryCode,
    /// The desk or department.
    pub at: ScanAt,
    /// The request to serve, if several could be.
    pub request_id: Option<RequestId>,
    /// The type of a work order.
    pub work_order_type: Option<String>,
    /// The status of a work order.
    pub status: Option<String>,
    /// Whether the work order is finished; at departments only.
    pub done: bool,
    /// Whether the item's id belongs to another system.
    pub external_id: bool,
    /// Whether a slip is printed.
    pub auto_print_slip: bool,
    /// Whether the item goes onto the hold shelf at once, if the desk has hold shelf processing.
    pub place_on_hold_shelf: bool,
    /// Whether to confirm the questions that the page would ask.
    pub confirm: bool,
    /// Whether an in-house use is counted. Alma's own default is yes, which would falsify statistics.
    pub register_in_house_use: bool,
}

impl ScanIn {
    /// Creates a scan at a desk that counts no in-house use.
    pub fn at_desk(library: impl Into<LibraryCode>, desk: impl Into<DeskCode>) -> Self {
        Self {
            library: library.into(),
            at: ScanAt::Desk(desk.into()),
            request_id: None,
            work_order_type: None,
            status: None,
            done: false,
            external_id: false,
            auto_print_slip: false,
            place_on_hold_shelf: false,
            confirm: false,
            register_in_house_use: false,
        }
    }

    fn apply(&self, call: Call) -> Call {
        let call = call.query("op", "scan").query("library", &self.library);
        let call = match &self.at {
            ScanAt::Desk(desk) => call.query("circ_desk", desk),
            ScanAt::Department(department) => call.query("department", department),
        };
        let yes = |flag: bool| flag.then_some(true);
        call.query_if("request_id", self.request_id.as_ref())
            .query_if("work_order_type", self.work_order_type.as_deref())
            .query_if("status", self.status.as_deref())
            .query_if("done", yes(self.done))
            .query_if("external_id", yes(self.external_id))
            .query_if("auto_print_slip", yes(self.auto_print_slip))
            .query_if("place_on_hold_shelf", yes(self.place_on_hold_shelf))
            .query_if("confirm", yes(self.confirm))
            .query("register_in_house_use", self.register_in_house_use)
    }
}

impl Items {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the list of a title's items, with their due dates. Alma needs seconds for the first page of a large title.
    pub fn list(&self, mms: &MmsId, holding: &HoldingSelector) -> PageStream<Item> {
        let ids = [mms.as_str(), holding.segment()];
        let call = Call::new("list items", "GET /bibs/{mms}/holdings/{holding}/items", &ids);
        listing(&self.client, call.absent(NO_BIB).query("expand", "due_date"), "item", Paging::ByPages)
    }

    /// Reads an item. The address may contain any holding; the answer contains the true one.
    ///
    /// Alma may also answer a missing item with [`Code::General`], which proves nothing. Search by barcode before
    /// treating the item as gone.
    pub async fn get(&self, item: &ItemPath) -> Result<Item> {
        self.client.one(read(item)).await
    }

    /// Finds the item with this barcode. This costs two calls.
    pub async fn by_barcode(&self, barcode: &Barcode) -> Result<Option<Item>> {
        let mut call = Call::new("look up a barcode", "GET /items", &[]).absent(NO_BARCODE);
        if barcode.as_str().trim().is_empty() {
            return Err(Error::InvalidRequest { operation: call.operation, what: "the barcode is blank" });
        }
        call = call.query("item_barcode", barcode);
        call.follows_redirect = true;
        let first = match self.client.send(&call).await {
            Ok(reply) => reply,
            Err(Error::NotFound { code: Code::BarcodeUnknown, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Alma redirects to the item. HTTP libraries drop the key when they follow a redirect, so the second call is
        // made here.
        let (call, reply) = if first.status == 302 {
            let second = Call::new("read the item of a barcode", "GET /items (redirect)", &[]).absent(NO_ITEM);
            match self.client.follow(&call, &second, first.location.as_deref()).await {
                Ok(reply) => (second, reply),
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        } else {
            (call, first)
        };
        let body = decode(&reply.body).map_err(|what| call.unreadable(what))?;
        lenient::record(body).map(Some).map_err(|what| call.no_record(what))
    }

    /// Creates an item in a holding. The holding decides its library and location.
    pub async fn create(&self, mms: &MmsId, holding: &HoldingId, item: &NewItem) -> Result<Item> {
        let ids = [mms.as_str(), holding.as_str()];
        let call = Call::new("create an item", "POST /bibs/{mms}/holdings/{holding}/items", &ids);
        self.client.one(call.json(item.to_json())).await
    }

    /// Changes an item: reads the whole record, lets `change` alter it, and writes it back with all other fields as
    /// they were.
    ///
    /// The record is Alma's, with `item_data` and `holding_data`. Alma answers some combinations of fields with an
    /// internal error, so that the outcome is unclear. [`Items::update_fields`] avoids that, but doesn't keep the other
    /// fields.
    pub async fn update(&self, item: &ItemPath, change: impl FnOnce(&mut Map<String, Value>) + Send) -> Result<Item> {
        let mut record = self.client.raw(read(item)).await?;
        change(&mut record);
        self.client.one(write(item, &record).json(Value::Object(record))).await
    }

    /// Changes fields of an item's `item_data`. Sends these, the fields that Alma requires (id, barcode, material type,
    /// policy, library and location), and the item's description, enumeration, chronology and first internal note if it
    /// has them. Alma may empty fields that aren't sent.
    pub async fn update_fields(&self, item: &ItemPath, fields: Map<String, Value>) -> Result<Item> {
        let record = self.client.raw(read(item)).await?;
        let mut sent = Map::new();
        for key in ALWAYS_SENT {
            if let Some(value) = record.get("item_data").and_then(|data| data.get(key)) {
                sent.insert(key.to_owned(), value.clone());
            }
        }
        for key in KEPT_TEXTS.iter().chain(ENUMERATION).chain(CHRONOLOGY) {
            let text = record.get("item_data").and_then(|data| data.get(key)).and_then(Value::as_str);
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                sent.insert((*key).to_owned(), text.into());
            }
        }
        sent.extend(fields);
        self.client.one(write(item, &record).json(serde_json::json!({"item_data": sent}))).await
    }

    /// Replaces an item without reading it first. Alma may empty fields that aren't sent, and the address must contain
    /// the true holding. Alma requires id, barcode, material type, policy, library and location.
    pub async fn replace(&self, item: &ItemPath, with: &NewItem) -> Result<Item> {
        let call = about(item, "update an item", "PUT /bibs/{mms}/holdings/{holding}/items/{pid}");
        self.client.one(call.json(with.to_json())).await
    }

    /// Deletes an item. Alma refuses with [`Code::ItemNotDeletable`] if it has a loan, a request or warnings.
    pub async fn delete(&self, item: &ItemPath, how: DeleteItem) -> Result<()> {
        let call = about(item, "delete an item", "DELETE /bibs/{mms}/holdings/{holding}/items/{pid}")
            .query("override", how.override_warnings)
            .query("holdings", how.holdings)
            .query("bib", how.bib);
        self.client.done(call).await
    }

    /// Scans an item in and returns the item as it is afterwards. [`Item::process_type`] is decisive. The address must
    /// contain the true holding.
    ///
    /// Alma has been seen to carry out a scan although no answer came for a minute. After an unclear scan, read the
    /// item.
    pub async fn scan_in(&self, item: &ItemPath, scan: &ScanIn) -> Result<Item> {
        let call = about(item, "scan an item in", "POST /bibs/{mms}/holdings/{holding}/items/{pid}");
        self.client.one(scan.apply(call)).await
    }

    /// Reads the kinds of request that a user may place on an item. Alma doesn't consider the pickup library, so this
    /// can explain a refusal but not predict one.
    pub async fn request_options(&self, item: &ItemPath, user: &UserId) -> Result<List<RequestOption>> {
        let endpoint = "GET /bibs/{mms}/holdings/{holding}/items/{pid}/request-options";
        let call = about(item, "read the request options of an item", endpoint).query("user_id", user).private(user);
        all(&self.client, call, "request_option").await
    }
}

fn about(item: &ItemPath, operation: &'static str, endpoint: &'static str) -> Call {
    Call::new(operation, endpoint, &[item.mms.as_str(), item.holding.as_str(), item.pid.as_str()]).absent(NO_ITEM)
}

fn read(item: &ItemPath) -> Call {
    about(item, "read an item", "GET /bibs/{mms}/holdings/{holding}/items/{pid}")
}

/// Returns the call that writes an item whose current record is `record`. It goes to the true holding, which the
/// address may lack.
fn write(item: &ItemPath, record: &Map<String, Value>) -> Call {
    let holding = record.get("holding_data").and_then(|holding| holding.get("holding_id")).and_then(lenient::scalar);
    let holding = holding.map_or_else(|| item.holding.clone(), HoldingId::from);
    let item = ItemPath { holding, ..item.clone() };
    about(&item, "update an item", "PUT /bibs/{mms}/holdings/{holding}/items/{pid}")
}
