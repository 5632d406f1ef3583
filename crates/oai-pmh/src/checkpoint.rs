//! The state of a harvest after a page, from which it can be resumed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::datestamp::Granularity;
use crate::record::{Record, SetAside};

/// The records that a harvest asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// The metadata format, for example `marc21`.
    pub metadata_prefix: String,
    /// The set; `None` for all records.
    pub set: Option<String>,
    /// The earliest datestamp, included. For an incremental harvest, [`Checkpoint::next_from`] of the one before.
    pub from: Option<Timestamp>,
    /// The latest datestamp, included.
    pub until: Option<Timestamp>,
    /// How far before `from` the harvest starts. Repositories that publish in runs, as Alma does, show records late:
    /// use the time between two runs.
    pub step_back: Duration,
    /// Whether to list headers only (`ListIdentifiers`).
    pub headers_only: bool,
}

/// The state of a harvest after a page. Store it together with the page's records, and give it to
/// [`Client::resume`](crate::Client::resume) after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The records that the harvest asks for.
    pub selection: Selection,
    /// The precision of the repository's datestamps.
    pub granularity: Granularity,
    /// The `from` of the present window as it was sent: with `step_back`, or the datestamp at which it began anew.
    pub from: Option<Timestamp>,
    /// The token of the next page. `None` before the first page and after the last one.
    pub token: Option<String>,
    /// When the token expires, if the repository says so.
    pub token_expires: Option<Timestamp>,
    /// The repository's clock in its first answer.
    pub begun: Option<Timestamp>,
    /// The repository's clock in its last answer.
    pub response_date: Option<Timestamp>,
    /// The newest datestamp of a record so far.
    pub newest: Option<Timestamp>,
    /// Pages read in the present window.
    pub pages: u64,
    /// Records of complete pages so far, deleted ones included.
    pub records: u64,
    /// Those of them that were deleted.
    pub deleted: u64,
    /// Places set aside so far.
    pub set_aside: u64,
    /// The repository's own count of the window's records, which may be an estimate.
    pub complete_list_size: Option<u64>,
    /// Whether the last page was read.
    pub complete: bool,
    /// The order of the datestamps in the present window.
    order: Order,
    /// How often the window was begun anew since `newest` last grew.
    pub(crate) restarts: u32,
    repeats: Repeats,
}

/// Whether the repository sends records in the order of their datestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// All datestamps were the same so far.
    #[default]
    Unknown,
    Ascending,
    /// A record was older than one before it.
    None,
}

impl Checkpoint {
    pub(crate) fn new(selection: Selection, granularity: Granularity) -> Self {
        let back = jiff::SignedDuration::try_from(selection.step_back).unwrap_or(jiff::SignedDuration::ZERO);
        let from = selection.from.map(|from| from.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH));
        Self {
            selection,
            granularity,
            from,
            token: None,
            token_expires: None,
            begun: None,
            response_date: None,
            newest: None,
            pages: 0,
            records: 0,
            deleted: 0,
            set_aside: 0,
            complete_list_size: None,
            complete: false,
            order: Order::Unknown,
            restarts: 0,
            repeats: Repeats::default(),
        }
    }

    /// Returns the `from` of the next incremental harvest: the newest datestamp seen, so that its second or day is
    /// harvested again.
    ///
    /// It is never later than the start of this harvest by the repository's clock: a record with a datestamp in the
    /// future must not hide the records of the time before.
    #[must_use]
    pub fn next_from(&self) -> Option<Timestamp> {
        match (self.newest.max(self.selection.from), self.begun) {
            (Some(newest), Some(begun)) => Some(newest.min(begun)),
            (newest, _) => newest,
        }
    }

    /// Takes note of a record.
    pub(crate) fn add(&mut self, record: &Record) {
        self.records += 1;
        self.deleted += u64::from(record.deleted);
        self.repeats.add(&record.identifier, record.datestamp);
        let Some(at) = record.datestamp else {
            self.order = Order::None;
            return;
        };
        self.order = match self.newest {
            Some(newest) if at < newest => Order::None,
            Some(newest) if at > newest && self.order == Order::Unknown => Order::Ascending,
            _ => self.order,
        };
        if self.newest.is_none_or(|newest| at > newest) {
            self.newest = Some(at);
            self.restarts = 0;
        }
    }

    pub(crate) fn add_set_aside(&mut self, set_aside: &SetAside) {
        self.set_aside += 1;
        self.repeats.add(set_aside.identifier.as_deref().unwrap_or_default(), set_aside.datestamp);
    }

    /// Ends a page. Returns the earlier page that has the same records, if there is one.
    pub(crate) fn end_page(&mut self) -> Option<u64> {
        self.pages += 1;
        self.repeats.end_page(self.pages, self.token.as_deref())
    }

    /// Begins the window anew after the repository refused its token, and returns the new `from`.
    ///
    /// If the datestamps arrived in ascending order, everything before the newest one is done. If not, or if there was
    /// no second datestamp to tell the order by, records of any age may be missing, and the window begins at its start.
    pub(crate) fn restart(&mut self) -> Option<Timestamp> {
        if self.order == Order::Ascending {
            self.from = self.newest.max(self.from);
        }
        self.token = None;
        self.token_expires = None;
        self.pages = 0;
        self.complete_list_size = None;
        self.restarts += 1;
        self.repeats = Repeats::default();
        if self.order == Order::Ascending {
            // Its second comes once more; the order must be seen anew.
            self.order = Order::Unknown;
        }
        self.from
    }
}

