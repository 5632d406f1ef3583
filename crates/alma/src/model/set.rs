//! Sets of records.

use serde::Deserialize;

use crate::lenient;
use crate::model::Coded;
use crate::page::Row;

/// A set of records.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Set {
    /// The name that staff gave it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub name: Option<String>,
    /// `ITEMIZED`, or `LOGICAL` for a saved search.
    #[serde(rename = "type", default, deserialize_with = "lenient::opt")]
    pub kind: Option<Coded>,
    /// The type of its members, such as `ITEM` or `BIB_MMS`.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub content: Option<Coded>,
}

/// A member of a set.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct SetMember {
    /// Its id: the item's id, or the title's MMS id.
    #[serde(deserialize_with = "lenient::required")]
    pub id: String,
}

impl Row for SetMember {}
