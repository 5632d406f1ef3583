//! Requests: holds above all.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ids::{Barcode, DeskCode, HoldingId, ItemPid, LibraryCode, MmsId, RequestId, UserId};
use crate::lenient;
use crate::model::{Coded, RequestStatus, RequestType};
use crate::page::Row;

/// A request of a user, or internal work on an item.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// The request's id.
    #[serde(rename = "request_id", deserialize_with = "lenient::required")]
    pub id: RequestId,
    /// The kind of request. Only holds are patrons' holds; items also have internal work orders.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub request_type: RequestType,
    /// The kind in more detail, such as `PATRON_PHYSICAL`.
    #[serde(rename = "request_sub_type", default, deserialize_with = "lenient::opt")]
    pub sub_type: Option<Coded>,
    /// The status.
    #[serde(rename = "request_status", default, deserialize_with = "lenient::or_default")]
    pub status: RequestStatus,
    /// The primary id of the user who placed it.
    #[serde(rename = "user_primary_id", default, deserialize_with = "lenient::opt")]
    pub user: Option<UserId>,
    /// The title.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub mms_id: Option<MmsId>,
    /// The holding; often missing in lists.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub holding_id: Option<HoldingId>,
    /// The item; missing in some lists, and for title-level requests until an item is bound.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub item_id: Option<ItemPid>,
    /// The item's barcode; missing where `item_id` is.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub barcode: Option<Barcode>,
    /// The title's name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub title: Option<String>,
    /// The title's author.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub author: Option<String>,
    /// The comment given at creation. A caller can put a marker here to recognise its own requests.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub comment: Option<String>,
    /// The volume, issue or the like.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub description: Option<String>,
    /// The name of the pickup location.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub pickup_location: Option<String>,
    /// LIBRARY, CIRCULATION_DESK ...
    #[serde(default, deserialize_with = "lenient::opt")]
    pub pickup_location_type: Option<String>,
    /// The code of the pickup library.
    #[serde(rename = "pickup_location_library", default, deserialize_with = "lenient::opt")]
    pub pickup_library: Option<LibraryCode>,
    /// The code of the pickup desk.
    #[serde(rename = "pickup_location_circulation_desk", default, deserialize_with = "lenient::opt")]
    pub pickup_desk: Option<DeskCode>,
    /// The code of the library that works on it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub managed_by_library_code: Option<LibraryCode>,
    /// The code of the desk that works on it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub managed_by_circulation_desk_code: Option<DeskCode>,
    /// Its position among the requests for the item, from 1.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub place_in_queue: Option<u64>,
    /// The day it was created. Alma has deprecated it in favour of the time.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub request_date: Option<Date>,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub request_time: Option<Timestamp>,
    /// The next step, such as `Pickup From Shelf`, in the institution's language.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub task_name: Option<String>,
    /// The last day on the hold shelf.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub expiry_date: Option<Date>,
    /// The day after which the user doesn't want it any more.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub last_interest_date: Option<Date>,
}

/// The place where a user wants to collect an item. The Resource Sharing Library can't be one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pickup {
    /// A library.
    Library(LibraryCode),
    /// A desk that has a hold shelf.
    Desk {
        /// The desk's library.
        library: LibraryCode,
        /// The desk.
        desk: DeskCode,
    },
}

/// A request to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// The kind of request.
    pub request_type: RequestType,
    /// The place where the user wants to collect it.
    pub pickup: Pickup,
    /// A comment. Alma keeps it and shows it in lists.
    pub comment: Option<String>,
    /// The volume, issue or the like; for title-level requests only.
    pub description: Option<String>,
    /// The day after which the user doesn't want it any more.
    pub last_interest_date: Option<Date>,
    /// The material type of the item (code table PhysicalMaterialType), which fulfilment rules may use.
    pub material_type: Option<String>,
    /// Whether to accept a second request of the user for the same thing.
    pub allow_same_request: bool,
}

impl NewRequest {
    /// Creates a hold that the user will collect at `pickup`.
    pub fn hold(pickup: Pickup) -> Self {
        Self {
            request_type: RequestType::Hold,
            pickup,
            comment: None,
            description: None,
            last_interest_date: None,
            material_type: None,
            allow_same_request: false,
        }
    }

    /// Sets the comment.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Returns the body of the call that creates the request.
    pub(crate) fn to_json(&self) -> Value {
        let mut request = json!({"request_type": self.request_type.as_str()});
        match &self.pickup {
            Pickup::Library(library) => {
                request["pickup_location_type"] = json!("LIBRARY");
                request["pickup_location_library"] = json!(library);
            }
            Pickup::Desk { library, desk } => {
                request["pickup_location_type"] = json!("CIRCULATION_DESK");
                request["pickup_location_library"] = json!(library);
                request["pickup_location_circulation_desk"] = json!(desk);
            }
        }
        if let Some(comment) = &self.comment {
            request["comment"] = json!(comment);
        }
        if let Some(description) = &self.description {
            request["description"] = json!(description);
        }
        if let Some(day) = self.last_interest_date {
            request["last_interest_date"] = json!(format!("{day}Z"));
        }
        if let Some(code) = &self.material_type {
            request["material_type"] = json!({"value": code});
        }
        request
    }
}

/// The parameters of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The reason: a code, not a text (code table RequestCancellationReasons), such as `CancelledAtPatronRequest`.
    pub reason: String,
    /// A note.
    pub note: Option<String>,
    /// Whether the user gets a letter. Alma's own default is to send one.
    pub notify_user: bool,
}

impl Cancellation {
    /// Creates a cancellation of which the user gets no letter.
    pub fn silent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), note: None, notify_user: false }
    }
}

/// A row whose comment can't be read may have anybody's marker.
impl Row for Request {
    const REPORTING: &'static [&'static str] = &["comment"];
}
