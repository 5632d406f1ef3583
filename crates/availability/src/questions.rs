//! The questions under way. Those who ask the same at the same time share one call.

use std::collections::HashMap;
use std::sync::Arc;

use lending::{InstitutionCode, Priority};
use lms::{CopiesDetail, Outage};
use parking_lot::Mutex;
use runtime::Runtime;
use systems::Systems;
use tokio::sync::watch;

use crate::memory::Memory;
use crate::report::Missing;
use crate::{Answered, Record};

/// The most questions to one institution at a time. The rest would only wait for the limit of calls per second.
const MOST_AT_ONCE: usize = 40;

/// A question that was sent: its number, and where its answer appears.
#[derive(Debug)]
struct UnderWay {
    number: u64,
    detail: CopiesDetail,
    answer: watch::Receiver<Option<Answered>>,
}

#[derive(Debug, Default)]
struct Open {
    by_record: HashMap<Record, UnderWay>,
    /// The number of calls under way at each institution, those for forgotten records included.
    at: HashMap<InstitutionCode, usize>,
    last: u64,
}

/// The questions under way on this node.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    runtime: Arc<Runtime>,
    systems: Arc<Systems>,
    memory: Arc<Memory>,
    open: Arc<Mutex<Open>>,
}

impl Questions {
    pub(crate) fn new(runtime: Arc<Runtime>, systems: Arc<Systems>, memory: Arc<Memory>) -> Self {
        Self { runtime, systems, memory, open: Arc::default() }
    }

    /// Asks for the copies of a record. If the caller gives up, the answer is remembered all the same.
    pub(crate) async fn ask(&self, record: &Record, detail: CopiesDetail) -> Answered {
        let mut answer = self.under_way(record, detail)?;
        match answer.wait_for(Option::is_some).await {
            Ok(answered) => answered.clone().unwrap_or(Err(Missing::NoAnswerYet)),
            Err(_) => Err(Missing::NoAnswerYet),
        }
    }

    /// Takes a question out of those that can be shared. Its answer may be too old, so it won't be remembered.
    pub(crate) fn forget(&self, record: &Record) {
        self.open.lock().by_record.remove(record);
    }

    /// Joins a question that asks as much, or asks a new one.
    fn under_way(&self, record: &Record, detail: CopiesDetail) -> Result<watch::Receiver<Option<Answered>>, Missing> {
        let mut open = self.open.lock();
        if let Some(same) = open.by_record.get(record).filter(|same| same.detail >= detail) {
            return Ok(same.answer.clone());
        }
        let running = open.at.entry(record.institution.clone()).or_default();
        if *running >= MOST_AT_ONCE {
            return Err(Missing::Busy);
        }
        *running += 1;
        open.last += 1;
        let number = open.last;
        let (answers, answer) = watch::channel(None);
        open.by_record.insert(record.clone(), UnderWay { number, detail, answer: answer.clone() });
        drop(open);
        let (questions, record) = (self.clone(), record.clone());
        tokio::spawn(async move {
            let ending = Ending { questions: &questions, record: &record, number };
            let answered = questions.call(&record, detail).await;
            ending.keep(&answered, detail);
            // Nobody may be waiting any more.
            let _ = answers.send(Some(answered));
        });
        Ok(answer)
    }

    async fn call(&self, record: &Record, detail: CopiesDetail) -> Answered {
        let institution = &record.institution;
        if let Err(error) = self.systems.adapter(institution).await {
            return Err(Missing::NotSetUp(error.to_string()));
        }
        if let Err(error) = self.systems.check_budget(institution, Priority::Availability).await {
            return Err(Missing::BudgetUsedUp(error.to_string()));
        }
        let bib = &record.bib;
        let read = |lms: Arc<dyn lms::HostLms>| async move { lms.read_copies(bib, detail).await };
        match self.systems.call(institution, Priority::Availability, read).await {
            Ok(copies) => Ok(Arc::new(copies)),
            Err(lms::Error::Unavailable { outage: Outage::QuotaUsedUp, reason, .. }) => {
                Err(Missing::BudgetUsedUp(reason))
            }
            Err(error @ lms::Error::Unavailable { .. }) => Err(Missing::Down(error.to_string())),
            Err(error) => Err(Missing::Failed(error.to_string())),
        }
    }
}

/// Ends a question, also one whose task was dropped.
struct Ending<'a> {
    questions: &'a Questions,
    record: &'a Record,
    number: u64,
}

impl Ending<'_> {
    /// Remembers the answer, unless the record was forgotten after the question.
    fn keep(&self, answered: &Answered, detail: CopiesDetail) {
        let Ok(copies) = answered else { return };
        let open = self.questions.open.lock();
        if open.by_record.get(self.record).is_some_and(|question| question.number == self.number) {
            let now = self.questions.runtime.now();
            self.questions.memory.keep(self.record.clone(), Arc::clone(copies), detail, now);
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut open = self.questions.open.lock();
        if open.by_record.get(self.record).is_some_and(|question| question.number == self.number) {
            open.by_record.remove(self.record);
        }
        if let Some(running) = open.at.get_mut(&self.record.institution) {
            *running = running.saturating_sub(1);
        }
    }
}
