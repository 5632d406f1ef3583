//! Task lists: items that staff must pick from the shelf.

use jiff::civil::Date;
use serde::Deserialize;

use crate::ids::{Barcode, HoldingId, ItemPid, MmsId, RequestId};
use crate::lenient;
use crate::model::{BaseStatus, Coded, Redacted, RequestType};
use crate::page::Row;

/// A title that staff must pick at a desk.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Parts")]
#[non_exhaustive]
pub struct RequestedResource {
    /// The title.
    pub mms_id: Option<MmsId>,
    /// The title's name.
    pub title: Option<String>,
    /// The title's author.
    pub author: Option<String>,
    /// The library to pick from.
    pub library: Option<Coded>,
    /// The shelving location to pick from.
    pub shelving_location: Option<String>,
    /// The call number.
    pub call_number: Option<String>,
    /// The holding.
    pub holding_id: Option<HoldingId>,
    /// The copies that could be picked.
    pub copies: Vec<RequestedCopy>,
    /// The waiting requests.
    pub requests: Vec<WaitingRequest>,
    /// The number of further requests that can't be read.
    pub unreadable_requests: u32,
}

/// A copy that could be picked.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct RequestedCopy {
    /// The item.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub pid: Option<ItemPid>,
    /// Its barcode.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub barcode: Option<Barcode>,
    /// Whether it is in its place.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub base_status: BaseStatus,
}

/// A request that waits for picking.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct WaitingRequest {
    /// The request's id.
    #[serde(deserialize_with = "lenient::required")]
    pub id: RequestId,
    /// The kind of request.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub request_type: RequestType,
    /// The destination of the item.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub destination: Option<Coded>,
    /// The requester, as staff see the name.
    #[serde(default, deserialize_with = "requester")]
    pub requester: Option<Redacted>,
    /// The day it was made.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub request_date: Option<Date>,
    /// Whether its slip was printed.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub printed: bool,
    /// Whether it was reported.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub reported: bool,
}

fn requester<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Redacted>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let name = value.get("desc").unwrap_or(&value);
    <Redacted as lenient::Lenient>::read(name).map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default, deserialize_with = "lenient::nested")]
    resource_metadata: Metadata,
    #[serde(default, deserialize_with = "lenient::nested")]
    location: Place,
    #[serde(default, deserialize_with = "lenient::counted")]
    request: lenient::Counted<WaitingRequest>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(deserialize_with = "lenient::opt")]
    mms_id: Option<MmsId>,
    #[serde(deserialize_with = "lenient::opt")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    author: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Place {
    #[serde(deserialize_with = "lenient::opt")]
    library: Option<Coded>,
    #[serde(deserialize_with = "lenient::opt")]
    shelving_location: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    call_number: Option<String>,
    #[serde(deserialize_with = "lenient::opt")]
    holding_id: Option<HoldingId>,
    #[serde(deserialize_with = "lenient::list")]
    copy: Vec<RequestedCopy>,
}

impl From<Parts> for RequestedResource {
    fn from(parts: Parts) -> Self {
        let Parts { resource_metadata: about, location: place, request } = parts;
        Self {
            mms_id: about.mms_id,
            title: about.title,
            author: about.author,
            library: place.library,
            shelving_location: place.shelving_location,
            call_number: place.call_number,
            holding_id: place.holding_id,
            copies: place.copy,
            requests: request.rows,
            unreadable_requests: request.unreadable,
        }
    }
}

impl Row for RequestedResource {
    fn unreadable_parts(&self) -> u32 {
        self.unreadable_requests
    }
}
