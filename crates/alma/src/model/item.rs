//! Physical items.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::ids::{Barcode, HoldingId, ItemPath, ItemPid, LibraryCode, LocationCode, MmsId};
use crate::lenient;
use crate::model::{BaseStatus, Coded, ProcessType, Redacted};
use crate::page::Row;

/// A physical item, with Alma's data about its title and holding.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
#[non_exhaustive]
pub struct Item {
    /// The title's MMS id.
    pub mms_id: MmsId,
    /// The true holding, even if the address contained another.
    pub holding_id: HoldingId,
    /// The item's id.
    pub pid: ItemPid,
    /// The barcode, on one item per institution. It may be missing or made up by Alma.
    pub barcode: Option<Barcode>,
    /// The title.
    pub title: Option<String>,
    /// The author.
    pub author: Option<String>,
    /// The ISBN.
    pub isbn: Option<String>,
    /// The ISSN.
    pub issn: Option<String>,
    /// Whether the title is hidden from discovery, or Alma's value can't be read.
    pub bib_suppressed: bool,
    /// Whether the holding or its location is hidden from discovery, or Alma's value can't be read.
    pub holding_suppressed: bool,
    /// The call number in force.
    pub call_number: Option<String>,
    /// Whether the item is in its place.
    pub base_status: BaseStatus,
    /// Why it isn't in its place; blank or `Requested` if it is.
    pub process_type: Option<ProcessType>,
    /// The kind of work order it is away for.
    pub work_order_type: Option<Coded>,
    /// The department that has it.
    pub work_order_at: Option<Coded>,
    /// Returned and not yet on its shelf.
    pub awaiting_reshelving: bool,
    /// Whether a request waits for it. Unknown right after a scan; set for items in transit without a patron's request,
    /// and if Alma's value can't be read.
    pub requested: Option<bool>,
    /// Whether it is in a temporary location.
    pub in_temp_location: bool,
    /// The library where it is: the temporary one while it is in a temporary location.
    pub library: Option<Coded>,
    /// The location where it is: the temporary one while it is in a temporary location.
    pub location: Option<Coded>,
    /// The library in the item's own data. Its code identifies the owner of the item.
    pub item_library: Option<Coded>,
    /// The location in the item's own data.
    pub item_location: Option<Coded>,
    /// The policy in force: that of the temporary location while the item is there, if it has one.
    pub policy: Option<Coded>,
    /// The policy in the item's own data.
    pub item_policy: Option<Coded>,
    /// The kind of material (code table PhysicalMaterialType).
    pub material_type: Option<Coded>,
    /// The volume, issue or the like.
    pub description: Option<String>,
    /// The levels a to h of its enumeration, such as volume and number.
    pub enumeration: [Option<String>; 8],
    /// The levels i to m of its chronology, such as year and month.
    pub chronology: [Option<String>; 5],
    /// The origin of the item.
    pub provenance: Option<Coded>,
    /// A note for the public.
    pub public_note: Option<String>,
    /// A note shown to staff at the desk.
    pub fulfillment_note: Option<String>,
    /// The first of three notes for staff.
    pub internal_note_1: Option<String>,
    /// The second of three notes for staff.
    pub internal_note_2: Option<String>,
    /// The third of three notes for staff.
    pub internal_note_3: Option<String>,
    /// When it is due back; only if the call asked for it and the item is on loan.
    pub due_date: Option<Timestamp>,
    /// How long it could be lent, in words; only if the call asked for it.
    pub due_date_policy: Option<String>,
    /// The day the record was made.
    pub creation_date: Option<Date>,
    /// The day the record was changed.
    pub modification_date: Option<Date>,
    /// The message of the scan page, in the institution's language, with the requester's name. It is for staff only and
    /// no basis for decisions. Only after a scan.
    pub additional_info: Option<Redacted>,
}

impl Item {
    /// Returns the three ids that address the item.
    pub fn path(&self) -> ItemPath {
        ItemPath { mms: self.mms_id.clone(), holding: self.holding_id.clone(), pid: self.pid.clone() }
    }

    /// Returns whether the item is in its place and no process keeps it away. A request may still wait for it.
    pub fn is_in_place(&self) -> bool {
        self.base_status == BaseStatus::InPlace && matches!(self.process_type, None | Some(ProcessType::Requested))
    }

