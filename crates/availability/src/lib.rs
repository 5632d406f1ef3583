//! Which copies of a record can be lent now, as the institutions' systems say.
//!
//! [`Availability::of`] asks all institutions at once and answers at a deadline with what is there, and why the rest is
//! missing. An answer that comes later is remembered for the next question.
//!
//! - `memory`: the answers, as old as they are.
//! - `questions`: the questions under way; those who ask the same share one.
//! - `report`: what a question returns.

mod memory;
mod questions;
mod report;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use lending::{BibId, InstitutionCode};
use lms::{BibCopies, CopiesDetail};
use runtime::Runtime;
use systems::Systems;

use crate::memory::Memory;
use crate::questions::Questions;

pub use crate::report::{Answer, Missing, RecordAvailability, Report};

/// The most records of one question. A title has hardly ever as many.
pub const MOST_RECORDS: usize = 200;

/// The times and sizes of questions for availability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The age up to which an answer needs no new question.
    pub fresh_for: Duration,
    /// The age up to which an answer stands in for a system that doesn't answer.
    pub stale_for: Duration,
    /// How long a caller waits for answers, if it names no time.
    pub deadline: Duration,
    /// The number of copies that are remembered. The least used answers go first.
    pub remembered_copies: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(60),
            stale_for: Duration::from_secs(24 * 3_600),
            deadline: Duration::from_secs(3),
            remembered_copies: 100_000,
        }
    }
}

/// A record of an institution.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// The institution.
    pub institution: InstitutionCode,
    /// Its record.
    pub bib: BibId,
}

/// How a question is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asking {
    /// How much is read.
    pub detail: CopiesDetail,
    /// The age up to which a remembered answer will do.
    pub max_age: Duration,
    /// How long the caller waits.
    pub deadline: Duration,
}

/// The availability of copies. One per node.
#[derive(Debug)]
pub struct Availability {
    runtime: Arc<Runtime>,
    settings: Settings,
    memory: Arc<Memory>,
    questions: Questions,
}

impl Availability {
    /// Creates the availability of a node.
    pub fn new(runtime: Arc<Runtime>, systems: Arc<Systems>, settings: Settings) -> Self {
        let memory = Arc::new(Memory::new(settings.remembered_copies));
        let questions = Questions::new(Arc::clone(&runtime), systems, Arc::clone(&memory));
        Self { runtime, settings, memory, questions }
    }

    /// Returns how a question is asked if its caller has no wishes.
    pub fn ordinary(&self) -> Asking {
        let Settings { fresh_for, deadline, .. } = self.settings;
        Asking { detail: CopiesDetail::States, max_age: fresh_for, deadline }
    }

    /// Returns the copies of these records, in this order. The institutions are asked all at once, each record with one
    /// call; what has no answer at the deadline has the reason, and the last answer if there is one.
    pub async fn of(&self, records: &[Record], asking: Asking) -> Report {
        let each = records.iter().enumerate().map(|(at, record)| async move {
            if at < MOST_RECORDS { self.of_one(record, asking).await } else { RecordAvailability::beyond(record) }
        });
        Report { records: join_all(each).await }
    }

    /// Forgets a record, since the hub has changed something there. An answer that is under way won't be remembered.
    pub fn forget(&self, record: &Record) {
        self.questions.forget(record);
        self.memory.forget(record);
    }

    async fn of_one(&self, record: &Record, asking: Asking) -> RecordAvailability {
        let now = self.runtime.now();
        if let Some(fresh) = self.memory.get(record, asking.detail, asking.max_age, now) {
            return RecordAvailability::answered(record, fresh);
        }
        let answered = tokio::time::timeout(asking.deadline, self.questions.ask(record, asking.detail)).await;
        match answered.unwrap_or(Err(Missing::NoAnswerYet)) {
            Ok(copies) => RecordAvailability::answered(record, Answer { copies, age: Duration::ZERO }),
            Err(missing) => {
                let now = self.runtime.now();
                let last = self.memory.get(record, CopiesDetail::States, self.settings.stale_for, now);
                RecordAvailability::missing(record, missing, last)
            }
        }
    }
}

/// The answer to one question, shared by those who asked it.
type Answered = Result<Arc<BibCopies>, Missing>;
