//! The published part of the institution's catalogue. OAI-PMH serves this, never the catalogue itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Alma;
use super::model::{Id, Shared};

/// Settings of publishing: how and when changes are published, and how OAI answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Publishing {
    /// Changes wait for `publish` instead of appearing after a delay.
    pub manual: bool,
    /// Seconds from a change to its appearance.
    pub delay_s: i64,
    /// Records on a page.
    pub page_size: usize,
    /// Seconds a resumption token lives.
    pub token_life_s: i64,
    /// Suppressed titles are published whole with leader/05 = d; otherwise as OAI deletions.
    pub suppressed_as_leader_d: bool,
    /// Holdings of locations that are suppressed are published too.
    pub enrich_with_items: bool,
    /// Errors as an HTML page, as some sites answer.
    pub errors_as_html: bool,
    /// The institution is not entitled to OAI (`error_code 21`).
    pub not_entitled: bool,
    /// The caller's address is not on the profile's list.
    pub access_refused: bool,
    /// The number of further requests that are answered with 503 and Retry-After.
    pub busy: u32,
}

impl Default for Publishing {
    fn default() -> Self {
        Publishing {
            manual: false,
            delay_s: 0,
            page_size: 100,
            token_life_s: 600,
            suppressed_as_leader_d: true,
            enrich_with_items: false,
            errors_as_html: false,
            not_entitled: false,
            access_refused: false,
            busy: 0,
        }
    }
}

/// A published record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) datestamp: Timestamp,
    /// None when deleted.
    pub(crate) xml: Option<Shared>,
    pub(crate) suppressed: bool,
    pub(crate) sets: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    pub(crate) settings: Publishing,
    pub(crate) entries: HashMap<Id, Entry>,
    /// Entries by datestamp, then id: the order of a harvest.
    pub(crate) order: BTreeSet<(Timestamp, Id)>,
    /// Changed titles that wait for publication, with the time of the change.
    waiting: BTreeMap<Id, Timestamp>,
}

impl Alma {
    pub(super) fn mark_changed(&mut self, mms: Id) {
        self.published.waiting.insert(mms, self.now);
    }

    pub(super) fn mark_deleted(&mut self, mms: Id) {
        self.published.waiting.insert(mms, self.now);
    }

    /// Publishes the changes whose delay is over. Does nothing if publishing is manual.
    pub(crate) fn publish_due(&mut self) {
        if self.published.settings.manual || self.published.waiting.is_empty() {
            return;
        }
        let delay = SignedDuration::from_secs(self.published.settings.delay_s) + self.index_lag();
        let due: Vec<(Id, Timestamp)> = self.published.waiting.iter().map(|(mms, at)| (*mms, *at + delay)).collect();
        let now = self.now;
        for (mms, at) in due.into_iter().filter(|(_, at)| *at <= now) {
            self.publish_one(mms, at);
        }
    }

    /// Runs the publishing job now. Returns the number of records that it published.
    pub(crate) fn publish_all(&mut self) -> usize {
        let waiting: Vec<Id> = self.published.waiting.keys().copied().collect();
        let now = self.now;
        waiting.iter().for_each(|mms| self.publish_one(*mms, now));
        waiting.len()
    }

    fn publish_one(&mut self, mms: Id, at: Timestamp) {
        self.published.waiting.remove(&mms);
        let datestamp = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let entry = match self.bibs.get(&mms) {
            Some(bib) => {
                let sets = self.sets_of(mms);
                let old = self.published.entries.get(&mms);
                if sets.is_empty() && old.is_none() {
                    return;
                }
                let gone = sets.is_empty() || bib.suppressed && !self.published.settings.suppressed_as_leader_d;
                let sets = if sets.is_empty() { old.map(|old| old.sets.clone()).unwrap_or_default() } else { sets };
                let xml = (!gone).then(|| bib.xml.clone());
                Entry { datestamp, xml, suppressed: bib.suppressed, sets }
            }
            None => match self.published.entries.get(&mms) {
                Some(old) => Entry { datestamp, xml: None, suppressed: false, sets: old.sets.clone() },
                None => return,
            },
        };
        if let Some(old) = self.published.entries.insert(mms, entry) {
            self.published.order.remove(&(old.datestamp, mms));
        }
        self.published.order.insert((datestamp, mms));
    }

    fn sets_of(&self, mms: Id) -> Vec<String> {
        let Some(bib) = self.bibs.get(&mms) else { return Vec::new() };
        let held = |codes: &[String]| {
            bib.holdings.iter().filter_map(|id| self.holdings.get(id)).any(|holding| codes.contains(&holding.library))
        };
        let member = |libraries: &[String]| libraries.is_empty() || held(libraries);
        self.sets.iter().filter(|set| member(&set.libraries)).map(|set| set.spec.clone()).collect()
    }
}
