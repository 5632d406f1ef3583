//! Titles for the engine: the shared catalogue, with the live availability of what it lists.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use availability::{Asking, Availability, Record};
use catalogue::{Catalogue, CataloguedTitle};
use engine::{CatalogueTitle, RecordCopies, TitleRecord, Titles};
use lending::{Title, TitleRef};
use lms::CopiesDetail;

/// The catalogue and the availability of a node.
#[derive(Debug)]
pub(crate) struct LiveTitles {
    catalogue: Catalogue,
    availability: Arc<Availability>,
}

impl LiveTitles {
    /// Creates the titles of this catalogue.
    pub(crate) fn new(catalogue: Catalogue, availability: Arc<Availability>) -> Self {
        Self { catalogue, availability }
    }
}

#[async_trait]
impl Titles for LiveTitles {
    async fn find(&self, title: &TitleRef) -> Result<Option<CatalogueTitle>, String> {
        let found = match title {
            TitleRef::Title(id) => self.catalogue.title(id).await,
            TitleRef::Record { institution, record } => {
                self.catalogue.title_of_record(institution.as_str(), record.as_str()).await
            }
        };
        found.map(|found| found.map(to_title)).map_err(|error| error.to_string())
    }

    async fn held_copies(&self, records: &[TitleRecord], deadline: Duration) -> Vec<RecordCopies> {
        // A copy may be chosen that is on loan, so the number of those who wait for it counts.
        let asking = Asking { detail: CopiesDetail::Waiting, deadline, ..self.availability.ordinary() };
        let asked: Vec<Record> = records.iter().map(to_record).collect();
        let report = self.availability.of(&asked, asking).await;
        let answers = report.records.into_iter().zip(records).map(|(found, record)| {
            let missing = found.missing.as_ref().map(availability::Missing::sentence).unwrap_or_default();
            let answer = found.answer.map(|answer| (answer.copies.copies.clone(), answer.age)).ok_or(missing);
            RecordCopies { record: record.clone(), answer }
        });
        answers.collect()
    }

    fn forget(&self, record: &TitleRecord) {
        self.availability.forget(&to_record(record));
    }
}

fn to_record(record: &TitleRecord) -> Record {
    Record { institution: record.institution.clone(), bib: record.bib.clone() }
}

fn to_title(found: CataloguedTitle) -> CatalogueTitle {
    let CataloguedTitle { id, title, author, records } = found;
    let record = |record: catalogue::TitleRecord| TitleRecord {
        institution: record.institution.as_str().into(),
        bib: record.local_id.as_str().into(),
    };
    let title = Title::bounded(&title, author.as_deref());
    CatalogueTitle { id, title, records: records.into_iter().map(record).collect() }
}
