//! The report of a harvest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most reasons of failures that a report lists; more are counted together.
const MOST_REASONS: usize = 50;
/// The most records that a report names.
pub(crate) const MOST_NAMED: usize = 100;

/// What a harvest has found so far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Records that were read, deleted ones included. A record that the source sent twice counts twice.
    pub records: u64,
    /// Records that were new.
    pub new: u64,
    /// Records whose content or judgement had changed.
    pub changed: u64,
    /// Records that were as before.
    pub unchanged: u64,
    /// Records that are shown.
    pub shown: u64,
    /// Records that are suppressed, by rule.
    pub suppressed: BTreeMap<String, u64>,
    /// Records that the source says were deleted.
    pub deleted: u64,
    /// Records that the source no longer has (full harvests only).
    pub removed: u64,
    /// The ids of these, at most 100.
    pub removed_ids: Vec<String>,
    /// Records that could not be read, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Whether a place could not be read, not even its id.
    pub has_unnamed_failures: bool,
    /// Records that were corrected while they were read.
    pub repaired: u64,
    /// The number of records that the source says it has, if it says so.
    pub source_count: Option<u64>,
    /// How many records the source has that the harvest has not read. Below 0, the source counts fewer than were read. None
    /// if the source gives no number.
    pub difference: Option<i64>,
    /// The ids of the records that the source lists and the harvest has not read, at most 100 (full harvests only).
    pub not_read: Vec<String>,
    /// Whether the harvest was begun anew or resumed after an interruption.
    pub resumed: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// What a person should know, such as a removal that was not made.
    pub notes: Vec<String>,
}

impl Report {
    /// Counts a failure.
    pub fn count_failure(&mut self, reason: &str) {
        let reason =
            if self.failed.len() < MOST_REASONS || self.failed.contains_key(reason) { reason } else { "other" };
        *self.failed.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts a suppressed record.
    pub fn count_suppressed(&mut self, rule: &str) {
        *self.suppressed.entry(rule.to_owned()).or_default() += 1;
    }

    /// Returns the number of failed records.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Returns the number of suppressed records.
    pub fn suppressions(&self) -> u64 {
        self.suppressed.values().sum()
    }
}
