//! Sets of records. Itemised sets hold titles, items or users. Logical sets are searches that staff saved; Alma runs
//! them anew each time a set is read. Only searches for items of a library with a given process type are simulated.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Alma;
use super::model::Id;
use crate::institution::SavedSearch;
use crate::refusal::Refusal;

/// A set with its members, by id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordSet {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) description: String,
    /// BIB_MMS, ITEM or USER.
    pub(crate) content: String,
    pub(crate) private: bool,
    pub(crate) created: Timestamp,
    pub(crate) members: Vec<String>,
    /// The search of a logical set.
    #[serde(default)]
    pub(crate) search: Option<Search>,
}

/// A search for the items of a library with a given process type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(crate) library: String,
    pub(crate) process: String,
}

impl Search {
    /// Returns the search in the words that staff would read.
    pub(crate) fn text(&self) -> String {
        format!(
            "ITEM where HOLDING (library EQUAL \"{}\") AND ITEM (processType EQUAL \"{}\")",
            self.library, self.process
        )
    }
}

impl Alma {
    /// Whether a record of the set's kind exists.
    pub(crate) fn set_takes(&self, content: &str, id: &str) -> bool {
        let number = id.parse::<Id>().ok();
        match content {
            "BIB_MMS" => number.is_some_and(|mms| self.bibs.contains_key(&mms)),
            "ITEM" => number.is_some_and(|pid| self.items.contains_key(&pid)),
            "USER" => self.find_user(id).is_some(),
            _ => false,
        }
    }

    /// Saves a search of staff.
    pub(crate) fn save_search(&mut self, search: SavedSearch) {
        let set = RecordSet {
            id: search.id,
            name: search.name,
            description: String::new(),
            content: "ITEM".to_owned(),
            private: false,
            created: self.now,
            members: Vec::new(),
            search: Some(Search { library: search.library, process: search.process }),
        };
        self.sets_of_records.insert(set.id, set);
    }

    /// Returns the members of a set. A logical set has the members that the index knows.
    pub(crate) fn members_of(&mut self, id: Id) -> Result<Arc<Vec<String>>, Refusal> {
        let set = self.sets_of_records.get(&id).ok_or_else(unknown_set)?;
        let Some(search) = &set.search else { return Ok(Arc::new(set.members.clone())) };
        let now = self.now;
        if let Some((version, at, found)) = self.index.searches.get(&id)
            && *version == self.version
            && (self.behaviour.index_lag_ms == 0 || *at == now)
        {
            return Ok(Arc::clone(found));
        }
        let mut found: Vec<Id> = self
            .items
            .values()
            .filter(|item| self.indexed(item.created))
            .filter(|item| {
                let process = if self.indexed(item.process_since) { item.process } else { item.process_before };
                process.code() == search.process && self.place_of(item).0 == search.library
            })
            .map(|item| item.pid)
            .collect();
        found.sort_unstable();
        let found = Arc::new(found.iter().map(Id::to_string).collect::<Vec<_>>());
        self.index.searches.insert(id, (self.version, now, Arc::clone(&found)));
        Ok(found)
    }

    /// Returns the text by which staff see a member: its title, or its name.
    pub(crate) fn member_text(&self, content: &str, id: &str) -> String {
        let title = |mms: Id| self.bibs.get(&mms).map(|bib| bib.title.clone());
        let number = id.parse::<Id>().ok();
        let text = match content {
            "BIB_MMS" => number.and_then(title),
            "ITEM" => number.and_then(|pid| self.items.get(&pid)).and_then(|item| title(item.mms)),
            _ => {
                self.find_user(id).and_then(|key| self.users.get(&key)).map(|user| crate::render::sort_name(&user.data))
            }
        };
        text.unwrap_or_default()
    }

    /// Adds, removes or replaces members. Ids that name no record are left out, or refused with `strict`.
    ///
    /// # Errors
    /// 60120 unknown set, 40166411 an unknown record under `strict`.
    pub(crate) fn change_members(&mut self, set: Id, op: &str, ids: Vec<String>, strict: bool) -> Result<(), Refusal> {
        let there = self.sets_of_records.get(&set).ok_or_else(unknown_set)?;
        if there.search.is_some() {
            return Err(Refusal::new("60112", "Invalid set type."));
        }
        let content = there.content.clone();
        let (known, unknown): (Vec<String>, Vec<String>) = ids.into_iter().partition(|id| self.set_takes(&content, id));
        if strict && !unknown.is_empty() {
            return Err(Refusal::bad_parameter(&unknown.join(",")));
        }
        let Some(set) = self.sets_of_records.get_mut(&set) else { return Err(unknown_set()) };
        match op {
            "add_members" => {
                for id in known {
                    if !set.members.contains(&id) {
                        set.members.push(id);
                    }
                }
            }
            "delete_members" => set.members.retain(|id| !known.contains(id)),
            "replace_members" => set.members = known,
            _ => return Err(Refusal::bad_parameter("op")),
        }
        Ok(())
    }
}

pub(crate) fn unknown_set() -> Refusal {
    Refusal::new("60120", "The set was not found.")
}
