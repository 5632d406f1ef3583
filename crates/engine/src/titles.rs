//! The shared catalogue, as far as requests for titles need it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use lending::{BibId, CopyRef, HeldCopy, InstitutionCode, Title, TitleRef};

use crate::engine::Engine;
use crate::error::Error;
use crate::validation::ValidationError;

/// The shared catalogue with the live availability of what it lists.
#[async_trait]
pub trait Titles: Send + Sync + Debug {
    /// Finds a title, with every record that describes it. A title that was merged with another is found as that one.
    ///
    /// # Errors
    ///
    /// The reason why the catalogue can't be read now.
    async fn find(&self, title: &TitleRef) -> Result<Option<CatalogueTitle>, String>;

    /// Asks the institutions for the copies of their records, all at once, and returns what there is at the deadline. Each
    /// record has its answer.
    async fn held_copies(&self, records: &[TitleRecord], deadline: Duration) -> Vec<RecordCopies>;

    /// Forgets the copies of a record, since the hub has placed or ended a hold on one, or a message reports a change.
    fn forget(&self, _record: &TitleRecord) {}
}

/// A title of the shared catalogue.
#[derive(Clone, Debug)]
pub struct CatalogueTitle {
    /// Its id.
    pub id: String,
    /// Its title and author, for people.
    pub title: Title,
    /// The records that describe it and that no rule suppresses.
    pub records: Vec<TitleRecord>,
}

/// A record of an institution.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TitleRecord {
    /// The institution.
    pub institution: InstitutionCode,
    /// Its record.
    pub bib: BibId,
}

/// An institution's answer to the question for the copies of one record.
#[derive(Clone, Debug)]
pub struct RecordCopies {
    /// The record.
    pub record: TitleRecord,
    /// Its copies with their age; or the reason why the institution has not answered.
    pub answer: Result<(Vec<HeldCopy>, Duration), String>,
}

impl TitleRecord {
    /// Returns any copy of this record.
    pub(crate) fn any_copy(&self, volume: Option<&str>) -> CopyRef {
        CopyRef {
            institution: self.institution.clone(),
            bib: Some(self.bib.clone()),
            holding: None,
            item: None,
            barcode: None,
            volume: volume.map(str::to_owned),
            queued: false,
            chosen_by_staff: false,
            tried_items: Vec::new(),
        }
    }
}

impl Engine {
    /// Finds the title that a new request names.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] if the catalogue can't be read now.
    pub(crate) async fn find_title(&self, named: &TitleRef) -> Result<Result<CatalogueTitle, ValidationError>, Error> {
        let fault = |code: &'static str, message: String| Ok(Err(ValidationError::new("title", code, message)));
        let Some(titles) = self.titles.get() else {
            let message = "This hub has no shared catalogue, so a request must name its copies.";
            return fault("NO_CATALOGUE", message.to_owned());
        };
        match titles.find(named).await.map_err(Error::Catalogue)? {
            Some(title) if title.records.is_empty() => {
                let message =
                    format!("No library lends {:?} through the hub now: no record of it is shown.", title.title.title);
                fault("TITLE_NOT_HELD", message)
            }
            Some(title) => Ok(Ok(title)),
            None => fault("UNKNOWN_TITLE", unknown(named)),
        }
    }
}

/// Says that the catalogue lacks what the request names, and what may have happened.
fn unknown(named: &TitleRef) -> String {
    match named {
        TitleRef::Title(id) => {
            format!("The shared catalogue has no title {id}. Search for it; its id may have changed.")
        }
        TitleRef::Record { institution, record } => {
            format!(
                "The shared catalogue has no record {record} of {institution}. The institution may not have been harvested since it was made."
            )
        }
    }
}
