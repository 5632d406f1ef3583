//! What a question for availability returns.

use std::sync::Arc;
use std::time::Duration;

use lms::BibCopies;

use crate::{MOST_RECORDS, Record};

/// The availability of the copies of some records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Each record that was asked for, in the same order.
    pub records: Vec<RecordAvailability>,
}

/// The availability of the copies of one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordAvailability {
    /// The record.
    pub record: Record,
    /// The answer; an earlier one if there is no new one.
    pub answer: Option<Answer>,
    /// Why there is no new answer, if so.
    pub missing: Option<Missing>,
}

/// The answer of an institution's system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The copies of the record.
    pub copies: Arc<BibCopies>,
    /// The age of the answer.
    pub age: Duration,
}

/// Why an institution's system has not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// It was asked, and there is no answer yet.
    NoAnswerYet,
    /// So many other questions to it are under way that it was not asked.
    Busy,
    /// It gives no service now; for this reason.
    Down(String),
    /// The calls that questions for availability may use today are used up.
    BudgetUsedUp(String),
    /// The hub doesn't know the institution, or can't use its settings.
    NotSetUp(String),
    /// The call failed, for this reason.
    Failed(String),
    /// The question named too many records, so that this one was not asked for.
    TooManyRecords,
}

impl Missing {
    /// Returns the stable name of the reason.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoAnswerYet => "no_answer_yet",
            Self::Busy => "busy",
            Self::Down(_) => "down",
            Self::BudgetUsedUp(_) => "budget_used_up",
            Self::NotSetUp(_) => "not_set_up",
            Self::Failed(_) => "failed",
            Self::TooManyRecords => "too_many_records",
        }
    }

    /// Returns the reason as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::NoAnswerYet => "The library's system was asked and has not answered yet.".to_owned(),
            Self::Busy => "Many other questions to the library's system are under way. Ask again soon.".to_owned(),
            Self::TooManyRecords => format!("A question may name {MOST_RECORDS} records."),
            Self::Down(reason) | Self::BudgetUsedUp(reason) | Self::NotSetUp(reason) | Self::Failed(reason) => {
                reason.clone()
            }
        }
    }
}

impl RecordAvailability {
    pub(crate) fn answered(record: &Record, answer: Answer) -> Self {
        Self { record: record.clone(), answer: Some(answer), missing: None }
    }

    pub(crate) fn missing(record: &Record, missing: Missing, last: Option<Answer>) -> Self {
        Self { record: record.clone(), answer: last, missing: Some(missing) }
    }

    pub(crate) fn beyond(record: &Record) -> Self {
        Self::missing(record, Missing::TooManyRecords, None)
    }
}
