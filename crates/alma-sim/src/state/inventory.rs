//! Holdings and items: creation, replacement, deletion. Barcodes are unique in an institution.

use serde_json::{Map, Value};

use super::Alma;
use super::model::{Holding, Id, Item, Process};
use super::users::{code_of, text_of};
use crate::record::Record;
use crate::refusal::Refusal;

/// Fields of `item_data` that Alma itself sets. A body cannot change them.
const OUTPUT_ONLY: &[&str] = &[
    "pid",
    "barcode",
    "policy",
    "physical_material_type",
    "library",
    "location",
    "creation_date",
    "modification_date",
    "base_status",
    "process_type",
    "awaiting_reshelving",
    "reshelving_time",
    "requested",
    "due_date",
    "due_date_policy",
    "work_order_type",
    "work_order_at",
    "link",
];

/// Fields of `item_data` that are coded, so that a plain string in JSON is a shape error.
const CODED: &[&str] =
    &["policy", "physical_material_type", "library", "location", "provenance", "physical_condition", "process_type"];

/// What happens to a holding or bib without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftover {
    Retain,
    Delete,
    Suppress,
}

impl Alma {
    /// Adds a holding; 852 `$b` and `$c` name its library and location.
    ///
    /// # Errors
    /// 33007 no such title, 33008 bad codes in 852.
    pub(crate) fn create_holding(&mut self, mms: Id, record: &Record, suppressed: bool) -> Result<Id, Refusal> {
        if !self.bibs.contains_key(&mms) {
            return Err(Refusal::new("33007", format!("No record found for MMS id {mms}")));
        }
        self.check_place(record)?;
        let id = self.next_id(22, 12);
        let holding = Holding {
            id,
            mms,
            xml: String::new(),
            library: String::new(),
            location: String::new(),
            call_number: String::new(),
            call_number_type: String::new(),
            suppressed,
            created: self.now,
            modified: self.now,
            items: Vec::new(),
        };
        self.holdings.insert(id, holding);
        if let Some(bib) = self.bibs.get_mut(&mms) {
            bib.holdings.push(id);
        }
        self.store_holding(id, record);
        Ok(id)
    }

    /// Replaces a holding; its items move with it.
    ///
    /// # Errors
    /// 33008 bad codes in 852.
    pub(crate) fn replace_holding(&mut self, id: Id, record: &Record, suppressed: Option<bool>) -> Result<(), Refusal> {
        self.check_place(record)?;
        if let (Some(holding), Some(suppressed)) = (self.holdings.get_mut(&id), suppressed) {
            holding.suppressed = suppressed;
        }
        self.store_holding(id, record);
        Ok(())
    }

    fn check_place(&self, record: &Record) -> Result<(), Refusal> {
        let refuse =
            |reason: String| Err(Refusal::new("33008", format!("Failed to create holding due to errors: {reason}")));
        let (Some(library), Some(location)) = (record.sub("852", 'b'), record.sub("852", 'c')) else {
            return refuse("852 $b and $c are mandatory".to_owned());
        };
        match self.library(library) {
            None => refuse(format!("library {library} does not exist")),
            Some(found) if found.find_location(location).is_none() => {
                refuse(format!("location {location} does not exist in library {library}"))
            }
            Some(_) => Ok(()),
        }
    }

    fn store_holding(&mut self, id: Id, record: &Record) {
        let now = self.now;
        let Some(holding) = self.holdings.get_mut(&id) else { return };
        let Some(field) = record.fields("852").next() else { return };
        holding.library = field.sub('b').unwrap_or_default().to_owned();
        holding.location = field.sub('c').unwrap_or_default().to_owned();
        holding.call_number = field.join("hi");
        holding.call_number_type = field.indicators[0].to_string().trim().to_owned();
        holding.xml = record.to_xml();
        holding.modified = now;
        let mms = holding.mms;
        self.mark_changed(mms);
    }

