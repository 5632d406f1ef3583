//! The catalogue of a host: titles that scenarios list, with the live availability of their records.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use availability::{Asking, Availability, Missing, Record};
use engine::{CatalogueTitle, Engine, RecordCopies, TitleRecord, Titles};
use lending::{Title, TitleRef};
use lms::CopiesDetail;
use tokio::sync::RwLock;

/// A catalogue in memory. The index and its harvests have tests of their own; here a title is what a scenario says.
#[derive(Debug, Default)]
pub struct ListedTitles {
    titles: RwLock<Vec<CatalogueTitle>>,
    availability: OnceLock<Availability>,
}

impl ListedTitles {
    /// Gives an engine this catalogue.
    pub fn serve(self: &Arc<Self>, engine: &Engine) {
        let (runtime, systems) = engine.shared();
        self.availability.get_or_init(|| Availability::new(runtime, systems, availability::Settings::default()));
        engine.set_titles(Arc::<Self>::clone(self));
    }

    /// Lists a title that these records describe: institution and record.
    pub async fn list(&self, id: &str, records: &[(String, String)]) {
        let records = records.iter().map(|(institution, bib)| TitleRecord {
            institution: institution.as_str().into(),
            bib: bib.as_str().into(),
        });
        let title = Title::bounded("A title that several libraries hold", None);
        self.titles.write().await.push(CatalogueTitle { id: id.to_owned(), title, records: records.collect() });
    }
}

#[async_trait]
impl Titles for ListedTitles {
    async fn find(&self, named: &TitleRef) -> Result<Option<CatalogueTitle>, String> {
        let titles = self.titles.read().await;
        let is_it = |title: &&CatalogueTitle| match named {
            TitleRef::Title(id) => title.id == *id,
            TitleRef::Record { institution, record } => {
                title.records.iter().any(|one| one.institution == *institution && one.bib == *record)
            }
        };
        Ok(titles.iter().find(is_it).cloned())
    }

    async fn held_copies(&self, records: &[TitleRecord], deadline: Duration) -> Vec<RecordCopies> {
        let Some(availability) = self.availability.get() else { return Vec::new() };
        let asking = Asking { detail: CopiesDetail::Waiting, deadline, ..availability.ordinary() };
        let asked: Vec<Record> = records.iter().map(to_record).collect();
        let found = availability.of(&asked, asking).await.records.into_iter().zip(records);
        let answers = found.map(|(found, record)| {
            let missing = found.missing.as_ref().map(Missing::sentence).unwrap_or_default();
            let answer = found.answer.map(|answer| (answer.copies.copies.clone(), answer.age)).ok_or(missing);
            RecordCopies { record: record.clone(), answer }
        });
        answers.collect()
    }

    fn forget(&self, record: &TitleRecord) {
        if let Some(availability) = self.availability.get() {
            availability.forget(&to_record(record));
        }
    }
}

fn to_record(record: &TitleRecord) -> Record {
    Record { institution: record.institution.clone(), bib: record.bib.clone() }
}
