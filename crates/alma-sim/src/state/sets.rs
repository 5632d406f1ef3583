//! Itemised sets of records: titles, items, users. Logical sets, which are stored searches, are not simulated.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Alma;
use super::model::Id;
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

    /// What staff see of a member: its title, or its name.
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

    /// Adds, removes or replaces members; ids of no record are left out, or refused with `strict`.
    ///
    /// # Errors
    /// 60120 unknown set, 40166411 an unknown record under `strict`.
    pub(crate) fn change_members(&mut self, set: Id, op: &str, ids: Vec<String>, strict: bool) -> Result<(), Refusal> {
        let content = self.sets_of_records.get(&set).ok_or_else(unknown_set)?.content.clone();
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