    /// Deletes a holding without items; when it was the last one, the title may go or be suppressed with it.
    ///
    /// # Errors
    /// 60213 unknown, 60214 has items.
    pub(crate) fn delete_holding(&mut self, id: Id, bib: Leftover) -> Result<(), Refusal> {
        let Some(holding) = self.holdings.get(&id) else { return Err(Refusal::new("60213", "Holding ID not valid.")) };
        if !holding.items.is_empty() {
            return Err(Refusal::new("60214", "Holding has been deleted or cannot be deleted."));
        }
        let mms = holding.mms;
        self.holdings.remove(&id);
        let last = self.bibs.get_mut(&mms).is_some_and(|record| {
            record.holdings.retain(|each| *each != id);
            record.holdings.is_empty()
        });
        self.mark_changed(mms);
        match bib {
            Leftover::Delete if last => self.delete_bib(mms, true),
            Leftover::Suppress if last => {
                self.suppress_bib(mms, true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds an item; library and location come from the holding.
    ///
    /// # Errors
    /// 401873 for a barcode in use or an unknown code, 401652 for a field of the wrong shape.
    pub(crate) fn create_item(&mut self, mms: Id, holding: Id, body: &Value) -> Result<Id, Refusal> {
        let empty = Map::new();
        let data = body.get("item_data").and_then(Value::as_object).unwrap_or(&empty);
        self.check_item(data, None)?;
        self.check_temporary(body)?;
        let pid = self.next_id(23, 12);
        let item = Item {
            pid,
            mms,
            holding,
            bound_with: Vec::new(),
            barcode: String::new(),
            material: String::new(),
            policy: String::new(),
            created: self.now,
            modified: self.now,
            process: Process::None,
            process_before: Process::None,
            process_since: self.now,
            temporary: None,
            bound: None,
            reshelving_request: None,
            loan: None,
            transit_to: None,
            seen_at: None,
            awaiting_reshelving: false,
            in_house_uses: 0,
            settled_at: self.settling(),
            work_order: None,
            extra: Map::new(),
        };
        self.items.insert(pid, item);
        if let Some(holding) = self.holdings.get_mut(&holding) {
            holding.items.push(pid);
        }
        self.write_item(pid, body);
        self.mark_changed(mms);
        self.emit_item("ITEM_CREATED", pid);
        Ok(pid)
    }

    /// Returns the moment from which request processing takes notice of a change made now.
    pub(super) fn settling(&self) -> jiff::Timestamp {
        let wait = i64::try_from(self.behaviour.settle_ms).unwrap_or(i64::MAX);
        self.now + jiff::SignedDuration::from_millis(wait)
    }

    /// Replaces the writable fields of an item.
    ///
    /// # Errors
    /// As creation.
    pub(crate) fn replace_item(&mut self, pid: Id, body: &Value) -> Result<(), Refusal> {
        let empty = Map::new();
        let data = body.get("item_data").and_then(Value::as_object).unwrap_or(&empty);
        self.check_item(data, Some(pid))?;
        self.check_temporary(body)?;
        self.write_item(pid, body);
        self.emit_item("ITEM_UPDATED", pid);
        if let Some(mms) = self.items.get(&pid).map(|item| item.mms) {
            self.mark_changed(mms);
        }
        Ok(())
    }

    fn check_item(&self, data: &Map<String, Value>, own: Option<Id>) -> Result<(), Refusal> {
        for field in CODED {
            if let Some(Value::String(text)) = data.get(*field)
                && !text.is_empty()
            {
                let reason = format!("Cannot construct instance of {field}: no String-argument constructor ('{text}')");
                return Err(Refusal::new("401652", reason));
            }
        }
        let barcode = text_of(data, "barcode");
        if self.index.barcodes.get(&barcode.to_lowercase()).is_some_and(|pid| Some(*pid) != own) {
            return Err(Refusal::new("401873", format!("Request failed: Barcode {barcode} already exists.")));
        }
        // No purchase orders are simulated, so none fits.
        if !text_of(data, "po_line").is_empty() {
            let text = "Given poline does not fit item; POLine's type must be physical one time.";
            return Err(Refusal::new("401885", text));
        }
        for (field, table) in [("policy", "ItemPolicy"), ("physical_material_type", "PhysicalMaterialType")] {
            let code = code_of(data, field);
            if !code.is_empty() && !self.tables.get(table).is_some_and(|table| table.enabled(code)) {
                return Err(Refusal::new("401873", format!("Request failed: Invalid {field} code: {code}")));
            }
        }
        Ok(())
    }

    /// Checks that the temporary place in a body exists.
    fn check_temporary(&self, body: &Value) -> Result<(), Refusal> {
        let Some(place) = body.get("holding_data").and_then(Value::as_object) else { return Ok(()) };
        let (library, location) = (code_of(place, "temp_library"), code_of(place, "temp_location"));
        if library.is_empty() {
            return Ok(());
        }
        let Some(found) = self.library(library) else { return Err(Refusal::bad_field("temp_library", library)) };
        if !location.is_empty() && found.find_location(location).is_none() {
            return Err(Refusal::bad_field("temp_location", location));
        }
        Ok(())
    }

    fn write_item(&mut self, pid: Id, body: &Value) {
        let now = self.now;
        let empty = Map::new();
        let data = body.get("item_data").and_then(Value::as_object).unwrap_or(&empty);
        let place = body.get("holding_data").and_then(Value::as_object);
        let Some(item) = self.items.get_mut(&pid) else { return };
        self.index.barcodes.remove(&item.barcode.to_lowercase());
        item.barcode = text_of(data, "barcode").to_owned();
        if !item.barcode.is_empty() {
            self.index.barcodes.insert(item.barcode.to_lowercase(), pid);
        }
        item.policy = code_of(data, "policy").to_owned();
        item.material = code_of(data, "physical_material_type").to_owned();
        item.extra = Map::new();
        for (key, value) in data {
            let nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
            if !nothing && !OUTPUT_ONLY.contains(&key.as_str()) {
                item.extra.insert(key.clone(), value.clone());
            }
        }
        if let Some(place) = place {
            let copy = text_of(place, "copy_id");
            if !copy.is_empty() {
                item.extra.insert("copy_id".to_owned(), Value::from(copy));
            }
            let away = place.get("in_temp_location");
            let away = away.is_some_and(|flag| flag.as_bool() == Some(true) || flag.as_str() == Some("true"));
            let (library, location) = (code_of(place, "temp_library"), code_of(place, "temp_location"));
            item.temporary = (away && !library.is_empty()).then(|| (library.to_owned(), location.to_owned()));
        }
        item.modified = now;
    }

    /// Deletes an item that is not on loan and has no hold; the emptied holding and title may go with it.
    ///
    /// # Errors
    /// 401849.
    pub(crate) fn delete_item(&mut self, pid: Id, holdings: Leftover, bib: Leftover) -> Result<(), Refusal> {
        let refuse = |reason: &str| Err(Refusal::new("401849", format!("Item delete errors: {reason}")));
        let Some(item) = self.items.get(&pid) else { return Err(Refusal::general()) };
        if item.loan.is_some() {
            return refuse("Item has an active loan.");
        }
        if !self.queue_of(pid).is_empty() && (item.bound.is_some() || self.asked_for(pid)) {
            return refuse("Item has active requests.");
        }
        let (holding, mms) = (item.holding, item.mms);
        self.drop_reshelving(pid);
        self.emit_item("ITEM_DELETED", pid);
        if let Some(item) = self.items.remove(&pid) {
            self.index.barcodes.remove(&item.barcode.to_lowercase());
        }
        let last = self.holdings.get_mut(&holding).is_some_and(|record| {
            record.items.retain(|each| *each != pid);
            record.items.is_empty()
        });
        self.mark_changed(mms);
        match holdings {
            Leftover::Delete if last => self.delete_holding(holding, bib),
            Leftover::Suppress if last => {
                if let Some(record) = self.holdings.get_mut(&holding) {
                    record.suppressed = true;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An item by barcode, whatever the case of its letters.
    pub(crate) fn find_barcode(&self, barcode: &str) -> Option<Id> {
        self.index.barcodes.get(&barcode.trim().to_lowercase()).copied()
    }

    /// Returns the library and location to which an item belongs now: the temporary ones while it has them.
    pub(crate) fn place_of<'a>(&'a self, item: &'a Item) -> (&'a str, &'a str) {
        match (&item.temporary, self.holdings.get(&item.holding)) {
            (Some((library, location)), _) => (library, location),
            (None, Some(holding)) => (&holding.library, &holding.location),
            (None, None) => ("", ""),
        }
    }
}
