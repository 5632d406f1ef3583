//! Lists that show changes of many requests in one call.

use std::collections::HashSet;

use lending::{ChangeKind, HoldId, ItemState, LibraryCode};

use crate::host::ItemRef;

/// A change that a request waits for at a side, with the data that find it on a list.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedChange<'a> {
    /// The change that is expected next.
    pub kind: ChangeKind,
    /// The real or virtual item.
    pub item: &'a ItemRef,
    /// The open hold, if there is one.
    pub hold: Option<&'a HoldId>,
    /// The library that owns the real item.
    pub library: Option<&'a LibraryCode>,
    /// The pickup library, if it is in this system.
    pub pickup: Option<&'a LibraryCode>,
}

/// The entry of a request on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry {
    /// The list, by the system's own name.
    pub list: String,
    /// The key of the request's entry.
    pub key: String,
    /// Whether the entry is on the list as long as nothing changes.
    pub expected_present: bool,
}

/// The contents of a list, as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListContents {
    /// The keys on the list.
    pub present: HashSet<String>,
    /// The keys about which the list proves nothing. The hub polls them one by one.
    pub unclear: HashSet<String>,
    /// The state of an item whose key is on the list, if that is certain.
    pub state_if_present: Option<ItemState>,
    /// The likely state of an item whose key isn't on the list.
    pub state_if_absent: Option<ItemState>,
}