/// Detects pages that come again, in a cycle of any length, with one page remembered (Brent's algorithm).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Repeats {
    /// The digest of the page that is being read.
    #[serde(skip)]
    reading: u64,
    #[serde(skip)]
    any: bool,
    /// The digest and number of the page that later ones are compared with.
    remembered: Option<(u64, u64)>,
}

impl Repeats {
    fn add(&mut self, identifier: &str, datestamp: Option<Timestamp>) {
        let mut hasher = DefaultHasher::new();
        (self.reading, identifier, datestamp.map(Timestamp::as_second)).hash(&mut hasher);
        self.reading = hasher.finish();
        self.any = true;
    }

    fn end_page(&mut self, page: u64, token: Option<&str>) -> Option<u64> {
        let mut digest = std::mem::take(&mut self.reading);
        if !std::mem::take(&mut self.any) {
            // Pages without records differ by their tokens only.
            let mut hasher = DefaultHasher::new();
            token.hash(&mut hasher);
            digest = hasher.finish();
        }
        if let Some((same, earlier)) = self.remembered
            && same == digest
        {
            return Some(earlier);
        }
        if page.is_power_of_two() {
            self.remembered = Some((digest, page));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(id: &str, second: i64) -> Record {
        Record { identifier: id.to_owned(), datestamp: Some(at(second)), ..Record::default() }
    }

    fn checkpoint(from: Option<i64>) -> Checkpoint {
        let selection = Selection { from: from.map(at), step_back: Duration::from_secs(10), ..Selection::default() };
        Checkpoint::new(selection, Granularity::Second)
    }

    #[test]
    fn restart_uses_the_newest_datestamp_only_if_they_ascend() {
        let mut ascending = checkpoint(Some(100));
        assert_eq!(ascending.from, Some(at(90)));
        ascending.add(&record("a", 95));
        ascending.add(&record("b", 120));
        assert_eq!(ascending.restart(), Some(at(120)));

        let mut mixed = checkpoint(Some(100));
        mixed.add(&record("a", 120));
        mixed.add(&record("b", 95));
        assert_eq!(mixed.restart(), Some(at(90)));

        let mut equal = checkpoint(None);
        equal.add(&record("a", 120));
        equal.add(&record("b", 120));
        assert_eq!(equal.restart(), None);
    }

    #[test]
    fn next_harvest_starts_at_the_newest_datestamp_but_never_in_the_future() {
        let mut harvest = checkpoint(Some(100));
        harvest.begun = Some(at(1000));
        assert_eq!(harvest.next_from(), Some(at(100)));
        harvest.add(&record("a", 500));
        assert_eq!(harvest.next_from(), Some(at(500)));
        harvest.add(&record("b", 4_000_000_000));
        assert_eq!(harvest.next_from(), Some(at(1000)));
    }

    #[test]
    fn pages_that_repeat_in_a_cycle_are_noticed() {
        for cycle in 1..6_u64 {
            let mut harvest = checkpoint(None);
            let noticed = (0..100).find(|page| {
                harvest.add(&record(&format!("{}", page % cycle), 5));
                harvest.end_page().is_some()
            });
            assert!(noticed.is_some_and(|page| page < 3 * cycle + 2), "{cycle}: {noticed:?}");
        }
    }

    #[test]
    fn empty_pages_with_new_tokens_are_no_repetition() {
        let mut harvest = checkpoint(None);
        for page in 0..50 {
            harvest.token = Some(format!("t{page}"));
            assert_eq!(harvest.end_page(), None);
        }
        harvest.token = Some("t49".to_owned());
        assert_eq!(harvest.end_page(), None, "page 32 is remembered");
        harvest.token = Some("t31".to_owned());
        assert_eq!(harvest.end_page(), Some(32));
    }
}
