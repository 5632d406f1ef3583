//! Small catalogues for tests.

use marc::{CompactRecord, Format, Record, RecordBuilder};
use search::{Answer, Change, Document, Index, Member, Search, plain};
use tempfile::TempDir;

/// An index in a directory of its own.
pub(crate) struct Catalogue {
    pub(crate) directory: TempDir,
    pub(crate) index: Index,
}

impl Catalogue {
    pub(crate) fn of(documents: impl IntoIterator<Item = Document>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let index = Index::open(directory.path()).unwrap();
        index.apply(documents.into_iter().map(Change::Upsert), 1).unwrap();
        Self { directory, index }
    }

    /// Searches with a query of the plain language.
    pub(crate) fn plain(&self, query: &str) -> Answer {
        self.search(&Search { query: Some(plain::parse(query).unwrap()), ..page() })
    }

    /// Searches with a query in CQL.
    pub(crate) fn cql(&self, query: &str) -> Answer {
        let parsed = search::cql::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        self.search(&Search { query: Some(parsed.query), sort: parsed.sort, ..page() })
    }

    pub(crate) fn search(&self, search: &Search) -> Answer {
        self.index.search(search).unwrap()
    }
}

/// A search for the first page.
pub(crate) fn page() -> Search {
    Search { limit: 20, ..Search::default() }
}

/// The ids of the hits, in their order.
pub(crate) fn ids(answer: &Answer) -> Vec<&str> {
    answer.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// The sorted ids of the hits.
pub(crate) fn set(answer: &Answer) -> Vec<&str> {
    let mut ids = ids(answer);
    ids.sort_unstable();
    ids
}

/// A record with a title.
pub(crate) fn titled(title: &str) -> RecordBuilder {
    Record::builder().data("245", '0', '0', [('a', title)])
}

/// A document of one record.
pub(crate) fn document(id: &str, record: RecordBuilder) -> Document {
    held(id, Format::Book, "MAIN", record)
}

/// A document of one record with format and agency.
pub(crate) fn held(id: &str, format: Format, agency: &str, record: RecordBuilder) -> Document {
    let record = CompactRecord::from(&record.build());
    let agencies = [agency.to_owned()];
    Document::of_group(id, format, &[Member { record: &record, institution: "NORTH", agencies: &agencies }])
}
