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
    /// Suppressed titles are published whole with leader/05 = d (pulibrary/bibdata#824, pod4lib/aggregator#272);
    /// otherwise as OAI deletions.
    pub suppressed_as_leader_d: bool,
    /// The field that the profile adds for each holding; none if it adds no holdings.
    pub holdings: Option<Enrichment>,
    /// The field that the profile adds for each item; none if it adds no items.
    pub items: Option<Enrichment>,
    /// Suppressed holdings are published too, with their items, inside a title that isn't suppressed.
    pub suppressed_holdings: bool,
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
            holdings: None,
            items: None,
            suppressed_holdings: true,
            errors_as_html: false,
            not_entitled: false,
            access_refused: false,
            busy: 0,
        }
    }
}

/// A field that a publishing profile adds to each record. Each site chooses tag and subfields in Alma.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrichment {
    /// The tag, for example 852, AVA, ITM or 949. A record can have a field of the same tag of its own.
    pub tag: String,
    /// The two indicators; blanks if they are missing.
    pub indicators: String,
    /// What each subfield contains.
    pub subfields: BTreeMap<char, PublishedValue>,
    /// The zone in which times are written, with its name behind them; none for UTC without a name.
    pub zone: Option<String>,
}

/// What a subfield of an added field contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names of Alma's fields")]
pub enum PublishedValue {
    HoldingId,
    Library,
    Location,
    CallNumber,
    ItemId,
    Barcode,
    Policy,
    MaterialType,
    Description,
    ProcessType,
    Created,
    Modified,
    Due,
}

impl Enrichment {
    /// Holdings as most sites publish them: 852 with the subfields of the holdings record, and the holding's id in `$8`.
    #[must_use]
    pub fn usual_holdings() -> Enrichment {
        use PublishedValue::{CallNumber, HoldingId, Library, Location};
        let subfields = [('8', HoldingId), ('b', Library), ('c', Location), ('h', CallNumber)];
        Enrichment { tag: "852".to_owned(), subfields: subfields.into(), ..Enrichment::default() }
    }

    /// Items in a field ITM.
    #[must_use]
    pub fn usual_items() -> Enrichment {
        use PublishedValue::{
            Barcode, Created, Description, Due, HoldingId, ItemId, Library, Location, MaterialType, Policy, ProcessType,
        };
        let subfields = [
            ('a', Barcode),
            ('b', Library),
            ('c', Location),
            ('d', Created),
            ('h', HoldingId),
            ('i', ItemId),
            ('m', MaterialType),
            ('p', Policy),
            ('s', ProcessType),
            ('t', Due),
            ('v', Description),
        ];
        Enrichment { tag: "ITM".to_owned(), subfields: subfields.into(), ..Enrichment::default() }
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
