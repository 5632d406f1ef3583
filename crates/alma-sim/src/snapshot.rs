//! An institution as one JSON text, and back.

use serde::{Deserialize, Serialize};

use crate::institution::ApiKey;
use crate::refusal::Refusal;
use crate::sim::Sim;
use crate::state::Alma;

#[derive(Serialize)]
struct Saved<'a> {
    keys: Vec<ApiKey>,
    alma: &'a Alma,
}

#[derive(Deserialize)]
struct Restored {
    keys: Vec<ApiKey>,
    alma: Alma,
}

fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::new("SIM", format!("not a snapshot of an institution: {error}"))
}

impl Sim {
    /// An institution's whole state and its keys as JSON. Limits, faults and webhook profiles are not part of it.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn snapshot(&self, institution: &str) -> Result<String, Refusal> {
        let site = self.site(institution)?;
        let keys = self.keys_of(institution);
        self.with(&site, |alma| serde_json::to_string(&Saved { keys, alma })).map_err(broken)
    }

    /// Restores an institution from a snapshot and replaces one of the same code. Returns its code.
    ///
    /// # Errors
    /// When the text is not a snapshot, or one of its keys belongs to another institution now.
    pub fn restore(&self, snapshot: &str) -> Result<String, Refusal> {
        let mut restored: Restored = serde_json::from_str(snapshot).map_err(broken)?;
        restored.alma.rebuild_index();
        let code = restored.alma.code.clone();
        let mut owners = restored.keys.iter().filter_map(|key| self.owner_of(&key.key));
        if let Some(owner) = owners.find(|owner| *owner != code) {
            return Err(Refusal::new("SIM", format!("a key of {code} belongs to {owner}")));
        }
        self.remove_institution(&code);
        self.insert(restored.alma, restored.keys)?;
        Ok(code)
    }
}
