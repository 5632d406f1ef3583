//! Lists in which a change of many requests shows in one call.

use std::collections::HashSet;

use lending::{ChangeKind, HoldId, ItemState, LibraryCode};

use crate::host::ItemRef;

/// A request at a side, as far as lists go.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedChange<'a> {
    /// What happens next.
    pub kind: ChangeKind,
    /// The real or virtual item.
    pub item: &'a ItemRef,
    /// The open hold, if there is one.
    pub hold: Option<&'a HoldId>,
    /// The library that owns the real item.
    pub library: Option<&'a LibraryCode>,
    /// Where the patron collects it, where that is in this system.
    pub pickup: Option<&'a LibraryCode>,
}

/// Where on a list a request is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry {
    /// The list; the word is the system's own.
    pub list: String,
    /// What stands on it for the request.
    pub key: String,
    /// Whether it is on the list as long as nothing happens.
    pub expected_present: bool,
}

/// A list, as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListContents {
    /// What is on it.
    pub present: HashSet<String>,
    /// Of which it can't tell: these are polled one by one.
    pub unclear: HashSet<String>,
    /// In which state an item that is on it is, where that is certain.
    pub state_if_present: Option<ItemState>,
    /// In which state one that isn't is likely to be.
    pub state_if_absent: Option<ItemState>,
}