    /// Returns the code of the library where the item is.
    pub fn library_code(&self) -> Option<LibraryCode> {
        self.library.as_ref().map(Coded::id)
    }

    /// Returns the code of the location where the item is.
    pub fn location_code(&self) -> Option<LocationCode> {
        self.location.as_ref().map(Coded::id)
    }
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default, deserialize_with = "lenient::nested")]
    bib_data: BibData,
    #[serde(default, deserialize_with = "lenient::nested")]
    holding_data: HoldingData,
    #[serde(default, deserialize_with = "lenient::nested")]
    item_data: ItemData,
    #[serde(default, deserialize_with = "lenient::opt")]
    additional_info: Option<Redacted>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BibData {
    #[serde(deserialize_with = "lenient::opt")]
    mms_id: Option<MmsId>,
    #[serde(deserialize_with = "lenient::opt")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    author: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    isbn: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    issn: Option<String>,
    #[serde(deserialize_with = "lenient::or_true")]
    bib_suppress_from_publishing: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct HoldingData {
    #[serde(deserialize_with = "lenient::opt")]
    holding_id: Option<HoldingId>,
    #[serde(deserialize_with = "lenient::or_true")]
    holding_suppress_from_publishing: bool,
    #[serde(deserialize_with = "lenient::or_true")]
    calculated_suppress_from_publishing: bool,
    #[serde(deserialize_with = "lenient::opt")]
    call_number: Option<String>,
    #[serde(deserialize_with = "lenient::or_true")]
    in_temp_location: bool,
    #[serde(deserialize_with = "lenient::opt")]
    temp_library: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    temp_location: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    temp_call_number: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    temp_policy: Option<Coded>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ItemData {
    #[serde(deserialize_with = "lenient::opt")]
    pid: Option<ItemPid>,
    #[serde(deserialize_with = "lenient::opt")]
    barcode: Option<Barcode>,
    #[serde(deserialize_with = "lenient::or_default")]
    base_status: BaseStatus,
    #[serde(deserialize_with = "lenient::opt")]
    process_type: Option<ProcessType>,
    #[serde(deserialize_with = "lenient::opt")]
    work_order_type: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    work_order_at: Option<Coded>,
    #[serde(deserialize_with = "lenient::or_default")]
    awaiting_reshelving: bool,
    #[serde(deserialize_with = "lenient::opt_or_true")]
    requested: Option<bool>,
    #[serde(deserialize_with = "lenient::opt")]
    library: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    location: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    policy: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    physical_material_type: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    description: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_a: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_b: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_c: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_d: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_e: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_f: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_g: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    enumeration_h: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    chronology_i: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    chronology_j: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    chronology_k: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    chronology_l: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    chronology_m: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    provenance: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    public_note: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    fulfillment_note: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    internal_note_1: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    internal_note_2: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    internal_note_3: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    due_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::opt")]
    due_date_policy: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    creation_date: Option<Date>,
    #[serde(deserialize_with = "lenient::opt")]
    modification_date: Option<Date>,
}

impl TryFrom<Parts> for Item {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, &'static str> {
        let Parts { bib_data: bib, holding_data: holding, item_data: item, additional_info } = parts;
        // Some records contain the permanent place in the item's data while a temporary one is in force.
        let temporary = |there: Option<Coded>, own: &Option<Coded>| {
            if holding.in_temp_location { there.or_else(|| own.clone()) } else { own.clone() }
        };
        Ok(Self {
            mms_id: bib.mms_id.ok_or("an item without its title's MMS id")?,
            holding_id: holding.holding_id.ok_or("an item without its holding's id")?,
            pid: item.pid.ok_or("an item without an id")?,
            barcode: item.barcode,
            title: bib.title,
            author: bib.author,
            isbn: bib.isbn,
            issn: bib.issn,
            bib_suppressed: bib.bib_suppress_from_publishing,
            holding_suppressed: holding.holding_suppress_from_publishing || holding.calculated_suppress_from_publishing,
            call_number: holding.temp_call_number.filter(|_| holding.in_temp_location).or(holding.call_number),
            base_status: item.base_status,
            process_type: item.process_type,
            work_order_type: item.work_order_type,
            work_order_at: item.work_order_at,
            awaiting_reshelving: item.awaiting_reshelving,
            requested: item.requested,
            in_temp_location: holding.in_temp_location,
            library: temporary(holding.temp_library, &item.library),
            location: temporary(holding.temp_location, &item.location),
            policy: temporary(holding.temp_policy, &item.policy),
            item_library: item.library,
            item_location: item.location,
            item_policy: item.policy,
            material_type: item.physical_material_type,
            description: item.description,
            enumeration: [
                item.enumeration_a,
                item.enumeration_b,
                item.enumeration_c,
                item.enumeration_d,
                item.enumeration_e,
                item.enumeration_f,
                item.enumeration_g,
                item.enumeration_h,
            ],
            chronology: [item.chronology_i, item.chronology_j, item.chronology_k, item.chronology_l, item.chronology_m],
            provenance: item.provenance,
            public_note: item.public_note,
            fulfillment_note: item.fulfillment_note,
            internal_note_1: item.internal_note_1,
            internal_note_2: item.internal_note_2,
            internal_note_3: item.internal_note_3,
            due_date: item.due_date,
            due_date_policy: item.due_date_policy,
            creation_date: item.creation_date,
            modification_date: item.modification_date,
            additional_info,
        })
    }
}

/// The fields of an item's enumeration, in order.
pub const ENUMERATION: &[&str] = &[
    "enumeration_a",
    "enumeration_b",
    "enumeration_c",
    "enumeration_d",
    "enumeration_e",
    "enumeration_f",
    "enumeration_g",
    "enumeration_h",
];

/// The fields of an item's chronology, in order.
pub const CHRONOLOGY: &[&str] = &["chronology_i", "chronology_j", "chronology_k", "chronology_l", "chronology_m"];

/// An item to be created. Its library and location come from the holding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewItem {
    /// The barcode. Alma refuses a barcode that another item of the institution has.
    pub barcode: Option<Barcode>,
    /// The kind of material (code table PhysicalMaterialType).
    pub material_type: Option<String>,
    /// The policy (code table ItemPolicy).
    pub policy: Option<String>,
    /// The volume, issue or the like.
    pub description: Option<String>,
    /// The levels of its enumeration, from a; a blank one empties the level.
    pub enumeration: Vec<String>,
    /// The levels of its chronology, from i; a blank one empties the level.
    pub chronology: Vec<String>,
    /// A note for staff.
    pub internal_note_1: Option<String>,
    /// A note shown to staff at the desk.
    pub fulfillment_note: Option<String>,
    /// A note for the public.
    pub public_note: Option<String>,
    /// Any other fields of `item_data`, in Alma's own form. They take precedence over the fields above.
    pub more: Map<String, Value>,
}

