//! An institution's set-up: libraries, locations, desks and code tables.

use serde::Deserialize;

use crate::ids::{DeskCode, LibraryCode, LocationCode};
use crate::lenient;
use crate::model::Coded;
use crate::page::Row;

/// A library.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Library {
    /// Its code.
    #[serde(deserialize_with = "lenient::required")]
    pub code: LibraryCode,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub name: Option<String>,
    /// Whether it is a Resource Sharing Library, which can't be a pickup library.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub resource_sharing: bool,
    /// Its campus.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub campus: Option<Coded>,
}

/// A shelving location of a library.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// Its code, unique in its library only.
    #[serde(deserialize_with = "lenient::required")]
    pub code: LocationCode,
    /// Its name for staff.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub name: Option<String>,
    /// Its name for the public.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub external_name: Option<String>,
    /// OPEN, CLOSED, REMOTE or UNAVAILABLE.
    #[serde(rename = "type", default, deserialize_with = "lenient::opt")]
    pub kind: Option<Coded>,
    /// Whether it is hidden from discovery, or Alma's value can't be read. Its records may be published by OAI-PMH even
    /// if it is hidden.
    #[serde(rename = "suppress_from_publishing", default, deserialize_with = "lenient::or_true")]
    pub suppressed: bool,
    /// The fulfilment unit, on which loan and request rules depend.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub fulfillment_unit: Option<Coded>,
    /// The desks that serve it.
    #[serde(rename = "circ_desk", default, deserialize_with = "lenient::list")]
    pub desks: Vec<LocationDesk>,
}

/// A desk that serves a location.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct LocationDesk {
    /// The desk.
    #[serde(rename = "circ_desk_code", deserialize_with = "lenient::required")]
    pub code: DeskCode,
    /// Its name.
    #[serde(rename = "circ_desk_name", default, deserialize_with = "lenient::opt")]
    pub name: Option<String>,
    /// Whether items of the location can be returned at it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub check_in: Option<bool>,
    /// Whether it lends items of the location.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub check_out: Option<bool>,
    /// Whether it puts items of the location back on their shelf.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub reshelve: Option<bool>,
}

/// A circulation desk of a library. In lists it has only code and name.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct CircDesk {
    /// Its code, unique in its library only.
    #[serde(deserialize_with = "lenient::required")]
    pub code: DeskCode,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub name: Option<String>,
    /// Whether it is the library's main desk.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub primary: Option<bool>,
    /// Whether it has a hold shelf, without which it can't be a pickup desk.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub has_hold_shelf: Option<bool>,
    /// The locations it serves.
    #[serde(rename = "location", default, deserialize_with = "lenient::list")]
    pub locations: Vec<DeskLocation>,
}

/// A location that a desk serves.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct DeskLocation {
    /// The location.
    #[serde(rename = "location_code", deserialize_with = "lenient::required")]
    pub code: LocationCode,
    /// Whether items of the location can be returned at the desk.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub check_in: Option<bool>,
    /// Whether the desk lends its items.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub check_out: Option<bool>,
    /// Whether the desk puts its items back on their shelf.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub reshelve: Option<bool>,
}

/// A code table, such as UserGroups, ItemPolicy or RequestCancellationReasons.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct CodeTable {
    /// Its name.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Its codes, disabled ones too.
    #[serde(rename = "row", default, deserialize_with = "lenient::list")]
    pub rows: Vec<CodeTableRow>,
}

impl CodeTable {
    /// Returns whether the table has this code and it is enabled.
    pub fn has(&self, code: &str) -> bool {
        self.rows.iter().any(|row| row.enabled && row.code == code)
    }
}

/// A code of a code table.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct CodeTableRow {
    /// The code.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub code: String,
    /// The text that staff see.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub description: Option<String>,
    /// Whether it may be used.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub enabled: bool,
    /// Whether it is the table's default.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub default: bool,
}

/// Alma's description of the institution to which a key belongs.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct General {
    /// The institution. A host doesn't identify it, since all institutions of a region share one.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub institution: Option<Coded>,
    /// Sandbox or production.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub environment_type: Option<String>,
}

impl General {
    /// Returns whether Alma reports a sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.environment_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("sandbox"))
    }
}

impl Row for Library {}

impl Row for Location {}

impl Row for CircDesk {}
