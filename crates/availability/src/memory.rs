//! The answers of the institutions, as old as they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lms::{BibCopies, CopiesDetail};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::Record;
use crate::report::Answer;

/// The number of copies that an answer of usual size has, from which the number of answers is guessed.
const USUAL_COPIES: u64 = 4;

#[derive(Clone)]
struct Remembered {
    copies: Arc<BibCopies>,
    detail: CopiesDetail,
    at: Timestamp,
}

/// An answer weighs as much as the copies that it names, and one for itself.
#[derive(Clone, Copy)]
struct ByCopies;

impl Weighter<Record, Remembered> for ByCopies {
    fn weight(&self, _: &Record, remembered: &Remembered) -> u64 {
        u64::try_from(remembered.copies.copies.len()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// The remembered answers.
pub(crate) struct Memory(Cache<Record, Remembered, ByCopies>);

impl Memory {
    pub(crate) fn new(copies: u64) -> Self {
        let answers = usize::try_from(copies / USUAL_COPIES).unwrap_or(usize::MAX).max(1);
        Self(Cache::with_weighter(answers, copies, ByCopies))
    }

    /// Returns the answer for a record if it says as much as this detail and isn't older than this.
    pub(crate) fn get(
        &self,
        record: &Record,
        detail: CopiesDetail,
        max_age: Duration,
        now: Timestamp,
    ) -> Option<Answer> {
        let remembered = self.0.get(record)?;
        // A clock that was set back makes no answer younger than new.
        let age = Duration::try_from(now.duration_since(remembered.at)).unwrap_or_default();
        // Where nothing is left to count, an answer of less detail says as much.
        let says_enough = remembered.detail >= detail || !remembered.copies.has_uncounted();
        (says_enough && age <= max_age).then_some(Answer { copies: remembered.copies, age })
    }

    /// Remembers an answer.
    pub(crate) fn keep(&self, record: Record, copies: Arc<BibCopies>, detail: CopiesDetail, at: Timestamp) {
        self.0.insert(record, Remembered { copies, detail, at });
    }

    /// Forgets a record.
    pub(crate) fn forget(&self, record: &Record) {
        self.0.remove(record);
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} answers)", self.0.len())
    }
}