impl NewItem {
    /// Returns the body of the call that creates the item.
    pub(crate) fn to_json(&self) -> Value {
        let mut item = Map::new();
        let texts = [
            ("barcode", self.barcode.as_ref().map(Barcode::as_str)),
            ("description", self.description.as_deref()),
            ("internal_note_1", self.internal_note_1.as_deref()),
            ("fulfillment_note", self.fulfillment_note.as_deref()),
            ("public_note", self.public_note.as_deref()),
        ];
        item.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
        let codes = [("physical_material_type", &self.material_type), ("policy", &self.policy)];
        item.extend(codes.into_iter().filter_map(|(key, code)| {
            let code = code.as_deref()?;
            Some((key.to_owned(), json!({"value": code})))
        }));
        for (keys, levels) in [(ENUMERATION, &self.enumeration), (CHRONOLOGY, &self.chronology)] {
            item.extend(keys.iter().zip(levels).map(|(key, text)| ((*key).to_owned(), json!(text))));
        }
        item.extend(self.more.clone());
        json!({"holding_data": {}, "item_data": item})
    }
}

/// A kind of request that a user may place on an item, whatever the pickup library.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct RequestOption {
    /// HOLD, DIGITIZATION, BOOKING, PURCHASE ...
    #[serde(rename = "type", default, deserialize_with = "lenient::opt")]
    pub kind: Option<Coded>,
}

impl Row for Item {}

impl Row for RequestOption {}
